// SPDX-License-Identifier: GPL-3.0-or-later
// The command that gives the same result again.
#pragma once

#include <filesystem>
#include <string>

#include "core/analysis/selection_rule.h"
#include "core/quant/recipe.h"

namespace nibblescope {

// A word as a POSIX shell reads it back; quoted only where it has to be.
std::string shellQuoted(const std::string &word);

// The options of a recipe and a rule, those that differ from the format's defaults: "--format nf4 --group-size 32".
// Overrides of single tensors become --include and --exclude.
// `calibration`: the file of methods that need one; "FILE" stands for it where it is not known.
std::string optionsOf(const Recipe &recipe, const SelectionRule &rule, const std::string &calibration = "FILE");

// "nibblescope-cli analyze 'my model' --format nf4"
std::string commandLineOf(const std::string &command, const std::filesystem::path &path, const Recipe &recipe,
                          const SelectionRule &rule, const std::string &calibration = "FILE");

} // namespace nibblescope
