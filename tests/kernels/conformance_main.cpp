// SPDX-License-Identifier: GPL-3.0-or-later
// Every table that this machine has against the scalar one, without Qt.
#include <cstdio>

#include "conformance.h"

int main() {
    using namespace nibblescope;
    int failures = 0;
    for (const Isa isa : supportedIsas()) {
        for (const conformance::Check &check : conformance::checks()) {
            const auto problems = check.run(kernelsFor(isa));
            std::printf("%-10.*s %-16.*s %s\n", static_cast<int>(idOf(isa).size()), idOf(isa).data(),
                        static_cast<int>(check.name.size()), check.name.data(), problems.empty() ? "ok" : "FAILED");
            for (const std::string &problem : problems)
                std::printf("    %s\n", problem.c_str());
            failures += problems.empty() ? 0 : 1;
        }
    }
    return failures == 0 ? 0 : 1;
}
