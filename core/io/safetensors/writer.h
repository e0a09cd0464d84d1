// SPDX-License-Identifier: GPL-3.0-or-later
// Writes a safetensors file tensor by tensor, byte for byte as the reference writer lays it out: tensors sorted by
// element type (largest alignment first) and then by name, a header without spaces inside and padded to 8 bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/io/atomic_file.h"
#include "core/tensor/dtype.h"

namespace nibblescope {

struct DeclaredTensor {
    std::string name;
    DType dtype = DType::F32;
    std::vector<std::uint64_t> shape;
};

class SafetensorsWriter {
public:
    // Creates the temporary file and writes the header, with the metadata {"format":"pt"}. Throws Error: as AtomicFile;
    // Error{Fault::Input} for two tensors of one name, or shapes that no file can hold.
    SafetensorsWriter(const std::filesystem::path &target, const std::vector<DeclaredTensor> &tensors);

    // Indices into the declared tensors, in the order in which their bytes have to come.
    const std::vector<std::size_t> &order() const { return m_order; }
    std::uint64_t fileBytes() const { return m_fileBytes; }

    // The next bytes of the data, in any pieces.
    void write(std::span<const std::byte> bytes);
    // Throws std::logic_error if bytes are missing, Error as AtomicFile::commit.
    void commit();

private:
    struct Layout {
        std::string head; // length and header
        std::vector<std::size_t> order;
        std::uint64_t fileBytes = 0;
    };
    static Layout layOut(const std::filesystem::path &target, const std::vector<DeclaredTensor> &tensors);
    SafetensorsWriter(const std::filesystem::path &target, Layout layout);

    std::vector<std::size_t> m_order;
    std::uint64_t m_fileBytes = 0;
    std::uint64_t m_rest = 0; // bytes that have to come
    AtomicFile m_file;
};

} // namespace nibblescope
