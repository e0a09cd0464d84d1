// SPDX-License-Identifier: GPL-3.0-or-later
// One array in NumPy's own format (.npy, versions 1 to 3: https://numpy.org/neps/nep-0001-npy-format.html). Plain
// numbers only; nothing of the header is believed before it was held against the file's size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/io/input_file.h"

namespace nibblescope {

class NpyFile {
public:
    struct ElementType {
        char kind = 'f'; // 'f', 'i', 'u', 'b', 'c' as NumPy's
        bool bigEndian = false;
        std::size_t bytes = 0;
        std::string text; // "<f4"
    };

    // Reads the header. `wanted` ends every message: "token ids are read from a .npy file with one dimension of
    // integers". Throws Error{Fault::Input}: not such a file, damaged, cut short, no plain numbers.
    NpyFile(const std::filesystem::path &path, std::string wanted);

    const ElementType &type() const { return m_type; }
    const std::vector<std::uint64_t> &shape() const { return m_shape; }
    bool columnMajor() const { return m_columnMajor; } // "fortran_order"
    std::uint64_t count() const { return m_count; }    // elements
    const InputFile &file() const { return m_file; }

    // Elements from `first` on, as many as fill `bytes`, which is a whole number of them and within the array;
    // little-endian. Safe from several threads at once.
    void read(std::uint64_t first, std::span<std::byte> bytes) const;

    // "FILE WHAT; WANTED."
    [[noreturn]] void refuse(const std::string &what) const;

private:
    void parse(std::string_view header);

    InputFile m_file;
    std::string m_wanted;
    ElementType m_type;
    std::vector<std::uint64_t> m_shape;
    bool m_columnMajor = false;
    std::uint64_t m_count = 0;
    std::uint64_t m_begin = 0; // of the elements in the file
};

} // namespace nibblescope
