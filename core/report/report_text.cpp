// SPDX-License-Identifier: GPL-3.0-or-later
// The report for a terminal: UTF-8, no colour, lines of at most the columns that are asked for.
#include <algorithm>
#include <array>
#include <cmath>

#include "core/report/figure_pieces.h"
#include "core/report/number_text.h"
#include "core/report/report.h"

namespace nibblescope {
namespace {

constexpr std::size_t histogramHeight = 8;

std::size_t columnsOf(std::string_view text) { // every character that is printed here is one column wide
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

std::string padded(std::string text, std::size_t width, bool right) {
    const std::size_t used = columnsOf(text);
    if (used < width)
        text.insert(right ? 0 : text.size(), width - used, ' ');
    return text;
}

// Names come from files: control characters must not reach a terminal.
std::string safe(const std::string &text) {
    std::string result;
    for (const char c : text)
        result += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    return result;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
    return text;
}

// Lines are broken at blanks only; then the no-break spaces become blanks, which every terminal can show.
std::string wrapped(const std::string &text, std::size_t columns, std::size_t indent = 0) {
    std::string result;
    std::string line;
    const auto flush = [&] {
        result += (result.empty() ? "" : std::string(indent, ' ')) + line + "\n";
        line.clear();
    };
    std::size_t begin = 0;
    while (begin < text.size()) {
        const std::size_t end = std::min(text.find(' ', begin), text.size());
        const std::string word = text.substr(begin, end - begin);
        if (!line.empty() && columnsOf(line) + 1 + columnsOf(word) + indent > columns)
            flush();
        line += (line.empty() ? "" : " ") + word;
        begin = end + 1;
    }
    if (!line.empty())
        flush();
    return replaced(result, "\u00a0", " ");
}

std::string cutAt(const std::string &text, std::size_t columns) {
    if (columnsOf(text) <= columns)
        return text;
    std::size_t end = 0;
    for (std::size_t seen = 0; end < text.size(); ++end) {
        if ((static_cast<unsigned char>(text[end]) & 0xc0U) != 0x80U && seen++ + 1 == columns)
            break;
    }
    return text.substr(0, end) + "…";
}

struct TextColumn {
    std::string title;
    bool right = false;
};

class TextTable {
public:
    explicit TextTable(std::vector<TextColumn> columns) : m_columns(std::move(columns)) {
        std::vector<std::string> titles;
        for (const TextColumn &column : m_columns)
            titles.push_back(column.title);
        row(std::move(titles));
    }
    void row(std::vector<std::string> cells) {
        for (std::string &cell : cells)
            cell = replaced(safe(cell), "\u00a0", " ");
        m_rows.push_back(std::move(cells));
    }
    std::string text() const {
        std::vector<std::size_t> widths(m_columns.size());
        for (const auto &cells : m_rows)
            for (std::size_t i = 0; i < cells.size(); ++i)
                widths[i] = std::max(widths[i], columnsOf(cells[i]));
        std::string result;
        for (const auto &cells : m_rows) {
            std::string line = " ";
            for (std::size_t i = 0; i < cells.size(); ++i)
                line += " " + padded(cells[i], widths[i], m_columns[i].right) + (i + 1 < cells.size() ? " " : "");
            line.erase(line.find_last_not_of(' ') + 1);
            result += line + "\n";
        }
        return result;
    }

private:
    std::vector<TextColumn> m_columns;
    std::vector<std::vector<std::string>> m_rows;
};

std::string shapeText(const std::vector<std::uint64_t> &shape) {
    std::string text;
    for (const std::uint64_t side : shape)
        text += (text.empty() ? "" : "×") + std::to_string(side);
    return text.empty() ? "scalar" : text;
}

std::string kurtosisText(const TensorResult &result) {
    return result.statistics.kurtosis ? fixedText(*result.statistics.kurtosis, 2) : "–";
}

std::string totalsText(const Report &report) {
    const ModelTotals &totals = report.totals;
    TextTable table({{"Totals", false}, {"", true}, {"", false}});
    table.row({"tensors", countText(totals.tensors), countText(totals.quantizedTensors) + " quantized"});
    table.row({"parameters", countText(totals.params), countText(totals.quantizedParams) + " quantized"});
    if (totals.bpw)
        table.row({"bpw", bpwText(*totals.bpw), "over the quantized tensors, every constant counted"});
    if (totals.metrics) {
        table.row({"SQNR (dB)", sqnrText(totals.metrics->sqnrDb, totals.metrics->exact()),
                   "one sum of signal, one of error"});
        if (totals.metrics->relativeError)
            table.row({"relative error", percentText(*totals.metrics->relativeError), ""});
    }
    if (totals.modelBpw)
        table.row({"model bpw", bpwText(*totals.modelBpw), "all tensors, those left alone as stored"});
    return table.text();
}

std::string memoryText(const Report &report, std::size_t columns) {
    TextTable table({{"Memory", false}, {"", true}, {"bpw", true}, {"share", true}, {"", false}});
    for (const MemoryPartRow &row : report.memoryParts) {
        const bool empty = row.bytes == 0 && !row.total;
        if (empty && row.part != "KV cache")
            continue;
        const std::size_t room = columns > 66 ? columns - 46 : 20;
        const std::string part = row.part == "Second-level constants" ? "Second level" : row.part;
        table.row({part, empty ? "–" : bytesText(static_cast<double>(row.bytes)), row.bpw ? bpwText(*row.bpw) : "–",
                   empty ? "–" : percentText(row.share), cutAt(row.from, room)});
    }
    return table.text();
}

std::string worstText(const Report &report) {
    const bool quantized = report.totals.quantizedTensors > 0;
    if (!quantized) {
        TextTable table({{"Heaviest tails", false}, {"shape", true}, {"σ", true}, {"kurtosis", true}});
        for (const TensorResult &result : report.worst)
            table.row({elidedName(shortTensorName(result.info.name), 44), shapeText(result.info.shape),
                       valueText(result.statistics.std.value_or(0)), kurtosisText(result)});
        return table.text();
    }
    TextTable table({{"Worst tensors", false},
                     {"shape", true},
                     {"bpw", true},
                     {"SQNR (dB)", true},
                     {"error", true},
                     {"max |error|", true},
                     {"kurtosis", true}});
    for (const TensorResult &result : report.worst) {
        const auto &metrics = result.metrics;
        table.row({elidedName(shortTensorName(result.info.name), 36), shapeText(result.info.shape), bpwText(result.bpw),
                   metrics ? sqnrText(metrics->sqnrDb) : "–",
                   metrics && metrics->relativeError ? percentText(*metrics->relativeError) : "–",
                   metrics ? valueText(metrics->maxAbsError) : "–", kurtosisText(result)});
    }
    return table.text();
}

std::string claimsText(const Report &report, std::size_t columns) {
    std::string text = "  What the field says, and what is true here\n";
    for (const Claim &claim : report.claims) {
        text += "  " + wrapped("[" + std::string(displayName(claim.mark)) + "] " + claim.said, columns, 4);
        if (claim.mark != ClaimMark::Open)
            text += "    " + wrapped(safe(claim.measured), columns, 4);
        text += "    " + wrapped(safe(claim.reason), columns, 4);
    }
    text += "\n  Questions\n";
    for (const Answer &answer : report.answers)
        text += "  " + answer.question + "\n    " + wrapped(safe(answer.answer), columns, 4);
    return text;
}

// Counts of `from` in `columns` equal parts of its range, each with the share of every bin that it covers.
std::vector<double> resampled(const Histogram &from, std::size_t columns) {
    std::vector<double> out(columns);
    const double step = static_cast<double>(from.counts.size()) / static_cast<double>(columns);
    for (std::size_t i = 0; i < columns; ++i) {
        const double begin = static_cast<double>(i) * step;
        const double end = begin + step;
        for (auto bin = static_cast<std::size_t>(begin); bin < from.counts.size() && static_cast<double>(bin) < end;
             ++bin) {
            const double covered =
                std::min(end, static_cast<double>(bin + 1)) - std::max(begin, static_cast<double>(bin));
            out[i] += covered * static_cast<double>(from.counts[bin]);
        }
    }
    return out;
}

std::string bars(const std::vector<double> &values, std::size_t height) {
    static constexpr std::array<const char *, 9> eighths = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    const double highest = std::max(1e-300, *std::max_element(values.begin(), values.end()));
    std::string text;
    for (std::size_t row = height; row-- > 0;) {
        std::string line = "  ";
        for (const double value : values) {
            const double filled = value / highest * static_cast<double>(height) - static_cast<double>(row);
            // What is there at all is seen.
            const double least = row == 0 && value > 0 ? 1 : 0;
            line += eighths[static_cast<std::size_t>(std::clamp(std::round(filled * 8), least, 8.0))];
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    return text;
}

std::string axisText(const Histogram &histogram, std::size_t width) {
    const int decimals = decimalsFor((histogram.upper - histogram.lower) / 20);
    const std::string left = fixedText(histogram.lower, decimals);
    const std::string middle = fixedText((histogram.lower + histogram.upper) / 2, decimals);
    const std::string right = fixedText(histogram.upper, decimals);
    std::string line = padded(left, width / 2 - columnsOf(middle) / 2, false) + middle;
    line = padded(line, width - columnsOf(right), false) + right;
    return "  " + line + "\n";
}

std::string histogramText(const DistributionData &data, std::size_t columns) {
    const std::size_t width = std::clamp<std::size_t>(columns - 4, 20, 96);
    const std::string name = safe(elidedName(shortTensorName(data.result.info.name), 48));
    std::string text = "  Weights of " + name;
    if (const std::string badge = sampleBadge(data.result); !badge.empty())
        text += " (" + badge + ")";
    text += "\n" + bars(resampled(data.weights, width), histogramHeight) + axisText(data.weights, width);
    if (data.weights.below + data.weights.above > 0)
        text += "  " + countText(data.weights.below) + " below, " + countText(data.weights.above) + " above\n";
    if (data.current && data.current->error.total() > 0) {
        text += "\n  Error, RMSE " + valueText(data.current->rmse) + "\n" +
                bars(resampled(data.current->error, width), histogramHeight / 2) + axisText(data.current->error, width);
    }
    return replaced(text, "\u00a0", " ");
}

} // namespace

std::string toTerminal(const Report &report, std::size_t columns) {
    const bool none = report.plan.recipe.format == Format::None;
    std::string text = safe(report.name) + ": " + (none ? "statistics" : recipeText(report.plan.recipe)) + ", " +
                       bytesText(static_cast<double>(report.totals.bytes)) + " as " + report.format;
    text = wrapped(text, columns) + "\n";
    if (report.totals.quantizedTensors > 0)
        text += wrapped(safe(report.layersReading.text()), columns);
    text += wrapped(safe(report.memoryReading.text()), columns) + "\n";
    text += totalsText(report) + "\n" + memoryText(report, columns) + "\n";
    if (!report.worst.empty())
        text += worstText(report) + "\n";
    if (!report.histograms.empty())
        text += histogramText(report.histograms.front(), columns) + "\n";
    text += claimsText(report, columns);
    return text;
}

} // namespace nibblescope
