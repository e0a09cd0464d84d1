// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/figure_table.h"

#include "core/report/figure_draw.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace nibblescope {
namespace {

FigureTable::Cell textCell(std::string text) { return {std::nullopt, std::move(text)}; }
FigureTable::Cell numberCell(double value) { return {value, {}}; }

// Spreadsheets run cells that begin so; names of tensors come from files.
bool looksLikeFormula(const std::string &text) {
    return !text.empty() && std::string_view("=+-@\t").find(text.front()) != std::string_view::npos;
}

// On screen a true minus and no-break spaces, in CSV their ASCII forms.
std::string plain(std::string text) {
    const auto replaceAll = [&text](std::string_view from, std::string_view to) {
        for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
            text.replace(at, from.size(), to);
    };
    replaceAll("\u2212", "-");
    replaceAll("\u00A0", " ");
    return text;
}

std::string quoted(const std::string &cell) {
    std::string text = plain(cell);
    if (looksLikeFormula(cell))
        text.insert(text.begin(), '\'');
    if (text.find_first_of(",\"\r\n") == std::string::npos)
        return text;
    std::string result = "\"";
    for (const char character : text) {
        if (character == '"')
            result += '"';
        result += character;
    }
    return result + "\"";
}

void append(FigureTable &table, const Series &series) {
    const bool step = series.kind == Series::Kind::Step;
    for (std::size_t i = 0; i < pointCount(series); ++i) {
        std::vector<FigureTable::Cell> row{textCell(series.name), numberCell(series.x[i])};
        row.push_back(step ? numberCell(series.x[i + 1]) : FigureTable::Cell());
        row.push_back(numberCell(series.y[i]));
        table.rows.push_back(std::move(row));
    }
}

} // namespace

std::string csvNumber(double value) {
    if (!std::isfinite(value))
        return std::isnan(value) ? "nan" : value < 0 ? "-inf" : "inf";
    std::array<char, 64> buffer{};
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
    return {buffer.data(), end};
}

std::string toCsv(const FigureTable &table) {
    std::string text;
    for (std::size_t i = 0; i < table.columns.size(); ++i)
        text += (i > 0 ? "," : "") + quoted(table.columns[i]);
    text += "\r\n";
    for (const auto &row : table.rows) {
        for (std::size_t i = 0; i < row.size(); ++i)
            text += (i > 0 ? "," : "") + (row[i].number ? csvNumber(*row[i].number) : quoted(row[i].text));
        text += "\r\n";
    }
    return text;
}

FigureTable tableOf(const Figure &figure) {
    if (!figure.table.columns.empty())
        return figure.table;
    FigureTable table;
    if (figure.heatMap) {
        const HeatMap &map = *figure.heatMap;
        table.columns = {figure.y.label.empty() ? "row" : figure.y.label, "column",
                         map.valueLabel.empty() ? "value" : map.valueLabel};
        for (std::size_t row = 0; row < map.rows.size(); ++row) {
            for (std::size_t column = 0; column < map.columns.size(); ++column) {
                const std::size_t index = row * map.columns.size() + column;
                const auto value = index < map.cells.size() ? map.cells[index] : std::nullopt;
                table.rows.push_back({textCell(map.rows[row]), textCell(map.columns[column]), {value, {}}});
            }
        }
        return table;
    }
    if (!figure.stackedBars.empty()) {
        table.columns = {"bar", "part", figure.x.label.empty() ? "value" : figure.x.label};
        for (const StackedBar &bar : figure.stackedBars) {
            for (const StackedBar::Part &part : bar.parts)
                table.rows.push_back({textCell(bar.name), textCell(part.name), numberCell(part.value)});
        }
        return table;
    }
    const std::string x = figure.x.label.empty() ? "x" : figure.x.label;
    table.columns = {"series", x, x + ", to", figure.y.label.empty() ? "y" : figure.y.label};
    for (const Series &series : figure.series)
        append(table, series);
    const bool anyStep = std::any_of(figure.series.begin(), figure.series.end(),
                                     [](const Series &series) { return series.kind == Series::Kind::Step; });
    if (!anyStep) {
        table.columns.erase(table.columns.begin() + 2);
        for (auto &row : table.rows)
            row.erase(row.begin() + 2);
    }
    return table;
}

} // namespace nibblescope
