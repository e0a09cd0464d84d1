// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/model_inputs.h"

#include "core/base/error.h"

namespace nibblescope::testing {

TokenWindows someWindows(std::uint64_t vocabulary, std::size_t count, std::size_t context) {
    TokenWindows windows;
    windows.context = context;
    windows.count = count;
    for (std::size_t i = 0; i < count * context; ++i)
        windows.ids.push_back(static_cast<std::int32_t>(i * 7919 % vocabulary));
    return windows;
}

std::string npyFile(const std::string &dictionary, const std::string &data) {
    std::string header = dictionary;
    header.resize(117, ' ');
    header += '\n';
    return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size()) + '\0' + header + data;
}

std::string faultOf(const std::function<void()> &body) {
    try {
        body();
    } catch (const Error &error) {
        return error.what();
    }
    return {};
}

} // namespace nibblescope::testing
