// SPDX-License-Identifier: GPL-3.0-or-later
// The header of a safetensors file: u64 length, that many bytes of JSON, then the data to the end of the file. Held
// against the rules of the format's reference reader (huggingface/safetensors), and a little stricter where a file that
// breaks the written specification could mislead.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/io/input_file.h"
#include "core/tensor/tensor_info.h"

namespace nibblescope {

inline constexpr std::uint64_t safetensorsHeaderLimit = 100'000'000;

struct SafetensorsEntry {
    TensorInfo info;
    std::uint64_t begin = 0; // place of the first byte in the file
};

struct SafetensorsHeader {
    std::vector<SafetensorsEntry> entries; // by place in the file
    std::vector<std::string> warnings;     // oddities that do no harm: metadata, element types that nobody knows
};

// Reads and checks the header. Throws Error, naming file, tensor and byte, for: no safetensors file at all, a header
// that is not JSON of the right form, duplicate keys, padding other than spaces, data with holes, overlaps or a rest, a
// shape that does not fit its bytes, and a file that is cut short.
SafetensorsHeader readSafetensorsHeader(const InputFile &file);

// Whether the first bytes could be those of a safetensors file.
bool looksLikeSafetensors(const InputFile &file);

} // namespace nibblescope
