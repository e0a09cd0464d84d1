// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/bench.h"

#include <algorithm>
#include <iostream>

#include "app/cli/terminal.h"
#include "core/base/error.h"
#include "core/base/version.h"
#include "core/bench/bench.h"

namespace nibblescope::cli {
namespace {

std::string isaList() {
    std::string list;
    for (const Isa isa : supportedIsas())
        list += (list.empty() ? "" : ", ") + std::string(idOf(isa));
    return list;
}

Isa isaFrom(const std::string &id) {
    const auto isas = supportedIsas();
    const auto found = std::find_if(isas.begin(), isas.end(), [&id](Isa isa) { return idOf(isa) == id; });
    if (found == isas.end())
        throw Error(Fault::Call, "--isa: this machine has no '" + id + "'; it has " + isaList() + ".");
    return *found;
}

} // namespace

void runBenchCommand(const Arguments &arguments, const Surroundings &surroundings) {
    BenchOptions options;
    options.rows = arguments.rows;
    options.cols = arguments.cols;
    options.formats = arguments.formats;
    options.threads = arguments.threadCounts;
    options.quick = arguments.quick;
    for (const std::string &id : arguments.isas)
        options.isas.push_back(isaFrom(id));
    const BenchReport report = runBench(options, surroundings.stop, terminalProgress());
    clearProgress();
    for (const std::string &note : report.notes)
        warn(note);
    if (!arguments.json) {
        std::cout << benchTable(report);
        return;
    }
    nlohmann::ordered_json json;
    json["nibblescope"] = version();
    json.update(toJson(report));
    std::cout << json.dump(2) << "\n";
}

} // namespace nibblescope::cli
