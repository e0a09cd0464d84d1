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

namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }

// The run of digits at `at`, without leading zeros; `at` moves behind it.
std::string_view number(std::string_view text, std::size_t &at) {
    while (at < text.size() && text[at] == '0')
        ++at;
    const std::size_t begin = at;
    while (at < text.size() && digit(text[at]))
        ++at;
    return text.substr(begin, at - begin);
}

} // namespace

int compareNames(std::string_view a, std::string_view b) {
    std::size_t i = 0;
    std::size_t j = 0;
    while (i < a.size() && j < b.size()) {
        if (digit(a[i]) && digit(b[j])) {
            const std::string_view left = number(a, i);
            const std::string_view right = number(b, j);
            if (left.size() != right.size())
                return left.size() < right.size() ? -1 : 1;
            if (const int order = left.compare(right); order != 0)
                return order;
            continue;
        }
        if (a[i] != b[j])
            return static_cast<unsigned char>(a[i]) < static_cast<unsigned char>(b[j]) ? -1 : 1;
        ++i;
        ++j;
    }
    const std::size_t leftRest = a.size() - i;
    const std::size_t rightRest = b.size() - j;
    return leftRest == rightRest ? 0 : leftRest < rightRest ? -1 : 1;
}

} // namespace nibblescope
