// SPDX-License-Identifier: GPL-3.0-or-later
// The commands that run a model.
#pragma once

#include "app/cli/arguments.h"
#include "app/cli/commands.h"

namespace nibblescope::cli {

void runEvaluate(const Arguments &arguments, const Surroundings &surroundings);
void runCalibrate(const Arguments &arguments, const Surroundings &surroundings);

} // namespace nibblescope::cli
