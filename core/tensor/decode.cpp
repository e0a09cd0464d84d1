// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/tensor/decode.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>

namespace nibblescope {
namespace {

constexpr std::size_t pieceElements = 2048;

// Kernels take pointers to elements: a source of any alignment goes through a small aligned buffer.
template <typename Element, typename Convert>
void inPieces(std::span<const std::byte> in, float *out, Convert convert) {
    std::array<Element, pieceElements> piece;
    for (std::size_t count = in.size() / sizeof(Element); count > 0;) {
        const std::size_t now = std::min(count, pieceElements);
        std::memcpy(piece.data(), in.data(), now * sizeof(Element));
        convert(piece.data(), out, now);
        in = in.subspan(now * sizeof(Element));
        out += now;
        count -= now;
    }
}

void f64ToF32(const double *in, float *out, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
        out[i] = static_cast<float>(in[i]);
}

std::logic_error noCodec(DType dtype) {
    return std::logic_error("no floating point codec for " + std::string(traits(dtype).name));
}

} // namespace

void decodeToF32(DType dtype, std::span<const std::byte> in, float *out, const Kernels &kernels) {
    switch (dtype) {
    case DType::F64:
        return inPieces<double>(in, out, f64ToF32);
    case DType::F32:
        if (!in.empty())
            std::memcpy(out, in.data(), in.size());
        return;
    case DType::F16:
        return inPieces<std::uint16_t>(in, out, kernels.f16ToF32);
    case DType::BF16:
        return inPieces<std::uint16_t>(in, out, kernels.bf16ToF32);
    case DType::F8E4M3:
        return inPieces<std::uint8_t>(in, out, kernels.f8E4M3ToF32);
    case DType::F8E5M2:
        return inPieces<std::uint8_t>(in, out, kernels.f8E5M2ToF32);
    default:
        throw noCodec(dtype);
    }
}

std::optional<std::size_t> encodeFromF32(DType dtype, std::span<const float> in, std::span<std::byte> out,
                                         const Kernels &kernels) {
    if (dtype == DType::F32) {
        if (!in.empty())
            std::memcpy(out.data(), in.data(), in.size_bytes());
        return std::nullopt;
    }
    if (dtype != DType::F16 && dtype != DType::BF16)
        throw noCodec(dtype);
    const std::uint16_t infinity = dtype == DType::F16 ? 0x7c00 : 0x7f80;
    const auto convert = dtype == DType::F16 ? kernels.f32ToF16 : kernels.f32ToBf16;
    std::optional<std::size_t> overflow;
    std::array<std::uint16_t, pieceElements> piece;
    for (std::size_t begin = 0; begin < in.size(); begin += pieceElements) {
        const std::size_t count = std::min(pieceElements, in.size() - begin);
        convert(in.data() + begin, piece.data(), count);
        std::memcpy(out.data() + begin * 2, piece.data(), count * 2);
        for (std::size_t i = 0; i < count && !overflow; ++i)
            if ((piece[i] & 0x7fffU) == infinity && std::isfinite(in[begin + i]))
                overflow = begin + i;
    }
    return overflow;
}

} // namespace nibblescope
