// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/axis_ticks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace nibblescope {
namespace {

constexpr const char *minus = "\u2212";
constexpr int mostDecimals = 6;

std::string grouped(const std::string &digits) {
    std::string text;
    const std::size_t whole = std::min(digits.find('.'), digits.size());
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i > 0 && i < whole && (whole - i) % 3 == 0)
            text += ',';
        text += digits[i];
    }
    return text;
}

std::string printed(double magnitude, int decimals) {
    std::array<char, 64> buffer{};
    std::snprintf(buffer.data(), buffer.size(), "%.*f", decimals, magnitude);
    return buffer.data();
}

int decimalsOf(double step) {
    for (int decimals = 0; decimals <= mostDecimals; ++decimals) {
        const double scaled = step * std::pow(10.0, decimals);
        if (std::abs(scaled - std::round(scaled)) < 1e-6 * scaled && scaled > 0.5)
            return decimals;
    }
    return mostDecimals + 1;
}

// The smallest round step with at most `most` ticks.
double roundStep(double span, int most, bool integral) {
    const double rough = span / std::max(1, most);
    const double power = std::pow(10.0, std::floor(std::log10(rough)));
    constexpr std::array<double, 5> factors{1, 2, 2.5, 5, 10};
    for (const double decade : {power, power * 10}) {
        for (const double factor : factors) {
            const double step = factor * decade;
            if (integral && (step < 1 || std::abs(step - std::round(step)) > 1e-9))
                continue;
            if (span / step + 1e-9 < most)
                return step;
        }
    }
    return std::max(power * 20, integral ? 1.0 : 0.0);
}

std::vector<Axis::Tick> linearTicks(const Axis &axis, double lower, double upper, int most) {
    const double step = roundStep(upper - lower, most, axis.integral);
    const int decimals = decimalsOf(step);
    std::vector<Axis::Tick> ticks;
    const double first = std::ceil(lower / step - 1e-9);
    const double last = std::floor(upper / step + 1e-9);
    for (double i = first; i <= last && ticks.size() < 1000; ++i)
        ticks.push_back({i * step, tickLabel(i * step, decimals) + axis.tickSuffix});
    return ticks;
}

std::vector<Axis::Tick> logarithmicTicks(const Axis &axis, double lower, double upper, int most) {
    std::vector<Axis::Tick> ticks;
    if (lower <= 0)
        return ticks;
    const double decades = std::log10(upper / lower);
    const bool fine = decades * 3 <= most;
    const int stride = std::max(1, static_cast<int>(std::ceil(decades / std::max(1, most))));
    const int first = static_cast<int>(std::floor(std::log10(lower)));
    const int last = static_cast<int>(std::ceil(std::log10(upper)));
    for (int power = first; power <= last; ++power) {
        if (power % stride != 0)
            continue;
        for (const double factor : {1.0, 2.0, 5.0}) {
            const double value = factor * std::pow(10.0, power);
            if ((factor > 1 && !fine) || value < lower * (1 - 1e-9) || value > upper * (1 + 1e-9))
                continue;
            ticks.push_back({value, tickLabel(value, std::max(0, -power)) + axis.tickSuffix});
        }
    }
    return ticks;
}

} // namespace

std::string tickLabel(double value, int decimals) {
    if (!std::isfinite(value))
        return std::isnan(value) ? "NaN" : value < 0 ? "\u2212\u221E" : "\u221E";
    const double magnitude = std::abs(value);
    std::string text;
    if (magnitude >= 1e6) {
        constexpr std::array<const char *, 4> suffixes{"M", "G", "T", "P"};
        std::size_t power = 0;
        double scaled = magnitude / 1e6;
        for (; scaled >= 1000 && power + 1 < suffixes.size(); ++power)
            scaled /= 1000;
        text = printed(scaled, 3);
        while (text.back() == '0')
            text.pop_back();
        if (text.back() == '.')
            text.pop_back();
        text += std::string("\u00A0") + suffixes[power];
    } else if (decimals > mostDecimals && magnitude > 0) {
        std::array<char, 64> buffer{};
        std::snprintf(buffer.data(), buffer.size(), "%.3g", magnitude);
        text = buffer.data();
        // "5e-07" -> "5e−7"
        if (const std::size_t e = text.find('e'); e != std::string::npos) {
            const int exponent = std::stoi(text.substr(e + 1));
            text = text.substr(0, e + 1) + (exponent < 0 ? minus : "") + std::to_string(std::abs(exponent));
        }
    } else {
        text = grouped(printed(magnitude, std::min(decimals, mostDecimals)));
    }
    const bool zero = text.find_first_of("123456789") == std::string::npos;
    return value < 0 && !zero ? minus + text : text;
}

std::vector<Axis::Tick> numericTicks(const Axis &axis, double lower, double upper, int most) {
    if (!(upper > lower) || !std::isfinite(upper - lower) || most < 1)
        return {};
    return axis.logarithmic ? logarithmicTicks(axis, lower, upper, most) : linearTicks(axis, lower, upper, most);
}

} // namespace nibblescope
