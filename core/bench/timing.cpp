// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/bench/timing.h"

#include <algorithm>
#include <array>

#include "core/base/error.h"

namespace nibblescope {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 5> operationIds{"quantize", "dequantize", "histogram", "matvec", "matmul"};
constexpr std::array<std::string_view, 2> cacheIds{"cold", "warm"};
constexpr std::array<std::string_view, 2> activationIds{"f32", "int8"};

template <typename Enum, std::size_t count>
Enum enumFrom(const std::array<std::string_view, count> &ids, const Json &json, const char *key) {
    const auto text = json.at(key).get<std::string>();
    const auto found = std::find(ids.begin(), ids.end(), text);
    if (found == ids.end())
        throw Error(Fault::Input, "The saved measurement has \"" + text + "\" for " + key + ", which is unknown.");
    return static_cast<Enum>(found - ids.begin());
}

Isa isaFrom(const Json &json) {
    const auto text = json.at("isa").get<std::string>();
    const auto isa = isaFromId(text);
    if (!isa)
        throw Error(Fault::Input, "The saved measurement names the unknown instruction set \"" + text + "\".");
    return *isa;
}

template <typename T>
std::optional<T> optionalFrom(const Json &json, const char *key) {
    const auto found = json.find(key);
    return found == json.end() ? std::nullopt : std::optional<T>(found->get<T>());
}

Json toJson(const std::map<unsigned, double> &byThreads) {
    Json json = Json::object();
    for (const auto &[threads, value] : byThreads)
        json[std::to_string(threads)] = value;
    return json;
}

std::map<unsigned, double> byThreadsFrom(const Json &json, const char *key) {
    std::map<unsigned, double> result;
    for (const auto &[threads, value] : json.at(key).items())
        result[static_cast<unsigned>(std::stoul(threads))] = value.get<double>();
    return result;
}

KernelTiming timingFrom(const Json &json) {
    KernelTiming t;
    t.operation = enumFrom<Operation>(operationIds, json, "operation");
    t.format = json.at("format").get<std::string>();
    t.groupSize = optionalFrom<std::uint32_t>(json, "group_size");
    t.doubleQuant = json.contains("double_quant");
    t.isa = isaFrom(json);
    t.threads = json.at("threads").get<unsigned>();
    t.rows = json.at("rows").get<std::uint64_t>();
    t.cols = json.at("cols").get<std::uint64_t>();
    t.batch = optionalFrom<std::uint32_t>(json, "batch");
    t.cache = enumFrom<CacheState>(cacheIds, json, "cache");
    t.input = json.value("input", "");
    t.fused = json.value("fused", false);
    t.histogramBins = optionalFrom<std::uint32_t>(json, "histogram_bins");
    if (json.contains("activations"))
        t.activations = enumFrom<Activations>(activationIds, json, "activations");
    t.samples = json.value("samples", std::uint64_t{0});
    t.medianSeconds = json.at("median_s").get<double>();
    t.q25Seconds = json.at("q25_s").get<double>();
    t.q75Seconds = json.at("q75_s").get<double>();
    t.bytes = json.at("bytes").get<std::uint64_t>();
    t.share = json.at("share_of_read_bandwidth").get<double>();
    t.maxRelativeError = optionalFrom<double>(json, "max_relative_error");
    return t;
}

std::string upper(std::string text) {
    for (char &c : text)
        c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return text;
}

} // namespace

std::string_view idOf(Operation operation) { return operationIds[static_cast<std::size_t>(operation)]; }
std::string_view idOf(CacheState cache) { return cacheIds[static_cast<std::size_t>(cache)]; }
std::string_view idOf(Activations kind) { return activationIds[static_cast<std::size_t>(kind)]; }

std::string displayFormat(const KernelTiming &timing) {
    std::string text = upper(timing.format);
    for (const char *const suffix : {"-MAX", "-ASYM"})
        if (const auto at = text.find(suffix); at != std::string::npos)
            text = text.substr(0, at) + (suffix[1] == 'M' ? " max" : " asym");
    if (timing.groupSize)
        text += " " + std::to_string(*timing.groupSize);
    else if (timing.format == "int8")
        text += " row";
    if (timing.doubleQuant)
        text += " DQ";
    return text;
}

Json toJson(const KernelTiming &t) {
    Json json;
    json["operation"] = idOf(t.operation);
    json["format"] = t.format;
    if (t.groupSize)
        json["group_size"] = *t.groupSize;
    if (t.doubleQuant)
        json["double_quant"] = "dynamic";
    json["isa"] = idOf(t.isa);
    json["threads"] = t.threads;
    json["rows"] = t.rows;
    json["cols"] = t.cols;
    if (t.batch)
        json["batch"] = *t.batch;
    json["cache"] = idOf(t.cache);
    if (!t.input.empty())
        json["input"] = t.input;
    if (t.operation == Operation::Quantize)
        json["fused"] = t.fused;
    if (t.histogramBins)
        json["histogram_bins"] = *t.histogramBins;
    if (t.activations)
        json["activations"] = idOf(*t.activations);
    if (t.samples != 0)
        json["samples"] = t.samples;
    json["median_s"] = t.medianSeconds;
    json["q25_s"] = t.q25Seconds;
    json["q75_s"] = t.q75Seconds;
    json["bytes"] = t.bytes;
    json["gb_s"] = t.gbPerSecond();
    json["share_of_read_bandwidth"] = t.share;
    if (t.maxRelativeError)
        json["max_relative_error"] = *t.maxRelativeError;
    return json;
}

Json toJson(const MachineInfo &machine) {
    Json json;
    json["cpu"] = machine.cpu;
    json["isa"] = idOf(machine.isa);
    json["cores"] = machine.cores;
    if (machine.lastLevelCacheBytes != 0)
        json["last_level_cache_bytes"] = machine.lastLevelCacheBytes;
    if (!machine.blas.empty())
        json["blas"] = machine.blas;
    json["read_gb_s"] = toJson(machine.readGbPerSecond);
    json["read_gb_s_4"] = toJson(machine.readGbPerSecond4);
    if (!machine.peakGflops.empty())
        json["peak_gflops"] = toJson(machine.peakGflops);
    if (!machine.peakInt8Gops.empty())
        json["peak_int8_gops"] = toJson(machine.peakInt8Gops);
    return json;
}

Json toJson(const BenchReport &report) {
    Json json;
    json["machine"] = toJson(report.machine);
    if (!report.date.empty())
        json["date"] = report.date;
    json["results"] = Json::array();
    for (const KernelTiming &timing : report.results)
        json["results"].push_back(toJson(timing));
    if (!report.notes.empty())
        json["notes"] = report.notes;
    return json;
}

BenchReport benchReportFromJson(const Json &json) {
    try {
        BenchReport report;
        const Json &machine = json.at("machine");
        report.machine.cpu = machine.at("cpu").get<std::string>();
        report.machine.isa = isaFrom(machine);
        report.machine.cores = machine.at("cores").get<unsigned>();
        report.machine.lastLevelCacheBytes = machine.value("last_level_cache_bytes", std::uint64_t{0});
        report.machine.blas = machine.value("blas", "");
        report.date = json.value("date", "");
        report.machine.readGbPerSecond = byThreadsFrom(machine, "read_gb_s");
        report.machine.readGbPerSecond4 = byThreadsFrom(machine, "read_gb_s_4");
        if (machine.contains("peak_gflops"))
            report.machine.peakGflops = byThreadsFrom(machine, "peak_gflops");
        if (machine.contains("peak_int8_gops"))
            report.machine.peakInt8Gops = byThreadsFrom(machine, "peak_int8_gops");
        for (const Json &timing : json.at("results"))
            report.results.push_back(timingFrom(timing));
        report.notes = json.value("notes", std::vector<std::string>{});
        return report;
    } catch (const Json::exception &error) {
        throw Error(Fault::Input, std::string("The saved measurement cannot be read: ") + error.what() + ".");
    } catch (const std::logic_error &) { // a thread count that is no number
        throw Error(Fault::Input, "The saved measurement cannot be read: read_gb_s has a key that is no number.");
    }
}

} // namespace nibblescope
