// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/hdf5/own_reader.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>
#include <stdexcept>

#include "core/base/checked.h"
#include "core/base/error.h"
#include "core/base/half.h"
#include "core/io/hdf5/quantized_file.h"
#include "core/io/hdf5/quantized_layout.h"
#include "core/io/input_file.h"
#include "core/io/shown.h"
#include "core/kernels/kernels.h"
#include "core/quant/double_quantization.h"

namespace nibblescope {
namespace {

using namespace hdf5;
using nlohmann::json;

struct Stored {
    std::string path;
    bool quantized = false;
    Recipe recipe;
    Layout layout = Layout::OutIn;
    MatrixShape matrix;
    GroupGrid grid;
    // Kept tensors: the dataset that carries their bytes.
    DType carrier = DType::U8;
    std::vector<std::uint64_t> carrierDims;
    unsigned bits = 8; // of an element
};

class OwnReader : public TensorReader {
public:
    OwnReader(const std::filesystem::path &path, std::unique_ptr<Hdf5HelperProcess> helper)
        : m_file(path), m_helper(std::move(helper)) {}

    void add(Stored stored) { m_tensors.push_back(std::move(stored)); }
    bool quantized(std::size_t index) const { return m_tensors.at(index).quantized; }

    void readElements(std::size_t index, std::uint64_t first, std::uint64_t count,
                      std::span<std::byte> bytes) const override {
        const Stored &stored = m_tensors.at(index);
        if (bytes.size() != (count * stored.bits + 7) / 8)
            throw std::logic_error("elements that do not fit the buffer");
        m_file.throwIfChanged();
        if (count == 0)
            return;
        if (!stored.quantized)
            return readKept(stored, first, count, bytes);
        std::vector<float> weights(count);
        if (stored.layout == Layout::InOut)
            copyTransposed(index, first, weights);
        else
            decodeRange(stored, *constantsOf(index), first, weights);
        std::memcpy(bytes.data(), weights.data(), bytes.size());
    }

    QuantizedTensor whole(std::size_t index) const {
        const Stored &stored = m_tensors.at(index);
        m_file.throwIfChanged();
        QuantizedTensor tensor = *constantsOf(index);
        tensor.codes.resize(tensor.grid.rows * tensor.bytesPerGridRow());
        readPart(stored, codesPart, 0, tensor.codes.size(), std::as_writable_bytes(std::span(tensor.codes)));
        return tensor;
    }

private:
    void readKept(const Stored &stored, std::uint64_t first, std::uint64_t count, std::span<std::byte> bytes) const {
        const unsigned width = traits(stored.carrier).bits;
        // One element of the carrier an element, or a row of bytes.
        const std::uint64_t begin = width == stored.bits ? first : first * stored.bits / 8;
        m_helper->read(stored.path, stored.carrier, stored.carrierDims, begin,
                       width == stored.bits ? count : bytes.size(), bytes);
    }

    void readPart(const Stored &stored, std::string_view name, std::uint64_t first, std::uint64_t count,
                  std::span<std::byte> bytes) const {
        const auto parts = partsOf(stored.grid, stored.recipe);
        const auto part =
            std::find_if(parts.begin(), parts.end(), [&](const PartSpec &spec) { return spec.name == name; });
        m_helper->read(stored.path + "/" + std::string(name), part->dtype, part->dims, first, count, bytes);
    }
    template <typename Value>
    std::vector<Value> readWhole(const Stored &stored, std::string_view name, std::uint64_t count) const {
        std::vector<Value> values(count);
        readPart(stored, name, 0, count, std::as_writable_bytes(std::span(values)));
        return values;
    }

    void readFloatZeros(const Stored &stored, std::uint64_t groups, QuantizedTensor &tensor) const {
        for (const std::uint16_t bits : readWhole<std::uint16_t>(stored, zeroPointsPart, groups)) {
            const float zero = f32FromF16(bits);
            tensor.floatZeros.push_back(zero);
            // A NaN counts as 0.
            tensor.zeroPoints.push_back(
                static_cast<std::uint8_t>(std::clamp(std::isnan(zero) ? 0.0F : std::nearbyint(zero), 0.0F, 15.0F)));
        }
    }

    std::vector<float> readLevels(const Stored &stored) const {
        std::vector<float> levels = readWhole<float>(stored, levelsPart, 16);
        const auto finite = [](float level) { return std::isfinite(level); };
        if (!std::is_sorted(levels.begin(), levels.end()) || !std::all_of(levels.begin(), levels.end(), finite))
            throw Error(Fault::Input, m_file.name() + " holds levels that do not rise in " + shown(stored.path) + ".");
        return levels;
    }

    QuantizedTensor readConstants(const Stored &stored) const {
        QuantizedTensor tensor;
        tensor.recipe = stored.recipe;
        tensor.shape = stored.matrix;
        tensor.grid = stored.grid;
        const std::uint64_t groups = stored.grid.groups();
        if (stored.recipe.method == "hqq")
            readFloatZeros(stored, groups, tensor);
        else if (traits(stored.recipe.format).zeroPoint)
            tensor.zeroPoints = readWhole<std::uint8_t>(stored, zeroPointsPart, groups);
        for (const std::uint8_t zeroPoint : tensor.zeroPoints)
            if (zeroPoint > 15)
                throw Error(Fault::Input,
                            m_file.name() + " holds a zero-point beyond 4 bits in " + shown(stored.path) + ".");
        if (stored.recipe.format == Format::Fitted)
            tensor.codebook = readLevels(stored);
        if (stored.recipe.doubleQuant != DoubleQuant::Off) {
            tensor.secondLevel.codes = readWhole<std::uint8_t>(stored, secondCodesPart, groups);
            tensor.secondLevel.blockScales = readWhole<float>(stored, secondScalesPart, secondLevelBlocks(groups));
            tensor.secondLevel.offset = readWhole<float>(stored, offsetPart, 1).front();
            tensor.decodeScales = restoreScales(tensor.secondLevel, stored.recipe.doubleQuant);
            return tensor;
        }
        tensor.decodeScales.resize(groups);
        if (stored.recipe.format == Format::Mxfp4) {
            const auto exponents = readWhole<std::uint8_t>(stored, exponentsPart, groups);
            std::transform(exponents.begin(), exponents.end(), tensor.decodeScales.begin(),
                           [](std::uint8_t e) { return std::ldexp(1.0F, static_cast<int>(e) - 127); });
        } else if (stored.recipe.scaleType == ScaleType::F32) {
            tensor.decodeScales = readWhole<float>(stored, scalesPart, groups);
        } else {
            const auto bits = readWhole<std::uint16_t>(stored, scalesPart, groups);
            const auto decode = stored.recipe.scaleType == ScaleType::F16 ? f32FromF16 : f32FromBf16;
            std::transform(bits.begin(), bits.end(), tensor.decodeScales.begin(), decode);
        }
        return tensor;
    }

    // The constants of the tensor that was read last are kept: reads come in many blocks.
    std::shared_ptr<const QuantizedTensor> constantsOf(std::size_t index) const {
        const std::lock_guard lock(m_mutex);
        if (!m_constants || m_constantsOf != index) {
            m_constants = std::make_shared<const QuantizedTensor>(readConstants(m_tensors[index]));
            m_constantsOf = index;
        }
        return m_constants;
    }

    // Weights [first, first + out.size()) of the flat matrix.
    void decodeRange(const Stored &stored, const QuantizedTensor &constants, std::uint64_t first,
                     std::span<float> out) const {
        const GroupGrid &grid = stored.grid;
        const std::uint64_t perByte = traits(stored.recipe.format).codeBits == 8 ? 1 : 2;
        const std::uint64_t rowBytes = constants.bytesPerGridRow();
        const std::uint64_t end = first + out.size();
        // Codes of all rows that are touched, the first and last row only as far as needed.
        const auto byteOf = [&](std::uint64_t weight) {
            return weight / grid.cols * rowBytes + weight % grid.cols / perByte;
        };
        const std::uint64_t firstByte = byteOf(first);
        std::vector<std::uint8_t> codes(byteOf(end - 1) + 1 - firstByte);
        readPart(stored, codesPart, firstByte, codes.size(), std::as_writable_bytes(std::span(codes)));
        std::optional<SortedLevels> codebook;
        if (!constants.codebook.empty())
            codebook = sortedLevels(levelsOf(constants));
        for (std::uint64_t at = first; at < end;) {
            const std::uint64_t column = at % grid.cols;
            const std::uint64_t now = std::min(grid.cols - column, end - at);
            const std::uint64_t skipped = column % perByte; // a weight in the low nibble: decode its neighbour too
            std::vector<float> &row = rowBuffer();
            row.resize(now + skipped);
            const std::uint64_t begin = at - skipped;
            const std::uint64_t group = grid.groupOf(begin);
            DecodeSpan span;
            span.codes = codes.data() + (byteOf(begin) - firstByte);
            span.count = row.size();
            span.groupSize = grid.groupSize;
            span.firstInGroup = begin % grid.cols % grid.groupSize;
            span.decodeScales = constants.decodeScales.data() + group;
            span.zeroPoints = constants.zeroPoints.empty() ? nullptr : constants.zeroPoints.data() + group;
            span.codebook = codebook ? &*codebook : nullptr;
            span.out = row.data();
            if (constants.floatZeros.empty())
                scalarKernels().decode[static_cast<std::size_t>(stored.recipe.format)](span);
            else
                decodeFloatZeros(span, constants.floatZeros.data() + group);
            std::copy(row.begin() + static_cast<std::ptrdiff_t>(skipped), row.end(),
                      out.begin() + static_cast<std::ptrdiff_t>(at - first));
            at += now;
        }
    }
    static std::vector<float> &rowBuffer() {
        static thread_local std::vector<float> buffer;
        return buffer;
    }

    // Of a matrix that is stored [in, out]: neighbours in the file lie in different rows, so that it is decoded whole.
    void copyTransposed(std::size_t index, std::uint64_t first, std::span<float> out) const {
        const Stored &stored = m_tensors[index];
        const auto constants = constantsOf(index);
        const std::lock_guard lock(m_mutex);
        if (!m_decoded || m_decodedOf != index) {
            std::vector<float> decoded(stored.grid.size());
            decodeRange(stored, *constants, 0, decoded);
            m_decoded = std::make_shared<const std::vector<float>>(std::move(decoded));
            m_decodedOf = index;
        }
        for (std::uint64_t i = 0; i < out.size(); ++i)
            out[i] =
                (*m_decoded)[(first + i) % stored.matrix.rows * stored.matrix.cols + (first + i) / stored.matrix.rows];
    }

    InputFile m_file;
    std::unique_ptr<Hdf5HelperProcess> m_helper;
    std::vector<Stored> m_tensors;
    mutable std::mutex m_mutex;
    mutable std::shared_ptr<const QuantizedTensor> m_constants;
    mutable std::size_t m_constantsOf = 0;
    mutable std::shared_ptr<const std::vector<float>> m_decoded;
    mutable std::size_t m_decodedOf = 0;
};

using Shape = std::vector<std::uint64_t>;

DType typeIn(const json &part) {
    const int dtype = part.at("dtype").get<int>();
    if (dtype < 0 || static_cast<std::size_t>(dtype) >= allDTypes().size())
        throw std::runtime_error("an element type that does not exist");
    return static_cast<DType>(dtype);
}

TensorInfo infoOf(const json &listed) {
    TensorInfo info;
    info.name = validUtf8(listed.at("name").get<std::string>());
    const auto dtype = dtypeFromName(listed.at("dtype").get<std::string>());
    info.shape = listed.at("shape").get<Shape>();
    const auto params = checkedProduct(info.shape);
    const auto bits = params && dtype ? checkedMultiply(*params, traits(*dtype).bits) : std::nullopt;
    if (!bits)
        throw std::runtime_error("a tensor that cannot be: " + shown(info.name));
    info.dtype = *dtype;
    info.params = *params;
    info.bytes = *bits / 8;
    info.layout = listed.at("layout") == "in_out" ? Layout::InOut : Layout::OutIn;
    return info;
}

// What the file holds is held against what the recipe says that there must be.
void checkParts(const json &listed, const Stored &stored) {
    for (const PartSpec &spec : partsOf(stored.grid, stored.recipe)) {
        if (spec.table)
            continue;
        const auto part = listed.at("parts").find(spec.name);
        if (part == listed.at("parts").end() || typeIn(*part) != spec.dtype ||
            part->at("shape").get<Shape>() != spec.dims)
            throw std::runtime_error(shown(stored.path) + " without the part " + spec.name +
                                     " that its recipe asks for");
    }
}

void addQuantized(const json &listed, TensorInfo info, Stored stored, OwnReader &reader, Model &model) {
    const auto recipe = nlohmann::ordered_json::parse(listed.at("recipe").get<std::string>());
    stored.recipe = recipeFromJson(recipe);
    if (problemOf(stored.recipe) || stored.recipe.format == Format::None || info.params == 0 || info.shape.empty())
        throw std::runtime_error("a recipe that cannot be: " + shown(recipe.dump()));
    stored.quantized = true;
    stored.layout = info.shape.size() > 1 ? info.layout : Layout::OutIn;
    stored.matrix = matrixShape(info, stored.layout);
    stored.grid = groupGrid(stored.matrix, stored.recipe);
    stored.bits = 32;
    checkParts(listed, stored);
    info.dtype = DType::F32;
    info.bytes = storedBits(stored.matrix, stored.recipe).total() / 8;
    info.keepReason = "it is quantized already: " + shortForm(stored.recipe);
    reader.add(std::move(stored));
    model.tensors.push_back(std::move(info));
    model.storedRecipes.push_back(recipe);
}

void addKept(const json &listed, TensorInfo info, Stored stored, OwnReader &reader, Model &model) {
    const json &part = listed.at("parts").at("");
    stored.carrier = typeIn(part);
    stored.carrierDims = part.at("shape").get<Shape>();
    stored.bits = traits(info.dtype).bits;
    const auto elements = checkedProduct(stored.carrierDims);
    const auto bytes = elements ? checkedMultiply(*elements, traits(stored.carrier).bits / 8) : std::nullopt;
    if (!bytes || *bytes != info.bytes)
        throw std::runtime_error(shown(info.name) + " of another size than its shape says");
    reader.add(std::move(stored));
    model.tensors.push_back(std::move(info));
    model.storedRecipes.emplace_back(nullptr);
}

const OwnReader &ownReaderOf(const Model &model) {
    const auto *reader = dynamic_cast<const OwnReader *>(model.reader.get());
    if (reader == nullptr)
        throw std::logic_error("not a quantized file of ours");
    return *reader;
}

} // namespace

void openOwnFile(const std::filesystem::path &path, std::unique_ptr<Hdf5HelperProcess> helper, const json &listing,
                 Model &model) {
    const auto reader = std::make_shared<OwnReader>(path, std::move(helper));
    for (const json &listed : listing.at("own")) {
        Stored stored;
        stored.path = listed.at("path").get<std::string>();
        TensorInfo info = infoOf(listed);
        if (listed.at("recipe").get<std::string>().empty())
            addKept(listed, std::move(info), std::move(stored), *reader, model);
        else
            addQuantized(listed, std::move(info), std::move(stored), *reader, model);
    }
    model.format = "nibblescope-hdf5";
    model.reader = reader;
}

bool isQuantizedFile(const Model &model) { return dynamic_cast<const OwnReader *>(model.reader.get()) != nullptr; }

QuantizedTensor readQuantized(const Model &model, std::size_t tensor) {
    const OwnReader &reader = ownReaderOf(model);
    if (!reader.quantized(tensor))
        throw std::logic_error("a tensor that was kept");
    return reader.whole(tensor);
}

} // namespace nibblescope
