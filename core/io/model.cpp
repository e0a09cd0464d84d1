// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/model.h"

#include <algorithm>

namespace nibblescope {

std::optional<std::size_t> Model::find(std::string_view tensorName) const {
    const auto found = std::find_if(tensors.begin(), tensors.end(),
                                    [tensorName](const TensorInfo &info) { return info.name == tensorName; });
    return found == tensors.end() ? std::nullopt : std::optional(static_cast<std::size_t>(found - tensors.begin()));
}

} // namespace nibblescope
