// SPDX-License-Identifier: GPL-3.0-or-later
// One group, weight by weight.
#include <algorithm>
#include <cmath>

#include "core/report/figure_pieces.h"
#include "core/report/figures_bins.h"
#include "core/report/number_text.h"

namespace nibblescope {
namespace {

GroupTable::Row rowOf(const TensorView &view, std::uint64_t group, std::uint64_t index) {
    const QuantizedTensor &tensor = *view.quantized;
    const Format format = tensor.recipe.format;
    const std::uint64_t at = tensor.grid.begin(group) + index;
    const std::uint64_t column = at % tensor.grid.cols;
    const bool byteCodes = traits(format).codeBits == 8;
    GroupTable::Row row;
    row.index = index;
    row.weight = view.weights->weights[at];
    const auto scale = static_cast<double>(tensor.decodeScales[group]);
    row.normalised = scale == 0 ? 0 : static_cast<double>(row.weight) / scale;
    row.nibble = codeAt(tensor, at);
    row.byte = tensor.codes[at / tensor.grid.cols * tensor.bytesPerGridRow() + (byteCodes ? column : column / 2)];
    row.highNibble = byteCodes || column % 2 == 0;
    dequantizeRange(tensor, at, 1, &row.dequantized, scalarKernels());
    row.error = static_cast<double>(row.dequantized) - static_cast<double>(row.weight);
    if (byteCodes) {
        row.code = static_cast<std::int8_t>(row.nibble);
        row.level = row.code;
    } else {
        row.code = static_cast<int>(row.nibble) + traits(format).lowestCode;
        row.level = static_cast<double>(levelsOf(tensor)[row.nibble]);
        if (format == Format::Int4Asym)
            row.level -= zeroOf(tensor, group);
    }
    return row;
}

std::string byteText(unsigned byte) {
    static constexpr const char *digits = "0123456789ABCDEF";
    return {digits[byte >> 4], digits[byte & 15U]};
}

} // namespace

GroupTable groupTable(const TensorView &view, std::uint64_t group) {
    GroupTable table;
    if (!view.quantized || view.quantized->grid.groups() == 0)
        return table;
    const QuantizedTensor &tensor = *view.quantized;
    const GroupGrid &grid = tensor.grid;
    table.groups = grid.groups();
    table.group = std::min(group, table.groups - 1);
    const std::uint64_t begin = grid.begin(table.group);
    table.row = begin / grid.cols;
    if (!view.weights->rowOrigin.empty() && grid.rows == view.weights->shape.rows)
        table.row = view.weights->rowOrigin[table.row];
    table.firstColumn = begin % grid.cols;
    table.lastColumn = table.firstColumn + grid.length(table.group) - 1;
    table.scale = static_cast<double>(tensor.decodeScales[table.group]);
    if (!tensor.zeroPoints.empty())
        table.zeroPoint = zeroOf(tensor, table.group);
    double signal = 0;
    double error = 0;
    for (std::uint64_t i = 0; i < grid.length(table.group); ++i) {
        table.rows.push_back(rowOf(view, table.group, i));
        const GroupTable::Row &row = table.rows.back();
        if (!std::isfinite(row.weight))
            continue;
        signal += static_cast<double>(row.weight) * static_cast<double>(row.weight);
        error += row.error * row.error;
        table.largestError = std::max(table.largestError, std::abs(row.error));
    }
    table.exact = error == 0 && signal > 0;
    if (signal > 0 && error > 0)
        table.sqnrDb = 10 * std::log10(signal / error);
    return table;
}

std::string groupText(const GroupTable &table) {
    std::string text = heldText("row " + countText(table.row)) + ", " +
                       heldText("columns " + countText(table.firstColumn) + "–" + countText(table.lastColumn)) + " · " +
                       heldText("scale " + valueText(table.scale));
    if (table.zeroPoint)
        text += " · " + heldText("zero-point " + valueText(*table.zeroPoint));
    if (table.exact)
        return text + " · exact";
    return table.sqnrDb ? text + " · " + withUnit(sqnrText(table.sqnrDb), "dB") : text;
}

FigureTable tableOf(const GroupTable &table) {
    FigureTable result;
    result.columns = {"i", "weight", "weight / scale", "code", "byte", "level", "dequantized", "error"};
    for (const GroupTable::Row &row : table.rows)
        result.rows.push_back({numberCell(static_cast<double>(row.index)), numberCell(static_cast<double>(row.weight)),
                               numberCell(row.normalised), numberCell(static_cast<double>(row.code)),
                               textCell(byteText(row.byte)), numberCell(row.level),
                               numberCell(static_cast<double>(row.dequantized)), numberCell(row.error)});
    return result;
}

} // namespace nibblescope
