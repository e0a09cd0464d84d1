// SPDX-License-Identifier: GPL-3.0-or-later
// Holds each table of kernels against the scalar one. No Qt, so that it also runs where only the core is built, and
// under an emulator.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/kernels/kernels.h"

namespace nibblescope::conformance {

// One named check; it returns what is wrong, a sentence each, and nothing where all is well.
struct Check {
    std::string_view name;
    std::vector<std::string> (*run)(const Kernels &kernels);
    bool ofProducts = false; // looks at the products of that set, not at its kernels
};
const std::vector<Check> &checks();
// False where the set has all kernels that the check looks at from the one below, so that nothing new would be seen.
bool isWorthwhile(const Check &check, Isa isa);

} // namespace nibblescope::conformance
