// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/cli/commands.h"

namespace nibblescope::cli {

// Times the kernels and prints a table, or with --json the machine and its results.
void runBenchCommand(const Arguments &arguments, const Surroundings &surroundings);

} // namespace nibblescope::cli
