// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/packed_linear.h"

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/base/half.h"
#include "core/quant/double_quantization.h"

namespace nibblescope {
namespace {

constexpr std::array<ProductsTraits, 3> table{{
    {Products::Blas, "blas", "F32 products", "F32", "F32 products of decoded weights"},
    {Products::PackedF32, "packed-f32", "Packed, F32", "packed F32", "the packed kernels with F32 activations"},
    {Products::PackedInt8, "packed-int8", "Packed, INT8", "packed INT8", "the packed kernels with INT8 activations"},
}};

constexpr std::size_t positionsAtOnce = 128; // whose rounded activations and products are held

// What a double-quantized scale's code stands for before its block's scale and the offset.
const std::array<float, 256> &mapOf(DoubleQuant kind) {
    static const std::array<float, 256> integers = [] {
        std::array<float, 256> map{};
        for (std::size_t code = 0; code < map.size(); ++code)
            map[code] = static_cast<float>(static_cast<std::int8_t>(static_cast<std::uint8_t>(code)));
        return map;
    }();
    return kind == DoubleQuant::Int8 ? integers : dynamicMap();
}

WeightKind kindOf(Format format) {
    switch (format) {
    case Format::Int4:
    case Format::Int4Max:
        return WeightKind::Int4;
    case Format::Int8:
        return WeightKind::Int8;
    default:
        return WeightKind::Codebook4;
    }
}

// Groups begin where rows do.
bool groupsAlongRows(const QuantizedTensor &tensor) {
    return tensor.grid.rows == tensor.shape.rows || tensor.shape.cols % tensor.grid.groupSize == 0;
}

bool fitsF16(float scale) { return f32FromF16(f16FromF32(scale)) == scale; }

} // namespace

std::span<const ProductsTraits> allProducts() { return table; }

const ProductsTraits &traits(Products products) { return table[static_cast<std::size_t>(products)]; }

std::optional<Products> productsFromId(std::string_view id) {
    const auto found =
        std::find_if(table.begin(), table.end(), [id](const ProductsTraits &row) { return row.id == id; });
    return found == table.end() ? std::nullopt : std::optional(found->products);
}

std::optional<std::string> problemOf(const Recipe &recipe, Products products) {
    if (products == Products::Blas)
        return std::nullopt;
    const FormatTraits &format = traits(recipe.format);
    if (recipe.format == Format::None)
        return "the packed kernels multiply quantized weights, and there is no format";
    if (format.zeroPoint)
        return std::string(format.name) + " has zero-points, which the packed kernels do not take";
    if (recipe.scaleType == ScaleType::F32 && recipe.doubleQuant == DoubleQuant::Off && format.fixedGroupSize == 0)
        return "the packed kernels take scales in F16, and these are F32";
    return std::nullopt;
}

std::optional<std::string> problemOfPacking(const QuantizedTensor &tensor) {
    const FormatTraits &format = traits(tensor.recipe.format);
    if (format.zeroPoint)
        return "with zero-points";
    if (format.codeBits == 4 && tensor.shape.cols % 2 != 0)
        return "with an odd number of columns";
    const bool alongRows = groupsAlongRows(tensor);
    if (!alongRows && tensor.grid.groupSize % tensor.shape.cols != 0)
        return "with groups that run over the ends of rows";
    const bool secondLevel = alongRows && tensor.recipe.doubleQuant != DoubleQuant::Off;
    if (!secondLevel && !std::all_of(tensor.decodeScales.begin(), tensor.decodeScales.end(), fitsF16))
        return "with scales that F16 does not hold exactly";
    return std::nullopt;
}

std::size_t ProductsUsed::decodedCount() const {
    std::size_t count = 0;
    for (const auto &[reason, linears] : decoded)
        count += linears;
    return count;
}

std::string describe(const ProductsUsed &used) {
    if (used.products == Products::Blas)
        return std::string(traits(used.products).phrase);
    return "packed kernels (" + std::string(displayName(used.isa)) + "), " +
           (used.products == Products::PackedInt8 ? "INT8" : "F32") + " activations";
}

std::string decodedRemark(const ProductsUsed &used) {
    const std::size_t count = used.decodedCount();
    if (count == 0)
        return {};
    std::string text = std::to_string(count) + " of " + std::to_string(used.packed + count) +
                       " quantized linears on decoded weights: ";
    for (const auto &[reason, linears] : used.decoded)
        text += std::to_string(linears) + " " + reason + ", ";
    text.replace(text.size() - 2, 2, ".");
    return text;
}

void addJson(const ProductsUsed &used, nlohmann::ordered_json &json) {
    json["products"] = traits(used.products).id;
    json["products_isa"] = idOf(used.isa);
    json["linears_packed"] = used.packed;
    for (const auto &[reason, linears] : used.decoded)
        json["linears_decoded"][reason] = linears;
}

ProductsUsed productsUsedFromJson(const nlohmann::ordered_json &json) {
    const auto products = productsFromId(json.at("products").get<std::string>());
    const auto isa = isaFromId(json.at("products_isa").get<std::string>());
    if (!products || !isa)
        throw Error(Fault::Input, "The file names products that this version does not know.");
    ProductsUsed used;
    used.products = *products;
    used.isa = *isa;
    used.packed = json.at("linears_packed").get<std::size_t>();
    if (const auto decoded = json.find("linears_decoded"); decoded != json.end())
        for (const auto &[reason, linears] : decoded->items())
            used.decoded[reason] = linears.get<std::size_t>();
    return used;
}

PackedLinear::PackedLinear(QuantizedTensor tensor, Products products, Isa isa)
    : m_tensor(std::move(tensor)), m_kernels(productsFor(isa)), m_int8(products == Products::PackedInt8) {
    m_weights.kind = kindOf(m_tensor.recipe.format);
    m_weights.rows = m_tensor.shape.rows;
    m_weights.cols = m_tensor.shape.cols;
    m_weights.data = m_tensor.codes.data();
    m_weights.rowBytes = m_weights.kind == WeightKind::Int8 ? m_weights.cols : m_weights.cols / 2;
    if (m_weights.kind == WeightKind::Codebook4)
        setLevels(m_weights, levelsOf(m_tensor).data());
    setScales();
}

void PackedLinear::setScales() {
    const bool alongRows = groupsAlongRows(m_tensor);
    m_weights.groupSize = std::min<std::size_t>(m_tensor.grid.groupSize, m_weights.cols);
    m_weights.groups = (m_weights.cols + m_weights.groupSize - 1) / m_weights.groupSize;
    if (alongRows && m_tensor.recipe.doubleQuant != DoubleQuant::Off) {
        m_weights.scaleCodes = m_tensor.secondLevel.codes.data();
        m_weights.blockScales = m_tensor.secondLevel.blockScales.data();
        m_weights.offset = m_tensor.secondLevel.offset;
        m_weights.map = mapOf(m_tensor.recipe.doubleQuant).data();
        return;
    }
    m_scales.resize(m_weights.rows * m_weights.groups);
    for (std::size_t i = 0; i < m_scales.size(); ++i) // several rows may share a scale
        m_scales[i] = f16FromF32(m_tensor.decodeScales[alongRows ? i : i * m_weights.cols / m_tensor.grid.groupSize]);
    m_weights.scales = m_scales.data();
}

void PackedLinear::multiply(const float *x, std::size_t positions, float *y, bool add, PackedScratch &scratch) const {
    for (std::size_t first = 0; first < positions; first += positionsAtOnce) {
        const std::size_t count = std::min(positionsAtOnce, positions - first);
        const float *const from = x + first * m_weights.cols;
        float *const to = y + first * m_weights.rows;
        if (add)
            scratch.y.resize(std::max(scratch.y.size(), count * m_weights.rows));
        float *const product = add ? scratch.y.data() : to;
        if (m_int8)
            multiplyInt8(from, count, product, scratch);
        else
            multiplyF32(from, count, product, scratch);
        for (std::size_t i = 0; add && i < count * m_weights.rows; ++i)
            to[i] += product[i];
    }
}

void PackedLinear::multiplyInt8(const float *x, std::size_t positions, float *y, PackedScratch &scratch) const {
    scratch.quantized.resize(std::max(scratch.quantized.size(), positions));
    for (std::size_t i = 0; i < positions; ++i)
        m_kernels.quantizeActivations(m_weights, x + i * m_weights.cols, scratch.quantized[i]);
    m_kernels.matmulInt8(m_weights, scratch.quantized.data(), positions, 0, m_weights.rows, y, scratch.workspace);
}

void PackedLinear::multiplyF32(const float *x, std::size_t positions, float *y, PackedScratch &scratch) const {
    for (std::size_t i = 0; i < positions; ++i) {
        m_kernels.splitActivations(m_weights, x + i * m_weights.cols, scratch.split);
        m_kernels.matvecF32(m_weights, scratch.split, 0, m_weights.rows, y + i * m_weights.rows);
    }
}

} // namespace nibblescope
