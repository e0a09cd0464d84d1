// SPDX-License-Identifier: GPL-3.0-or-later
// The command line as it was typed. What it means together is decided by whoever carries it out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace nibblescope::cli {

enum class Command { Info, Analyze, Quantize, Report, Bench, Evaluate, Calibrate };

struct RecipeArguments {
    std::optional<std::string> format;
    std::optional<std::string> groupSize;
    std::optional<std::string> blocks;
    std::optional<std::string> scaleType;
    std::optional<std::string> doubleQuant;
    std::optional<std::string> method;
    bool actOrder = false;
    std::optional<double> damp;
    bool sequential = false;
    bool awqNoClip = false;
    std::optional<std::filesystem::path> file;
};

struct Arguments {
    Command command = Command::Info;
    std::filesystem::path path;
    bool json = false;
    unsigned threads = 0; // 0: one per processor
    RecipeArguments recipe;
    std::vector<std::string> include;
    std::vector<std::string> exclude;
    std::vector<std::string> only;
    std::vector<std::string> layouts; // GLOB=in_out
    std::optional<std::uint64_t> context;
    std::uint64_t batch = 1;
    std::string cacheType = "f16";
    std::optional<std::filesystem::path> out;
    std::optional<std::string> dequantType;
    std::optional<std::filesystem::path> calibration;
    // evaluate, calibrate
    std::optional<std::filesystem::path> text;
    std::optional<std::filesystem::path> tokens;
    std::optional<std::uint64_t> windows;
    std::optional<std::string> sensitivity;
    std::optional<std::string> products;
    bool speed = false;                     // report: measure products too
    std::optional<std::string> activations; // evaluate: int8, int4
    std::optional<std::string> activationScales;
    std::optional<double> smooth;
    std::optional<std::filesystem::path> activationFiles; // calibrate
    // bench
    std::optional<std::uint64_t> rows;
    std::optional<std::uint64_t> cols;
    std::vector<std::string> formats;
    std::vector<std::string> isas;
    std::vector<unsigned> threadCounts;
    bool quick = false;
};

// Throws Error{Fault::Call} with one line that says what is wrong and what is nearest to it. Empty: help or the version
// was asked for and printed to standard output.
std::optional<Arguments> parseArguments(int argc, const char *const *argv);

} // namespace nibblescope::cli
