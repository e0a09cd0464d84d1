// SPDX-License-Identifier: GPL-3.0-or-later
// Every action of the window, once: menus, tool bar and context menus share them.
#pragma once

#include <QAction>
#include <QObject>

#include <array>
#include <cstddef>

namespace nibblescope {

enum class ActionId : std::size_t {
    OpenFile,
    OpenFolder,
    OpenSample,
    OpenSession,
    SaveSession,
    Reload,
    ExportQuantized,
    ExportSelected,
    ExportAsSource,
    ExportF32,
    ExportF16,
    ExportBf16,
    ExportCsv,
    ExportJson,
    Report,
    CloseModel,
    Quit,
    Undo,
    Redo,
    CopyPlot,
    CopyCommand,
    FindTensor,
    Preferences,
    PageDistribution,
    PageBins,
    PageLayers,
    PageMemory,
    PageSpeed,
    PageAccuracy,
    PageActivations,
    ShowAsTable,
    ResetZoom,
    ThemeSystem,
    ThemeLight,
    ThemeDark,
    ThemeHighContrast,
    Text100,
    Text125,
    Text150,
    Text200,
    ResetLayout,
    FullScreen,
    LoadRecipe,
    SaveRecipe,
    PinBaseline,
    SwapBaseline,
    ClearBaseline,
    WhichTensors,
    ToggleQuantize,
    RunModel,
    CancelJob,
    MeasureSpeed,
    Evaluate,
    Calibrate,
    Back,
    Forward,
    PreviousTensor,
    NextTensor,
    WorstTensor,
    PreviousGroup,
    NextGroup,
    Shortcuts,
    Meanings,
    About,
    Count
};

// What must be there for an action to be possible; the reason why not is its tooltip.
struct ActionState {
    bool model = false;
    bool stored = false; // the open model is a quantized file of ours
    bool recipe = false; // the recipe quantizes (its format is not None)
    bool tensor = false;
    bool baseline = false;
    bool running = false;
    bool busy = false; // any job that can be cancelled
    bool back = false;
    bool forward = false;
    QString undoText; // empty: nothing to undo
    QString redoText;
};

class Actions : public QObject {
    Q_OBJECT
public:
    explicit Actions(QObject *parent);

    QAction *operator[](ActionId id) const { return m_actions[static_cast<std::size_t>(id)]; }
    void update(const ActionState &state);

private:
    void setPossible(QAction &action, const QString &reason);

    std::array<QAction *, static_cast<std::size_t>(ActionId::Count)> m_actions{};
};

} // namespace nibblescope
