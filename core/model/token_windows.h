// SPDX-License-Identifier: GPL-3.0-or-later
// A text cut into the windows that a model is run on.
//
// Each window is the BOS id and context - 1 consecutive ids of the text (context ids where there is no BOS); a last
// piece that is shorter is dropped. Positions restart in every window, and attention does not cross windows. The first
// context - 1 positions predict the ids that follow them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace nibblescope {

struct TokenWindows {
    std::size_t context = 0;
    std::size_t count = 0;
    std::vector<std::int32_t> ids; // [count, context]

    std::span<const std::int32_t> window(std::size_t index) const {
        return std::span(ids).subspan(index * context, context);
    }
    std::size_t predictions() const { return count * (context - 1); }
};

struct WindowOptions {
    std::size_t context = 256;
    std::optional<std::size_t> windows; // the first N; absent: all
    std::optional<std::int64_t> bos;
    std::uint64_t vocabulary = 0;
};

// Throws Error{Fault::Input} for an id beyond the vocabulary (named) and a text shorter than one window,
// Error{Fault::Call} for a context below 2.
TokenWindows cutIntoWindows(std::span<const std::int64_t> ids, const WindowOptions &options);

} // namespace nibblescope
