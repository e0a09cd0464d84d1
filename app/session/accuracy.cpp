// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/session/accuracy.h"

#include <algorithm>
#include <set>
#include <utility>

#include "app/session/work_state.h"
#include "core/analysis/results.h"
#include "core/model/llama.h"
#include "core/model/recipe_edit.h"
#include "core/model/sequential.h"
#include "core/model/tokenizer.h"
#include "core/quant/method_parameters.h"
#include "core/report/claim_weights.h"

namespace nibblescope {

namespace {

const QString runSlot = QStringLiteral("accuracy");
const QString sqnrSlot = QStringLiteral("accuracy.sqnr");
const QString abilitySlot = QStringLiteral("ability");

constexpr double tellableShare = 0.02; // of a job, from which the time left is told
constexpr double tellableSeconds = 1;

ModelAbility abilityOf(const Model &model) {
    ModelAbility ability;
    try {
        const Llama llama(model);
        ability.contextLimit = llama.config().contextLimit;
        try {
            if (!openTokenizer(model, llama.config().vocabulary))
                ability.noTokenizer = "There is no tokenizer beside the weights (tokenizer.json, tokenizer.model or "
                                      "tok*.bin): choose token ids in a .npy file.";
        } catch (const Error &error) {
            ability.noTokenizer = error.what();
        }
    } catch (const Error &error) {
        ability.notRun = error.what();
    }
    return ability;
}

std::size_t sharedWindows(const TokenWindows &some, const TokenWindows &others) {
    std::set<std::vector<std::int32_t>> known;
    for (std::size_t i = 0; i < others.count; ++i)
        known.emplace(others.window(i).begin(), others.window(i).end());
    std::size_t shared = 0;
    for (std::size_t i = 0; i < some.count; ++i)
        shared += known.count({some.window(i).begin(), some.window(i).end()});
    return shared;
}

// Windows that were calibrated on; a calibration from imported inputs knows none.
std::size_t flattered(const TokenWindows &windows, const CalibrationFile *calibration) {
    return calibration != nullptr && calibration->header().windows > 0 ? sharedWindows(windows, calibration->windows())
                                                                       : 0;
}

// What is known of the weights alone, once a recipe was run over all windows.
void addErrors(AccuracyResult &result, const Llama &llama, const ModelPlan &plan, const WeightEdit &edit,
               const Work &work) {
    Work quiet = work;
    quiet.progress = {};
    const StatisticsStore nothing;
    result.linears = linearErrors(llama, edit, plan.calibration ? *plan.calibration : nothing, quiet);
    ErrorSums sums;
    for (const LinearError &linear : result.linears)
        sums += linear.sums;
    result.sqnrDb = metricsFrom(sums, {}).sqnrDb;
}

// Recipes that run side by side. Sequential statistics are large: who has them runs alone.
std::vector<std::vector<ModelPlan>> together(const std::vector<ModelPlan> &plans) {
    std::vector<std::vector<ModelPlan>> groups;
    for (const ModelPlan &plan : plans)
        if (!plan.recipe.sequential) {
            if (groups.empty())
                groups.emplace_back();
            groups.front().push_back(plan);
        }
    for (const ModelPlan &plan : plans)
        if (plan.recipe.sequential)
            groups.push_back({plan});
    return groups;
}

} // namespace

Accuracy::Accuracy(JobRunner &runner, QObject *parent) : QObject(parent), m_runner(runner) {}

void Accuracy::setModel(std::shared_ptr<const Model> model) {
    m_runner.drop(runSlot);
    m_runner.drop(abilitySlot);
    m_running = false;
    m_runner.drop(sqnrSlot);
    m_entries.clear();
    m_sqnr.reset();
    m_text.reset();
    m_ability.reset();
    m_model = std::move(model);
    if (!m_model)
        return;
    m_runner.start(
        abilitySlot, Queue::Interactive, [model = m_model](const Work &, const Post &) { return abilityOf(*model); },
        JobHandlers<ModelAbility>{[this](const std::shared_ptr<const ModelAbility> &ability) {
                                      m_ability = *ability;
                                      Q_EMIT abilityChanged();
                                  },
                                  [this](const JobFailure &failure) {
                                      m_ability = ModelAbility{failure.text, {}, {}};
                                      Q_EMIT abilityChanged();
                                  },
                                  {}});
}

// The body of a job, on its thread.
class Accuracy::Job {
public:
    Job(Accuracy &accuracy, const Llama &llama, const Request &request, TokenWindows windows, const Work &work,
        const Post &post)
        : m_accuracy(accuracy), m_llama(llama), m_request(request), m_windows(std::move(windows)), m_work(work),
          m_post(post), m_shared(flattered(m_windows, request.calibration.get())) {}

    void run() {
        for (const std::vector<ModelPlan> &plans : together(m_request.plans)) {
            m_work.checkStop();
            runTogether(plans);
            m_done += plans.size();
        }
        if (m_problem)
            throw Error(m_problem->fault(), m_problem->what());
    }

private:
    struct Prepared {
        ModelPlan plan;
        AccuracyResult result;
        std::unique_ptr<const WeightEdit> edit;
    };

    void runTogether(const std::vector<ModelPlan> &plans) {
        tellStart(plans);
        std::vector<Prepared> prepared;
        std::vector<ModelVariant> variants;
        for (const ModelPlan &plan : plans) {
            Prepared &one = prepared.emplace_back();
            one.plan = m_request.prepare ? m_request.prepare(plan, m_work) : plan;
            one.result.recipe = plan.recipe;
            one.result.bpw = bitsAWeight(m_llama.model(), one.plan);
            one.edit = editFrom(m_llama, one.plan, one.result.remarks, m_work);
            variants.push_back({one.edit.get(), {}, m_request.products});
        }
        const std::vector<Evaluation> evaluations =
            evaluateSideBySide(m_llama, m_windows, variants, m_work,
                               [&](const std::vector<Evaluation> &soFar) { tellPoints(prepared, soFar); });
        for (std::size_t i = 0; i < prepared.size(); ++i)
            take(prepared[i], evaluations[i]);
    }

    void tellStart(const std::vector<ModelPlan> &plans) const {
        std::vector<AccuracyRunning> running;
        for (const ModelPlan &plan : plans)
            running.push_back({plan.recipe, m_windows.count, {}});
        m_post([&accuracy = m_accuracy, running, done = m_done] {
            accuracy.m_status.done = done;
            accuracy.m_status.running = running;
            Q_EMIT accuracy.progressed();
        });
    }

    void tellPoints(std::vector<Prepared> &prepared, const std::vector<Evaluation> &soFar) const {
        std::vector<std::pair<std::size_t, AccuracyPoint>> points;
        for (std::size_t i = 0; i < soFar.size(); ++i) {
            std::vector<AccuracyPoint> &curve = prepared[i].result.curve;
            if (soFar[i].windows == (curve.empty() ? 0 : curve.back().windows))
                continue; // its turn has not come, or is over
            curve.push_back(accuracyPoint(soFar[i]));
            points.emplace_back(i, curve.back());
        }
        m_post([&accuracy = m_accuracy, points] {
            for (const auto &[i, point] : points)
                if (i < accuracy.m_status.running.size())
                    accuracy.m_status.running[i].curve.push_back(point);
            Q_EMIT accuracy.progressed();
        });
    }

    void take(Prepared &one, const Evaluation &evaluation) {
        if (evaluation.problem && !m_problem)
            m_problem = Error(evaluation.problem->fault(),
                              shortForm(one.plan.recipe) + " was not run. " + evaluation.problem->what());
        if (evaluation.windows == 0)
            return;
        AccuracyResult &result = one.result;
        result.evaluation = evaluation;
        if (const auto warnings = one.edit->warnings(); !warnings.empty())
            result.remarks.push_back(warnings.front() + (warnings.size() > 1
                                                             ? " So with " + std::to_string(warnings.size() - 1) +
                                                                   (warnings.size() == 2 ? " other." : " others.")
                                                             : ""));
        if (evaluation.complete()) // stopped: what was measured is kept
            addErrors(result, m_llama, one.plan, *one.edit, m_work);
        if (m_shared > 0 && needsCalibration(one.plan.recipe))
            result.remarks.push_back("It was calibrated on " + std::to_string(m_shared) + " of the " +
                                     std::to_string(m_windows.count) +
                                     " windows that it was evaluated on: that flatters it.");
        auto shared = std::make_shared<const AccuracyResult>(std::move(result));
        m_post([&accuracy = m_accuracy, text = m_request.text, rule = one.plan.rule, shared] {
            accuracy.take(text, rule, shared);
        });
    }

    Accuracy &m_accuracy;
    const Llama &m_llama;
    const Request &m_request;
    TokenWindows m_windows;
    const Work &m_work;
    const Post &m_post;
    std::size_t m_shared; // windows that were calibrated on
    std::size_t m_done = 0;
    std::optional<Error> m_problem; // the first: others are run all the same
};

void Accuracy::start(Request request) {
    std::erase_if(request.plans, [&](const ModelPlan &plan) {
        const SharedAccuracy known = findResult(results(request.text, plan.rule, request.products), plan.recipe);
        return plan.recipe.format == Format::None || (known && known->evaluation.complete());
    });
    if (!m_model || request.plans.empty())
        return;
    m_runner.drop(sqnrSlot); // it waits in the same queue
    m_running = true;
    m_stopping = false;
    m_status = {};
    m_status.text = request.text;
    m_status.products = request.products;
    m_status.count = request.plans.size();
    for (const ModelPlan &plan : request.plans)
        m_status.running.push_back({plan.recipe, 0, {}});
    m_elapsed.start();
    auto body = [this, model = m_model, request](const Work &work, const Post &post) {
        const Llama llama(*model);
        std::vector<std::string> warnings;
        Job(*this, llama, request, windowsFrom(llama, request.text, warnings), work, post).run();
        return warnings;
    };
    m_runner.start(
        runSlot, Queue::Batch, std::move(body),
        JobHandlers<std::vector<std::string>>{
            [this](const std::shared_ptr<const std::vector<std::string>> &warnings) {
                if (!warnings->empty())
                    Q_EMIT warned(QString::fromStdString(warnings->front()));
                finish({}, m_stopping);
            },
            [this](const JobFailure &failure) {
                finish(failure.stopped() ? QString() : QString::fromStdString(failure.text), failure.stopped());
            },
            [this](const Progress &progress) {
                const double part =
                    progress.total == 0 ? 0 : static_cast<double>(progress.done) / static_cast<double>(progress.total);
                m_status.share =
                    (static_cast<double>(m_status.done) + part * static_cast<double>(m_status.running.size())) /
                    static_cast<double>(std::max<std::size_t>(1, m_status.count));
                m_status.elapsedSeconds = static_cast<double>(m_elapsed.elapsed()) / 1000;
                Q_EMIT progressed();
            }});
    Q_EMIT progressed();
}

void Accuracy::stop() {
    if (!m_running)
        return;
    m_stopping = true;
    m_runner.requestStop(runSlot);
}

std::optional<double> Accuracy::secondsLeft() const {
    if (m_status.share < tellableShare || m_status.elapsedSeconds < tellableSeconds)
        return std::nullopt;
    return m_status.elapsedSeconds * (1 - m_status.share) / m_status.share;
}

void Accuracy::finish(const QString &problem, bool stopped) {
    m_running = false;
    m_stopping = false;
    Q_EMIT ended(problem, stopped);
}

void Accuracy::take(const TextSource &text, const SelectionRule &rule, SharedAccuracy result) {
    const auto same = std::find_if(m_entries.begin(), m_entries.end(), [&](const Entry &entry) {
        return entry.text == text && entry.rule == rule && entry.result->recipe == result->recipe &&
               productsOf(*entry.result) == productsOf(*result);
    });
    if (same == m_entries.end())
        m_entries.push_back({text, rule, std::move(result)});
    else if (result->evaluation.windows >= same->result->evaluation.windows)
        same->result = std::move(result);
    Q_EMIT resultsChanged();
}

std::vector<SharedAccuracy> Accuracy::results(const TextSource &text, const SelectionRule &rule,
                                              Products products) const {
    std::vector<SharedAccuracy> found;
    for (const Entry &entry : m_entries)
        if (entry.text == text && entry.rule == rule && productsOf(*entry.result) == products)
            found.push_back(entry.result);
    return found;
}

std::optional<TextSource> Accuracy::text() const {
    if (m_text || !m_model)
        return m_text;
    std::error_code problem;
    const bool folder = std::filesystem::is_directory(m_model->path, problem);
    TextSource usual;
    usual.path = (folder ? m_model->path : m_model->path.parent_path()) / "heldout.txt";
    return std::filesystem::exists(usual.path, problem) ? std::optional(usual) : std::nullopt;
}

std::optional<TextSource> Accuracy::lastText() const {
    return m_entries.empty() ? std::nullopt : std::optional(m_entries.back().text);
}

std::shared_ptr<const std::vector<RecipeEvidence>> Accuracy::sqnr(const SelectionRule &rule) const {
    return m_sqnr && m_sqnrRule == rule ? m_sqnr : nullptr;
}

void Accuracy::measureSqnr(const SelectionRule &rule) {
    if (!m_model || m_running || sqnr(rule) || m_runner.isActive(sqnrSlot))
        return;
    m_runner.start(
        sqnrSlot, Queue::Batch,
        [model = m_model, rule](const Work &work, const Post &) {
            std::vector<TensorResult> described;
            for (const TensorInfo &info : model->tensors)
                described.push_back(describeTensor(info, {Recipe(), rule}));
            return weightEvidence(*model, described, {Recipe(), rule}, {}, work).recipes;
        },
        JobHandlers<std::vector<RecipeEvidence>>{
            [this, rule](const std::shared_ptr<const std::vector<RecipeEvidence>> &found) {
                m_sqnrRule = rule;
                m_sqnr = found;
                Q_EMIT resultsChanged();
            },
            {},
            {}});
}

void Accuracy::forget() {
    m_entries.clear();
    Q_EMIT resultsChanged();
}

void Accuracy::forgetIf(const std::function<bool(const Recipe &)> &which) {
    const auto before = m_entries.size();
    std::erase_if(m_entries, [&](const Entry &entry) { return which(entry.result->recipe); });
    if (m_entries.size() != before)
        Q_EMIT resultsChanged();
}

nlohmann::ordered_json Accuracy::toJson() const {
    auto json = nlohmann::ordered_json::array();
    for (const Entry &entry : m_entries) {
        nlohmann::ordered_json one;
        one["text"] = entry.text.path.string();
        one["context"] = entry.text.context;
        if (entry.text.windows)
            one["windows"] = *entry.text.windows;
        one["rule"] = nibblescope::toJson(entry.rule);
        one["result"] = nibblescope::toJson(*entry.result);
        json.push_back(std::move(one));
    }
    return json;
}

void Accuracy::restore(const nlohmann::ordered_json &json) {
    if (!json.is_array())
        return;
    for (const auto &one : json) {
        if (!one.is_object() || !one.contains("rule") || !one.contains("result"))
            continue;
        TextSource text;
        text.path = one.value("text", std::string());
        text.tokenIds = text.path.extension() == ".npy";
        text.context = one.value("context", usualContext);
        if (one.contains("windows"))
            text.windows = one.value("windows", std::size_t{1});
        take(text, selectionRuleFromJson(one["rule"]),
             std::make_shared<const AccuracyResult>(accuracyFromJson(one["result"])));
    }
}

} // namespace nibblescope
