// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/malformed_files.h"

#include <cstring>
#include <functional>
#include <stdexcept>

#include "tests/support/hdf5_maker.h"
#include "tests/support/safetensors_maker.h"

namespace nibblescope::testing {
namespace {

namespace fs = std::filesystem;

std::string headerOnly(const std::string &header) { return rawSafetensors(header, ""); }

std::string oneTensor(const std::string &description, std::size_t bytes = 16) {
    return rawSafetensors("{\"a\":" + description + "}", std::string(bytes, 'x'));
}

std::string withLength(std::uint64_t length, const std::string &rest) {
    std::string file(sizeof length, '\0');
    std::memcpy(file.data(), &length, sizeof length);
    return file + rest;
}

std::string replaced(std::string bytes, const std::string &from, const std::string &to) {
    bool found = false;
    for (std::size_t at = bytes.find(from); at != std::string::npos; at = bytes.find(from, at + to.size())) {
        bytes.replace(at, from.size(), to);
        found = true;
    }
    if (!found)
        throw std::logic_error("nothing to replace");
    return bytes;
}

std::string bytesOf(std::uint64_t value, std::size_t width = 8) {
    return std::string(reinterpret_cast<const char *>(&value), width);
}

// A small dataset as it is, or in packed chunks.
std::string smallHdf5(const fs::path &scratch, const DatasetOptions &options) {
    const fs::path path = scratch / "made.h5";
    {
        Hdf5Maker maker(path);
        maker.f32("dense/kernel", {37, 41}, 1, options);
    }
    return readFile(path);
}

void addSafetensors(std::vector<MalformedFile> &files) {
    const auto row = [&files](const char *name, const std::string &bytes, const char *words) {
        files.push_back({name, "x.safetensors", bytes, words});
    };
    const std::string good = R"({"dtype":"F32","shape":[2,2],"data_offsets":[0,16]})";
    row("empty file", "", "is empty");
    row("three bytes", "abc", "is not a safetensors file: it has only 3 bytes");
    row("length alone", withLength(2, ""), "it has only 8 bytes");
    row("a huge length", withLength(UINT64_MAX, "{\"a\":1}"), "its header says 16.0 EiB, the file has 15 bytes");
    row("a length over the limit", withLength(200'000'000, std::string(200, ' ')), "its header says 191 MiB");
    row("a header that is cut", withLength(500, "{\"a\":{\"dtype\":"),
        "is cut short: its header should end at byte 508");
    row("text", "This is a text file, and no weights are in it.\n", "is not a safetensors file");
    row("a Git LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull");
    row("a web page", "<!DOCTYPE html><html><body>404</body></html>", "is a web page");
    row("a list", headerOnly("[1,2]"), "does not begin with");
    row("no JSON", headerOnly("{\"a\":"), "is not valid JSON (byte 13)");
    row("JSON that ends early", headerOnly("{\"a\":{\"dtype\":\"F32\"}"), "is not valid JSON (byte");
    row("a comma too many", headerOnly("{\"a\":{},}"), "is not valid JSON (byte");
    row("broken UTF-8", headerOnly("{\"\xff\":1}"), "is not valid JSON (byte");
    row("an empty header", headerOnly("{}"), "holds no weights");
    row("metadata alone", headerOnly(R"({"__metadata__":{"a":"b"}})"), "holds no weights");
    row("200,000 brackets", headerOnly("{\"a\":" + std::string(200000, '[') + std::string(200000, ']') + "}"), "list");
    row("200,000 brackets below an unknown key",
        oneTensor("{\"x\":" + std::string(200000, '[') + std::string(200000, ']') + "}"), "nested more than 16 deep");
    row("200,000 objects in metadata",
        headerOnly("{\"__metadata__\":" + replaced(std::string(200000, 'x'), "x", "{\"a\":") + "1" +
                   std::string(200000, '}') + "}"),
        "nested more than 16 deep");
    row("a tensor as a number", oneTensor("7"), "tensor a is described by a number");
    row("no dtype", oneTensor(R"({"shape":[2,2],"data_offsets":[0,16]})"), "tensor a has no dtype");
    row("no shape", oneTensor(R"({"dtype":"F32","data_offsets":[0,16]})"), "tensor a has no shape");
    row("no offsets", oneTensor(R"({"dtype":"F32","shape":[4]})"), "tensor a has no data_offsets");
    row("dtype a number", oneTensor(R"({"dtype":4,"shape":[4],"data_offsets":[0,16]})"), "dtype of a is a number");
    row("shape a text", oneTensor(R"({"dtype":"F32","shape":"4","data_offsets":[0,16]})"), "shape of a holds text");
    row("a negative side", oneTensor(R"({"dtype":"F32","shape":[-4],"data_offsets":[0,16]})"), "a negative number");
    row("a fraction", oneTensor(R"({"dtype":"F32","shape":[4.0],"data_offsets":[0,16]})"), "a fraction");
    row("a side beyond 64 bits", oneTensor(R"({"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,16]})"),
        "beyond 64 bits");
    row("a shape that overflows", oneTensor(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,16]})"),
        "more than any file can hold");
    row("a shape that overflows beside 0",
        oneTensor(R"({"dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[0,0]})", 0),
        "more than any file can hold");
    row("bits that overflow", oneTensor(R"({"dtype":"F64","shape":[2305843009213693951,3],"data_offsets":[0,16]})"),
        "more than any file can hold");
    row("half a byte", oneTensor(R"({"dtype":"F4","shape":[3],"data_offsets":[0,1]})", 1), "takes 1 bytes");
    row("one offset", oneTensor(R"({"dtype":"F32","shape":[4],"data_offsets":[0]})"), "has 1 data_offsets");
    row("three offsets", oneTensor(R"({"dtype":"F32","shape":[4],"data_offsets":[0,16,32]})"), "has 3 data_offsets");
    row("offsets turned round", oneTensor(R"({"dtype":"F32","shape":[4],"data_offsets":[16,0]})"),
        "end before they begin");
    row("offsets that overflow",
        oneTensor(R"({"dtype":"F32","shape":[4],"data_offsets":[18446744073709551600,18446744073709551615]})"),
        "end before they begin");
    row("shape and bytes differ", oneTensor(R"({"dtype":"F32","shape":[5],"data_offsets":[0,16]})"), "takes 20 bytes");
    row("a hole at the start", oneTensor(R"({"dtype":"F32","shape":[2],"data_offsets":[8,16]})"),
        "belong to no tensor");
    row("a hole between",
        rawSafetensors(
            R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[4,6]}})",
            "abcdef"),
        "before b belong to no tensor");
    row("an overlap",
        rawSafetensors(
            R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
            "abcdef"),
        "inside a, which ends at");
    row("the same place twice",
        rawSafetensors(
            R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})",
            "abcd"),
        "inside a");
    row("a rest", rawSafetensors("{\"a\":" + good + "}", std::string(20, 'x')),
        "holds 4 bytes that belong to no tensor");
    row("cut short", rawSafetensors("{\"a\":" + good + "}", std::string(15, 'x')),
        "is cut short: a should end at byte");
    row("no data", headerOnly("{\"a\":" + good + "}"), "is cut short: a should end at byte");
    row("a name twice", rawSafetensors("{\"a\":" + good + ",\"a\":" + good + "}", std::string(16, 'x')),
        "the name a stands twice (byte");
    row("a key twice", oneTensor(R"({"dtype":"F32","dtype":"F16","shape":[4],"data_offsets":[0,16]})"),
        "the key dtype stands twice in a");
    row("padded with NUL", rawSafetensors("{\"a\":" + good + "}" + std::string(3, '\0'), std::string(16, 'x')),
        "padded with something other than spaces (byte");
    row("padded with line breaks", rawSafetensors("{\"a\":" + good + "}\n", std::string(16, 'x')),
        "padded with something other than spaces (byte");
    row("NUL inside", rawSafetensors("{\"a\":" + std::string(1, '\0') + good + "}", std::string(16, 'x')),
        "a control character, number 0 (byte 13)");
    row("space before", rawSafetensors(" {\"a\":" + good + "}", std::string(16, 'x')), "does not begin with");
    row("a name of line breaks",
        rawSafetensors("{\"a\\nb\":{\"dtype\":\"F32\",\"shape\":[5],\"data_offsets\":[0,16]}}", std::string(16, 'x')),
        "tensor a?b");
    row("a name without end",
        rawSafetensors("{\"" + std::string(100000, 'n') +
                           "\":{\"dtype\":\"F32\",\"shape\":[5],\"data_offsets\":[0,16]}}",
                       std::string(16, 'x')),
        "takes 20 bytes");
}

void addDamagedHdf5(std::vector<MalformedFile> &files, const fs::path &scratch) {
    const auto row = [&files](const char *name, const std::string &bytes, const char *words) {
        files.push_back({std::string(name) + " (HDF5)", "x.h5", bytes, words});
    };
    const std::string sample = smallHdf5(scratch, {});
    const std::string packed = smallHdf5(scratch, {{19, 23}, true, true});
    const std::string dims = bytesOf(37) + bytesOf(41);
    const std::string chunk = bytesOf(19, 4) + bytesOf(23, 4);
    row("empty file", "", "is empty");
    row("text", "hello, I am no HDF5 file\n", "is not an HDF5 file");
    row("the signature alone", sample.substr(0, 8), "is damaged: the HDF5 library says");
    row("half a superblock", sample.substr(0, 40), "is damaged: the HDF5 library says");
    row("superblock alone", sample.substr(0, 96), "is cut short");
    row("cut in the middle", sample.substr(0, sample.size() / 2), "is cut short");
    row("cut at the end", sample.substr(0, sample.size() - 1), "is cut short");
    row("an unknown version", sample.substr(0, 8) + '\x09' + sample.substr(9), "is damaged: the HDF5 library says");
    row("zeros after the signature", sample.substr(0, 8) + std::string(sample.size() - 8, '\0'), "");
    row("ones after the signature", sample.substr(0, 8) + std::string(sample.size() - 8, '\xff'), "");
    row("heaps that are none", replaced(sample, "HEAP", "XXXX"), "");
    row("trees that are none", replaced(sample, "TREE", "XXXX"), "");
    row("groups that are none", replaced(sample, "SNOD", "XXXX"), "");
    row("an absurd shape", replaced(sample, dims, bytesOf(1ULL << 40) + bytesOf(1ULL << 20)), "");
    row("a shape that overflows", replaced(sample, dims, bytesOf(1ULL << 40) + bytesOf(1ULL << 40)),
        "more than any file can hold");
    row("a shape that overflows when packed", replaced(packed, dims, bytesOf(1ULL << 40) + bytesOf(1ULL << 40)),
        "more than any file can hold");
    row("an absurd packed shape", replaced(packed, dims, bytesOf(1ULL << 20) + bytesOf(1ULL << 20)),
        "declares 4.00 TiB");
    row("absurd chunks", replaced(packed, chunk, bytesOf(0x7fffffff, 4) + bytesOf(0x7fffffff, 4)), "");
    row("chunks of nothing", replaced(packed, chunk, bytesOf(0, 4) + bytesOf(0, 4)), "");
    row(
        "packed data that are none",
        [&packed] {
            std::string bytes = packed;
            for (std::size_t i = bytes.size() - 4000; i < bytes.size() - 3000; ++i)
                bytes[i] = '\x5a';
            return bytes;
        }(),
        "");
}

// Files that the library reads, with what a weights file has no reason to hold.
void addStrangeHdf5(std::vector<MalformedFile> &files, const fs::path &scratch) {
    const auto row = [&](const char *name, const char *words, const std::function<void(Hdf5Maker &)> &make) {
        const fs::path path = scratch / "made.h5";
        {
            Hdf5Maker maker(path);
            maker.group("g");
            make(maker);
        }
        files.push_back({name, "x.h5", readFile(path), words});
    };
    row("external link", "an external link",
        [](Hdf5Maker &maker) { maker.externalLink("/etc/hostname", "/x", "link"); });
    row("cyclic groups", "a cyclic link", [](Hdf5Maker &maker) { maker.hardLink("/g", "g/loop"); });
    row("cyclic soft links", "a cyclic link", [](Hdf5Maker &maker) {
        maker.softLink("/b", "a");
        maker.softLink("/a", "b");
    });
    row("virtual dataset", "a virtual dataset", [](Hdf5Maker &maker) { maker.virtualDataset("d"); });
    row("values in another file", "another file", [](Hdf5Maker &maker) {
        maker.dataset("d", Element::F32, {1}, {}, {{}, false, false, false, false, true});
    });
    row("unknown filter", "filter 32000", [](Hdf5Maker &maker) {
        maker.dataset("d", Element::F32, {4, 4}, {}, {{2, 2}, false, false, false, true});
    });
    row("nothing at all", "holds no weights", [](Hdf5Maker &) {});
    row("text alone", "text", [](Hdf5Maker &maker) { maker.dataset("d", Element::Text, {2}); });
    row("nested without end", "nested more than", [](Hdf5Maker &maker) {
        std::string path = "d";
        for (int i = 0; i < 400; ++i)
            path += "/d";
        maker.f32(path, {2});
    });
}

void addIndices(std::vector<MalformedFile> &files) {
    const auto row = [&files](const char *name, const std::string &text, const char *words) {
        files.push_back({std::string(name) + " (index)", "model.safetensors.index.json", text, words});
    };
    row("no JSON", "{", "is not valid JSON");
    row("a list", "[]", "is not valid JSON");
    row("no map", "{\"metadata\":{}}", "names no shards");
    row("an empty map", "{\"weight_map\":{}}", "names no shards");
    row("a list as map", "{\"weight_map\":[1]}", "names no shards");
    row("brackets", std::string(200000, '['), "is not valid JSON");
}

} // namespace

std::vector<MalformedFile> malformedFiles(const fs::path &scratch) {
    std::vector<MalformedFile> files;
    addSafetensors(files);
    addDamagedHdf5(files, scratch);
    addStrangeHdf5(files, scratch);
    addIndices(files);
    return files;
}

} // namespace nibblescope::testing
