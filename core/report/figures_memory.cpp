// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/figures_memory.h"

#include <algorithm>
#include <cmath>

#include "core/report/figure_colours.h"
#include "core/report/figure_pieces.h"
#include "core/report/number_text.h"
#include "core/report/readings.h"

namespace nibblescope {
namespace {

constexpr double gib = 1024.0 * 1024 * 1024;

struct ByteUnit {
    double bytes = 1;
    std::string label;
};

ByteUnit unitFor(double bytes) {
    // A few thousand of the smaller unit read better than one and a half of the larger.
    if (bytes >= 2 * gib)
        return {gib, "GiB (1,024 MiB)"};
    if (bytes >= 2 * 1024.0 * 1024)
        return {1024.0 * 1024, "MiB (1,024 KiB)"};
    if (bytes >= 2 * 1024)
        return {1024, "KiB (1,024 bytes)"};
    return {1, "bytes"};
}

std::string bytesText(std::uint64_t bytes) { return nibblescope::bytesText(static_cast<double>(bytes)); }

std::string cacheName(const MemoryBreakdown &memory) {
    return "KV cache, " + heldText(countText(memory.context) + " tokens") + ", " +
           std::string(displayName(memory.cacheType));
}

ColourRole colourOf(const MemoryBar &bar) { return bar.half ? ColourRole::Fp16 : formatLook(bar.format).colour; }

StackedBar stackedBar(const MemoryBar &bar, double unit) {
    StackedBar drawn;
    drawn.name = bar.name;
    drawn.selected = bar.current;
    const auto add = [&](const std::string &name, std::uint64_t bytes, ColourRole colour, double opacity,
                         bool hatched) {
        if (bytes > 0)
            drawn.parts.push_back({name, static_cast<double>(bytes) / unit, colour, opacity, hatched});
    };
    const MemoryParts &parts = bar.memory.parts;
    const ColourRole colour = colourOf(bar);
    add("weights or codes", parts.codes, colour, 1, false);
    add("scales", parts.scales, colour, 0.6, false);
    add("zero-points", parts.zeroPoints, colour, 0.45, false);
    add("second level", parts.secondLevel, colour, 0.3, false);
    add("left alone", parts.leftAlone, ColourRole::Divider, 1, false);
    add(cacheName(bar.memory), bar.memory.kvCacheBytes.value_or(0), ColourRole::Text2, 1, true);
    drawn.endLabel = bytesText(bar.memory.weightsBytes()) + "\n" + withUnit(bpwText(bar.memory.bpw()), "bpw");
    if (bar.memory.kvCacheBytes)
        drawn.endLabel += ", + " + bytesText(*bar.memory.kvCacheBytes) + " cache";
    drawn.readout = bar.name + ": " + bytesText(bar.memory.totalBytes());
    for (const StackedBar::Part &part : drawn.parts)
        drawn.readout += "\n" + part.name + " " + nibblescope::bytesText(part.value * unit);
    return drawn;
}

FigureTable barsTable(const std::vector<MemoryBar> &bars) {
    FigureTable table;
    table.columns = {"recipe",
                     "codes (bytes)",
                     "scales (bytes)",
                     "zero-points (bytes)",
                     "second level (bytes)",
                     "left alone (bytes)",
                     "KV cache (bytes)",
                     "total (bytes)",
                     "bpw"};
    const auto bytes = [](std::uint64_t n) { return numberCell(static_cast<double>(n)); };
    for (const MemoryBar &bar : bars) {
        const MemoryParts &parts = bar.memory.parts;
        const auto &cache = bar.memory.kvCacheBytes;
        table.rows.push_back({textCell(bar.name), bytes(parts.codes), bytes(parts.scales), bytes(parts.zeroPoints),
                              bytes(parts.secondLevel), bytes(parts.leftAlone), cache ? bytes(*cache) : textCell("–"),
                              bytes(bar.memory.totalBytes()), numberCell(bar.memory.bpw())});
    }
    return table;
}

// ---- parts

std::uint64_t groupsOf(const std::vector<TensorResult> &results, const Recipe &recipe) {
    std::uint64_t groups = 0;
    for (const TensorResult &result : results) {
        if (result.quantized)
            groups += groupGrid(result.shape, recipe).groups();
    }
    return groups;
}

std::uint64_t quantizedTensors(const std::vector<TensorResult> &results) {
    return static_cast<std::uint64_t>(
        std::count_if(results.begin(), results.end(), [](const TensorResult &result) { return result.quantized; }));
}

std::string scalesFrom(const MemoryBreakdown &memory, const Recipe &recipe, std::uint64_t groups) {
    if (memory.parts.codes == 0)
        return "nothing is quantized";
    const std::string share =
        percentText(static_cast<double>(memory.parts.scales) / static_cast<double>(memory.parts.codes), 2);
    const std::string each = recipe.format == Format::Mxfp4 ? "an 8-bit exponent each"
                             : recipe.doubleQuant != DoubleQuant::Off
                                 ? "8 bits each"
                                 : std::to_string(bitsOf(recipe.scaleType)) + " bits each";
    return countText(groups) + (groups == 1 ? " group, " : " groups, ") + each + ": " + share + " of the codes";
}

std::string secondLevelFrom(const MemoryParts &parts, const Recipe &recipe, std::uint64_t tensors) {
    if (parts.secondLevel == 0)
        return "double quantization is off";
    std::string text;
    if (recipe.doubleQuant != DoubleQuant::Off)
        text = "an F32 scale for 256 groups, an F32 offset";
    if (recipe.format == Format::Fitted)
        text += (text.empty() ? "" : " and ") + std::string("16 F32 levels");
    return text + " for each of " + countText(tensors) + " tensors";
}

std::string leftAloneFrom(const std::vector<TensorResult> &results) {
    const TensorResult *largest = nullptr;
    std::uint64_t others = 0;
    std::uint64_t otherBytes = 0;
    for (const TensorResult &result : results) {
        if (result.quantized)
            continue;
        ++others;
        otherBytes += result.info.bytes;
        if (largest == nullptr || result.info.bytes > largest->info.bytes)
            largest = &result;
    }
    if (largest == nullptr)
        return "every tensor is quantized";
    std::string text = tensorText(largest->info) + " " + bytesText(largest->info.bytes);
    if (others > 1)
        text += ", " + countText(others - 1) + (others == 2 ? " other " : " others ") +
                bytesText(otherBytes - largest->info.bytes);
    return text + ", as stored";
}

std::string cacheFrom(const MemoryBreakdown &memory) {
    if (!memory.kvCacheBytes)
        return memory.kvCacheReason;
    const CacheGeometry &g = *memory.geometry;
    std::string text = countText(g.layers) + " layers × " + countText(g.kvHeads) + " KV heads × " +
                       countText(g.headDim) + " × 2 × " + countText(memory.context) + " tokens, " +
                       std::string(displayName(memory.cacheType));
    if (memory.batch > 1)
        text += ", batch " + countText(memory.batch);
    if (g.windowedLayers > 0)
        text += "; " + countText(g.windowedLayers) + " of them keep " + countText(g.window) + " tokens";
    return text;
}

std::optional<double> bitsEach(std::uint64_t bytes, std::uint64_t weights) {
    if (bytes == 0 || weights == 0)
        return std::nullopt;
    return static_cast<double>(bytes) * 8 / static_cast<double>(weights);
}

// ---- rules

double constantsBits(const std::vector<TensorResult> &results, const Recipe &recipe) {
    StoredBits bits;
    std::uint64_t weights = 0;
    for (const TensorResult &result : results) {
        if (!result.quantized)
            continue;
        bits += storedBits(result.shape, recipe);
        weights += result.info.params;
    }
    return weights == 0 ? 0 : static_cast<double>(bits.total() - bits.codes) / static_cast<double>(weights);
}

std::uint64_t sumOf(const std::vector<TensorResult> &results, bool quantized, std::uint64_t TensorInfo::*what) {
    std::uint64_t sum = 0;
    for (const TensorResult &result : results)
        sum += result.quantized == quantized ? result.info.*what : 0;
    return sum;
}

std::string smallerWhy(const std::vector<TensorResult> &results, const Recipe &recipe) {
    const TensorResult *largest = nullptr;
    std::uint64_t count = 0;
    for (const TensorResult &result : results) {
        if (result.quantized)
            continue;
        ++count;
        if (largest == nullptr || result.info.bytes > largest->info.bytes)
            largest = &result;
    }
    const double quantizedBits = traits(recipe.format).codeBits + constantsBits(results, recipe);
    const std::string alone = ratioText(32 / quantizedBits);
    if (largest == nullptr)
        return "scales and other constants take " + withUnit(bpwText(constantsBits(results, recipe)), "bpw");
    const std::string type(traits(largest->info.dtype).name);
    if (count == 1)
        return tensorText(largest->info) + " stays " + type + "; without it " + alone;
    return tensorText(largest->info) + " and " + countText(count - 1) + " more stay as stored; without them " + alone;
}

SaidRule smallerRule(const std::vector<TensorResult> &results, const Recipe &recipe) {
    const ModelGeometry none;
    const double fp32 = static_cast<double>(memoryAsFloat(results, 32, none, {}).weightsBytes());
    const double here = static_cast<double>(memoryWith(results, recipe, none, {}).weightsBytes());
    const double ratio = here > 0 ? fp32 / here : 0;
    return {"8 times smaller than FP32", withUnit(ratioText(ratio), "times"), ratio >= 7.5,
            traits(recipe.format).codeBits == 8 ? "a code takes 8 bits, not 4" : smallerWhy(results, recipe)};
}

SaidRule scalesRule(const std::vector<TensorResult> &results, const Recipe &recipe) {
    const MemoryParts parts = memoryWith(results, recipe, {}, {}).parts;
    const double share = static_cast<double>(parts.scales + parts.secondLevel) /
                         static_cast<double>(std::max<std::uint64_t>(parts.codes, 1));
    const std::uint64_t weights = sumOf(results, true, &TensorInfo::params);
    const std::uint64_t groups = std::max<std::uint64_t>(groupsOf(results, recipe), 1);
    const std::string bits = recipe.doubleQuant != DoubleQuant::Off || recipe.format == Format::Mxfp4
                                 ? "8"
                                 : std::to_string(bitsOf(recipe.scaleType));
    std::string why = bits + " bits for " + valueText(static_cast<double>(weights) / static_cast<double>(groups)) +
                      " weights on average";
    if (traits(recipe.format).codeBits == 4)
        why += "; 16 bits for 128 are " + percentText(16.0 / (4 * 128), 2);
    return {"scales are 1 to 2 % of the codes", percentText(share, 2), share >= 0.01 && share <= 0.02, why};
}

std::optional<SaidRule> doubleQuantRule(const std::vector<TensorResult> &results, Recipe recipe) {
    if (recipe.doubleQuant == DoubleQuant::Off)
        recipe.doubleQuant = DoubleQuant::Dynamic;
    if (problemOf(recipe))
        return std::nullopt;
    const double with = constantsBits(results, recipe);
    recipe.doubleQuant = DoubleQuant::Off;
    recipe.scaleType = ScaleType::F16;
    const double fromF16 = constantsBits(results, recipe) - with;
    recipe.scaleType = ScaleType::F32;
    const double fromF32 = constantsBits(results, recipe) - with;
    return SaidRule{"double quantization saves 0.4 bit", withUnit(fixedText(fromF16, 3), "bit"),
                    fromF16 >= 0.35 && fromF16 <= 0.45,
                    "from F16 scales; from F32 ones " + fixedText(fromF32, 3) + "; " + fixedText(with, 3) + " is left"};
}

SaidRule sevenBillionRule(const std::vector<TensorResult> &results, const Recipe &recipe) {
    const unsigned bits = traits(recipe.format).codeBits;
    const double codes = 7e9 * bits / 8;
    const double all = codes + 7e9 * constantsBits(results, recipe) / 8;
    return {"7B parameters take 2 GB", withUnit(fixedText(codes / 1e9, 2), "GB"), codes <= 2.1e9,
            "7 × 10⁹ codes of " + std::to_string(bits) + " bits, " + nibblescope::bytesText(codes) + "; with scales " +
                withUnit(fixedText(all / 1e9, 2), "GB")};
}

} // namespace

std::vector<MemoryBar> memoryBars(const std::vector<TensorResult> &results, const Recipe &recipe,
                                  const std::optional<Recipe> &baseline, const ModelGeometry &geometry,
                                  const MemoryOptions &options) {
    std::vector<MemoryBar> bars;
    bars.push_back({"FP32", Format::None, false, false, memoryAsFloat(results, 32, geometry, options)});
    bars.push_back({"FP16", Format::None, true, false, memoryAsFloat(results, 16, geometry, options)});
    const Recipe int8 = defaultRecipe(Format::Int8);
    const auto add = [&](const Recipe &other, bool current) {
        bars.push_back(
            {recipeText(other), other.format, false, current,
             current ? memoryOf(results, geometry, options) : memoryWith(results, other, geometry, options)});
    };
    if (!(recipe == int8))
        add(int8, false);
    if (baseline && baseline->format != Format::None && !(*baseline == recipe) && !(*baseline == int8))
        add(*baseline, false);
    if (recipe.format != Format::None)
        add(recipe, true);
    return bars;
}

Figure memoryFigure(const std::vector<MemoryBar> &bars, std::optional<double> deviceGiB) {
    Figure figure;
    figure.id = "memory.bars";
    figure.title = "Memory of the whole model";
    double longest = 0;
    for (const MemoryBar &bar : bars)
        longest = std::max(longest, static_cast<double>(bar.memory.totalBytes()));
    const ByteUnit unit = unitFor(longest);
    for (const MemoryBar &bar : bars)
        figure.stackedBars.push_back(stackedBar(bar, unit.bytes));
    figure.x.label = unit.label;
    figure.x.lower = 0;
    figure.x.upper = longest > 0 ? 1.05 * longest / unit.bytes : 1;
    figure.gridVertical = true;
    if (deviceGiB && *deviceGiB * gib <= 3 * longest) {
        Mark device;
        device.x = *deviceGiB * gib / unit.bytes;
        device.colour = ColourRole::Text;
        device.text = withUnit(valueText(*deviceGiB), "GiB");
        figure.x.upper = std::max(figure.x.upper, 1.05 * device.x);
        figure.marks.push_back(device);
    }
    figure.table = barsTable(bars);
    return figure;
}

std::vector<MemoryPartRow> memoryParts(const MemoryBreakdown &memory, const std::vector<TensorResult> &results,
                                       const Recipe &recipe, std::optional<double> deviceGiB) {
    const std::uint64_t groups = groupsOf(results, recipe);
    const std::uint64_t weights = memory.quantizedParams;
    const std::string name = heldText(std::string(traits(recipe.format).shortName));
    const MemoryParts &p = memory.parts;
    const auto total = static_cast<double>(std::max<std::uint64_t>(memory.totalBytes(), 1));
    std::vector<MemoryPartRow> rows;
    const auto add = [&](std::string part, std::uint64_t bytes, std::optional<double> bpw, std::string from) {
        rows.push_back({std::move(part), bytes, bpw, static_cast<double>(bytes) / total, std::move(from), false});
    };
    add("Codes", p.codes, bitsEach(p.codes, weights),
        countText(p.codes) +
            " bytes: " + (traits(recipe.format).codeBits == 8 ? "one code a byte" : "two codes a byte"));
    add("Scales", p.scales, bitsEach(p.scales, weights), scalesFrom(memory, recipe, groups));
    add("Zero-points", p.zeroPoints, bitsEach(p.zeroPoints, weights),
        p.zeroPoints > 0 ? countText(groups) + " groups, " + (recipe.method == "hqq" ? "16" : "4") + " bits each"
                         : name + " has none");
    add("Second-level constants", p.secondLevel, bitsEach(p.secondLevel, weights),
        secondLevelFrom(p, recipe, quantizedTensors(results)));
    add("Left alone", p.leftAlone, bitsEach(p.leftAlone, memory.params - weights), leftAloneFrom(results));
    add("KV cache", memory.kvCacheBytes.value_or(0), std::nullopt, cacheFrom(memory));
    add("Together", memory.totalBytes(), std::nullopt, deviceGiB ? fitText(memory, *deviceGiB) : std::string());
    rows.back().total = true;
    return rows;
}

std::string fitText(const MemoryBreakdown &memory, double deviceGiB) {
    const MemoryFit fit = fitIn(memory, deviceGiB);
    const std::string device = withUnit(valueText(deviceGiB), "GiB");
    if (fit.fits)
        return "fits in " + device + ": yes, uses " + percentText(fit.share, fit.share < 0.001 ? 1 : 3);
    const double missing = static_cast<double>(memory.totalBytes()) - deviceGiB * gib;
    return "fits in " + device + ": no, " + nibblescope::bytesText(missing) + " too much";
}

FigureTable tableOf(const std::vector<MemoryPartRow> &rows) {
    FigureTable table;
    table.columns = {"part", "bytes", "bpw", "share (%)", "where it comes from"};
    for (const MemoryPartRow &row : rows)
        table.rows.push_back({textCell(row.part), numberCell(static_cast<double>(row.bytes)), numberCell(row.bpw),
                              numberCell(100 * row.share), textCell(row.from)});
    return table;
}

std::vector<SaidRule> memoryRules(const std::vector<TensorResult> &results, const Recipe &recipe) {
    if (recipe.format == Format::None || quantizedTensors(results) == 0)
        return {};
    std::vector<SaidRule> rules = {smallerRule(results, recipe), scalesRule(results, recipe)};
    if (const auto rule = doubleQuantRule(results, recipe))
        rules.push_back(*rule);
    rules.push_back(sevenBillionRule(results, recipe));
    return rules;
}

FigureTable tableOf(const std::vector<SaidRule> &rules) {
    FigureTable table;
    table.columns = {"said", "true here", "holds", "why"};
    for (const SaidRule &rule : rules)
        table.rows.push_back(
            {textCell(rule.said), textCell(rule.trueHere), textCell(rule.holds ? "yes" : "no"), textCell(rule.why)});
    return table;
}

} // namespace nibblescope
