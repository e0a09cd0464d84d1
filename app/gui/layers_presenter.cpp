// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/layers_presenter.h"

#include "core/model/evaluation_setup.h"
#include "core/model/linear_errors.h"
#include "core/quant/method_parameters.h"

namespace nibblescope {

namespace {

constexpr int updateMilliseconds = 100;

} // namespace

namespace {

const QString outputsSlot = QStringLiteral("page.layers.outputs");
constexpr std::size_t mostOutputs = 8;
const QString sensitivitySlot = QStringLiteral("page.layers.sensitivity");
constexpr std::size_t sensitivityWindows = 16; // one run a layer and one a kind of matrix

} // namespace

LayersPresenter::LayersPresenter(Session &session, QObject *parent)
    : Presenter(session, "layers", parent), m_page(new LayersPage) {
    connectOptions(*m_page);
    connect(&session.calibration(), &Calibration::changed, this, [this] {
        if (!m_page->isHidden())
            refresh();
    });
    connect(m_page, &LayersPage::sensitivityRequested, this, &LayersPresenter::measureSensitivity);
    connect(m_page, &LayersPage::cancelRequested, this, &LayersPresenter::cancel);
    m_timer.setSingleShot(true);
    connect(&m_timer, &QTimer::timeout, this, &LayersPresenter::update);
}

void LayersPresenter::refresh() {
    if (session().run().isRunning()) {
        if (!m_timer.isActive())
            m_timer.start(updateMilliseconds);
        return;
    }
    m_timer.stop();
    update();
}

void LayersPresenter::update() {
    const Session &state = session();
    if (!state.model())
        return;
    if (state.isStored()) {
        m_page->setPlaceholder(tr("The original is not open: a quantized file alone has no errors to show."));
        return;
    }
    const std::size_t expected = state.quantizedCount();
    if (expected == 0) {
        m_page->setPlaceholder(tr("No tensor is quantized. Recipe > Which Tensors... says which ones are."));
        return;
    }
    if (m_page->showsSensitivity()) {
        updateSensitivity();
        return;
    }
    LayersInput input;
    input.results = state.results();
    input.recipe = shortForm(state.recipe());
    input.format = state.recipe().format;
    input.running = state.run().isRunning();
    if (state.baseline()) {
        input.baseline = state.baselineResults();
        input.baselineRecipe = shortForm(*state.baseline());
        input.baselineFormat = state.baseline()->format;
    }
    const auto nameOf = [&state](int tensor) { return state.model()->tensors[static_cast<std::size_t>(tensor)].name; };
    Selection &selection = session().selection();
    if (selection.tensor() >= 0)
        input.selected.push_back(nameOf(selection.tensor()));
    for (const int tensor : selection.tensors())
        if (tensor != selection.tensor())
            input.selected.push_back(nameOf(tensor));

    std::vector<TensorResult> done;
    for (const TensorResult &result : input.results)
        if (result.metrics)
            done.push_back(result);
    if (done.empty() && !input.running) {
        m_page->setPlaceholder(tr("Nothing measured with %1 yet: press Run whole model (Ctrl+R).")
                                   .arg(QString::fromStdString(input.recipe)));
        return;
    }
    m_page->setPlaceholder({});
    const bool running = input.running;
    const bool outputs = m_page->quantity() == LayersQuantity::OutputError;
    if (outputs && !running)
        addOutputs(input);
    const Reading outputReading = outputs ? outputErrorReading(input) : Reading();
    m_page->setInput(std::move(input));
    if (!outputReading.clauses.empty()) {
        m_page->setReading(outputReading);
        return;
    }
    LayersReadingInput reading;
    reading.results = &done;
    reading.expected = expected;
    reading.running = running;
    if (!done.empty())
        m_page->setReading(layersReading(reading));
}

// Output errors ------------------------------------------------------------------------------------------------------

QString LayersPresenter::reasonNoOutputs() const {
    const Session &state = session();
    const ModelAbility *ability = state.accuracy().ability();
    if (ability == nullptr)
        return tr("The model is being looked at.");
    if (!ability->notRun.empty())
        return tr("Output errors need a model that runs: %1").arg(QString::fromStdString(ability->notRun));
    if (!state.calibration().file())
        return tr("Output errors need the inputs of each matrix: Run > Calibrate... collects them on a text.");
    if (!m_outputProblem.isEmpty())
        return m_outputProblem;
    return m_measuring ? tr("Measuring the outputs...") : QString();
}

void LayersPresenter::addOutputs(LayersInput &input) {
    const Session &state = session();
    m_outputProblem.clear();
    if (reasonNoOutputs().isEmpty() || m_measuring) {
        input.outputErrors = outputsOf(state.plan());
        if (state.baseline() && !(*state.baseline() == state.recipe()))
            input.baselineOutputErrors = outputsOf(state.baselinePlan());
        if (const auto text = state.accuracy().lastText())
            if (const SharedAccuracy result =
                    findResult(state.accuracy().results(*text, state.setup().rule), state.recipe()))
                input.depthErrors = result->evaluation.comparison->depthErrors;
    }
    m_page->setOutputReason(reasonNoOutputs());
}

// What is missing is measured, one plan after another.
std::map<std::string, double> LayersPresenter::outputsOf(const ModelPlan &plan) {
    const std::shared_ptr<const CalibrationFile> file = session().calibration().file();
    for (const Outputs &known : m_outputs)
        if (known.model == session().model() && known.plan.recipe == plan.recipe && known.plan.rule == plan.rule &&
            known.calibration == file)
            return known.errors;
    if (m_measuring)
        return {};
    m_measuring = true;
    session().runner().start(
        outputsSlot, Queue::Batch,
        [model = session().model(), plan, file, prepare = session().calibration().preparation()](const Work &work,
                                                                                                 const Post &) {
            const Llama llama(*model);
            std::vector<std::string> warnings;
            const auto edit = editFrom(llama, prepare(plan, work), warnings, work);
            Outputs outputs{model, plan, file, {}};
            for (const LinearError &linear : linearErrors(llama, *edit, *file, work))
                if (linear.outputError)
                    outputs.errors[linear.name] = *linear.outputError;
            return outputs;
        },
        JobHandlers<Outputs>{[this](const std::shared_ptr<const Outputs> &outputs) {
                                 m_measuring = false;
                                 if (m_outputs.size() == mostOutputs)
                                     m_outputs.erase(m_outputs.begin());
                                 m_outputs.push_back(*outputs);
                                 refresh();
                                 Q_EMIT computingChanged();
                             },
                             [this](const JobFailure &failure) {
                                 m_measuring = false;
                                 m_outputProblem = QString::fromStdString(failure.text);
                                 m_page->setOutputReason(m_outputProblem);
                                 Q_EMIT computingChanged();
                             },
                             {}});
    Q_EMIT computingChanged();
    return {};
}

// Sensitivity --------------------------------------------------------------------------------------------------------

LayersPresenter::Subject LayersPresenter::subject() const {
    const Session &state = session();
    Subject subject{state.model(), state.recipe(), state.setup().rule, nullptr, {}};
    if (needsCalibration(state.recipe()))
        subject.calibration = state.calibration().file();
    if (const auto text = state.accuracy().text())
        subject.text = *text;
    subject.text.windows = std::min(subject.text.windows.value_or(sensitivityWindows), sensitivityWindows);
    return subject;
}

QString LayersPresenter::reasonNoSensitivity() const {
    const Session &state = session();
    const ModelAbility *ability = state.accuracy().ability();
    if (ability == nullptr)
        return tr("The model is being looked at.");
    if (!ability->notRun.empty())
        return tr("Sensitivity needs a model that runs: %1").arg(QString::fromStdString(ability->notRun));
    if (state.recipe().format == Format::None)
        return tr("Choose a format first.");
    const auto text = state.accuracy().text();
    if (!text)
        return tr("Choose a text on the Accuracy page first.");
    if (!ability->noTokenizer.empty() && !text->tokenIds)
        return QString::fromStdString(ability->noTokenizer);
    if (needsCalibration(state.recipe()) && !state.calibration().file())
        return tr("This method needs a calibration: Run > Calibrate... makes one.");
    return {};
}

void LayersPresenter::updateSensitivity() {
    m_page->setPlaceholder({});
    const Subject wanted = subject();
    const auto known = m_sensitivity && m_subject == wanted ? m_sensitivity : nullptr;
    const QString reason = reasonNoSensitivity();
    const QString hint =
        !reason.isEmpty()
            ? reason
            : tr("A layer may lose much and matter little. Each layer is quantized alone with %1, then each "
                 "kind of matrix, and the model is run on %2 windows of %3 beside the unquantized one.")
                  .arg(QString::fromStdString(shortForm(wanted.recipe)))
                  .arg(wanted.text.windows.value_or(0))
                  .arg(QString::fromStdString(wanted.text.path.filename().string()));
    m_page->setReading(known ? sensitivityReading(*known) : Reading{{"Not measured yet."}});
    m_page->setSensitivity(known, hint, reason.isEmpty());
}

void LayersPresenter::cancel() { session().runner().requestStop(sensitivitySlot); }

void LayersPresenter::measureSensitivity() {
    if (m_measuringSensitivity || !reasonNoSensitivity().isEmpty())
        return;
    m_measuringSensitivity = true;
    m_page->setMeasuring(true);
    const Subject wanted = subject();
    const auto ended = [this] {
        m_measuringSensitivity = false;
        m_page->setMeasuring(false);
        refresh();
        Q_EMIT computingChanged();
    };
    session().runner().start(
        sensitivitySlot, Queue::Batch,
        [wanted, plan = session().plan(), prepare = session().calibration().preparation()](const Work &work,
                                                                                           const Post &) {
            const Llama llama(*wanted.model);
            std::vector<std::string> warnings;
            const TokenWindows windows = windowsFrom(llama, wanted.text, warnings);
            const auto edit = editFrom(llama, prepare(plan, work), warnings, work);
            const bool moves = wanted.recipe.method == "awq";
            const ProgressSink sink = work.progress;
            const auto part = [&](double from) {
                Work half = work;
                half.progress = [sink, from, moves](const Progress &state) {
                    const double share =
                        state.total == 0 ? 0 : static_cast<double>(state.done) / static_cast<double>(state.total);
                    const double all = moves ? share : (from + share) / 2;
                    sink({static_cast<std::uint64_t>(1000 * all), 1000, state.label});
                };
                return half;
            };
            SensitivityInput input{wanted.recipe, {}, {}, wanted.text.path.filename().string()};
            input.layers =
                nibblescope::measureSensitivity(llama, windows, *edit, SensitivityBy::Layers, moves, part(0));
            work.checkStop();
            if (!moves)
                input.kinds =
                    nibblescope::measureSensitivity(llama, windows, *edit, SensitivityBy::Kinds, moves, part(1));
            return input;
        },
        JobHandlers<SensitivityInput>{
            [this, wanted, ended](const std::shared_ptr<const SensitivityInput> &input) {
                m_subject = wanted;
                m_sensitivity = input;
                ended();
            },
            [this, ended](const JobFailure &failure) {
                ended();
                if (!failure.stopped())
                    Q_EMIT messageRaised({Severity::Error, QString::fromStdString(failure.text), {}, {}, false});
            },
            [this](const Progress &progress) {
                m_page->setMeasuring(true, static_cast<double>(progress.done) /
                                               static_cast<double>(std::max<std::uint64_t>(1, progress.total)));
            }});
    refresh();
    Q_EMIT computingChanged();
}

} // namespace nibblescope
