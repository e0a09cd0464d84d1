// SPDX-License-Identifier: GPL-3.0-or-later
// Makes HDF5 files for tests, with everything that weights files have and some that they should not have.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace nibblescope::testing {

// How a dataset's elements are stored. Values are handed over as little-endian bytes of that width.
enum class Element {
    F32,
    F64,
    F16,
    I32,
    I64,
    U8,
    U16,
    Opaque2,
    Opaque4,
    Enum,
    Bits,
    Text,
    VlenText,
    Compound,
    Vlen,
    Array
};

struct DatasetOptions {
    std::vector<std::uint64_t> chunk;
    bool deflate = false;
    bool shuffle = false;
    bool bigEndian = false;
    bool lzf = false;      // names a filter that is not there; nothing is written
    bool external = false; // values in another file
};

class Hdf5Maker {
public:
    explicit Hdf5Maker(const std::filesystem::path &path, bool trackOrder = false);
    ~Hdf5Maker();

    void group(const std::string &path);
    void dataset(const std::string &path, Element element, const std::vector<std::uint64_t> &shape,
                 const std::string &bytes = {}, const DatasetOptions &options = {});
    void f32(const std::string &path, const std::vector<std::uint64_t> &shape, unsigned seed = 1,
             const DatasetOptions &options = {});
    void nullDataset(const std::string &path);
    void virtualDataset(const std::string &path);
    void texts(const std::string &object, const std::string &name, const std::vector<std::string> &values);
    void vlenText(const std::string &object, const std::string &name, const std::string &value);
    void integer(const std::string &object, const std::string &name, std::int64_t value);
    void hardLink(const std::string &existing, const std::string &link);
    void softLink(const std::string &target, const std::string &link);
    void externalLink(const std::string &file, const std::string &target, const std::string &link);
    void committedType(const std::string &path);

private:
    class Body;
    std::unique_ptr<Body> m_body;
};

// Files after Keras' own: a whole model with optimizer state, and weights in the layout of Keras 3.
void writeKerasModel(const std::filesystem::path &path);
void writeKeras3Weights(const std::filesystem::path &path);

} // namespace nibblescope::testing
