// SPDX-License-Identifier: GPL-3.0-or-later
// The quantized HDF5 file: codes, constants and recipe of every quantized tensor, all other tensors bit for bit. The
// layout is documented in resources/docs/quantized-hdf5.md, with a decoder in ten lines of Python.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/io/model.h"
#include "core/quant/quantized_tensor.h"

namespace nibblescope {

// Writes the file tensor by tensor. Throws Error{Fault::Machine} as AtomicFile does; nothing appears under the target's
// name before commit().
class QuantizedFileWriter {
public:
    // `recipe` is that of the model, `source` the name of the file or folder that the weights come from.
    QuantizedFileWriter(const std::filesystem::path &target, std::uint64_t expectedBytes, const Recipe &recipe,
                        const std::string &source);
    ~QuantizedFileWriter();
    QuantizedFileWriter(const QuantizedFileWriter &) = delete;
    QuantizedFileWriter &operator=(const QuantizedFileWriter &) = delete;

    // A quantized tensor: its codes in any pieces, in order (for several grid rows whole rows), then its constants.
    void beginQuantized(const TensorInfo &info, Layout layout, const Recipe &recipe);
    void writeCodes(std::span<const std::uint8_t> codes);
    void finishQuantized(const QuantizedTensor &constants);

    // A tensor that is kept: its stored bytes in any pieces, in order.
    void beginKept(const TensorInfo &info);
    void writeKept(std::span<const std::byte> bytes);

    // Closes the file, reads it back through the helper and compares every byte with what was written; throws
    // Error{Fault::Machine} where they differ.
    void verify(const std::stop_token &stop);
    void commit(); // after verify(); returns when the file is under its name
    std::uint64_t fileBytes() const;

private:
    class Body;
    std::unique_ptr<Body> m_body;
};

// Whether the model is such a file; its tensors read as their decoded weights.
bool isQuantizedFile(const Model &model);
// Codes and constants of a quantized tensor as they are stored. Throws Error; std::logic_error for a tensor that was
// kept or a model of another format.
QuantizedTensor readQuantized(const Model &model, std::size_t tensor);

} // namespace nibblescope
