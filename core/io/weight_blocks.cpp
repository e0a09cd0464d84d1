// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/weight_blocks.h"

#include <algorithm>
#include <future>
#include <numeric>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/io/matrix_reader.h"
#include "core/io/shown.h"
#include "core/quant/quantize.h"

namespace nibblescope {
namespace {

// Bytes of elements [first, first + count); types below 8 bits only from whole bytes on.
std::size_t storedBytes(const TensorInfo &info, std::uint64_t count) {
    return static_cast<std::size_t>((count * traits(info.dtype).bits + 7) / 8);
}

// Weights in a block; 0 for an empty tensor.
std::uint64_t blockStep(const MatrixReader &reader, std::uint64_t alignment, bool whole) {
    const MatrixShape shape = reader.shape();
    if (whole || shape.size() <= blockWeights)
        return shape.size();
    if (reader.anyRange())
        return std::max<std::uint64_t>(1, blockWeights / alignment) * alignment;
    // A block of a transposed matrix costs a read in every stored row: few and large ones.
    constexpr std::uint64_t wideBlock = 4 * blockWeights;
    const std::uint64_t unit = std::lcm(alignment, shape.cols);
    if (shape.size() * sizeof(float) <= wholeTensorLimitBytes || unit >= shape.size())
        return shape.size();
    return std::max<std::uint64_t>(1, wideBlock / unit) * unit;
}

} // namespace

void refuseLarge(const TensorInfo &info, const std::string &what) {
    throw Error(Fault::Input, shown(info.name) + " is larger than 256 MiB as F32, and " + what +
                                  " needs it whole. Use another recipe, or exclude it.")
        .inTensor(info.name);
}

void refuseIfTooLarge(const TensorInfo &info, MatrixShape shape, const Recipe &recipe) {
    if (shape.size() * sizeof(float) <= wholeTensorLimitBytes || !needsWholeTensor(recipe))
        return;
    const MethodTraits &method = *findMethod(recipe.method);
    refuseLarge(info, std::string(method.groupWise ? traits(recipe.format).name : method.name));
}

void forEachBlock(const Model &model, std::size_t tensor, Layout layout, std::uint64_t alignment, bool whole,
                  const Work &work, const std::function<void(std::uint64_t, std::span<const float>)> &body) {
    const MatrixReader reader(model, tensor, layout);
    const std::uint64_t size = reader.shape().size();
    const std::uint64_t step = blockStep(reader, alignment, whole);
    const auto read = [&](std::uint64_t first, std::vector<float> buffer) {
        buffer.resize(std::min(step, size - first));
        reader.read(first, buffer, work);
        return buffer;
    };
    std::vector<float> current;
    std::vector<float> spare;
    if (size > 0)
        current = read(0, {});
    for (std::uint64_t first = 0; first < size; first += step) {
        work.checkStop();
        const bool last = size - first <= step;
        std::future<std::vector<float>> next;
        if (!last)
            next = std::async(std::launch::async, read, first + step, std::move(spare));
        body(first, current);
        if (last)
            break;
        spare = std::exchange(current, next.get());
    }
}

void forEachStoredBlock(const Model &model, std::size_t tensor, const Work &work,
                        const std::function<void(std::span<const std::byte>)> &body) {
    const TensorInfo &info = model.tensors[tensor];
    std::vector<std::byte> bytes;
    for (std::uint64_t first = 0; first < info.params; first += blockWeights) {
        work.checkStop();
        const std::uint64_t count = std::min(blockWeights, info.params - first);
        bytes.resize(storedBytes(info, count));
        model.reader->readElements(tensor, first, count, bytes);
        body(bytes);
    }
}

} // namespace nibblescope
