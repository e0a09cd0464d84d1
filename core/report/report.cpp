// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/report.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <memory>

#include "core/base/error.h"
#include "core/base/version.h"
#include "core/quant/quantize.h"
#include "core/report/claim_weights.h"
#include "core/report/command_line.h"
#include "core/report/figure_table.h"
#include "core/report/number_text.h"

namespace nibblescope {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t listedWorst = 5;
constexpr std::uint64_t sampleWeights = 1ULL << 18;

std::string today() {
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    std::array<char, 16> text{};
    if (localtime_r(&now, &local) == nullptr || std::strftime(text.data(), text.size(), "%Y-%m-%d", &local) == 0)
        return {};
    return text.data();
}

std::vector<TensorResult> worstOf(const std::vector<TensorResult> &results) {
    std::vector<TensorResult> worst;
    std::copy_if(results.begin(), results.end(), std::back_inserter(worst), [](const TensorResult &result) {
        return result.quantized && result.metrics && result.metrics->sqnrDb;
    });
    std::stable_sort(worst.begin(), worst.end(), [](const TensorResult &a, const TensorResult &b) {
        return *a.metrics->sqnrDb < *b.metrics->sqnrDb;
    });
    if (worst.empty()) {
        std::copy_if(results.begin(), results.end(), std::back_inserter(worst),
                     [](const TensorResult &result) { return result.statistics.kurtosis && result.shape.rows > 1; });
        std::stable_sort(worst.begin(), worst.end(), [](const TensorResult &a, const TensorResult &b) {
            return *a.statistics.kurtosis > *b.statistics.kurtosis;
        });
    }
    if (worst.size() > listedWorst)
        worst.erase(worst.begin() + listedWorst, worst.end());
    return worst;
}

// The recipe that made the result, if it can be carried out here too: its method may need statistics of the inputs.
Recipe recipeToRepeat(const TensorResult &result, const InputStatistics *inputs) {
    const MethodTraits *method = findMethod(result.recipe.method);
    const bool possible = result.quantized && method != nullptr && (!method->needsCalibration || inputs != nullptr);
    return possible ? result.recipe : Recipe{};
}

DistributionData histogramsOf(const Model &model, const TensorResult &result, const StatisticsSource *calibration,
                              const Work &work) {
    const auto index = model.find(result.info.name);
    if (!index)
        throw Error(Fault::Input, result.info.name + " is no longer in the model.");
    const bool whole = result.shape.size() <= wholeTensorLimitBytes / sizeof(float);
    const auto weights =
        std::make_shared<const WeightMatrix>(whole ? readWeights(model, *index, result.layout, work)
                                                   : readSample(model, *index, result.layout, sampleWeights, work));
    const auto inputs = calibration != nullptr ? calibration->statisticsFor(result.info.name) : nullptr;
    const TensorView view =
        makeView(result.info, result.layout, weights, recipeToRepeat(result, inputs.get()), work, inputs.get());
    DistributionData data = computeDistribution(view, nullptr, {}, work);
    if (!view.result.sample)
        data.result = result; // with the errors that were measured, where they could not be repeated
    return data;
}

double smallestDevice(const MemoryBreakdown &memory) {
    static constexpr std::array<double, 8> usual = {2, 4, 8, 12, 16, 24, 48, 80};
    for (const double device : usual) {
        if (fitIn(memory, device).fits)
            return device;
    }
    return usual.back();
}

Json strings(const std::vector<std::string> &list) {
    Json json = Json::array();
    for (const std::string &text : list)
        json.push_back(text);
    return json;
}

Json toJson(const Histogram &histogram) {
    Json json;
    json["lower"] = histogram.lower;
    json["upper"] = histogram.upper;
    json["below"] = histogram.below;
    json["above"] = histogram.above;
    json["counts"] = histogram.counts;
    return json;
}

Json histogramJson(const DistributionData &data) {
    Json json;
    json["name"] = data.result.info.name;
    if (data.result.sample)
        json["sampled"] = data.result.sampled;
    json["weights"] = toJson(data.weights);
    if (data.current) {
        json["dequantized"] = toJson(data.current->decoded);
        json["error"] = toJson(data.current->error);
    }
    return json;
}

Json reportPart(const Report &report) {
    Json json;
    json["date"] = report.date;
    json["command"] = report.commandLine;
    json["readings"] = {{"layers", report.layersReading.text()}, {"memory", report.memoryReading.text()}};
    Json parts = Json::array();
    for (const MemoryPartRow &row : report.memoryParts) {
        Json part = {{"part", row.part}, {"bytes", row.bytes}};
        if (row.bpw)
            part["bpw"] = *row.bpw;
        part["share"] = row.share;
        part["from"] = row.from;
        parts.push_back(std::move(part));
    }
    json["memory_parts"] = std::move(parts);
    Json rules = Json::array();
    for (const SaidRule &rule : report.rules)
        rules.push_back({{"said", rule.said}, {"here", rule.trueHere}, {"holds", rule.holds}, {"why", rule.why}});
    json["said"] = std::move(rules);
    json["worst"] = Json::array();
    for (const TensorResult &result : report.worst)
        json["worst"].push_back(result.info.name);
    json["histograms"] = Json::array();
    for (const DistributionData &data : report.histograms)
        json["histograms"].push_back(histogramJson(data));
    return json;
}

// A value of the tensor's JSON as a cell; shapes as 64x172.
FigureTable::Cell cellOf(const Json &json, const char *key) {
    const auto at = json.find(key);
    if (at == json.end() || at->is_null())
        return {};
    if (at->is_number())
        return {at->get<double>(), {}};
    if (!at->is_array())
        return {std::nullopt, at->get<std::string>()};
    std::string shape;
    for (const Json &side : *at)
        shape += (shape.empty() ? "" : "x") + side.dump();
    return {std::nullopt, shape};
}

} // namespace

Report makeReport(const Model &model, std::vector<TensorResult> results, const ReportRequest &request,
                  const Work &work) {
    Report report;
    report.name = model.name;
    report.path = model.path.string();
    report.format = model.format;
    report.commandLine = commandLineOf("report", model.path, request.plan.recipe, request.plan.rule);
    report.date = today();
    report.plan = request.plan;
    report.results = std::move(results);
    report.totals = totalsOf(report.results);
    report.warnings = request.warnings;

    const ModelGeometry geometry = modelGeometry(model.config);
    const Recipe &recipe = request.plan.recipe;
    report.memory = memoryOf(report.results, geometry, request.memory);
    report.deviceGiB = request.deviceGiB.value_or(smallestDevice(report.memory));
    report.memoryBars = memoryBars(report.results, recipe, std::nullopt, geometry, request.memory);
    report.memoryParts = memoryParts(report.memory, report.results, recipe, report.deviceGiB);
    report.rules = memoryRules(report.results, recipe);
    report.layersReading = layersReading({&report.results, report.totals.quantizedTensors, false});
    report.memoryReading = memoryReading(report.memory, report.memoryBars.front().memory, recipe, report.results);
    report.worst = worstOf(report.results);
    report.accuracy = request.accuracy;
    report.claims = request.claims;
    report.answers = request.answers;
    if (report.claims.empty() && report.answers.empty()) {
        ClaimEvidence evidence = weightEvidence(model, report.results, request.plan, request.memory, work);
        merge(evidence, request.evidence);
        report.claims = claims(evidence);
        report.answers = learnersAnswers(evidence);
    }
    for (std::size_t i = 0; i < std::min(request.worst, report.worst.size()); ++i)
        report.histograms.push_back(histogramsOf(model, report.worst[i], request.plan.calibration.get(), work));
    return report;
}

Json toJson(const Report &report) {
    Json json;
    json["nibblescope"] = version();
    json["path"] = report.path;
    json["format"] = report.format;
    json["recipe"] = toJson(report.plan.recipe);
    json["tensors"] = Json::array();
    for (const TensorResult &result : report.results)
        json["tensors"].push_back(toJson(result, true));
    json["totals"] = toJson(report.totals);
    json["memory"] = toJson(report.memory);
    json["warnings"] = strings(report.warnings);
    json["report"] = reportPart(report);
    if (report.accuracy) {
        json["accuracy"] = Json::array();
        for (const SharedAccuracy &result : report.accuracy->results)
            json["accuracy"].push_back(toJson(*result));
        for (const SharedAccuracy &result : report.accuracy->others) // their "products" tell them apart
            json["accuracy"].push_back(toJson(*result));
    }
    if (!report.claims.empty())
        json["claims"] = toJson(report.claims);
    if (!report.answers.empty())
        json["answers"] = toJson(report.answers);
    return json;
}

std::string jsonText(const Json &json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

std::string toCsv(const std::vector<TensorResult> &results) {
    static constexpr std::array columns = {"name",
                                           "shape",
                                           "dtype",
                                           "params",
                                           "bpw",
                                           "sqnr_db",
                                           "mse",
                                           "rmse",
                                           "relative_error",
                                           "cosine",
                                           "max_abs_error",
                                           "clipped_share",
                                           "used_codes",
                                           "code_entropy",
                                           "mean",
                                           "std",
                                           "kurtosis",
                                           "min",
                                           "max",
                                           "nan",
                                           "inf",
                                           "scales_underflow",
                                           "scales_overflow",
                                           "layout"};
    FigureTable table;
    table.columns.assign(columns.begin(), columns.end());
    table.columns.emplace_back("kept_reason");
    for (const TensorResult &result : results) {
        const Json json = toJson(result, true);
        std::vector<FigureTable::Cell> row;
        for (const char *key : columns)
            row.push_back(cellOf(json, key));
        row.push_back({std::nullopt, result.keptReason});
        table.rows.push_back(std::move(row));
    }
    return toCsv(table);
}

} // namespace nibblescope
