// SPDX-License-Identifier: GPL-3.0-or-later
// What a report says, as one value, and its four forms. The writers make text; whoever calls them writes the file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/analysis/analyze.h"
#include "core/analysis/memory_model.h"
#include "core/report/accuracy.h"
#include "core/report/claims.h"
#include "core/report/figures_distribution.h"
#include "core/report/figures_memory.h"
#include "core/report/readings.h"

namespace nibblescope {

struct ReportRequest {
    ModelPlan plan;
    MemoryOptions memory;
    std::optional<double> deviceGiB;   // "fits in N GiB"; absent: the smallest usual device that holds the model
    std::vector<std::string> warnings; // of opening the model and of measuring it
    std::size_t worst = 3;             // tensors that are shown with their histograms
    // What was run on a text, and what is said of such models. Without claims they are judged by the weights alone and
    // by `evidence`, what else was measured.
    std::optional<AccuracyInput> accuracy;
    std::vector<Claim> claims;
    std::vector<Answer> answers;
    ClaimEvidence evidence;
};

struct Report {
    std::string name; // of the model
    std::string path;
    std::string format; // of the file
    std::string commandLine;
    std::string date; // "2026-11-25", local
    ModelPlan plan;
    std::vector<TensorResult> results; // in model order
    ModelTotals totals;
    MemoryBreakdown memory;
    std::optional<double> deviceGiB;
    std::vector<MemoryBar> memoryBars;
    std::vector<MemoryPartRow> memoryParts;
    std::vector<SaidRule> rules; // empty without a recipe
    std::vector<std::string> warnings;
    Reading layersReading;
    Reading memoryReading;
    // Worst first: lowest SQNR; without a recipe the highest kurtosis.
    std::vector<TensorResult> worst;          // at most five
    std::vector<DistributionData> histograms; // of the first of them
    std::optional<AccuracyInput> accuracy;
    std::vector<Claim> claims;
    std::vector<Answer> answers;
};

// `results`: of the tensors that the report is about, as analyzeModel() made them. Reads the worst tensors again for
// their histograms (a sample of those that are too large to be held whole).
Report makeReport(const Model &model, std::vector<TensorResult> results, const ReportRequest &request,
                  const Work &work);

// One page, complete in itself: no script, no link to elsewhere, light and dark by the reader's preference, made to be
// printed too. Every text from the file is escaped.
std::string toHtml(const Report &report);

// The document of `analyze --json`, and the key "report": readings, parts, rules, claims, answers, worst.
nlohmann::ordered_json toJson(const Report &report);
std::string jsonText(const nlohmann::ordered_json &json); // indented, invalid UTF-8 replaced, with an end of line

// One row a tensor: name, shape, dtype, params, bpw, sqnr_db and the other keys of the JSON.
std::string toCsv(const std::vector<TensorResult> &results);

// For a terminal: totals, memory, the worst five, a histogram drawn in characters, and what the field claims.
std::string toTerminal(const Report &report, std::size_t columns = 100);

} // namespace nibblescope
