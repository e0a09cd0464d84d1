// SPDX-License-Identifier: GPL-3.0-or-later
// The work on one open model: the setup with its undo, the selection, the results, and the jobs that make them. The
// window shows what it says and asks it for changes; nobody else changes anything.
#pragma once

#include <QObject>
#include <QString>

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "app/jobs/job_runner.h"
#include "app/session/accuracy.h"
#include "app/session/calibration.h"
#include "app/session/history.h"
#include "app/session/model_run.h"
#include "app/session/result_store.h"
#include "app/session/tensor_loader.h"
#include "app/session/work_state.h"
#include "core/report/claims.h"
#include "widgets/panels/message_bar.h"
#include "widgets/selection/selection.h"

namespace nibblescope {

class Session : public QObject {
    Q_OBJECT

public:
    explicit Session(JobRunner &runner, QObject *parent = nullptr);

    // The model. Opening reads headers, in the background; a model that cannot be opened leaves the open one alone.
    // Recipe, baseline and page options stay; undo starts anew. `tensor` is selected if the model has it.
    void open(const QString &path, const std::string &tensor = {});
    void close();
    void reload();
    bool isOpening() const { return m_runner.isActive(openSlot()); }
    const std::shared_ptr<const Model> &model() const { return m_model; }
    // A quantized file of ours: its recipe is shown and cannot be changed, errors need the original.
    bool isStored() const { return m_model && !m_model->storedRecipes.empty(); }

    // The setup. Each change is one step of undo; changes of the same field within a second are merged.
    const Setup &setup() const { return m_setup; }
    const Recipe &recipe() const { return m_setup.recipe; }
    const std::optional<Recipe> &baseline() const { return m_setup.baseline; }
    void setRecipe(const Recipe &recipe);
    void setRule(const SelectionRule &rule);
    void setQuantized(const std::vector<int> &tensors, bool quantize);
    void setLayout(const std::vector<int> &tensors, Layout layout);
    void pinBaseline();
    void swapWithBaseline();
    void clearBaseline();
    void setPageOptions(const std::string &page, const nlohmann::ordered_json &options);
    nlohmann::ordered_json pageOptions(const std::string &page) const;
    void undo();
    void redo();
    const History &history() const { return m_history; }

    // The session file.
    WorkState state() const;
    // Takes setup, selection and page over; opens the state's model if another is open or none.
    void restore(const WorkState &state);
    const std::string &page() const { return m_page; }
    void setPage(const std::string &page) { m_page = page; }

    // What is known of the tensors, by their index in the model.
    const std::vector<TensorResult> &described() const { return m_described; }
    SharedResult result(int tensor) const;         // with the present recipe; null: not measured
    SharedResult baselineResult(int tensor) const; // with the baseline's
    SharedResult statistics(int tensor) const { return m_store.statistics(static_cast<std::size_t>(tensor)); }
    // Measured where it is up to date, else described.
    std::vector<TensorResult> results() const;
    std::vector<TensorResult> baselineResults() const; // of those that were measured with it, in model order
    std::vector<std::size_t> unmeasured() const;       // quantized, without a result of the present recipe
    std::size_t quantizedCount() const;
    ModelPlan plan() const { return planFor(m_setup.recipe); }
    // With the statistics that there are for it; see Calibration::preparation() for those that there are not.
    ModelPlan planFor(const Recipe &recipe) const;
    // Why the recipe cannot be carried out tensor by tensor over the whole model, as a sentence; empty: it can.
    QString reasonNotWhole() const;
    ModelPlan baselinePlan() const;

    Selection &selection() { return m_selection; }
    const TensorLoader &loader() const { return m_loader; }
    Accuracy &accuracy() { return m_accuracy; }
    const Accuracy &accuracy() const { return m_accuracy; }
    // Products timed on this machine, once they were; null: not yet.
    const std::shared_ptr<const BenchReport> &speed() const { return m_speed; }
    void setSpeed(std::shared_ptr<const BenchReport> speed) { m_speed = std::move(speed); }
    Calibration &calibration() { return m_calibration; }
    const Calibration &calibration() const { return m_calibration; }
    JobRunner &runner() { return m_runner; }

    // What the Activations page has measured of the open model, for the claims; absent: nothing yet.
    const std::optional<ActivationEvidence> &activationEvidence() const { return m_activationEvidence; }
    void setActivationEvidence(const ActivationEvidence &evidence) {
        m_activationEvidence = evidence;
        Q_EMIT activationEvidenceChanged();
    }

    // The whole-model run. The chosen tensor comes first; a change of the recipe starts it anew.
    void startRun();
    void stopRun();
    const ModelRun &run() const { return m_run; }
    // Calls `then` once every quantized tensor is measured: at once, or after the run that this starts. Not called if
    // that run is cancelled or the setup changes.
    void whenMeasured(std::function<void()> then);

Q_SIGNALS:
    void openingChanged(bool opening);
    void modelChanged(); // opened, reloaded or closed
    void openFailed(const QString &path, const QString &text);
    void setupChanged(); // recipe, rule, baseline or page options
    void recipeChanged();
    void baselineChanged();
    void pageOptionsChanged(const std::string &page);
    void descriptionsChanged();
    void resultChanged(int tensor, const nibblescope::SharedResult &result);
    void baselineResultsChanged();
    void historyChanged();
    void viewChanged(); // of loader()
    void activationEvidenceChanged();
    void runChanged(); // started, progressed, ended
    void messageRaised(const nibblescope::Message &message);

private:
    static QString openSlot() { return QStringLiteral("open"); }
    void adopt(std::shared_ptr<const Model> model, const std::string &tensor);
    void change(const Setup &next);
    void apply(const Setup &next);
    void updateDescriptions();
    TensorResult describe(std::size_t tensor) const;
    void loadSelected();
    void calibrationChanged();
    void takeResult(int tensor, const SharedResult &result);
    void fillStatistics();
    void launchRun();
    void endRun(bool complete, const std::vector<std::string> &problems);
    void tellWarnings();
    void tellWarnings(int tensor, const TensorResult &result);
    Recipe recipeOf(std::size_t tensor) const; // Format::None where it is kept or stored

    JobRunner &m_runner;
    std::shared_ptr<const Model> m_model;
    Setup m_setup;
    History m_history;
    std::string m_page = "distribution";
    Selection m_selection;
    ResultStore m_store;
    std::vector<TensorResult> m_described;
    TensorLoader m_loader;
    ModelRun m_run;
    ModelRun m_statisticsFill;
    Accuracy m_accuracy;
    std::optional<ActivationEvidence> m_activationEvidence;
    Calibration m_calibration;
    std::shared_ptr<const BenchReport> m_speed;
    std::shared_ptr<const CalibrationFile> m_usedCalibration; // that calibrated results were made with
    std::vector<std::function<void()>> m_whenMeasured;
    std::set<std::string> m_told;         // warnings that were shown
    std::optional<WorkState> m_restoring; // to be applied once its model is open
};

} // namespace nibblescope
