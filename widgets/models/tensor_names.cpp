// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/tensor_names.h"

#include <algorithm>
#include <map>

namespace nibblescope {
namespace {

using Parts = std::vector<std::string>;

Parts split(const std::string &name) {
    const char separator = name.find('/') == std::string::npos ? '.' : '/';
    Parts parts;
    std::size_t begin = 0;
    while (begin <= name.size()) {
        const std::size_t end = std::min(name.find(separator, begin), name.size());
        if (end > begin) // odd names may hold empty parts
            parts.push_back(name.substr(begin, end - begin));
        begin = end + 1;
    }
    if (parts.empty())
        parts.push_back(name);
    return parts;
}

void dropFirst(Parts &parts) { parts.erase(parts.begin()); }

void dropCommonPrefix(std::vector<Parts> &all) {
    const auto sharesFirst = [&](const Parts &parts) {
        return parts.size() > 1 && parts.front() == all.front().front();
    };
    while (!all.empty() && all.size() > 1 && std::all_of(all.begin(), all.end(), sharesFirst))
        std::for_each(all.begin(), all.end(), dropFirst);
}

// A module whose tensors are its own ("weight" beside "bias", nothing deeper) is one row and its neighbours.
void dropWeight(std::vector<Parts> &all) {
    struct Module {
        bool hasWeight = false;
        bool onlyTensors = true;
    };
    std::map<Parts, Module> modules;
    for (const Parts &parts : all) {
        Parts parent = parts;
        parent.pop_back();
        if (parts.back() == "weight")
            modules[parent].hasWeight = true;
        while (!parent.empty()) {
            parent.pop_back();
            modules[parent].onlyTensors = false;
        }
    }
    for (Parts &parts : all) {
        if (parts.size() < 2)
            continue;
        Parts parent = parts;
        parent.pop_back();
        const Module &module = modules[parent];
        if (!module.hasWeight || !module.onlyTensors)
            continue;
        const std::string last = parts.back();
        parts.pop_back();
        if (last != "weight")
            parts.back() += "." + last;
    }
}

} // namespace

std::vector<std::vector<std::string>> treeParts(const std::vector<std::string> &names) {
    std::vector<Parts> all;
    all.reserve(names.size());
    std::transform(names.begin(), names.end(), std::back_inserter(all), split);
    for (Parts &parts : all) {
        if (parts.size() > 1 && parts.front() == "model")
            dropFirst(parts);
    }
    dropCommonPrefix(all);
    dropWeight(all);
    return all;
}

} // namespace nibblescope
