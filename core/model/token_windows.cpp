// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/token_windows.h"

#include <algorithm>
#include <string>

#include "core/base/error.h"
#include "core/io/shown.h"

namespace nibblescope {
namespace {

void checkId(std::int64_t id, std::uint64_t vocabulary, const std::string &what) {
    if (id < 0 || static_cast<std::uint64_t>(id) >= vocabulary)
        throw Error(Fault::Input, what + " " + std::to_string(id) + " does not fit the model, whose vocabulary has " +
                                      std::to_string(vocabulary) + " ids (0 to " + std::to_string(vocabulary - 1) +
                                      ").");
}

} // namespace

TokenWindows cutIntoWindows(std::span<const std::int64_t> ids, const WindowOptions &options) {
    if (options.context < 2)
        throw Error(Fault::Call, "--context is " + std::to_string(options.context) + "; it takes at least 2 ids.");
    if (options.windows && *options.windows == 0)
        throw Error(Fault::Call, "--windows is 0; there is nothing to measure.");
    for (std::size_t i = 0; i < ids.size(); ++i)
        checkId(ids[i], options.vocabulary, "The token id");
    if (options.bos)
        checkId(*options.bos, options.vocabulary, "The BOS id");
    TokenWindows windows;
    windows.context = options.context;
    const std::size_t piece = options.context - (options.bos ? 1 : 0);
    windows.count = std::min(ids.size() / piece, options.windows.value_or(ids.size()));
    if (windows.count == 0)
        throw Error(Fault::Input, "The text has " + shownCount(ids.size()) + " ids, fewer than the " +
                                      shownCount(piece) + " of one window: take a longer text or a smaller --context.");
    windows.ids.reserve(windows.count * options.context);
    for (std::size_t i = 0; i < windows.count; ++i) {
        if (options.bos)
            windows.ids.push_back(static_cast<std::int32_t>(*options.bos));
        for (const std::int64_t id : ids.subspan(i * piece, piece))
            windows.ids.push_back(static_cast<std::int32_t>(id));
    }
    return windows;
}

} // namespace nibblescope
