// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/figure_colours.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

namespace nibblescope {
namespace {

constexpr Rgb rgb(std::uint32_t hex) {
    return {static_cast<std::uint8_t>(hex >> 16 & 0xFF), static_cast<std::uint8_t>(hex >> 8 & 0xFF),
            static_cast<std::uint8_t>(hex & 0xFF)};
}

struct Row {
    Rgb light;
    Rgb dark;
};

// In the order of ColourRole.
constexpr std::array<Row, 14> roleColours{{
    {rgb(0x484B4E), rgb(0xD7DEE6)}, // weights, FP32
    {rgb(0x8E9298), rgb(0x808489)}, // FP16
    {rgb(0x007D61), rgb(0x10CA8B)}, // INT8
    {rgb(0x1E98F4), rgb(0x5586FF)}, // INT4
    {rgb(0xBF4011), rgb(0xFF8615)}, // NF4
    {rgb(0x8E3FA8), rgb(0xC09DDE)}, // FP4
    {rgb(0xD37E02), rgb(0xFFCA19)}, // MXFP4
    {rgb(0x1A1E24), rgb(0xE7EAEE)}, // text
    {rgb(0x565E69), rgb(0xA3ABB6)}, // text2
    {rgb(0xC3C8CF), rgb(0x3A414A)}, // divider
    {rgb(0xE4E7EB), rgb(0x2A2F36)}, // grid
    {rgb(0x1B5FB8), rgb(0x6FA8F5)}, // accent
    {rgb(0x1E6B3A), rgb(0x7FD19B)}, // good
    {rgb(0xB3261E), rgb(0xFF8A80)}, // error
}};

constexpr std::array<Rgb, 9> viridisStops{rgb(0x440154), rgb(0x472D7B), rgb(0x3B528B), rgb(0x2C728E), rgb(0x21918C),
                                          rgb(0x28AE80), rgb(0x5EC962), rgb(0xADDC30), rgb(0xFDE725)};
constexpr std::array<Rgb, 7> divergingLight{rgb(0x2166AC), rgb(0x67A9CF), rgb(0xD1E5F0), rgb(0xF7F7F7),
                                            rgb(0xFDDBC7), rgb(0xEF8A62), rgb(0xB2182B)};
constexpr std::array<Rgb, 7> divergingDark{rgb(0x6FB7FF), rgb(0x3F78B5), rgb(0x2C4A6B), rgb(0x2A2F36),
                                           rgb(0x6B4030), rgb(0xB5623A), rgb(0xFF9A6B)};

Rgb between(std::span<const Rgb> stops, double at) {
    const double clamped = std::isfinite(at) ? std::clamp(at, 0.0, 1.0) : 0.0;
    const double place = clamped * static_cast<double>(stops.size() - 1);
    const auto low = std::min(static_cast<std::size_t>(place), stops.size() - 2);
    return mixed(stops[low + 1], stops[low], place - static_cast<double>(low));
}

double luminance(Rgb colour) {
    const auto linear = [](std::uint8_t channel) {
        const double value = channel / 255.0;
        return value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
    };
    return 0.2126 * linear(colour.red) + 0.7152 * linear(colour.green) + 0.0722 * linear(colour.blue);
}

} // namespace

Rgb figureGround(FigureTheme theme) {
    switch (theme) {
    case FigureTheme::Light:
    case FigureTheme::HighContrastLight:
        return rgb(0xFFFFFF);
    case FigureTheme::Dark:
        return rgb(0x16191D);
    case FigureTheme::HighContrastDark:
        return rgb(0x000000);
    }
    return rgb(0xFFFFFF);
}

Rgb controlEdge(FigureTheme theme) { return isDark(theme) ? rgb(0x7D8691) : rgb(0x7A828D); }

Rgb figureColour(ColourRole role, FigureTheme theme) {
    if (isHighContrast(theme)) {
        if (role == ColourRole::Text || role == ColourRole::Text2)
            return isDark(theme) ? rgb(0xFFFFFF) : rgb(0x000000);
        if (role == ColourRole::Divider)
            return controlEdge(theme);
    }
    const Row &row = roleColours.at(static_cast<std::size_t>(role));
    return isDark(theme) ? row.dark : row.light;
}

FormatLook formatLook(Format format) {
    switch (format) {
    case Format::None:
        break;
    case Format::Int4:
        return {ColourRole::Int4, MarkStyle::Circle, LineStyle::Solid};
    case Format::Int4Max:
        return {ColourRole::Int4, MarkStyle::CircleHalf, LineStyle::Dashed};
    case Format::Int4Asym:
        return {ColourRole::Int4, MarkStyle::CircleHollow, LineStyle::Dotted};
    case Format::Nf4:
        return {ColourRole::Nf4, MarkStyle::Diamond, LineStyle::Solid};
    case Format::Fp4:
        return {ColourRole::Fp4, MarkStyle::TriangleUp, LineStyle::Solid};
    case Format::Mxfp4:
        return {ColourRole::Mxfp4, MarkStyle::TriangleDown, LineStyle::Solid};
    case Format::Fitted:
        return {ColourRole::Nf4, MarkStyle::Square, LineStyle::Dotted};
    case Format::Int8:
        return {ColourRole::Int8, MarkStyle::Square, LineStyle::Solid};
    }
    return {};
}

Rgb viridis(double at) { return between(viridisStops, at); }

Rgb diverging(double at, FigureTheme theme) { return between(isDark(theme) ? divergingDark : divergingLight, at); }

Rgb mixed(Rgb over, Rgb ground, double opacity) {
    const auto mix = [opacity](std::uint8_t top, std::uint8_t bottom) {
        return static_cast<std::uint8_t>(std::lround(top * opacity + bottom * (1 - opacity)));
    };
    return {mix(over.red, ground.red), mix(over.green, ground.green), mix(over.blue, ground.blue)};
}

double contrast(Rgb one, Rgb other) {
    const double a = luminance(one) + 0.05;
    const double b = luminance(other) + 0.05;
    return std::max(a, b) / std::min(a, b);
}

Rgb textOn(Rgb ground) {
    const Rgb white = rgb(0xFFFFFF);
    const Rgb black = rgb(0x000000);
    return contrast(white, ground) > contrast(black, ground) ? white : black;
}

std::string hexText(Rgb colour) {
    constexpr char digits[] = "0123456789ABCDEF";
    std::string text = "#";
    for (const std::uint8_t channel : {colour.red, colour.green, colour.blue}) {
        text += digits[channel >> 4];
        text += digits[channel & 0xF];
    }
    return text;
}

} // namespace nibblescope
