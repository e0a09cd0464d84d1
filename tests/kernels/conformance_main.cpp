// SPDX-License-Identifier: GPL-3.0-or-later
// Every table that this machine has, or the one that NIBBLESCOPE_ISA names, against the scalar one, without Qt.
// Arguments: names of the checks to run, or none for all.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "conformance.h"

namespace {

bool isWanted(std::span<char *const> names, std::string_view name) {
    return names.empty() || std::any_of(names.begin(), names.end(), [name](const char *one) { return name == one; });
}

} // namespace

int main(int argc, char **argv) {
    using namespace nibblescope;
    const std::span<char *const> wanted(argv + 1, static_cast<std::size_t>(argc - 1));
    int run = 0;
    int failures = 0;
    const bool one = std::getenv("NIBBLESCOPE_ISA") != nullptr;
    for (const Isa isa : one ? std::vector{selectKernels().isa} : supportedIsas()) {
        for (const conformance::Check &check : conformance::checks()) {
            if (!isWanted(wanted, check.name) || (!one && !conformance::isWorthwhile(check, isa)))
                continue;
            const auto problems = check.run(kernelsFor(isa));
            std::printf("%-10.*s %-16.*s %s\n", static_cast<int>(idOf(isa).size()), idOf(isa).data(),
                        static_cast<int>(check.name.size()), check.name.data(), problems.empty() ? "ok" : "FAILED");
            for (const std::string &problem : problems)
                std::printf("    %s\n", problem.c_str());
            std::fflush(stdout);
            ++run;
            failures += problems.empty() ? 0 : 1;
        }
    }
    if (run == 0) {
        std::fprintf(stderr, "no check has that name\n");
        return 2;
    }
    return failures == 0 ? 0 : 1;
}
