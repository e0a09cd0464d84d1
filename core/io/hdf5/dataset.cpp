// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/hdf5/dataset.h"

#include <algorithm>
#include <array>

#include "core/base/checked.h"
#include "core/io/hdf5/boxes.h"
#include "core/io/hdf5/element_type.h"
#include "core/io/hdf5/protocol.h"
#include "core/io/shown.h"

namespace nibblescope::hdf5 {
namespace {

constexpr std::uint64_t largestChunk = 1ULL << 30;
// A file may leave most of a dataset unwritten, or pack it well, but not without end.
constexpr std::uint64_t absurdBytes = 4ULL << 30;
constexpr std::uint64_t absurdRatio = 1000;

struct FilterName {
    H5Z_filter_t id;
    const char *name;
};
constexpr std::array filterNames{
    FilterName{H5Z_FILTER_SZIP, "SZIP"},
    FilterName{H5Z_FILTER_NBIT, "N-bit packing"},
    FilterName{H5Z_FILTER_SCALEOFFSET, "scale and offset"},
    FilterName{32000, "LZF"},
    FilterName{32001, "Blosc"},
    FilterName{32004, "LZ4"},
    FilterName{32008, "bitshuffle"},
    FilterName{32013, "ZFP"},
    FilterName{32015, "Zstandard"},
    FilterName{32026, "Blosc2"},
};

std::string filterProblem(hid_t creation) {
    const int count = checked(H5Pget_nfilters(creation));
    for (int i = 0; i < count; ++i) {
        unsigned flags = 0;
        std::size_t values = 0;
        const H5Z_filter_t id =
            checked(H5Pget_filter2(creation, static_cast<unsigned>(i), &flags, &values, nullptr, 0, nullptr, nullptr));
        if (id == H5Z_FILTER_DEFLATE || id == H5Z_FILTER_SHUFFLE || id == H5Z_FILTER_FLETCHER32)
            continue;
        const auto known = std::find_if(filterNames.begin(), filterNames.end(),
                                        [id](const FilterName &filter) { return filter.id == id; });
        const std::string number = "filter " + std::to_string(id);
        return "it is stored with " +
               (known == filterNames.end() ? "the unknown " + number : std::string(known->name) + " (" + number + ")") +
               ", which cannot be undone here. Save it with gzip or without compression";
    }
    return {};
}

std::vector<std::uint64_t> dimensionsOf(hid_t space) {
    const int rank = checked(H5Sget_simple_extent_ndims(space));
    std::vector<hsize_t> dims(static_cast<std::size_t>(rank));
    if (rank > 0)
        checked(H5Sget_simple_extent_dims(space, dims.data(), nullptr));
    return {dims.begin(), dims.end()};
}

struct Chunks {
    std::vector<hsize_t> dims; // empty: not chunked
    std::uint64_t bytes = 0;   // of one chunk
};

std::optional<Chunks> chunksOf(hid_t creation, std::size_t rank, std::uint64_t elementBytes) {
    Chunks chunks;
    if (H5Pget_layout(creation) != H5D_CHUNKED || rank == 0)
        return chunks;
    chunks.dims.resize(rank);
    checked(H5Pget_chunk(creation, static_cast<int>(rank), chunks.dims.data()));
    std::optional<std::uint64_t> bytes = elementBytes;
    for (const hsize_t side : chunks.dims)
        bytes = bytes ? checkedMultiply(*bytes, side) : std::nullopt;
    if (!bytes)
        return std::nullopt;
    chunks.bytes = *bytes;
    return chunks;
}

std::string layoutProblem(hid_t creation) {
    if (H5Pget_layout(creation) == H5D_VIRTUAL)
        return "it is a virtual dataset, put together from other files. Weights files have no need of one, so it was "
               "not followed";
    if (H5Pget_external_count(creation) > 0)
        return "its values lie in another file. Weights files have no need of that, so it was not followed";
    return {};
}

// Why the declared size cannot be meant.
std::string sizeProblem(hid_t dataset, hid_t creation, const DatasetFacts &facts, std::uint64_t fileBytes) {
    const std::uint64_t elementBytes = traits(facts.dtype).bits / 8;
    const auto bytes = checkedMultiply(facts.params, elementBytes);
    const std::string shape = "its shape " + shownShape(facts.dims);
    if (!bytes)
        return shape + " is more than any file can hold";
    if (H5Pget_layout(creation) == H5D_CONTIGUOUS && H5Pget_nfilters(creation) == 0) {
        const std::uint64_t stored = H5Dget_storage_size(dataset);
        if (stored > fileBytes)
            return shape + " needs " + shownBytes(*bytes) + ", the file has " + shownBytes(fileBytes);
    }
    if (*bytes > absurdBytes) {
        const std::uint64_t stored = H5Dget_storage_size(dataset);
        if (*bytes / absurdRatio > stored)
            return shape + " declares " + shownBytes(*bytes) + ", but only " + shownBytes(stored) + " are stored";
    }
    return {};
}

std::string chunkProblem(const std::optional<Chunks> &chunks) {
    if (!chunks)
        return "its chunks are larger than any file";
    if (chunks->bytes > largestChunk)
        return "its chunks of " + shownBytes(chunks->bytes) + " are larger than the 1 GiB that can be read";
    return {};
}

herr_t refuseExternal(const char *, const char *, const char *, const char *, unsigned *, hid_t, void *) { return -1; }

// Reads a range that fits into the buffer.
void readRange(hid_t dataset, hid_t space, hid_t memory, const DatasetFacts &facts, std::uint64_t first,
               std::uint64_t count, std::byte *out) {
    const std::uint64_t elementBytes = traits(facts.dtype).bits / 8;
    if (facts.dims.empty()) {
        checked(H5Dread(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, out));
        return;
    }
    const Boxes::Body readBox = [&](const std::vector<hsize_t> &start, const std::vector<hsize_t> &box) {
        hsize_t elements = 1;
        for (const hsize_t side : box)
            elements *= side;
        const Handle target(H5Screate_simple(1, &elements, nullptr), H5Sclose);
        checked(H5Sselect_hyperslab(space, H5S_SELECT_SET, start.data(), nullptr, box.data(), nullptr));
        checked(H5Dread(dataset, memory, target, space, H5P_DEFAULT, out));
        out += elements * elementBytes;
    };
    Boxes(facts.dims, readBox).split(0, first, count);
}

} // namespace

DatasetVerdict judgeDataset(hid_t dataset, std::uint64_t fileBytes) {
    DatasetVerdict verdict;
    const Handle type(H5Dget_type(dataset), H5Tclose);
    const auto element = elementType(type);
    if (const auto *other = std::get_if<std::string>(&element)) {
        verdict.refusal = "it holds " + *other;
        return verdict;
    }
    DatasetFacts &facts = verdict.facts;
    facts.dtype = std::get<DType>(element);
    const Handle space(H5Dget_space(dataset), H5Sclose);
    const Handle creation(H5Dget_create_plist(dataset), H5Pclose);
    if (H5Sget_simple_extent_type(space) == H5S_NULL) {
        facts.dims = {0};
        return verdict;
    }
    facts.dims = dimensionsOf(space);
    const auto params = checkedProduct(facts.dims);
    facts.params = params.value_or(0);
    const auto chunks = chunksOf(creation, facts.dims.size(), traits(facts.dtype).bits / 8);
    for (const std::string &problem :
         {layoutProblem(creation), filterProblem(creation), chunkProblem(chunks),
          params ? sizeProblem(dataset, creation, facts, fileBytes)
                 : "its shape " + shownShape(facts.dims) + " is more than any file can hold"})
        if (verdict.refusal.empty())
            verdict.refusal = problem;
    if (verdict.refusal.empty() && !chunks->dims.empty() && facts.params > 0)
        facts.preferred = std::min<std::uint64_t>(facts.params / facts.dims[0] * chunks->dims[0], facts.params);
    return verdict;
}

Handle openDataset(hid_t file, const std::string &path) {
    const Handle access(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose);
    checked(H5Pset_elink_cb(access, refuseExternal, nullptr));
    Handle dataset(H5Dopen2(file, path.c_str(), access), H5Dclose);
    const Handle creation(H5Dget_create_plist(dataset), H5Pclose);
    const Handle type(H5Dget_type(dataset), H5Tclose);
    const Handle space(H5Dget_space(dataset), H5Sclose);
    if (H5Sget_simple_extent_type(space) != H5S_SIMPLE)
        return dataset;
    const std::vector<std::uint64_t> dims = dimensionsOf(space);
    const auto chunks = chunksOf(creation, dims.size(), H5Tget_size(type));
    if (!chunks || chunks->dims.empty())
        return dataset;
    std::uint64_t across = 1;
    for (std::size_t i = 1; i < dims.size(); ++i)
        across = checkedMultiply(across, (dims[i] + chunks->dims[i] - 1) / chunks->dims[i]).value_or(UINT64_MAX);
    constexpr std::uint64_t largestCache = 256U << 20;
    const std::uint64_t row = checkedMultiply(across, chunks->bytes).value_or(largestCache);
    const std::uint64_t cache = std::clamp<std::uint64_t>(row + chunks->bytes, 1U << 20, largestCache);
    constexpr std::size_t slots = 100'003; // a prime, well above the number of chunks in a row
    constexpr double dropRead = 1.0;       // chunks that were read whole go first
    checked(H5Pset_chunk_cache(access, slots, std::max(cache, std::min(chunks->bytes, largestChunk)), dropRead));
    dataset.reset();
    return {H5Dopen2(file, path.c_str(), access), H5Dclose};
}

void readDataset(hid_t dataset, const DatasetFacts &facts, std::uint64_t first, std::uint64_t count,
                 const std::function<void(std::span<const std::byte>)> &piece) {
    const std::uint64_t elementBytes = traits(facts.dtype).bits / 8;
    const Handle type(H5Dget_type(dataset), H5Tclose);
    const Handle memory = memoryType(type, facts.dtype);
    const Handle space(H5Dget_space(dataset), H5Sclose);
    const std::uint64_t step = std::max<std::uint64_t>(1, pieceBytes / elementBytes);
    std::vector<std::byte> buffer(std::min(step, count) * elementBytes);
    for (std::uint64_t done = 0; done < count; done += step) {
        const std::uint64_t now = std::min(step, count - done);
        readRange(dataset, space, memory, facts, first + done, now, buffer.data());
        piece(std::span<const std::byte>(buffer).first(now * elementBytes));
    }
}

} // namespace nibblescope::hdf5
