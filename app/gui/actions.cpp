// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/actions.h"

#include <QActionGroup>
#include <QKeySequence>

#include "widgets/theme/icons.h"

namespace nibblescope {

namespace {

enum class Needs { Nothing, Model, Quantizing, Tensor, Baseline, Selected, Busy, Back, Forward, Undo, Redo };

// One row an action, in the order of ActionId.
struct Row {
    ActionId id;
    const char *text;
    const char *shortcut;
    const char *icon;
    const char *toolTip;
    Needs needs;
    int group = 0; // > 0: checkable, one of its group
};

constexpr int themeGroup = 1;
constexpr int textGroup = 2;
constexpr int pageGroup = 3;

const Row rows[] = {
    {ActionId::OpenFile, QT_TR_NOOP("&Open File..."), "Ctrl+O", "open", "Open a weights file", Needs::Nothing},
    {ActionId::OpenFolder, QT_TR_NOOP("Open &Folder..."), "Ctrl+Shift+O", "folder", "Open a model folder",
     Needs::Nothing},
    {ActionId::OpenSample, QT_TR_NOOP("Open &Sample Model"), "", "sample", "Open the model that comes with the program",
     Needs::Nothing},
    {ActionId::OpenSession, QT_TR_NOOP("Open Sess&ion..."), "", "", "Open a saved session", Needs::Nothing},
    {ActionId::SaveSession, QT_TR_NOOP("Save Sessio&n..."), "Ctrl+S", "",
     "Save recipe, rule, baseline, selection and page options", Needs::Nothing},
    {ActionId::Reload, QT_TR_NOOP("&Reload"), "F5", "reset", "Read the model's headers again", Needs::Model},
    {ActionId::ExportQuantized, QT_TR_NOOP("&Quantized Model (HDF5)..."), "Ctrl+E", "",
     "Codes, scales and constants, two codes a byte", Needs::Quantizing},
    {ActionId::ExportSelected, QT_TR_NOOP("Selecte&d Tensors Only (HDF5)..."), "", "",
     "Codes, scales and constants of the tensors selected in the tree", Needs::Selected},
    {ActionId::ExportAsSource, QT_TR_NOOP("As the &Source..."), "", "", "Dequantized weights in the source's types",
     Needs::Quantizing},
    {ActionId::ExportF32, QT_TR_NOOP("F&32..."), "", "", "Dequantized weights as F32", Needs::Quantizing},
    {ActionId::ExportF16, QT_TR_NOOP("F&16..."), "", "", "Dequantized weights as F16", Needs::Quantizing},
    {ActionId::ExportBf16, QT_TR_NOOP("&BF16..."), "", "", "Dequantized weights as BF16", Needs::Quantizing},
    {ActionId::ExportCsv, QT_TR_NOOP("Table as &CSV..."), "", "", "One row a tensor, C locale", Needs::Model},
    {ActionId::ExportJson, QT_TR_NOOP("Table as &JSON..."), "", "", "The same document as the command line prints",
     Needs::Model},
    {ActionId::Report, QT_TR_NOOP("Re&port..."), "Ctrl+Shift+E", "report", "Write a report as HTML or PDF",
     Needs::Model},
    {ActionId::CloseModel, QT_TR_NOOP("&Close Model"), "Ctrl+W", "", "Close the model", Needs::Model},
    {ActionId::Quit, QT_TR_NOOP("&Quit"), "Ctrl+Q", "", "Quit", Needs::Nothing},
    {ActionId::Undo, QT_TR_NOOP("&Undo"), "Ctrl+Z", "undo", "Undo", Needs::Undo},
    {ActionId::Redo, QT_TR_NOOP("&Redo"), "Ctrl+Shift+Z", "redo", "Redo", Needs::Redo},
    {ActionId::CopyPlot, QT_TR_NOOP("&Copy Plot"), "", "copy", "Copy the plot as PNG, SVG and CSV (Ctrl+C on a plot)",
     Needs::Model},
    {ActionId::CopyCommand, QT_TR_NOOP("Copy as Command &Line"), "Ctrl+Shift+C", "",
     "The command that gives the same numbers", Needs::Model},
    {ActionId::FindTensor, QT_TR_NOOP("&Find Tensor"), "Ctrl+F", "search", "Filter the tensors by name or number",
     Needs::Model},
    {ActionId::Preferences, QT_TR_NOOP("Pre&ferences..."), "Ctrl+,", "", "Theme, text size, threads", Needs::Nothing},
    {ActionId::PageDistribution, QT_TR_NOOP("&Distribution"), "Ctrl+1", "",
     "The weights, what they become, and the error", Needs::Nothing, pageGroup},
    {ActionId::PageBins, QT_TR_NOOP("&Bins"), "Ctrl+2", "", "Levels and boundaries, codes and groups", Needs::Nothing,
     pageGroup},
    {ActionId::PageLayers, QT_TR_NOOP("&Layers"), "Ctrl+3", "", "The error of every tensor", Needs::Nothing, pageGroup},
    {ActionId::PageMemory, QT_TR_NOOP("&Memory"), "Ctrl+4", "", "What the bytes go to", Needs::Nothing, pageGroup},
    {ActionId::PageSpeed, QT_TR_NOOP("&Speed"), "Ctrl+5", "", "Products timed on this machine", Needs::Nothing,
     pageGroup},
    {ActionId::PageAccuracy, QT_TR_NOOP("&Accuracy"), "Ctrl+6", "", "What recipes do to the model's predictions",
     Needs::Nothing, pageGroup},
    {ActionId::PageActivations, QT_TR_NOOP("A&ctivations"), "Ctrl+7", "",
     "The inputs of the linears, and what rounding them costs", Needs::Nothing, pageGroup},
    {ActionId::ShowAsTable, QT_TR_NOOP("Show as &Table"), "", "table", "The plots' data as tables (T)", Needs::Model},
    {ActionId::ResetZoom, QT_TR_NOOP("Reset &Zoom"), "", "reset", "All of the data again (Home)", Needs::Model},
    {ActionId::ThemeSystem, QT_TR_NOOP("&System"), "", "", "Light or dark as the desktop", Needs::Nothing, themeGroup},
    {ActionId::ThemeLight, QT_TR_NOOP("&Light"), "", "", "Light theme", Needs::Nothing, themeGroup},
    {ActionId::ThemeDark, QT_TR_NOOP("&Dark"), "", "", "Dark theme", Needs::Nothing, themeGroup},
    {ActionId::ThemeHighContrast, QT_TR_NOOP("&High Contrast"), "", "", "Black and white, wide lines", Needs::Nothing,
     themeGroup},
    {ActionId::Text100, QT_TR_NOOP("&100 %"), "", "", "Text size 100 %", Needs::Nothing, textGroup},
    {ActionId::Text125, QT_TR_NOOP("1&25 %"), "", "", "Text size 125 %", Needs::Nothing, textGroup},
    {ActionId::Text150, QT_TR_NOOP("1&50 %"), "", "", "Text size 150 %", Needs::Nothing, textGroup},
    {ActionId::Text200, QT_TR_NOOP("2&00 %"), "", "", "Text size 200 %", Needs::Nothing, textGroup},
    {ActionId::ResetLayout, QT_TR_NOOP("&Reset Layout"), "", "", "Docks and sizes as at the first start",
     Needs::Nothing},
    {ActionId::FullScreen, QT_TR_NOOP("F&ull Screen"), "F11", "", "Full screen", Needs::Nothing},
    {ActionId::LoadRecipe, QT_TR_NOOP("&Load Recipe..."), "", "", "Take a recipe from a file", Needs::Nothing},
    {ActionId::SaveRecipe, QT_TR_NOOP("&Save Recipe..."), "", "", "Write the recipe to a file and to the presets",
     Needs::Nothing},
    {ActionId::PinBaseline, QT_TR_NOOP("Pin as &Baseline"), "Ctrl+B", "pin",
     "Compare everything with the present recipe", Needs::Quantizing},
    {ActionId::SwapBaseline, QT_TR_NOOP("S&wap with Baseline"), "Ctrl+Shift+B", "swap",
     "The baseline becomes the recipe and the recipe the baseline", Needs::Baseline},
    {ActionId::ClearBaseline, QT_TR_NOOP("&Clear Baseline"), "", "close", "Compare with nothing", Needs::Baseline},
    {ActionId::WhichTensors, QT_TR_NOOP("Which &Tensors..."), "", "", "The rule that says what is quantized",
     Needs::Model},
    {ActionId::ToggleQuantize, QT_TR_NOOP("&Quantize / Keep This Tensor"), "", "",
     "Quantize the selected tensors, or keep them (Space on a row)", Needs::Tensor},
    {ActionId::RunModel, QT_TR_NOOP("&Run Whole Model"), "Ctrl+R", "run", "Measure every quantized tensor",
     Needs::Quantizing},
    {ActionId::CancelJob, QT_TR_NOOP("&Cancel"), "Ctrl+.", "stop", "Stop what runs; finished tensors are kept",
     Needs::Busy},
    {ActionId::MeasureSpeed, QT_TR_NOOP("&Measure Speed"), "Ctrl+M", "", "Time products on this machine",
     Needs::Nothing},
    {ActionId::Evaluate, QT_TR_NOOP("&Evaluate Accuracy"), "Ctrl+Shift+R", "",
     "Run the model with this recipe beside the unquantized one", Needs::Quantizing},
    {ActionId::Calibrate, QT_TR_NOOP("Ca&librate..."), "", "",
     "Collect statistics of the layers' inputs on a text, for GPTQ, AWQ and importance weights", Needs::Model},
    {ActionId::Back, QT_TR_NOOP("&Back"), "Alt+Left", "back", "The tensor before this one", Needs::Back},
    {ActionId::Forward, QT_TR_NOOP("&Forward"), "Alt+Right", "forward", "The tensor after this one", Needs::Forward},
    {ActionId::PreviousTensor, QT_TR_NOOP("&Previous Tensor"), "Ctrl+Up", "", "The row above in the tree",
     Needs::Model},
    {ActionId::NextTensor, QT_TR_NOOP("&Next Tensor"), "Ctrl+Down", "", "The row below in the tree", Needs::Model},
    {ActionId::WorstTensor, QT_TR_NOOP("&Worst Tensor"), "Ctrl+J", "", "The lowest SQNR of those measured",
     Needs::Model},
    {ActionId::PreviousGroup, QT_TR_NOOP("Previous &Group"), "", "", "The group before this one ([)", Needs::Tensor},
    {ActionId::NextGroup, QT_TR_NOOP("N&ext Group"), "", "", "The group after this one (])", Needs::Tensor},
    {ActionId::Shortcuts, QT_TR_NOOP("&Shortcuts"), "F1", "", "All keys", Needs::Nothing},
    {ActionId::Meanings, QT_TR_NOOP("What the &Numbers Mean"), "", "", "Definitions and formulas", Needs::Nothing},
    {ActionId::About, QT_TR_NOOP("&About Nibblescope"), "", "", "Version and licence", Needs::Nothing},
};
static_assert(std::size(rows) == static_cast<std::size_t>(ActionId::Count));

} // namespace

Actions::Actions(QObject *parent) : QObject(parent) {
    std::array<QActionGroup *, 4> groups{};
    for (const Row &row : rows) {
        auto *action = new QAction(tr(row.text), parent);
        if (*row.shortcut != '\0')
            action->setShortcut(QKeySequence(QString::fromLatin1(row.shortcut)));
        if (*row.icon != '\0')
            action->setIcon(themeIcon(QString::fromLatin1(row.icon)));
        action->setStatusTip({});
        action->setData(tr(row.toolTip));
        if (row.group != 0) {
            auto *&group = groups[static_cast<std::size_t>(row.group)];
            if (group == nullptr)
                group = new QActionGroup(this);
            action->setCheckable(true);
            action->setActionGroup(group);
        }
        m_actions[static_cast<std::size_t>(row.id)] = action;
        setPossible(*action, {});
    }
    (*this)[ActionId::ShowAsTable]->setCheckable(true);
    (*this)[ActionId::FullScreen]->setCheckable(true);
    (*this)[ActionId::Quit]->setMenuRole(QAction::QuitRole);
    (*this)[ActionId::Preferences]->setMenuRole(QAction::PreferencesRole);
    (*this)[ActionId::About]->setMenuRole(QAction::AboutRole);
}

// An action that cannot be used says why.
void Actions::setPossible(QAction &action, const QString &reason) {
    action.setEnabled(reason.isEmpty());
    QString tip = reason.isEmpty() ? action.data().toString() : reason;
    if (reason.isEmpty() && !action.shortcut().isEmpty())
        tip += QStringLiteral(" (%1)").arg(action.shortcut().toString(QKeySequence::NativeText));
    action.setToolTip(tip);
}

void Actions::update(const ActionState &state) {
    const QString noModel = state.model ? QString() : tr("Open a model first");
    const QString notQuantizing = !state.model    ? noModel
                                  : state.stored  ? tr("The open file is quantized already: open the original")
                                  : !state.recipe ? tr("Choose a format first")
                                                  : QString();
    const QString noTensor = !state.model ? noModel : state.tensor ? QString() : tr("Choose a tensor first");
    const auto reasonOf = [&](Needs needs) -> QString {
        switch (needs) {
        case Needs::Nothing:
            return {};
        case Needs::Model:
            return noModel;
        case Needs::Quantizing:
            return notQuantizing;
        case Needs::Tensor:
            return noTensor;
        case Needs::Selected:
            return notQuantizing.isEmpty() ? noTensor : notQuantizing;
        case Needs::Baseline:
            return state.baseline ? QString() : tr("Pin a baseline first");
        case Needs::Busy:
            return state.busy ? QString() : tr("Nothing runs");
        case Needs::Back:
            return state.back ? QString() : tr("Nowhere to go back to");
        case Needs::Forward:
            return state.forward ? QString() : tr("Nowhere to go forward to");
        case Needs::Undo:
            return state.undoText.isEmpty() ? tr("Nothing to undo") : QString();
        case Needs::Redo:
            return state.redoText.isEmpty() ? tr("Nothing to redo") : QString();
        }
        return {};
    };
    for (const Row &row : rows)
        setPossible(*(*this)[row.id], reasonOf(row.needs));
    const auto name = [](QAction *action, const QString &verb, const QString &what) {
        action->setText(what.isEmpty() ? verb : verb + QLatin1Char(' ') + what);
    };
    name((*this)[ActionId::Undo], tr("&Undo"), state.undoText);
    name((*this)[ActionId::Redo], tr("&Redo"), state.redoText);
    if (state.running)
        setPossible(*(*this)[ActionId::RunModel], tr("It runs already"));
}

} // namespace nibblescope
