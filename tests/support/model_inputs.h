// SPDX-License-Identifier: GPL-3.0-or-later
// What models are run on in tests, and how a refusal reads.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "core/model/token_windows.h"

namespace nibblescope::testing {

// `count` windows of ids below `vocabulary`, the same every time.
TokenWindows someWindows(std::uint64_t vocabulary, std::size_t count, std::size_t context);

// A version 1.0 .npy file: magic, the dictionary padded to a header of 118 bytes, the data.
std::string npyFile(const std::string &dictionary, const std::string &data);

// The sentence of the Error that `body` throws; empty if it throws none.
std::string faultOf(const std::function<void()> &body);

} // namespace nibblescope::testing
