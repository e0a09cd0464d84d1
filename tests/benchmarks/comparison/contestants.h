// SPDX-License-Identifier: GPL-3.0-or-later
// Who takes part, by whose work it is. Each adds to `all` what it has for `work`.
#pragma once

#include "contest.h"

namespace nibblescope::benchmarks {

void addOwn(Work work, std::vector<Contestant> &all);
void addEigenAndBlas(Work work, std::vector<Contestant> &all);
#if defined(NIBBLESCOPE_HAVE_GGML)
void addGgml(Work work, std::vector<Contestant> &all);
std::string ggmlName(); // its version, and the instruction sets that it was built for
#endif

} // namespace nibblescope::benchmarks
