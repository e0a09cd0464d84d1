// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/weight_blocks.h"

#include <algorithm>
#include <future>
#include <vector>

#include "core/tensor/decode.h"

namespace nibblescope {
namespace {

using Buffer = std::vector<std::byte>;

// Bytes of elements [first, first + count); types below 8 bits only from whole bytes on.
std::size_t storedBytes(const TensorInfo &info, std::uint64_t count) {
    return static_cast<std::size_t>((count * traits(info.dtype).bits + 7) / 8);
}

// Calls body(first, count, bytes) for blocks of `step` elements, reading one ahead.
void readAhead(const Model &model, std::size_t tensor, std::uint64_t step, const Work &work,
               const std::function<void(std::uint64_t, std::uint64_t, const Buffer &)> &body) {
    const TensorInfo &info = model.tensors[tensor];
    const auto read = [&model, &info, tensor, step](std::uint64_t first, Buffer buffer) {
        const std::uint64_t count = std::min(step, info.params - first);
        buffer.resize(storedBytes(info, count));
        model.reader->readElements(tensor, first, count, buffer);
        return buffer;
    };
    Buffer current;
    Buffer spare;
    if (info.params > 0)
        current = read(0, {});
    for (std::uint64_t first = 0; first < info.params; first += step) {
        work.checkStop();
        const bool last = info.params - first <= step;
        std::future<Buffer> next;
        if (!last)
            next = std::async(std::launch::async, read, first + step, std::move(spare));
        body(first, std::min(step, info.params - first), current);
        if (last)
            break;
        spare = std::exchange(current, next.get());
    }
}

void decodeBlock(const TensorInfo &info, const Buffer &bytes, std::uint64_t count, float *out, const Work &work) {
    constexpr std::uint64_t part = 1U << 18;
    const std::uint64_t width = traits(info.dtype).bits / 8;
    const std::span<const std::byte> all(bytes);
    work.parallelFor((count + part - 1) / part, [&](std::size_t i) {
        const std::uint64_t first = i * part;
        const std::uint64_t now = std::min(part, count - first);
        decodeToF32(info.dtype, all.subspan(first * width, now * width), out + first, work.kernels);
    });
}

} // namespace

void forEachBlock(const Model &model, std::size_t tensor, Layout layout, std::uint64_t alignment, bool whole,
                  const Work &work, const std::function<void(std::uint64_t, std::span<const float>)> &body) {
    const TensorInfo &info = model.tensors[tensor];
    const MatrixShape shape = matrixShape(info, layout);
    const bool transpose = layout == Layout::InOut && info.shape.size() > 1;
    const std::uint64_t step = std::max<std::uint64_t>(1, blockWeights / alignment) * alignment;
    std::vector<float> weights;
    std::vector<float> all(whole || transpose ? info.params : 0);
    readAhead(model, tensor, step, work, [&](std::uint64_t first, std::uint64_t count, const Buffer &bytes) {
        if (whole && !transpose)
            return decodeBlock(info, bytes, count, all.data() + first, work);
        weights.resize(count);
        decodeBlock(info, bytes, count, weights.data(), work);
        if (!transpose)
            return body(first, weights);
        for (std::uint64_t i = 0; i < count; ++i)
            all[(first + i) % shape.rows * shape.cols + (first + i) / shape.rows] = weights[i];
    });
    if (!all.empty())
        body(0, all);
}

void forEachStoredBlock(const Model &model, std::size_t tensor, const Work &work,
                        const std::function<void(std::span<const std::byte>)> &body) {
    readAhead(model, tensor, blockWeights, work,
              [&](std::uint64_t, std::uint64_t, const Buffer &bytes) { body(bytes); });
}

} // namespace nibblescope
