// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/layers_presenter.h"

#include "core/model/evaluation_setup.h"
#include "core/model/linear_errors.h"

namespace nibblescope {

namespace {

constexpr int updateMilliseconds = 100;

} // namespace

namespace {

const QString outputsSlot = QStringLiteral("page.layers.outputs");
constexpr std::size_t mostOutputs = 8;

} // namespace

LayersPresenter::LayersPresenter(Session &session, QObject *parent)
    : Presenter(session, "layers", parent), m_page(new LayersPage) {
    connectOptions(*m_page);
    connect(&session.calibration(), &Calibration::changed, this, [this] {
        if (!m_page->isHidden())
            refresh();
    });
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

} // namespace nibblescope
