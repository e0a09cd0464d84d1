// SPDX-License-Identifier: GPL-3.0-or-later
#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <string_view>

#include "app/cli/arguments.h"
#include "app/cli/bench.h"
#include "app/cli/commands.h"
#include "app/cli/evaluate.h"
#include "app/cli/terminal.h"
#include "core/base/error.h"
#include "core/io/hdf5/helper.h"
#include "core/kernels/kernels.h"

namespace nibblescope::cli {
namespace {

int fail(Fault fault, const char *what) {
    clearProgress();
    warn(what);
    return static_cast<int>(fault);
}

int run(int argc, const char *const *argv) {
    const InterruptWatch interrupts;
    try {
        const auto arguments = parseArguments(argc, argv);
        if (!arguments)
            return 0;
        const Surroundings surroundings{selectKernels(), interrupts.token()};
        switch (arguments->command) {
        case Command::Info:
            runInfo(*arguments, surroundings);
            break;
        case Command::Analyze:
            runAnalyze(*arguments, surroundings);
            break;
        case Command::Quantize:
            runQuantize(*arguments, surroundings);
            break;
        case Command::Calibrate:
            runCalibrate(*arguments, surroundings);
            break;
        case Command::Evaluate:
            runEvaluate(*arguments, surroundings);
            break;
        case Command::Report:
            runReport(*arguments, surroundings);
            break;
        case Command::Bench:
            runBenchCommand(*arguments, surroundings);
            break;
        }
        return std::fflush(stdout) == 0 ? 0 : fail(Fault::Machine, "The output could not be written.");
    } catch (const Error &error) {
        return fail(error.fault(), error.what());
    } catch (const std::bad_alloc &) {
        return fail(Fault::Machine, "There is not enough memory.");
    } catch (const std::exception &error) {
        return fail(Fault::Machine, error.what());
    }
}

} // namespace
} // namespace nibblescope::cli

int main(int argc, char **argv) {
    // This program serves as its own helper for HDF5 files.
    if (argc == 2 && std::string_view(argv[1]) == nibblescope::hdf5HelperOption)
        return nibblescope::hdf5HelperMain();
    std::signal(SIGXFSZ, SIG_IGN); // a file over the limit is a failed write, with a message
    return nibblescope::cli::run(argc, argv);
}
