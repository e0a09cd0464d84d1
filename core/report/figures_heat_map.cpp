// SPDX-License-Identifier: GPL-3.0-or-later
// The layers of a model as a map: module across, layer upwards.
#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>

#include "core/report/figure_pieces.h"
#include "core/report/figures_layers.h"
#include "core/report/number_text.h"

namespace nibblescope {
namespace {

constexpr std::size_t mostColumns = 24; // beyond that the experts of a mixture share a column

std::vector<std::string> partsOf(const std::string &name) {
    std::vector<std::string> parts;
    std::size_t begin = 0;
    while (true) {
        const std::size_t dot = std::min(name.find_first_of("./", begin), name.size());
        parts.push_back(name.substr(begin, dot - begin));
        if (dot == name.size())
            return parts;
        begin = dot + 1;
    }
}

std::string joined(const std::vector<std::string> &parts, std::size_t first, std::size_t last) {
    std::string text;
    for (std::size_t i = first; i < last; ++i)
        text += (text.empty() ? "" : ".") + parts[i];
    return text;
}

std::optional<std::uint64_t> numberIn(const std::string &part) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
    if (part.empty() || error != std::errc() || end != part.data() + part.size())
        return std::nullopt;
    return number;
}

struct SplitName {
    std::string stack; // what stands before the layer's number: "layers", "encoder.layers"
    LayerPlace place;
};

std::optional<SplitName> split(const std::string &name) {
    const std::vector<std::string> parts = partsOf(shortTensorName(name));
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
        if (const auto layer = numberIn(parts[i]))
            return SplitName{joined(parts, 0, i), {*layer, joined(parts, i + 1, parts.size())}};
    }
    return std::nullopt;
}

std::string lastPart(const std::string &module) { return module.substr(module.rfind('.') + 1); }
std::string parentPart(const std::string &module) {
    const std::size_t dot = module.rfind('.');
    return dot == std::string::npos ? std::string() : module.substr(0, dot);
}

std::size_t computationRank(const std::string &module) {
    static constexpr std::array<std::string_view, 28> order = {
        "q_proj",   "q",        "query",           "wq",     "k_proj",  "k",
        "key",      "wk",       "v_proj",          "v",      "value",   "wv",
        "c_attn",   "qkv_proj", "query_key_value", "o_proj", "o",       "wo",
        "out_proj", "dense",    "gate_proj",       "w1",     "up_proj", "w3",
        "c_fc",     "fc1",      "down_proj",       "w2"};
    const std::string last = lastPart(module);
    return static_cast<std::size_t>(std::find(order.begin(), order.end(), last) - order.begin());
}

bool isAttention(const std::string &parent) { return parent.find("att") != std::string::npos; }

std::string withoutNumbers(const std::string &module) {
    std::vector<std::string> parts = partsOf(module);
    for (std::string &part : parts) {
        if (numberIn(part))
            part = "*";
    }
    return joined(parts, 0, parts.size());
}

struct Cell {
    const TensorResult *result = nullptr;
    std::optional<double> value;
    SplitName name;
};

std::vector<Cell> cellsOf(const LayersInput &input) {
    std::vector<Cell> cells;
    for (const TensorResult &result : input.results) {
        if (!result.quantized)
            continue;
        if (!input.scope.empty() &&
            std::find(input.scope.begin(), input.scope.end(), result.info.name) == input.scope.end())
            continue;
        if (const auto name = split(result.info.name))
            cells.push_back({&result, quantityOf(input, result), *name});
    }
    // Several stacks of layers (an encoder and a decoder) have columns of their own.
    std::set<std::string> stacks;
    std::set<std::string> modules;
    for (const Cell &cell : cells)
        stacks.insert(cell.name.stack);
    for (Cell &cell : cells) {
        if (stacks.size() > 1 && !cell.name.stack.empty())
            cell.name.place.module = cell.name.stack + "." + cell.name.place.module;
        modules.insert(cell.name.place.module);
    }
    if (modules.size() > mostColumns) {
        for (Cell &cell : cells)
            cell.name.place.module = withoutNumbers(cell.name.place.module);
    }
    return cells;
}

std::string cellText(double value, LayersQuantity quantity) {
    if (inPercent(quantity))
        return percentText(value);
    return quantity == LayersQuantity::MaxAbsError ? valueText(value) : fixedText(value, 2);
}

class MapBuilder {
public:
    MapBuilder(const LayersInput &input, const std::vector<Cell> &cells) : m_input(input) {
        std::vector<std::string> modules;
        std::set<std::uint64_t> layers;
        for (const Cell &cell : cells) {
            if (std::find(modules.begin(), modules.end(), cell.name.place.module) == modules.end())
                modules.push_back(cell.name.place.module);
            layers.insert(cell.name.place.layer);
        }
        m_map.columns = modulesInOrder(std::move(modules));
        for (const std::uint64_t layer : layers) {
            m_rowOf[layer] = m_map.rows.size();
            m_map.rows.push_back(std::to_string(layer));
        }
        const std::size_t size = m_map.rows.size() * m_map.columns.size();
        m_map.cells.resize(size);
        m_map.texts.resize(size);
        m_map.links.resize(size);
        for (const Cell &cell : cells)
            place(cell);
    }

    HeatMap finish() {
        m_map.valueLabel = quantityLabel(m_input.quantity);
        const bool sqnr = m_input.quantity == LayersQuantity::Sqnr;
        const bool kurtosis = m_input.quantity == LayersQuantity::Kurtosis;
        m_map.reversed = !sqnr && !kurtosis;
        bool first = true;
        for (std::size_t i = 0; i < m_map.cells.size(); ++i) {
            if (!m_map.cells[i])
                continue;
            const double value = *m_map.cells[i];
            if (first || (sqnr ? value < *m_map.cells[*m_map.worst] : value > *m_map.cells[*m_map.worst]))
                m_map.worst = i;
            m_map.lower = first ? value : std::min(m_map.lower, value);
            m_map.upper = first ? value : std::max(m_map.upper, value);
            first = false;
        }
        if (!first) {
            const std::string low = cellText(m_map.lower, m_input.quantity);
            const std::string high = cellText(m_map.upper, m_input.quantity);
            m_map.lowerText = kurtosis ? low : (sqnr ? "worse " : "better ") + low;
            m_map.upperText = kurtosis ? high : high + (sqnr ? " better" : " worse");
        }
        if (kurtosis)
            m_map.worst.reset();
        return std::move(m_map);
    }

private:
    void place(const Cell &cell) {
        const auto column = static_cast<std::size_t>(
            std::find(m_map.columns.begin(), m_map.columns.end(), cell.name.place.module) - m_map.columns.begin());
        const std::size_t at = m_rowOf[cell.name.place.layer] * m_map.columns.size() + column;
        const bool selected = !m_input.selected.empty() && m_input.selected.front() == cell.result->info.name;
        if (selected)
            m_map.selected = at;
        const std::optional<double> &there = m_map.cells[at];
        const bool lower = m_input.quantity == LayersQuantity::Sqnr; // the worst of those that share a cell
        const bool replaces = cell.value && (!there || (lower ? *cell.value < *there : *cell.value > *there));
        if (m_map.links[at].empty() || replaces)
            m_map.links[at] = "tensor:" + cell.result->info.name;
        if (replaces) {
            m_map.cells[at] = cell.value;
            m_map.texts[at] = cellText(*cell.value, m_input.quantity);
        }
    }

    const LayersInput &m_input;
    HeatMap m_map;
    std::map<std::uint64_t, std::size_t> m_rowOf;
};

FigureTable mapTable(const LayersInput &input, const std::vector<Cell> &cells) {
    FigureTable table;
    table.columns = {"layer", "module", quantityLabel(input.quantity), "tensor"};
    const double unit = inPercent(input.quantity) ? 100 : 1;
    for (const Cell &cell : cells)
        table.rows.push_back({numberCell(static_cast<double>(cell.name.place.layer)), textCell(cell.name.place.module),
                              numberCell(cell.value ? std::optional(*cell.value * unit) : std::nullopt),
                              textCell(cell.result->info.name)});
    return table;
}

} // namespace

std::optional<LayerPlace> layerPlace(const std::string &name) {
    const auto parts = split(name);
    return parts ? std::optional(parts->place) : std::nullopt;
}

std::vector<std::string> modulesInOrder(std::vector<std::string> modules) {
    std::map<std::string, std::size_t> parents; // by first appearance
    std::map<std::string, std::size_t> places;
    for (const std::string &module : modules) {
        parents.emplace(parentPart(module), parents.size());
        places.emplace(module, places.size());
    }
    std::sort(modules.begin(), modules.end(), [&](const std::string &a, const std::string &b) {
        const std::string parentA = parentPart(a);
        const std::string parentB = parentPart(b);
        if (parentA != parentB) {
            if (isAttention(parentA) != isAttention(parentB))
                return isAttention(parentA);
            return parents[parentA] < parents[parentB];
        }
        const std::size_t rankA = computationRank(a);
        const std::size_t rankB = computationRank(b);
        return rankA != rankB ? rankA < rankB : places[a] < places[b];
    });
    return modules;
}

std::optional<Figure> layersHeatMap(const LayersInput &input) {
    const std::vector<Cell> cells = cellsOf(input);
    if (cells.empty())
        return std::nullopt;
    Figure figure;
    figure.id = "layers.map";
    figure.title = "Layer × module, " + quantityLabel(input.quantity);
    figure.y.label = "layer";
    figure.heatMap = MapBuilder(input, cells).finish();
    figure.x.lower = -0.5;
    figure.x.upper = static_cast<double>(figure.heatMap->columns.size()) - 0.5;
    figure.y.lower = -0.5;
    figure.y.upper = static_cast<double>(figure.heatMap->rows.size()) - 0.5;
    figure.table = mapTable(input, cells);
    return figure;
}

} // namespace nibblescope
