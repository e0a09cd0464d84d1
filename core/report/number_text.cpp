// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/number_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string_view>
#include <vector>

namespace nibblescope {
namespace {

constexpr const char *minusSign = "\u2212";
constexpr const char *noBreakSpace = "\u00a0";
constexpr const char *enDash = "\u2013";
constexpr const char *ellipsis = "\u2026";

// std::to_chars, because printf follows the locale that Qt sets.
std::string digitsOf(double value, std::chars_format format, int precision) {
    std::array<char, 400> buffer{};
    const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format, precision);
    return error == std::errc() ? std::string(buffer.data(), end) : std::string();
}

std::string withThousands(const std::string &digits) {
    const std::size_t whole = std::min(digits.find('.'), digits.size());
    std::string text;
    for (std::size_t i = 0; i < whole; ++i) {
        if (i != 0 && (whole - i) % 3 == 0)
            text += ',';
        text += digits[i];
    }
    return text + digits.substr(whole);
}

// Power of ten of the first digit once the magnitude is rounded to `significant` digits: 0.9996 with 3 gives 0.
int exponentOf(double magnitude, int significant) {
    const std::string text = digitsOf(magnitude, std::chars_format::scientific, significant - 1);
    const std::size_t e = text.find('e');
    int exponent = 0;
    const char *first = text.data() + e + 1;
    if (*first == '+')
        ++first;
    std::from_chars(first, text.data() + text.size(), exponent);
    return exponent;
}

std::string withoutTrailingZeros(std::string digits) {
    if (digits.find('.') == std::string::npos)
        return digits;
    while (digits.back() == '0')
        digits.pop_back();
    if (digits.back() == '.')
        digits.pop_back();
    return digits;
}

// "1.298e−4": as many as `significant` digits, trailing zeros dropped.
std::string scientific(double magnitude, int significant) {
    const std::string text = digitsOf(magnitude, std::chars_format::scientific, significant - 1);
    const int exponent = exponentOf(magnitude, significant);
    const std::string mantissa = withoutTrailingZeros(text.substr(0, text.find('e')));
    return mantissa + "e" + (exponent < 0 ? minusSign : "") + std::to_string(std::abs(exponent));
}

std::string significantDigits(double magnitude, int significant) {
    const int exponent = magnitude == 0 ? 0 : exponentOf(magnitude, significant);
    return digitsOf(magnitude, std::chars_format::fixed, std::max(0, significant - 1 - exponent));
}

// Only the text of a magnitude knows whether a sign is left after rounding: no "−0.00".
std::string signedDigits(double value, const std::string &digits) {
    const bool zero = digits.find_first_of("123456789") == std::string::npos;
    return value < 0 && !zero ? minusSign + digits : digits;
}

std::optional<std::string> notFinite(double value) {
    if (std::isnan(value))
        return "NaN";
    if (std::isinf(value))
        return std::string(value < 0 ? minusSign : "") + "∞";
    return std::nullopt;
}

std::size_t characters(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

// Byte offset of character `index`.
std::size_t offsetOf(std::string_view text, std::size_t index) {
    std::size_t at = 0;
    for (std::size_t seen = 0; at < text.size(); ++at) {
        if ((static_cast<unsigned char>(text[at]) & 0xc0U) != 0x80U && seen++ == index)
            break;
    }
    return at;
}

std::string elidedInTheMiddle(std::string_view text, std::size_t most) {
    const std::size_t count = characters(text);
    if (count <= most)
        return std::string(text);
    const std::size_t kept = std::max<std::size_t>(most, 3) - 1;
    const std::size_t head = (kept + 1) / 2;
    return std::string(text.substr(0, offsetOf(text, head))) + ellipsis +
           std::string(text.substr(offsetOf(text, count - (kept - head))));
}

} // namespace

std::string fixedText(double value, int decimals) {
    if (const auto text = notFinite(value))
        return *text;
    return signedDigits(value, withThousands(digitsOf(std::abs(value), std::chars_format::fixed, decimals)));
}

std::string sqnrText(std::optional<double> db, bool exact) {
    if (exact)
        return "exact";
    return db ? fixedText(*db, 2) : enDash;
}

std::string withUnit(const std::string &number, const char *unit) { return number + noBreakSpace + unit; }

std::string heldText(std::string text) {
    for (std::size_t at = text.find(' '); at != std::string::npos; at = text.find(' ', at))
        text.replace(at, 1, noBreakSpace);
    return text;
}

std::string ratioText(double ratio) {
    const double size = std::abs(ratio);
    return fixedText(ratio, size < 9.995 ? 2 : size < 99.95 ? 1 : 0);
}

std::string bpwText(double bpw) { return fixedText(bpw, 3); }

std::string percentText(double share, int significant) {
    if (const auto text = notFinite(share))
        return withUnit(*text, "%");
    const double percent = std::abs(share) * 100;
    if (percent == 0)
        return withUnit("0", "%");
    if (percent < 0.001)
        return withUnit("<" + std::string(noBreakSpace) + "0.001", "%");
    return withUnit(signedDigits(share, withThousands(significantDigits(percent, significant))), "%");
}

std::string valueText(double value) {
    if (const auto text = notFinite(value))
        return *text;
    const double magnitude = std::abs(value);
    if (magnitude == 0)
        return "0";
    const int exponent = exponentOf(magnitude, 4);
    if (exponent < -3 || exponent > 3)
        return signedDigits(value, scientific(magnitude, 4));
    return signedDigits(value, withThousands(withoutTrailingZeros(significantDigits(magnitude, 4))));
}

std::string cosineText(double cosine) {
    return cosine > 0.9995 && cosine < 1 ? "1 " + std::string(minusSign) + " " + scientific(1 - cosine, 2)
                                         : valueText(cosine);
}

std::string countText(std::uint64_t n) { return withThousands(std::to_string(n)); }

std::string shortCount(std::uint64_t n) {
    if (n < 1000)
        return std::to_string(n);
    static constexpr std::array<const char *, 6> units = {"k", "M", "G", "T", "P", "E"};
    double value = static_cast<double>(n) / 1000;
    std::size_t unit = 0;
    while (value >= 999.5 && unit + 1 < units.size()) {
        value /= 1000;
        ++unit;
    }
    return withUnit(fixedText(value, value < 99.95 ? 1 : 0), units[unit]);
}

std::string bytesText(double bytes) {
    if (const auto text = notFinite(bytes))
        return withUnit(*text, "B");
    static constexpr std::array<const char *, 6> units = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    const double magnitude = std::abs(bytes);
    if (magnitude < 1023.5)
        return withUnit(fixedText(bytes, 0), "B");
    double value = magnitude / 1024;
    std::size_t unit = 0;
    while (value >= 1023.5 && unit + 1 < units.size()) {
        value /= 1024;
        ++unit;
    }
    // 1,016 KiB keeps its fourth digit: a zero in its place would be wrong.
    const std::string digits =
        value >= 999.5 ? digitsOf(value, std::chars_format::fixed, 0) : significantDigits(value, 3);
    return withUnit(signedDigits(bytes, withThousands(digits)), units[unit]);
}

std::string bandwidthText(double bytesPerSecond) {
    if (const auto text = notFinite(bytesPerSecond))
        return withUnit(*text, "GB/s");
    return withUnit(withThousands(significantDigits(std::abs(bytesPerSecond) / 1e9, 3)), "GB/s");
}

std::string durationText(double seconds) {
    if (const auto text = notFinite(seconds))
        return withUnit(*text, "s");
    const double positive = std::max(0.0, seconds);
    if (positive < 59.5)
        return withUnit(fixedText(positive, 0), "s");
    const bool short_ = positive < 595;
    const auto rounded =
        static_cast<std::uint64_t>(short_ ? std::round(positive / 10) * 10 : std::round(positive / 60) * 60);
    const std::uint64_t hours = rounded / 3600;
    const std::uint64_t minutes = rounded / 60 % 60;
    std::string text = hours != 0 ? withUnit(countText(hours), "h") : std::string();
    if (minutes != 0)
        text += (text.empty() ? "" : noBreakSpace) + withUnit(std::to_string(minutes), "min");
    if (rounded % 60 != 0)
        text += noBreakSpace + withUnit(std::to_string(rounded % 60), "s");
    return text;
}

std::string microsecondsText(double seconds) {
    const double microseconds = seconds * 1e6;
    if (const auto text = notFinite(microseconds))
        return withUnit(*text, "µs");
    if (microseconds < 999.5)
        return withUnit(significantDigits(microseconds, 3), "µs");
    const double unit = std::pow(10.0, exponentOf(microseconds, 3) - 2);
    return withUnit(fixedText(std::round(microseconds / unit) * unit, 0), "µs");
}

std::string signedText(double difference, const std::string &number) {
    if (difference > 0)
        return "+" + number;
    return (difference < 0 ? minusSign : "±") + number;
}

std::string differenceText(double difference, int decimals) {
    if (const auto text = notFinite(difference))
        return *text;
    const double magnitude = std::abs(difference);
    // Beyond 6 decimals the number is given by its digits alone, and nothing is known of a "last" one.
    const bool free = decimals > 6;
    if (magnitude == 0 || (!free && magnitude < 0.5 * std::pow(10.0, -decimals)))
        return "±" + digitsOf(0, std::chars_format::fixed, free ? 0 : decimals);
    const int exponent = exponentOf(magnitude, 3);
    if (exponent < -3 && decimals > 4)
        return signedText(difference, scientific(magnitude, 3));
    const int places = std::clamp(2 - exponent, 0, decimals);
    return signedText(difference, withThousands(digitsOf(magnitude, std::chars_format::fixed, places)));
}

std::string shortTensorName(const std::string &name) {
    static constexpr std::string_view prefix = "model.";
    static constexpr std::string_view suffix = ".weight";
    std::string_view text = name;
    if (text.starts_with(prefix) && text.size() > prefix.size())
        text.remove_prefix(prefix.size());
    if (text.ends_with(suffix) && text.size() > suffix.size())
        text.remove_suffix(suffix.size());
    return std::string(text);
}

std::string elidedName(const std::string &name, std::size_t most) {
    if (characters(name) <= most)
        return name;
    const std::string_view text = name;
    const std::size_t lastDot = text.rfind('.');
    if (lastDot == std::string_view::npos)
        return elidedInTheMiddle(text, most);
    const std::string_view last = text.substr(lastDot + 1);
    const std::size_t tail = characters(last) + 1;
    if (tail > most)
        return elidedInTheMiddle(last, most);
    std::string_view head;
    for (std::size_t dot = text.find('.'); dot < lastDot; dot = text.find('.', dot + 1)) {
        if (characters(text.substr(0, dot)) + tail > most)
            break;
        head = text.substr(0, dot);
    }
    return std::string(head) + ellipsis + std::string(last);
}

} // namespace nibblescope
