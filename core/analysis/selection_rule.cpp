// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/analysis/selection_rule.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace nibblescope {
namespace {

constexpr std::array<std::string_view, 6> keptWords{"embed", "wte", "wpe", "lm_head", "norm", "bias"};
constexpr std::uint64_t shortestSide = 16;

// Length of a [set] at the pattern's begin, 0 if it is not closed: then '[' stands for itself.
std::size_t setLength(std::string_view pattern) {
    const std::size_t from = pattern.size() > 1 && (pattern[1] == '!' || pattern[1] == '^') ? 3 : 2;
    const std::size_t close = pattern.find(']', from);
    return close == std::string_view::npos ? 0 : close + 1;
}

bool setHolds(std::string_view set, char c) { // "[a-z]", "[!x]"
    std::string_view inside = set.substr(1, set.size() - 2);
    const bool negated = !inside.empty() && (inside[0] == '!' || inside[0] == '^');
    if (negated)
        inside.remove_prefix(1);
    bool found = false;
    for (std::size_t i = 0; i < inside.size(); ++i) {
        if (i + 2 < inside.size() && inside[i + 1] == '-') {
            found = found || (inside[i] <= c && c <= inside[i + 2]);
            i += 2;
        } else {
            found = found || inside[i] == c;
        }
    }
    return found != negated;
}

bool anyMatches(const std::vector<std::string> &globs, std::string_view name) {
    return std::any_of(globs.begin(), globs.end(), [name](const std::string &glob) { return globMatches(glob, name); });
}

std::string lowered(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

// Why it cannot be quantized at all.
std::optional<std::string> impossible(const TensorInfo &info) {
    const DTypeTraits &type = traits(info.dtype);
    if (type.integer)
        return std::string(type.name) + " tensor: shown, not quantized";
    if (!type.decodable)
        return std::string(type.name) + " tensor: listed, its values are not read";
    if (info.params == 0)
        return std::string("it is empty");
    if (info.shape.empty())
        return std::string("rank 0");
    return std::nullopt;
}

// Why the default rule leaves it alone.
std::optional<std::string> keptByDefault(const TensorInfo &info) {
    if (!info.keepReason.empty())
        return info.keepReason;
    const std::string name = lowered(info.name);
    for (const std::string_view word : keptWords)
        if (name.find(word) != std::string::npos)
            return "its name holds “" + std::string(word) + "”";
    if (info.shape.size() != 2)
        return "rank " + std::to_string(info.shape.size());
    if (info.shape[0] < shortestSide || info.shape[1] < shortestSide)
        return std::string("a side is shorter than 16");
    return std::nullopt;
}

} // namespace

// Iterative with one point to come back to: no pattern makes it take more than name x pattern steps.
bool globMatches(std::string_view pattern, std::string_view name) {
    std::size_t p = 0;
    std::size_t n = 0;
    std::size_t star = std::string_view::npos;
    std::size_t starName = 0;
    while (n < name.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            starName = n;
            continue;
        }
        const std::size_t set = p < pattern.size() && pattern[p] == '[' ? setLength(pattern.substr(p)) : 0;
        const bool fits = set != 0             ? setHolds(pattern.substr(p, set), name[n])
                          : p < pattern.size() ? pattern[p] == '?' || pattern[p] == name[n]
                                               : false;
        if (fits) {
            p += set != 0 ? set : 1;
            ++n;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            n = ++starName;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*')
        ++p;
    return p == pattern.size();
}

bool hasWildcards(std::string_view pattern) { return pattern.find_first_of("*?[") != std::string_view::npos; }

bool canBeQuantized(const TensorInfo &info) { return !impossible(info); }

std::optional<std::string> keptReason(const TensorInfo &info, const SelectionRule &rule) {
    if (const auto reason = impossible(info))
        return reason;
    if (const auto found = rule.overrides.find(info.name); found != rule.overrides.end())
        return found->second ? std::nullopt : std::optional<std::string>("kept by choice");
    if (anyMatches(rule.exclude, info.name))
        return std::string("excluded");
    if (anyMatches(rule.include, info.name))
        return std::nullopt;
    return keptByDefault(info);
}

Layout layoutOf(const TensorInfo &info, const SelectionRule &rule) {
    Layout layout = info.layout;
    for (const LayoutRule &row : rule.layouts)
        if (globMatches(row.glob, info.name))
            layout = row.layout;
    return layout;
}

std::string_view defaultRuleInWords() {
    return "floating point, rank 2, both sides at least 16; not embed, wte, wpe, lm_head, norm, bias";
}

} // namespace nibblescope
