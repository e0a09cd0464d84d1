// SPDX-License-Identifier: GPL-3.0-or-later
// Arithmetic on lengths that come from a file: an overflow is an empty optional, never a wrapped number.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace nibblescope {

inline std::optional<std::uint64_t> checkedAdd(std::uint64_t a, std::uint64_t b) {
    std::uint64_t sum = 0;
    if (__builtin_add_overflow(a, b, &sum))
        return std::nullopt;
    return sum;
}

inline std::optional<std::uint64_t> checkedMultiply(std::uint64_t a, std::uint64_t b) {
    std::uint64_t product = 0;
    if (__builtin_mul_overflow(a, b, &product))
        return std::nullopt;
    return product;
}

// Number of elements of an array of this shape; 1 for rank 0.
inline std::optional<std::uint64_t> checkedProduct(std::span<const std::uint64_t> shape) {
    std::uint64_t product = 1;
    bool empty = false;
    for (const std::uint64_t side : shape) {
        // A zero side makes the array empty whatever the others claim, yet they must not overflow either.
        empty = empty || side == 0;
        if (side != 0 && __builtin_mul_overflow(product, side, &product))
            return std::nullopt;
    }
    return empty ? 0 : product;
}

} // namespace nibblescope
