// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/hdf5_maker.h"

#include <algorithm>

#include "core/io/hdf5/api.h"
#include "core/io/hdf5/element_type.h"
#include "tests/support/safetensors_maker.h"

namespace nibblescope::testing {
namespace {

using namespace hdf5;

Handle copyOf(hid_t type) { return {H5Tcopy(type), H5Tclose}; }

Handle fileType(Element element) {
    switch (element) {
    case Element::F32:
        return copyOf(H5T_IEEE_F32LE);
    case Element::F64:
        return copyOf(H5T_IEEE_F64LE);
    case Element::F16:
        return halfType();
    case Element::I32:
        return copyOf(H5T_STD_I32LE);
    case Element::I64:
        return copyOf(H5T_STD_I64LE);
    case Element::U8:
        return copyOf(H5T_STD_U8LE);
    case Element::U16:
        return copyOf(H5T_STD_U16LE);
    case Element::Opaque2:
        return {H5Tcreate(H5T_OPAQUE, 2), H5Tclose};
    case Element::Opaque4:
        return {H5Tcreate(H5T_OPAQUE, 4), H5Tclose};
    case Element::Bits:
        return copyOf(H5T_STD_B8LE);
    case Element::Enum: {
        Handle type(H5Tenum_create(H5T_STD_I8LE), H5Tclose);
        const std::int8_t no = 0;
        const std::int8_t yes = 1;
        checked(H5Tenum_insert(type, "FALSE", &no));
        checked(H5Tenum_insert(type, "TRUE", &yes));
        return type;
    }
    case Element::Text: {
        Handle type = copyOf(H5T_C_S1);
        checked(H5Tset_size(type, 4));
        return type;
    }
    case Element::VlenText: {
        Handle type = copyOf(H5T_C_S1);
        checked(H5Tset_size(type, H5T_VARIABLE));
        return type;
    }
    case Element::Compound: {
        Handle type(H5Tcreate(H5T_COMPOUND, 8), H5Tclose);
        checked(H5Tinsert(type, "r", 0, H5T_IEEE_F32LE));
        checked(H5Tinsert(type, "i", 4, H5T_IEEE_F32LE));
        return type;
    }
    case Element::Vlen:
        return {H5Tvlen_create(H5T_IEEE_F32LE), H5Tclose};
    case Element::Array: {
        const hsize_t two = 2;
        return {H5Tarray_create2(H5T_IEEE_F32LE, 1, &two), H5Tclose};
    }
    }
    return {};
}

Handle spaceOf(const std::vector<std::uint64_t> &shape) {
    if (shape.empty())
        return {H5Screate(H5S_SCALAR), H5Sclose};
    const std::vector<hsize_t> dims(shape.begin(), shape.end());
    return {H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr), H5Sclose};
}

Handle withGroups() {
    Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
    checked(H5Pset_create_intermediate_group(links, 1));
    return links;
}

} // namespace

class Hdf5Maker::Body {
public:
    Scope scope; // for as long as the maker lives
    Handle file;
};

Hdf5Maker::Hdf5Maker(const std::filesystem::path &path, bool trackOrder) : m_body(std::make_unique<Body>()) {
    const Handle access = fileAccess();
    const Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
    if (trackOrder)
        checked(H5Pset_link_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED));
    m_body->file = Handle(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation, access), H5Fclose);
}

Hdf5Maker::~Hdf5Maker() { m_body->file.reset(); }

void Hdf5Maker::group(const std::string &path) {
    const Handle group(H5Gcreate2(m_body->file, path.c_str(), withGroups(), H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
}

void Hdf5Maker::dataset(const std::string &path, Element element, const std::vector<std::uint64_t> &shape,
                        const std::string &bytes, const DatasetOptions &options) {
    Handle type = fileType(element);
    const Handle memory = copyOf(type);
    if (options.bigEndian)
        checked(H5Tset_order(type, H5T_ORDER_BE));
    const Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    if (!options.chunk.empty()) {
        const std::vector<hsize_t> chunk(options.chunk.begin(), options.chunk.end());
        checked(H5Pset_chunk(creation, static_cast<int>(chunk.size()), chunk.data()));
    }
    if (options.shuffle)
        checked(H5Pset_shuffle(creation));
    if (options.deflate)
        checked(H5Pset_deflate(creation, 6));
    if (options.lzf)
        checked(H5Pset_filter(creation, 32000, H5Z_FLAG_OPTIONAL, 0, nullptr));
    if (options.external)
        checked(H5Pset_external(creation, "/etc/hostname", 0, H5F_UNLIMITED));
    const Handle space = spaceOf(shape);
    const Handle dataset(H5Dcreate2(m_body->file, path.c_str(), type, space, withGroups(), creation, H5P_DEFAULT),
                         H5Dclose);
    if (!bytes.empty())
        checked(H5Dwrite(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()));
}

void Hdf5Maker::f32(const std::string &path, const std::vector<std::uint64_t> &shape, unsigned seed,
                    const DatasetOptions &options) {
    std::size_t count = 1;
    for (const std::uint64_t side : shape)
        count *= side;
    dataset(path, Element::F32, shape, f32Bytes(normalValues(count, seed)), options);
}

void Hdf5Maker::nullDataset(const std::string &path) {
    const Handle space(H5Screate(H5S_NULL), H5Sclose);
    const Handle dataset(
        H5Dcreate2(m_body->file, path.c_str(), H5T_IEEE_F32LE, space, withGroups(), H5P_DEFAULT, H5P_DEFAULT),
        H5Dclose);
}

void Hdf5Maker::virtualDataset(const std::string &path) {
    const Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    const Handle space = spaceOf({4, 4});
    checked(H5Pset_virtual(creation, space, "/etc/hostname", "data", space));
    const Handle dataset(
        H5Dcreate2(m_body->file, path.c_str(), H5T_IEEE_F32LE, space, withGroups(), creation, H5P_DEFAULT), H5Dclose);
}

void Hdf5Maker::texts(const std::string &object, const std::string &name, const std::vector<std::string> &values) {
    std::size_t width = 1;
    for (const std::string &value : values)
        width = std::max(width, value.size());
    std::string all;
    for (const std::string &value : values)
        all += value + std::string(width - value.size(), '\0');
    const Handle type = copyOf(H5T_C_S1);
    checked(H5Tset_size(type, width));
    checked(H5Tset_strpad(type, H5T_STR_NULLPAD));
    const Handle target(H5Oopen(m_body->file, object.c_str(), H5P_DEFAULT), H5Oclose);
    const Handle attribute(H5Acreate2(target, name.c_str(), type, spaceOf({values.size()}), H5P_DEFAULT, H5P_DEFAULT),
                           H5Aclose);
    if (!values.empty())
        checked(H5Awrite(attribute, type, all.data()));
}

void Hdf5Maker::vlenText(const std::string &object, const std::string &name, const std::string &value) {
    const Handle type = fileType(Element::VlenText);
    const Handle target(H5Oopen(m_body->file, object.c_str(), H5P_DEFAULT), H5Oclose);
    const Handle attribute(H5Acreate2(target, name.c_str(), type, spaceOf({}), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
    const char *text = value.c_str();
    checked(H5Awrite(attribute, type, &text));
}

void Hdf5Maker::integer(const std::string &object, const std::string &name, std::int64_t value) {
    const Handle target(H5Oopen(m_body->file, object.c_str(), H5P_DEFAULT), H5Oclose);
    const Handle attribute(H5Acreate2(target, name.c_str(), H5T_STD_I64LE, spaceOf({}), H5P_DEFAULT, H5P_DEFAULT),
                           H5Aclose);
    checked(H5Awrite(attribute, H5T_NATIVE_INT64, &value));
}

void Hdf5Maker::hardLink(const std::string &existing, const std::string &link) {
    checked(H5Lcreate_hard(m_body->file, existing.c_str(), m_body->file, link.c_str(), withGroups(), H5P_DEFAULT));
}

void Hdf5Maker::softLink(const std::string &target, const std::string &link) {
    checked(H5Lcreate_soft(target.c_str(), m_body->file, link.c_str(), withGroups(), H5P_DEFAULT));
}

void Hdf5Maker::externalLink(const std::string &file, const std::string &target, const std::string &link) {
    checked(H5Lcreate_external(file.c_str(), target.c_str(), m_body->file, link.c_str(), withGroups(), H5P_DEFAULT));
}

void Hdf5Maker::committedType(const std::string &path) {
    const Handle type = fileType(Element::F32);
    checked(H5Tcommit2(m_body->file, path.c_str(), type, withGroups(), H5P_DEFAULT, H5P_DEFAULT));
}

void writeKerasModel(const std::filesystem::path &path) {
    Hdf5Maker maker(path);
    maker.vlenText("/", "model_config", R"({"class_name": "Sequential"})");
    maker.group("model_weights");
    // Not in the order of their names, which is that of the groups.
    maker.texts("model_weights", "layer_names", {"embedding", "zeta", "dense", "dense_2", "dense_10"});
    maker.f32("model_weights/embedding/embedding/embeddings:0", {40, 16}, 1);
    maker.texts("model_weights/embedding", "weight_names", {"embedding/embeddings:0"});
    for (const char *layer : {"dense", "dense_2", "dense_10", "zeta"}) {
        const std::string group = std::string("model_weights/") + layer;
        const std::string inner = group + "/" + layer;
        maker.f32(inner + "/kernel:0", {20, 48}, 2, {{7, 48}, true, true});
        maker.f32(inner + "/bias:0", {48}, 3);
        maker.texts(group, "weight_names", {std::string(layer) + "/kernel:0", std::string(layer) + "/bias:0"});
    }
    maker.f32("optimizer_weights/Adam/m:0", {20, 48}, 4);
    maker.externalLink("/etc/hostname", "/x", "optimizer_weights/odd");
}

void writeKeras3Weights(const std::filesystem::path &path) {
    Hdf5Maker maker(path);
    maker.f32("layers/dense/vars/0", {20, 48}, 1);
    maker.f32("layers/dense/vars/1", {48}, 2);
    maker.f32("layers/dense_2/vars/0", {48, 16}, 3);
    maker.f32("layers/dense_10/vars/0", {16, 16}, 4);
    maker.f32("layers/embedding/vars/0", {64, 32}, 5);
    maker.dataset("layers/half/vars/0", Element::Opaque2, {16, 16}, std::string(512, '\x3f'));
    maker.vlenText("layers/half/vars/0", "dtype", "bfloat16");
    maker.dataset("layers/dropout/seed_generator/vars/0", Element::I32, {2}, std::string(8, '\1'));
    maker.f32("optimizer/vars/2", {20, 48}, 6);
}

} // namespace nibblescope::testing
