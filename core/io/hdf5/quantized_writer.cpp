// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <unordered_set>

#include "core/base/half.h"
#include "core/base/progress.h"
#include "core/io/atomic_file.h"
#include "core/io/hdf5/boxes.h"
#include "core/io/hdf5/checksum.h"
#include "core/io/hdf5/element_type.h"
#include "core/io/hdf5/helper_process.h"
#include "core/io/hdf5/quantized_file.h"
#include "core/io/hdf5/quantized_layout.h"
#include "core/io/shown.h"
#include "core/quant/double_quantization.h"

namespace nibblescope {
namespace {

using namespace hdf5;

constexpr std::size_t longestText = 32U << 10; // attributes share 64 KiB an object
constexpr std::size_t highestRank = 32;

std::span<const std::byte> bytesOf(const auto &values) { return std::as_bytes(std::span(values)); }

// The number in "... errno = 28, error message = 'No space left on device' ..." of the library's words.
int errnoIn(const std::string &reason) {
    constexpr std::string_view key = "errno = ";
    const std::size_t place = reason.find(key);
    return place == std::string::npos ? 0 : std::atoi(reason.c_str() + place + key.size());
}

struct Written {
    std::string path;
    DType dtype = DType::U8;
    std::vector<std::uint64_t> dims;
    Checksum checksum;
    std::uint64_t elements = 0;
};

std::uint64_t product(const std::vector<std::uint64_t> &dims) {
    std::uint64_t elements = 1;
    for (const std::uint64_t side : dims)
        elements *= side;
    return elements;
}

void writeText(hid_t object, const char *name, const std::string &text) {
    const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
    checked(H5Tset_size(type, std::max<std::size_t>(1, text.size())));
    checked(H5Tset_cset(type, H5T_CSET_UTF8));
    checked(H5Tset_strpad(type, H5T_STR_NULLPAD));
    const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
    const Handle attribute(H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
    checked(H5Awrite(attribute, type, text.empty() ? "" : text.data()));
}

void writeIntegers(hid_t object, const char *name, const std::vector<std::uint64_t> &values) {
    const hsize_t count = values.size();
    const Handle space(H5Screate_simple(1, &count, nullptr), H5Sclose);
    const Handle attribute(H5Acreate2(object, name, H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
    if (!values.empty())
        checked(H5Awrite(attribute, H5T_NATIVE_UINT64, values.data()));
}

void writeInteger(hid_t object, const char *name, std::uint64_t value) {
    const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
    const Handle attribute(H5Acreate2(object, name, H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
    checked(H5Awrite(attribute, H5T_NATIVE_UINT64, &value));
}

// Whether the name can be a path of groups: "a/b", not "/a", "a//b" or "a/./b".
bool isPath(const std::string &name) {
    std::size_t begin = 0;
    while (true) {
        const std::size_t end = std::min(name.find('/', begin), name.size());
        const std::string part = name.substr(begin, end - begin);
        if (part.empty() || part == "." || part == "..")
            return false;
        if (end == name.size())
            return name.find('\0') == std::string::npos;
        begin = end + 1;
    }
}

} // namespace

class QuantizedFileWriter::Body {
public:
    Body(const std::filesystem::path &target, std::uint64_t expectedBytes) : m_file(target, expectedBytes) {}
    ~Body() {
        const Scope scope;
        m_dataset.reset();
        m_tensor.reset();
        m_tensors.reset();
        m_hdf5.reset();
    }

    // Runs `body` with the library's lock; its failures become the error that names the target.
    template <typename Action>
    void guarded(Action action) {
        const Scope scope;
        try {
            action();
        } catch (const CallFailed &failed) {
            const int reason = errnoIn(failed.what());
            if (reason != 0)
                throw m_file.failure(reason);
            throw Error(Fault::Machine, shownName(m_file.target()) + " was not written: " + failed.what() + ".")
                .inFile(m_file.target().string());
        }
    }

    void create(const Recipe &recipe, const std::string &source) {
        guarded([&] {
            const Handle access = fileAccess();
            m_hdf5 = Handle(H5Fcreate(m_file.temporaryPath().c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access), H5Fclose);
            const Handle root(H5Gopen2(m_hdf5, "/", H5P_DEFAULT), H5Gclose);
            writeText(root, "format", std::string(ownFormat));
            writeInteger(root, "format_version", ownVersion);
            writeText(root, "program", std::string("Nibblescope ") + NIBBLESCOPE_VERSION);
            writeText(root, "source", validUtf8(source).substr(0, longestText));
            writeText(root, "recipe", toJson(recipe).dump());
            m_tensors =
                Handle(H5Gcreate2(m_hdf5, tensorsGroup.data(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
        });
    }

    void beginQuantized(const TensorInfo &info, Layout layout, const Recipe &recipe) {
        m_matrix = matrixShape(info, layout);
        m_grid = groupGrid(m_matrix, recipe);
        m_recipe = recipe;
        guarded([&] {
            finishObject();
            m_path = pathFor(info.name);
            const Handle links = linkCreation();
            m_tensor = Handle(H5Gcreate2(m_tensors, m_path.c_str(), links, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
            describe(m_tensor, info);
            writeText(m_tensor, "recipe", toJson(recipe).dump());
            writeText(m_tensor, "layout", layout == Layout::InOut ? "in_out" : "out_in");
            writeInteger(m_tensor, "code_bits", traits(recipe.format).codeBits);
            writeIntegers(m_tensor, "matrix", {m_matrix.rows, m_matrix.cols});
            writeIntegers(m_tensor, "grid", {m_grid.rows, m_grid.cols, m_grid.groupSize});
            const PartSpec codes = partsOf(m_grid, recipe).front();
            createDataset(m_tensor, codes.name, codes.dtype, codes.dims, m_path + "/" + codes.name);
        });
    }

    void append(std::span<const std::byte> bytes) {
        guarded([&] { appendToDataset(bytes); });
    }

    void finishQuantized(const QuantizedTensor &constants) {
        guarded([&] {
            for (const PartSpec &part : partsOf(m_grid, m_recipe)) {
                if (part.name == codesPart)
                    continue;
                createDataset(m_tensor, part.name, part.dtype, part.dims, m_path + "/" + part.name);
                appendToDataset(valuesOf(part, constants));
            }
            if (m_recipe.scaleType == ScaleType::BF16 && m_recipe.doubleQuant == DoubleQuant::Off)
                writeText(m_tensor, "scale_type", "bf16");
            finishObject();
        });
    }

    void beginKept(const TensorInfo &info) {
        guarded([&] {
            finishObject();
            m_path = pathFor(info.name);
            // Types that are no whole bytes or that no HDF5 type carries lie as a row of bytes.
            DType carrier = info.dtype;
            std::vector<std::uint64_t> dims = info.shape;
            const bool asBytes =
                traits(info.dtype).bits % 8 != 0 || (traits(info.dtype).bits > 16 && !hasStoredType(info.dtype));
            if (asBytes) {
                carrier = DType::U8;
                dims = {info.bytes};
            } else if (!hasStoredType(info.dtype)) {
                carrier = traits(info.dtype).bits == 16 ? DType::U16 : DType::U8;
            }
            if (dims.size() > highestRank)
                dims = {info.params};
            createDataset(m_tensors, m_path, carrier, dims, m_path);
            describe(m_dataset, info);
        });
    }

    void closeFile() {
        guarded([&] {
            finishObject();
            m_tensors.reset();
            m_hdf5.close();
        });
    }

    void verify(const std::stop_token &stop) {
        Hdf5HelperProcess helper(m_file.temporaryPath());
        std::vector<std::byte> buffer;
        for (const Written &written : m_written) {
            const std::uint64_t width = traits(written.dtype).bits / 8;
            const std::uint64_t all = product(written.dims);
            const std::uint64_t step = (16U << 20) / width;
            Checksum checksum;
            for (std::uint64_t first = 0; first < all; first += step) {
                throwIfStopped(stop);
                const std::uint64_t count = std::min(step, all - first);
                buffer.resize(count * width);
                helper.read(written.path, written.dtype, written.dims, first, count, buffer);
                checksum.add(buffer);
            }
            if (checksum.value() != written.checksum.value())
                throw Error(Fault::Machine, shownName(m_file.target()) + " was not written: " + shown(written.path) +
                                                " did not read back as it was written.")
                    .inFile(m_file.target().string());
        }
    }

    AtomicFile &file() { return m_file; }

private:
    void finishObject() {
        if (m_dataset >= 0 && m_written.back().elements != product(m_written.back().dims))
            throw std::logic_error("a dataset that was not written whole");
        m_dataset.close();
        m_tensor.close();
    }

    void describe(hid_t object, const TensorInfo &info) {
        if (info.name.size() > longestText || info.shape.size() > longestText / sizeof(std::uint64_t))
            throw Error(Fault::Input, shown(info.name) + " has a name or a shape too long for an HDF5 file.")
                .inTensor(info.name);
        writeText(object, "name", info.name);
        writeText(object, "dtype", std::string(traits(info.dtype).name));
        writeIntegers(object, "shape", info.shape);
        writeInteger(object, "index", m_index++);
    }

    static Handle linkCreation() {
        Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
        checked(H5Pset_create_intermediate_group(links, 1));
        checked(H5Pset_char_encoding(links, H5T_CSET_UTF8));
        return links;
    }

    // The tensor's name as a path of groups; where that cannot be (a tensor stands where a group is needed), its name
    // in one piece.
    std::string pathFor(const std::string &name) {
        bool free = isPath(name) && m_groups.count(name) == 0;
        for (std::size_t slash = name.find('/'); free && slash != std::string::npos; slash = name.find('/', slash + 1))
            free = m_paths.count(name.substr(0, slash)) == 0;
        std::string path = name;
        if (!free) {
            path = "tensor " + std::to_string(m_index);
            while (m_paths.count(path) > 0 || m_groups.count(path) > 0)
                path += "'";
        }
        if (!m_paths.insert(path).second)
            throw Error(Fault::Input, "two tensors cannot both be named " + shown(name) + " in one file.")
                .inTensor(name);
        for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1))
            m_groups.insert(path.substr(0, slash));
        return path;
    }

    void createDataset(hid_t place, const std::string &name, DType dtype, const std::vector<std::uint64_t> &dims,
                       const std::string &path) {
        if (m_dataset >= 0 && m_written.back().elements != product(m_written.back().dims))
            throw std::logic_error("a dataset that was not written whole");
        const std::vector<hsize_t> sides(dims.begin(), dims.end());
        const Handle space(sides.empty() ? H5Screate(H5S_SCALAR)
                                         : H5Screate_simple(static_cast<int>(sides.size()), sides.data(), nullptr),
                           H5Sclose);
        const Handle links = linkCreation();
        const Handle type = storedType(dtype);
        // Without times: the same export is the same file.
        const Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
        checked(H5Pset_obj_track_times(creation, 0));
        m_dataset = Handle(H5Dcreate2(place, name.c_str(), type, space, links, creation, H5P_DEFAULT), H5Dclose);
        m_written.push_back({std::string(tensorsGroup) + "/" + path, dtype, dims, {}, 0});
    }

    // The next elements of the dataset that was created last.
    void appendToDataset(std::span<const std::byte> bytes) {
        Written &written = m_written.back();
        const std::uint64_t width = traits(written.dtype).bits / 8;
        const std::uint64_t count = bytes.size() / width;
        if (bytes.size() % width != 0 || written.elements + count > product(written.dims))
            throw std::logic_error("elements that do not fit the dataset");
        if (count == 0)
            return;
        written.checksum.add(bytes);
        const Handle type = storedType(written.dtype);
        if (written.dims.empty()) {
            checked(H5Dwrite(m_dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()));
        } else {
            const Handle space(H5Dget_space(m_dataset), H5Sclose);
            const std::byte *at = bytes.data();
            const Boxes::Body writeBox = [&](const std::vector<hsize_t> &start, const std::vector<hsize_t> &box) {
                hsize_t elements = 1;
                for (const hsize_t side : box)
                    elements *= side;
                const Handle source(H5Screate_simple(1, &elements, nullptr), H5Sclose);
                checked(H5Sselect_hyperslab(space, H5S_SELECT_SET, start.data(), nullptr, box.data(), nullptr));
                checked(H5Dwrite(m_dataset, type, source, space, H5P_DEFAULT, at));
                at += elements * width;
            };
            Boxes(written.dims, writeBox).split(0, written.elements, count);
        }
        written.elements += count;
    }

    std::span<const std::byte> valuesOf(const PartSpec &part, const QuantizedTensor &tensor) {
        if (part.name == secondCodesPart)
            return bytesOf(tensor.secondLevel.codes);
        if (part.name == secondScalesPart)
            return bytesOf(tensor.secondLevel.blockScales);
        if (part.name == zeroPointsPart && part.dtype == DType::U8)
            return bytesOf(tensor.zeroPoints);
        m_bytes.clear();
        if (part.name == offsetPart)
            add(tensor.secondLevel.offset);
        else if (part.name == zeroPointsPart)
            for (const float zero : tensor.floatZeros)
                add(f16FromF32(zero));
        else if (part.name == secondMapPart)
            addSecondMap();
        else if (part.name == levelsPart)
            addLevels(tensor);
        else
            for (const float scale : tensor.decodeScales)
                addScale(part, scale);
        return m_bytes;
    }

    template <typename Value>
    void add(Value value) {
        const auto *bytes = reinterpret_cast<const std::byte *>(&value);
        m_bytes.insert(m_bytes.end(), bytes, bytes + sizeof value);
    }

    void addScale(const PartSpec &part, float scale) {
        if (part.name == exponentsPart)
            add(static_cast<std::uint8_t>(std::ilogb(scale) + 127));
        else if (part.dtype == DType::F16)
            add(f16FromF32(scale));
        else if (part.dtype == DType::U16)
            add(bf16FromF32(scale));
        else
            add(scale);
    }

    // 8-bit codes index these as they are: two's complement.
    static float signedByte(std::size_t code) { return static_cast<float>(static_cast<std::int8_t>(code)); }

    void addSecondMap() {
        const auto &map = dynamicMap();
        for (std::size_t code = 0; code < 256; ++code)
            add(m_recipe.doubleQuant == DoubleQuant::Dynamic ? map[code] : signedByte(code));
    }

    void addLevels(const QuantizedTensor &tensor) {
        if (m_recipe.format == Format::Int8) {
            for (std::size_t code = 0; code < 256; ++code)
                add(signedByte(code));
            return;
        }
        for (const float level : levelsOf(tensor))
            add(level);
    }

    AtomicFile m_file;
    Handle m_hdf5;
    Handle m_tensors;
    Handle m_tensor;  // the group of the tensor in work
    Handle m_dataset; // the dataset in work
    std::uint64_t m_index = 0;
    std::string m_path;
    MatrixShape m_matrix;
    GroupGrid m_grid;
    Recipe m_recipe;
    std::vector<std::byte> m_bytes;
    std::vector<Written> m_written;
    std::unordered_set<std::string> m_paths;  // of tensors
    std::unordered_set<std::string> m_groups; // of groups above them
};

QuantizedFileWriter::QuantizedFileWriter(const std::filesystem::path &target, std::uint64_t expectedBytes,
                                         const Recipe &recipe, const std::string &source)
    : m_body(std::make_unique<Body>(target, expectedBytes)) {
    m_body->create(recipe, source);
}

QuantizedFileWriter::~QuantizedFileWriter() = default;

void QuantizedFileWriter::beginQuantized(const TensorInfo &info, Layout layout, const Recipe &recipe) {
    m_body->beginQuantized(info, layout, recipe);
}

void QuantizedFileWriter::writeCodes(std::span<const std::uint8_t> codes) { m_body->append(std::as_bytes(codes)); }

void QuantizedFileWriter::finishQuantized(const QuantizedTensor &constants) { m_body->finishQuantized(constants); }

void QuantizedFileWriter::beginKept(const TensorInfo &info) { m_body->beginKept(info); }

void QuantizedFileWriter::writeKept(std::span<const std::byte> bytes) { m_body->append(bytes); }

void QuantizedFileWriter::verify(const std::stop_token &stop) {
    m_body->closeFile();
    m_body->verify(stop);
}

void QuantizedFileWriter::commit() { m_body->file().commit(); }

std::uint64_t QuantizedFileWriter::fileBytes() const {
    std::error_code none;
    const auto &file = m_body->file();
    const auto &path = std::filesystem::exists(file.temporaryPath(), none) ? file.temporaryPath() : file.target();
    return std::filesystem::file_size(path, none);
}

} // namespace nibblescope
