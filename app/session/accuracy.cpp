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

// What one recipe's run tells while it goes on.
struct Steps {
    std::function<void(const AccuracyPoint &, std::size_t planned)> point;
};

AccuracyResult measure(const Llama &llama, const ModelPlan &plan, const TokenWindows &windows, const Work &work,
                       const Steps &steps) {
    AccuracyResult result;
    result.recipe = plan.recipe;
    result.bpw = bitsAWeight(llama.model(), plan);
    const auto edit = editFrom(llama, plan, result.remarks, work);
    result.evaluation = evaluate(llama, windows, edit.get(), work, [&](const Evaluation &soFar) {
        result.curve.push_back(accuracyPoint(soFar));
        steps.point(result.curve.back(), soFar.plannedWindows);
    });
    if (!result.evaluation.complete())
        return result; // stopped: what was measured is kept
    Work quiet = work;
    quiet.progress = {};
    const StatisticsStore nothing;
    result.linears = linearErrors(llama, *edit, plan.calibration ? *plan.calibration : nothing, quiet);
    ErrorSums sums;
    for (const LinearError &linear : result.linears)
        sums += linear.sums;
    result.sqnrDb = metricsFrom(sums, {}).sqnrDb;
    return result;
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

void Accuracy::start(Request request) {
    std::erase_if(request.plans, [&](const ModelPlan &plan) {
        const SharedAccuracy known = findResult(results(request.text, plan.rule), plan.recipe);
        return plan.recipe.format == Format::None || (known && known->evaluation.complete());
    });
    if (!m_model || request.plans.empty())
        return;
    m_runner.drop(sqnrSlot); // it waits in the same queue
    m_running = true;
    m_stopping = false;
    m_status = {};
    m_status.text = request.text;
    m_status.count = request.plans.size();
    m_status.running.recipe = request.plans.front().recipe;
    m_elapsed.start();
    auto body = [this, model = m_model, request](const Work &work, const Post &post) {
        const Llama llama(*model);
        std::vector<std::string> warnings;
        const TokenWindows windows = windowsFrom(llama, request.text, warnings);
        const std::size_t shared = request.calibration ? sharedWindows(windows, request.calibration->windows()) : 0;
        for (std::size_t i = 0; i < request.plans.size(); ++i) {
            work.checkStop();
            post([this, i, recipe = request.plans[i].recipe, planned = windows.count] {
                m_status.index = i;
                m_status.running = {recipe, planned, {}};
                Q_EMIT progressed();
            });
            const ModelPlan plan = request.prepare ? request.prepare(request.plans[i], work) : request.plans[i];
            const Steps steps{[this, &post](const AccuracyPoint &point, std::size_t) {
                post([this, point] {
                    m_status.running.curve.push_back(point);
                    Q_EMIT progressed();
                });
            }};
            AccuracyResult measured = measure(llama, plan, windows, work, steps);
            if (shared > 0 && needsCalibration(plan.recipe))
                measured.remarks.push_back("It was calibrated on " + std::to_string(shared) + " of the " +
                                           std::to_string(windows.count) +
                                           " windows that it was evaluated on: that "
                                           "flatters it.");
            auto result = std::make_shared<const AccuracyResult>(std::move(measured));
            post([this, text = request.text, rule = plan.rule, result] { take(text, rule, result); });
        }
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
                m_status.share = (static_cast<double>(m_status.index) + part) /
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
        return entry.text == text && entry.rule == rule && entry.result->recipe == result->recipe;
    });
    if (same == m_entries.end())
        m_entries.push_back({text, rule, std::move(result)});
    else if (result->evaluation.windows >= same->result->evaluation.windows)
        same->result = std::move(result);
    Q_EMIT resultsChanged();
}

std::vector<SharedAccuracy> Accuracy::results(const TextSource &text, const SelectionRule &rule) const {
    std::vector<SharedAccuracy> found;
    for (const Entry &entry : m_entries)
        if (entry.text == text && entry.rule == rule)
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
