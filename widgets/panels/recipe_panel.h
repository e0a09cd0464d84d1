// SPDX-License-Identifier: GPL-3.0-or-later
// The content of the dock *Recipe*: preset, fields, and what the recipe costs in bits, which is computed from shapes
// alone and so follows every key stroke.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include <QWidget>

#include "core/quant/recipe.h"
#include "core/tensor/tensor_info.h"
#include "widgets/panels/method_rows.h"

namespace nibblescope {

class RecipePanel : public QWidget {
    Q_OBJECT
public:
    explicit RecipePanel(QWidget *parent = nullptr);
    ~RecipePanel() override;

    // What is known of the open model.
    struct ModelShapes {
        std::vector<MatrixShape> quantized; // of the tensors that the recipe applies to
        std::size_t tensors = 0;            // all of them
    };
    void setModel(std::optional<ModelShapes> model); // nullopt: "No model open"
    void setTensor(const QString &shortName,
                   std::optional<MatrixShape> shape); // the current one; nullopt: kept or none
    void setBaseline(const std::optional<Recipe> &baseline);
    void setUserPresets(std::vector<Preset> presets);

    // Shows a recipe (start, undo, a preset of the menu) without emitting anything. One that cannot be carried out is
    // shown as it is.
    void setRecipe(const Recipe &recipe);
    const Recipe &recipe() const;
    // What there is for methods that need statistics.
    void setCalibration(const CalibrationState &state);
    // The recipe of a quantized file of ours: all fields disabled, "stored in the file".
    void setStored(bool stored);
    // A format or group size chosen from outside the panel (a click on the sweep) counts as set by hand.
    void setGroupSizeByHand(bool byHand);

    // What is shown in the block below, for tests and for the reading of other views.
    double bitsPerWeight() const;

Q_SIGNALS:
    // A valid recipe, to be applied and put on the undo stack. `field` is the same for edits that may be merged
    // ("group-size"), `action` names the edit ("Group Size 64 → 32").
    void recipeEdited(const nibblescope::Recipe &recipe, const QString &field, const QString &action);
    void whichTensorsRequested();
    void calibrateRequested();
    void importCalibrationRequested();
    void chooseCalibrationRequested();
    void forgetCalibrationRequested();
    // A shown recipe that cannot be carried out, as a sentence; empty once it can.
    void problemChanged(const QString &problem);

private:
    class Private;
    std::unique_ptr<Private> d;
};

} // namespace nibblescope
