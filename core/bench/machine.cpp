// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/bench/machine.h"

#include <sched.h>
#include <sys/times.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

namespace nibblescope {
namespace {

// The value behind "KEY :" or "KEY:" in a file of such lines; empty if there is none.
std::string fieldOf(const char *path, const std::string &key) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        if (line.compare(0, key.size(), key) != 0)
            continue;
        const auto colon = line.find(':');
        const auto begin = line.find_first_not_of(" \t", colon + 1);
        return colon == std::string::npos || begin == std::string::npos ? std::string() : line.substr(begin);
    }
    return {};
}

std::uint64_t lastLevelCache() {
    for (const int name : {_SC_LEVEL4_CACHE_SIZE, _SC_LEVEL3_CACHE_SIZE, _SC_LEVEL2_CACHE_SIZE})
        if (const long size = sysconf(name); size > 0)
            return static_cast<std::uint64_t>(size);
    return 0;
}

} // namespace

MachineInfo describeMachine() {
    MachineInfo machine;
    machine.cpu = fieldOf("/proc/cpuinfo", "model name");
    if (machine.cpu.empty())
        machine.cpu = "unknown CPU";
    machine.isa = supportedIsas().back();
    machine.cores = static_cast<unsigned>(allowedProcessors().size());
    machine.lastLevelCacheBytes = lastLevelCache();
    return machine;
}

std::vector<unsigned> allowedProcessors() {
    std::vector<unsigned> processors;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        for (unsigned i = 0; i < CPU_SETSIZE; ++i)
            if (CPU_ISSET(i, &set))
                processors.push_back(i);
    if (processors.empty())
        processors.push_back(0);
    return processors;
}

std::uint64_t availableMemory() {
    std::istringstream text(fieldOf("/proc/meminfo", "MemAvailable"));
    std::uint64_t kilobytes = 0;
    text >> kilobytes;
    return kilobytes * 1024;
}

LoadMeter::LoadMeter() { shareOfOthers(); }

double LoadMeter::shareOfOthers() {
    std::ifstream file("/proc/stat");
    std::string cpu;
    std::uint64_t user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0, steal = 0;
    file >> cpu >> user >> nice >> system >> idle >> wait >> irq >> soft >> steal;
    tms own{};
    times(&own);
    const auto ownTicks = static_cast<double>(own.tms_utime + own.tms_stime);
    const std::uint64_t busy = user + nice + system + irq + soft + steal;
    const std::uint64_t total = busy + idle + wait;
    const double passed = static_cast<double>(total) - static_cast<double>(m_total);
    const double others = static_cast<double>(busy) - static_cast<double>(m_busy) - (ownTicks - m_own);
    m_busy = busy;
    m_total = total;
    m_own = ownTicks;
    return passed > 0 ? std::clamp(others / passed, 0.0, 1.0) : 0.0;
}

} // namespace nibblescope
