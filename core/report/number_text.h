// SPDX-License-Identifier: GPL-3.0-or-later
// Numbers as people read them, UTF-8. One place, so that the window, the report and the terminal print the same.
// Machine output (JSON, CSV) does not come through here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace nibblescope {

// Screens and reports use "−" (U+2212), a no-break space between number and unit and "," between thousands.
std::string sqnrText(std::optional<double> db, bool exact = false); // "20.75", "exact", "–"
std::string withUnit(const std::string &number, const char *unit);  // no-break space between
std::string heldText(std::string text);                             // blanks become no-break spaces
std::string ratioText(double ratio);                                // "4.09", "12.3"
std::string bpwText(double bpw);                                    // "4.279"
std::string percentText(double share, int significant = 3);         // 0.0917 -> "9.17 %"
std::string fixedText(double value, int decimals);                  // that many decimals, no "−0.00"
std::string cosineText(double cosine);                              // "0.9958"; "1 − 4.2e−3" above 0.9995
std::string valueText(double value);     // 4 significant digits at most; "1.298e−4" below 0.001; "NaN", "∞"
std::string countText(std::uint64_t n);  // exact: "11,008"
std::string shortCount(std::uint64_t n); // powers of 1000: "11.0 k", "16.8 M"; below 1000 exact
std::string bytesText(double bytes);     // "5.75 KiB", 3 significant digits, powers of 1024
std::string bandwidthText(double bytesPerSecond); // "13.2 GB/s", 10^9
std::string durationText(double seconds);         // "4 s", "1 min 20 s"; to 10 s below 10 min, then to minutes
std::string microsecondsText(double seconds);     // "447 µs", "2,950 µs", 3 significant digits
std::string signedText(double difference, const std::string &number); // "+1.42", "−0.064" from the unsigned text
// A signed difference with 3 significant digits at most and no more than `decimals` decimals; "±0.000" below half of
// the last digit.
std::string differenceText(double difference, int decimals);
// "model.layers.0.mlp.down_proj.weight" -> "layers.0.mlp.down_proj": without a trailing ".weight" and a leading
// "model.".
std::string shortTensorName(const std::string &name);
// Elided in the middle by parts, the last one whole: "layers.0…down_proj"; `most` characters.
std::string elidedName(const std::string &name, std::size_t most);

} // namespace nibblescope
