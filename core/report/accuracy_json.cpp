// SPDX-License-Identifier: GPL-3.0-or-later
// Accuracy results in the session file.
#include "core/report/accuracy.h"

#include "core/base/error.h"

namespace nibblescope {
namespace {

using Json = nlohmann::ordered_json;

Json toJson(const Estimate &estimate) {
    Json json = Json::array({estimate.mean});
    if (estimate.standardError)
        json.push_back(*estimate.standardError);
    return json;
}

Estimate estimateFrom(const Json &json) {
    Estimate estimate;
    estimate.mean = json.at(0).get<double>();
    if (json.size() > 1)
        estimate.standardError = json.at(1).get<double>();
    return estimate;
}

Json toJson(const Comparison &comparison) {
    Json json;
    json["reference_nll"] = toJson(comparison.referenceNll);
    json["nll_difference"] = toJson(comparison.nllDifference);
    json["kl"] = toJson(comparison.kl);
    json["kl_median"] = comparison.klMedian;
    json["kl_p99"] = comparison.klP99;
    json["top1_agreement"] = comparison.top1Agreement;
    json["depth_errors"] = comparison.depthErrors;
    json["window_kl"] = comparison.windowKl;
    json["window_nll_difference"] = comparison.windowNllDifference;
    return json;
}

Comparison comparisonFrom(const Json &json) {
    Comparison comparison;
    comparison.referenceNll = estimateFrom(json.at("reference_nll"));
    comparison.nllDifference = estimateFrom(json.at("nll_difference"));
    comparison.kl = estimateFrom(json.at("kl"));
    comparison.klMedian = json.at("kl_median").get<double>();
    comparison.klP99 = json.at("kl_p99").get<double>();
    comparison.top1Agreement = json.at("top1_agreement").get<double>();
    comparison.depthErrors = json.at("depth_errors").get<std::vector<double>>();
    comparison.windowKl = json.at("window_kl").get<std::vector<double>>();
    comparison.windowNllDifference = json.at("window_nll_difference").get<std::vector<double>>();
    return comparison;
}

} // namespace

Json toJson(const AccuracyResult &result) {
    const Evaluation &evaluation = result.evaluation;
    Json json;
    json["recipe"] = toJson(result.recipe);
    json["bpw"] = result.bpw;
    if (result.sqnrDb)
        json["sqnr_db"] = *result.sqnrDb;
    json["context"] = evaluation.context;
    json["windows"] = evaluation.windows;
    json["planned_windows"] = evaluation.plannedWindows;
    json["tokens"] = evaluation.tokens;
    if (evaluation.products)
        addJson(*evaluation.products, json);
    json["perplexity"] = evaluation.perplexity;
    json["nll"] = toJson(evaluation.nll);
    if (evaluation.comparison)
        json["comparison"] = toJson(*evaluation.comparison);
    json["curve"] = Json::array();
    for (const AccuracyPoint &point : result.curve)
        json["curve"].push_back({point.windows, toJson(point.nll), toJson(point.nllDifference), toJson(point.kl)});
    json["outputs"] = Json::array();
    for (const LinearError &linear : result.linears)
        if (linear.outputError)
            json["outputs"].push_back({linear.name, *linear.outputError});
    json["remarks"] = result.remarks;
    return json;
}

AccuracyResult accuracyFromJson(const Json &json) {
    try {
        AccuracyResult result;
        result.recipe = recipeFromJson(json.at("recipe"));
        result.bpw = json.at("bpw").get<double>();
        if (json.contains("sqnr_db"))
            result.sqnrDb = json.at("sqnr_db").get<double>();
        Evaluation &evaluation = result.evaluation;
        evaluation.context = json.at("context").get<std::size_t>();
        evaluation.windows = json.at("windows").get<std::size_t>();
        evaluation.plannedWindows = json.at("planned_windows").get<std::size_t>();
        evaluation.tokens = json.at("tokens").get<std::size_t>();
        if (json.contains("products"))
            evaluation.products = productsUsedFromJson(json);
        evaluation.perplexity = json.at("perplexity").get<double>();
        evaluation.nll = estimateFrom(json.at("nll"));
        evaluation.comparison = comparisonFrom(json.at("comparison"));
        for (const Json &point : json.at("curve"))
            result.curve.push_back({point.at(0).get<std::size_t>(), estimateFrom(point.at(1)),
                                    estimateFrom(point.at(2)), estimateFrom(point.at(3))});
        for (const Json &output : json.at("outputs")) {
            LinearError linear;
            linear.name = output.at(0).get<std::string>();
            linear.outputError = output.at(1).get<double>();
            result.linears.push_back(linear);
        }
        result.remarks = json.at("remarks").get<std::vector<std::string>>();
        return result;
    } catch (const nlohmann::json::exception &) {
        throw Error(Fault::Input, "The accuracy results in the session file are damaged.");
    }
}

} // namespace nibblescope
