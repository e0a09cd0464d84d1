// SPDX-License-Identifier: GPL-3.0-or-later
// The commands: each carries out its arguments and prints its result to standard output.
#pragma once

#include <stop_token>

#include "app/cli/arguments.h"
#include "core/kernels/kernels.h"

namespace nibblescope::cli {

// What every command works with.
struct Surroundings {
    const Kernels &kernels;
    std::stop_token stop;
};

void runInfo(const Arguments &arguments, const Surroundings &surroundings);
void runAnalyze(const Arguments &arguments, const Surroundings &surroundings);
void runReport(const Arguments &arguments, const Surroundings &surroundings);
void runQuantize(const Arguments &arguments, const Surroundings &surroundings);

// One warning line on standard error.
void warn(const std::string &text);

} // namespace nibblescope::cli
