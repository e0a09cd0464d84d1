// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/session/session.h"

#include <algorithm>
#include <utility>

#include "core/io/open.h"
#include "core/quant/method_parameters.h"
#include "core/report/number_text.h"

namespace nibblescope {

namespace {

// Filling in the statistics of every tensor reads the whole model; beyond this size only a run does that.
constexpr std::uint64_t statisticsFillLimitBytes = 4ULL << 30;

std::vector<std::size_t> indices(const std::vector<int> &tensors) { return {tensors.begin(), tensors.end()}; }

} // namespace

Session::Session(JobRunner &runner, QObject *parent)
    : QObject(parent), m_runner(runner), m_setup(initialWorkState().setup), m_loader(runner),
      m_run(runner, QStringLiteral("run")), m_statisticsFill(runner, QStringLiteral("statistics")), m_accuracy(runner),
      m_calibration(runner) {
    connect(&m_selection, &Selection::tensorChanged, this, [this](int tensor) {
        if (tensor >= 0)
            m_run.prefer(static_cast<std::size_t>(tensor));
        loadSelected();
    });
    connect(&m_loader, &TensorLoader::changed, this, &Session::viewChanged);
    for (ModelRun *run : {&m_run, &m_statisticsFill})
        connect(run, &ModelRun::resultReady, this, &Session::takeResult);
    connect(&m_loader, &TensorLoader::resultReady, this, [this](int tensor, const SharedResult &result) {
        takeResult(tensor, result);
        if (m_run.isRunning() && result->quantized && result->recipe == m_setup.recipe)
            m_run.skip(static_cast<std::size_t>(tensor));
    });
    connect(&m_calibration, &Calibration::changed, this, &Session::calibrationChanged);
    connect(&m_run, &ModelRun::prepared, &m_calibration, &Calibration::keep);
    connect(&m_run, &ModelRun::progressed, this, &Session::runChanged);
    connect(&m_run, &ModelRun::ended, this, &Session::endRun);
}

// The model ----------------------------------------------------------------------------------------------------------

void Session::open(const QString &path, const std::string &tensor) {
    const std::filesystem::path file(path.toStdString());
    Q_EMIT openingChanged(true);
    m_runner.start(
        openSlot(), Queue::Interactive, [file](const Work &, const Post &) { return openModel(file); },
        JobHandlers<Model>{[this, tensor](const std::shared_ptr<const Model> &model) {
                               adopt(model, tensor);
                               Q_EMIT openingChanged(false);
                           },
                           [this, path](const JobFailure &failure) {
                               m_restoring.reset();
                               Q_EMIT openingChanged(false);
                               Q_EMIT openFailed(path, QString::fromStdString(failure.text));
                           },
                           {}});
}

void Session::adopt(std::shared_ptr<const Model> model, const std::string &tensor) {
    m_run.drop();
    m_statisticsFill.drop();
    m_whenMeasured.clear();
    m_loader.clear();
    m_model = std::move(model);
    m_store = ResultStore(m_model->tensors.size());
    m_told.clear();
    m_activationEvidence.reset();
    m_history.clear();
    const auto restoring = std::exchange(m_restoring, std::nullopt);
    std::string wanted = tensor;
    if (restoring) {
        m_setup = restoring->setup;
        m_page = restoring->page;
        wanted = restoring->tensor;
    }
    // Descriptions and selection are the new model's before the first signal: whoever hears one may look at both.
    updateDescriptions();
    m_selection.reset(static_cast<int>(m_model->tensors.size()));
    m_accuracy.setModel(isStored() ? nullptr : m_model);
    m_calibration.setModel(isStored() ? nullptr : m_model);
    if (restoring) {
        m_accuracy.restore(restoring->accuracy);
        if (!restoring->calibration.empty())
            m_calibration.load(QString::fromStdString(restoring->calibration));
    }
    Q_EMIT modelChanged();
    Q_EMIT historyChanged();
    Q_EMIT runChanged();

    auto chosen = m_model->find(wanted);
    for (std::size_t i = 0; i < m_described.size() && !chosen; ++i)
        if (m_described[i].quantized)
            chosen = i;
    if (!chosen && !m_described.empty())
        chosen = 0;
    if (chosen)
        m_selection.selectTensor(static_cast<int>(*chosen));
    tellWarnings();
    fillStatistics();
}

void Session::tellWarnings() {
    constexpr std::size_t mostToldOneByOne = 2;
    const auto &warnings = m_model->warnings;
    for (std::size_t i = 0; i < warnings.size() && i < mostToldOneByOne; ++i) {
        std::string text = warnings[i];
        if (i + 1 == mostToldOneByOne && warnings.size() > mostToldOneByOne)
            text += " And " + std::to_string(warnings.size() - mostToldOneByOne) + " more like it.";
        Q_EMIT messageRaised({Severity::Warning, QString::fromStdString(text), {}, {}, false});
    }
}

// What is odd about a tensor is told once; of many such tensors the first few are named, the tree marks them all.
void Session::tellWarnings(int tensor, const TensorResult &result) {
    constexpr std::size_t mostTold = 3;
    for (const std::string &warning : result.warnings) {
        if (m_told.size() >= mostTold || !m_told.insert(warning).second)
            continue;
        Message message{Severity::Warning, QString::fromStdString(warning), {}, {}, false};
        if (result.quantized && result.statistics.nan + result.statistics.inf > 0)
            message.actions.push_back(
                {tr("Keep this tensor unquantized"), [this, tensor] { setQuantized({tensor}, false); }});
        if (m_told.size() == mostTold)
            message.text += tr(" Tensors like it are marked in the tree.");
        Q_EMIT messageRaised(message);
    }
}

void Session::close() {
    m_runner.drop(openSlot());
    m_run.drop();
    m_statisticsFill.drop();
    m_whenMeasured.clear();
    m_loader.clear();
    m_model.reset();
    m_store = ResultStore();
    m_described.clear();
    m_history.clear();
    m_selection.reset(0);
    m_accuracy.setModel(nullptr);
    m_calibration.setModel(nullptr);
    Q_EMIT modelChanged();
    Q_EMIT historyChanged();
    Q_EMIT runChanged();
}

void Session::reload() {
    if (!m_model)
        return;
    const int tensor = m_selection.tensor();
    open(QString::fromStdString(m_model->path.string()),
         tensor < 0 ? std::string() : m_model->tensors[static_cast<std::size_t>(tensor)].name);
}

// The setup ----------------------------------------------------------------------------------------------------------

void Session::change(const Setup &next) {
    const Setup before = m_setup;
    if (next == before)
        return;
    m_history.record(before, next);
    apply(next);
    Q_EMIT historyChanged();
}

void Session::apply(const Setup &next) {
    const Setup before = std::exchange(m_setup, next);
    const bool planChanged = !(before.recipe == next.recipe) || !(before.rule == next.rule);
    const bool wasRunning = m_run.isRunning();
    if (planChanged) {
        m_whenMeasured.clear();
        if (wasRunning)
            m_run.drop();
    }
    if (m_model && planChanged) {
        updateDescriptions();
        Q_EMIT descriptionsChanged();
    }
    if (!(before.recipe == next.recipe))
        Q_EMIT recipeChanged();
    if (before.baseline != next.baseline)
        Q_EMIT baselineChanged();
    if (m_model)
        loadSelected();
    for (const auto &[page, options] : next.pageOptions.items())
        if (const auto old = before.pageOptions.find(page); old == before.pageOptions.end() || *old != options)
            Q_EMIT pageOptionsChanged(page);
    for (const auto &[page, options] : before.pageOptions.items())
        if (!next.pageOptions.contains(page))
            Q_EMIT pageOptionsChanged(page);
    Q_EMIT setupChanged();
    if (planChanged && wasRunning && reasonNotWhole().isEmpty()) {
        launchRun();
        if (!(before.recipe == next.recipe))
            Q_EMIT messageRaised({Severity::Info,
                                  tr("Run restarted: the recipe changed from %1 to %2.")
                                      .arg(QString::fromStdString(shortForm(before.recipe)),
                                           QString::fromStdString(shortForm(next.recipe))),
                                  {{tr("Undo"), [this] { undo(); }}},
                                  QStringLiteral("run"),
                                  false});
    }
}

void Session::setRecipe(const Recipe &recipe) {
    Setup next = m_setup;
    next.recipe = recipe;
    change(next);
}

void Session::setRule(const SelectionRule &rule) {
    Setup next = m_setup;
    next.rule = rule;
    change(next);
}

void Session::setQuantized(const std::vector<int> &tensors, bool quantize) {
    if (!m_model)
        return;
    Setup next = m_setup;
    for (const std::size_t index : indices(tensors)) {
        const TensorInfo &info = m_model->tensors[index];
        if (quantize && !canBeQuantized(info))
            continue;
        next.rule.overrides.erase(info.name);
        if (!keptReason(info, next.rule).has_value() != quantize)
            next.rule.overrides[info.name] = quantize;
    }
    change(next);
}

void Session::setLayout(const std::vector<int> &tensors, Layout layout) {
    if (!m_model)
        return;
    Setup next = m_setup;
    for (const std::size_t index : indices(tensors)) {
        const TensorInfo &info = m_model->tensors[index];
        auto &layouts = next.rule.layouts;
        layouts.erase(std::remove_if(layouts.begin(), layouts.end(),
                                     [&](const LayoutRule &rule) { return rule.glob == info.name; }),
                      layouts.end());
        if (layoutOf(info, next.rule) != layout)
            layouts.push_back({info.name, layout});
    }
    change(next);
}

void Session::pinBaseline() {
    Setup next = m_setup;
    next.baseline = m_setup.recipe;
    change(next);
}

void Session::swapWithBaseline() {
    if (!m_setup.baseline)
        return;
    Setup next = m_setup;
    std::swap(next.recipe, *next.baseline);
    change(next);
}

void Session::clearBaseline() {
    Setup next = m_setup;
    next.baseline.reset();
    change(next);
}

void Session::setPageOptions(const std::string &page, const nlohmann::ordered_json &options) {
    Setup next = m_setup;
    next.pageOptions[page] = options;
    change(next);
}

nlohmann::ordered_json Session::pageOptions(const std::string &page) const {
    const auto found = m_setup.pageOptions.find(page);
    return found == m_setup.pageOptions.end() ? nlohmann::ordered_json::object() : *found;
}

void Session::undo() {
    if (const auto setup = m_history.undo()) {
        apply(*setup);
        Q_EMIT historyChanged();
    }
}

void Session::redo() {
    if (const auto setup = m_history.redo()) {
        apply(*setup);
        Q_EMIT historyChanged();
    }
}

WorkState Session::state() const {
    WorkState state;
    state.setup = m_setup;
    state.page = m_page;
    if (!m_model)
        return state;
    state.model = m_model->path.string();
    state.accuracy = m_accuracy.toJson();
    state.calibration = m_calibration.path().toStdString();
    const auto nameOf = [this](int tensor) { return m_model->tensors[static_cast<std::size_t>(tensor)].name; };
    if (m_selection.tensor() >= 0)
        state.tensor = nameOf(m_selection.tensor());
    for (const int tensor : m_selection.tensors())
        state.selectedTensors.push_back(nameOf(tensor));
    state.group = m_selection.group().value_or(0);
    if (m_selection.code())
        state.code = static_cast<unsigned>(*m_selection.code());
    return state;
}

void Session::restore(const WorkState &state) {
    if (state.model.empty() || (m_model && m_model->path == state.model)) {
        change(state.setup);
        m_page = state.page;
        if (m_model)
            m_accuracy.restore(state.accuracy);
        if (m_model)
            if (const auto tensor = m_model->find(state.tensor))
                m_selection.selectTensor(static_cast<int>(*tensor));
        return;
    }
    m_restoring = state;
    open(QString::fromStdString(state.model));
}

// Results ------------------------------------------------------------------------------------------------------------

TensorResult Session::describe(std::size_t tensor) const {
    TensorResult result = describeTensor(m_model->tensors[tensor], plan());
    if (!isStored())
        return result;
    const auto &stored = m_model->storedRecipes[tensor];
    result.quantized = !stored.is_null();
    result.keptReason = result.quantized ? std::string() : "kept in the file";
    result.recipe = result.quantized ? recipeFromJson(stored) : Recipe();
    if (result.quantized) {
        result.bits = storedBits(result.shape, result.recipe);
        result.bpw = result.shape.size() == 0
                         ? 0
                         : static_cast<double>(result.bits.total()) / static_cast<double>(result.shape.size());
    }
    return result;
}

void Session::updateDescriptions() {
    m_described.clear();
    m_described.reserve(m_model->tensors.size());
    for (std::size_t i = 0; i < m_model->tensors.size(); ++i)
        m_described.push_back(describe(i));
}

Recipe Session::recipeOf(std::size_t tensor) const {
    return isStored() || !m_described[tensor].quantized ? Recipe() : m_described[tensor].recipe;
}

SharedResult Session::result(int tensor) const {
    const auto index = static_cast<std::size_t>(tensor);
    if (tensor < 0 || index >= m_described.size())
        return nullptr;
    return m_store.find(index, recipeOf(index), m_described[index].layout);
}

ModelPlan Session::baselinePlan() const { return planFor(m_setup.baseline.value_or(Recipe())); }

ModelPlan Session::planFor(const Recipe &recipe) const {
    return {recipe, m_setup.rule, m_calibration.sourceFor(recipe, m_setup.rule)};
}

QString Session::reasonNotWhole() const {
    ModelPlan wanted = plan();
    // Sequential statistics are collected by the run itself.
    if (wanted.recipe.sequential && !wanted.calibration && m_calibration.file())
        return {};
    return QString::fromStdString(reasonNotSingly(wanted));
}

// Results of methods that need a calibration are those of one calibration.
void Session::calibrationChanged() {
    if (m_usedCalibration != m_calibration.file()) {
        m_usedCalibration = m_calibration.file();
        m_store.forget(needsCalibration);
        m_accuracy.forgetIf(needsCalibration);
        if (m_run.isRunning() && needsCalibration(m_run.plan().recipe))
            m_run.drop();
    }
    if (!m_model)
        return;
    if (needsCalibration(m_setup.recipe) || (m_setup.baseline && needsCalibration(*m_setup.baseline))) {
        Q_EMIT descriptionsChanged();
        Q_EMIT runChanged();
    }
    loadSelected();
}

SharedResult Session::baselineResult(int tensor) const {
    const auto index = static_cast<std::size_t>(tensor);
    if (!m_setup.baseline || tensor < 0 || index >= m_described.size() || !m_described[index].quantized || isStored())
        return nullptr;
    return m_store.find(index, *m_setup.baseline, m_described[index].layout);
}

std::vector<TensorResult> Session::results() const {
    std::vector<TensorResult> results;
    results.reserve(m_described.size());
    for (std::size_t i = 0; i < m_described.size(); ++i) {
        const SharedResult measured = isStored() ? nullptr : result(static_cast<int>(i));
        results.push_back(measured ? *measured : m_described[i]);
    }
    return results;
}

std::vector<TensorResult> Session::baselineResults() const {
    std::vector<TensorResult> results;
    if (!m_setup.baseline)
        return results;
    for (std::size_t i = 0; i < m_described.size(); ++i)
        if (const SharedResult measured = baselineResult(static_cast<int>(i)))
            results.push_back(*measured);
    return results;
}

std::vector<std::size_t> Session::unmeasured() const {
    std::vector<std::size_t> missing;
    for (std::size_t i = 0; i < m_described.size(); ++i)
        if (m_described[i].quantized && !isStored() && !result(static_cast<int>(i)))
            missing.push_back(i);
    return missing;
}

std::size_t Session::quantizedCount() const {
    return static_cast<std::size_t>(std::count_if(m_described.begin(), m_described.end(),
                                                  [](const TensorResult &result) { return result.quantized; }));
}

void Session::loadSelected() {
    const int tensor = m_selection.tensor();
    if (!m_model || tensor < 0) {
        m_loader.clear();
        return;
    }
    const auto index = static_cast<std::size_t>(tensor);
    const TensorInfo &info = m_model->tensors[index];
    if (!traits(info.dtype).decodable || info.params == 0) {
        m_loader.clear();
        return;
    }
    TensorLoader::Request request;
    request.model = m_model;
    request.tensor = tensor;
    request.plan = plan();
    request.layout = m_described[index].layout;
    request.recipe = recipeOf(index);
    request.keptReason = m_described[index].keptReason;
    if (request.recipe.format != Format::None)
        request.baseline = m_setup.baseline;
    if (request.baseline) {
        const ModelPlan pinned = baselinePlan();
        request.baselineCalibration = pinned.calibration;
        if (!reasonNotSingly(pinned).empty())
            request.baseline.reset(); // it cannot be shown for one tensor
    }
    m_loader.request(std::move(request));
}

void Session::takeResult(int tensor, const SharedResult &result) {
    m_store.insert(static_cast<std::size_t>(tensor), result);
    Q_EMIT resultChanged(tensor, result);
    tellWarnings(tensor, *result);
    if (m_setup.baseline && result->quantized && result->recipe == *m_setup.baseline)
        Q_EMIT baselineResultsChanged();
}

void Session::fillStatistics() {
    std::uint64_t bytes = 0;
    std::vector<std::size_t> missing;
    for (std::size_t i = 0; i < m_described.size(); ++i) {
        const TensorInfo &info = m_model->tensors[i];
        if (m_store.statistics(i) || !traits(info.dtype).decodable || info.params == 0)
            continue;
        missing.push_back(i);
        bytes += info.bytes;
    }
    if (missing.empty() || bytes > statisticsFillLimitBytes)
        return;
    ModelRun::Request request;
    request.model = m_model;
    request.plan = {Recipe(), m_setup.rule};
    request.tensors = std::move(missing);
    m_statisticsFill.start(std::move(request));
}

// The whole-model run ------------------------------------------------------------------------------------------------

void Session::startRun() {
    if (!m_model || isStored() || m_setup.recipe.format == Format::None)
        return;
    if (const QString reason = reasonNotWhole(); !reason.isEmpty()) {
        Q_EMIT messageRaised({Severity::Warning, reason, {}, QStringLiteral("run"), false});
        return;
    }
    launchRun();
}

void Session::launchRun() {
    m_statisticsFill.drop();
    ModelRun::Request request;
    request.model = m_model;
    request.plan = plan();
    request.prepare = m_calibration.preparation();
    request.tensors = unmeasured();
    request.alreadyDone = quantizedCount() - request.tensors.size();
    const auto chosen = std::find(request.tensors.begin(), request.tensors.end(),
                                  static_cast<std::size_t>(std::max(0, m_selection.tensor())));
    if (chosen != request.tensors.end())
        std::rotate(request.tensors.begin(), chosen, chosen + 1);
    if (m_setup.baseline && !(*m_setup.baseline == m_setup.recipe) && reasonNotSingly(baselinePlan()).empty()) {
        for (std::size_t i = 0; i < m_described.size(); ++i)
            if (m_described[i].quantized && !baselineResult(static_cast<int>(i)))
                request.afterwards.push_back(i);
        request.afterwardsPlan = baselinePlan();
    }
    m_run.start(std::move(request));
}

void Session::stopRun() { m_run.stop(); }

void Session::endRun(bool complete, const std::vector<std::string> &problems) {
    Q_EMIT runChanged();
    if (!complete && problems.empty()) {
        const ModelRun::Status status = m_run.status();
        Q_EMIT messageRaised(
            {Severity::Info,
             tr("Stopped at %1 of %2 tensors. Finished ones are kept.").arg(status.done).arg(status.total),
             {{tr("Continue"), [this] { startRun(); }}},
             QStringLiteral("run"),
             true});
        m_whenMeasured.clear();
    }
    if (!problems.empty()) {
        QString text = QString::fromStdString(problems.front());
        if (problems.size() > 1)
            text += tr(" And %n more tensor(s) could not be measured.", nullptr, static_cast<int>(problems.size()) - 1);
        Q_EMIT messageRaised({Severity::Error, text, {}, QStringLiteral("run"), false});
    }
    if (m_model)
        fillStatistics();
    for (const auto &then : std::exchange(m_whenMeasured, {}))
        then();
}

void Session::whenMeasured(std::function<void()> then) {
    if (unmeasured().empty() || m_setup.recipe.format == Format::None || isStored()) {
        then();
        return;
    }
    m_whenMeasured.push_back(std::move(then));
    if (!m_run.isRunning())
        startRun();
}

} // namespace nibblescope
