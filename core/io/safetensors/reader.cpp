// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/safetensors/reader.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <unordered_map>
#include <unordered_set>

#include "core/base/error.h"
#include "core/io/folder.h"
#include "core/io/json_text.h"
#include "core/io/safetensors/header.h"
#include "core/io/shown.h"

namespace nibblescope {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t indexLimit = 100'000'000;
constexpr std::string_view ending = ".safetensors";
constexpr std::string_view indexEnding = ".safetensors.index.json";

struct Shard {
    std::string name; // as the index has it
    std::shared_ptr<const InputFile> file;
    std::vector<SafetensorsEntry> entries;
};

class SafetensorsReader : public TensorReader {
public:
    void add(std::shared_ptr<const InputFile> file, std::uint64_t begin, unsigned bits) {
        m_places.push_back({std::move(file), begin, bits});
    }

    void readElements(std::size_t index, std::uint64_t first, std::uint64_t count,
                      std::span<std::byte> bytes) const override {
        const Place &place = m_places.at(index);
        // Types below 8 bits are packed: their elements are read by whole bytes.
        if (first * place.bits % 8 != 0 || bytes.size() != (count * place.bits + 7) / 8)
            throw std::logic_error("elements that do not fit the buffer");
        place.file->readAt(place.begin + first * place.bits / 8, bytes);
    }

private:
    struct Place {
        std::shared_ptr<const InputFile> file;
        std::uint64_t begin;
        unsigned bits;
    };
    std::vector<Place> m_places;
};

// Collects what becomes the model.
class Collector {
public:
    explicit Collector(Model &model) : m_model(model), m_reader(std::make_shared<SafetensorsReader>()) {}

    void add(const Shard &shard, const SafetensorsEntry &entry) {
        m_reader->add(shard.file, entry.begin, traits(entry.info.dtype).bits);
        m_model.tensors.push_back(entry.info);
    }
    void finish() { m_model.reader = m_reader; }

private:
    Model &m_model;
    std::shared_ptr<SafetensorsReader> m_reader;
};

Shard readShard(const fs::path &path, std::vector<std::string> &warnings) {
    Shard shard{path.filename().string(), std::make_shared<InputFile>(path), {}};
    SafetensorsHeader header = readSafetensorsHeader(*shard.file);
    warnings.insert(warnings.end(), header.warnings.begin(), header.warnings.end());
    shard.entries = std::move(header.entries);
    return shard;
}

std::string isAre(std::size_t count) { return count == 1 ? " is " : " are "; }

// Shards that can be read. What cannot is a warning, unless it is all.
struct Shards {
    std::vector<Shard> open; // by name
    std::vector<std::string> missing;
    std::optional<Error> firstError;
};

Shards readShards(const fs::path &folder, const std::vector<std::string> &names, std::vector<std::string> &warnings) {
    Shards shards;
    for (const std::string &name : names) {
        std::error_code none;
        if (!fs::exists(folder / name, none)) {
            shards.missing.push_back(name);
            continue;
        }
        try {
            shards.open.push_back(readShard(folder / name, warnings));
        } catch (const Error &error) {
            warnings.emplace_back(error.what());
            if (!shards.firstError)
                shards.firstError = error;
        }
    }
    return shards;
}

std::string missingShards(const std::vector<std::string> &missing, std::size_t all) {
    std::string text = std::to_string(missing.size()) + " of " + std::to_string(all) +
                       (all == 1 ? " shard" : " shards") + isAre(missing.size()) + "missing: " + shown(missing[0]);
    for (std::size_t i = 1; i < missing.size() && i < 8; ++i)
        text += ", " + shown(missing[i]);
    if (missing.size() > 8)
        text += " and " + std::to_string(missing.size() - 8) + " more";
    return text + ".";
}

// What to say of shards that are not there, once it is known how much is open.
void reportMissing(const Shards &shards, std::size_t all, std::size_t openTensors,
                   std::optional<std::size_t> allTensors, Model &model) {
    if (shards.open.empty() && shards.missing.empty() && shards.firstError)
        throw Error(*shards.firstError);
    if (shards.missing.empty())
        return;
    const std::string text = missingShards(shards.missing, all);
    if (shards.open.empty())
        throw Error(Fault::Input, text + " Put the files beside the index.");
    const std::string counted = allTensors ? shownCount(openTensors) + " of " + shownCount(*allTensors) + " tensors"
                                           : shownCount(openTensors) + " tensors";
    model.warnings.push_back(text + " " + counted + (openTensors == 1 ? " is" : " are") + " open. Put the file" +
                             (shards.missing.size() == 1 ? "" : "s") + " beside the others and open it again.");
}

bool staysInFolder(const std::string &shard) {
    return !shard.empty() && shard != "." && shard != ".." && shard.find('/') == std::string::npos &&
           shard.find('\\') == std::string::npos && shard.find('\0') == std::string::npos;
}

using WeightMap = std::unordered_map<std::string, std::string>;

struct Index {
    std::string name;
    std::vector<std::string> tensors; // as written
    WeightMap shardOf;
    std::vector<std::string> shards; // by name
};

Index readIndex(const fs::path &path, std::vector<std::string> &warnings) {
    Index index;
    index.name = shownName(path);
    const auto json = parseForeignJson(readSmallFile(path, indexLimit));
    if (!json || !json->is_object())
        throw Error(Fault::Input, index.name + " is not valid JSON. Download it again.").inFile(path.string());
    const auto map = json->find("weight_map");
    if (map == json->end() || !map->is_object() || map->empty())
        throw Error(Fault::Input, index.name + " names no shards: it has no weight_map.").inFile(path.string());
    for (const auto &[name, shard] : map->items()) {
        if (!shard.is_string() || !staysInFolder(shard.get<std::string>())) {
            warnings.push_back(index.name + ": the shard of " + shown(name) + " is " +
                               (shard.is_string() ? shown(shard.get<std::string>()) : "not a file name") +
                               ", which is no file of this folder, so it was not followed.");
            continue;
        }
        if (!index.shardOf.emplace(name, shard.get<std::string>()).second)
            continue;
        index.tensors.push_back(name);
        index.shards.push_back(shard.get<std::string>());
    }
    std::sort(index.shards.begin(), index.shards.end());
    index.shards.erase(std::unique(index.shards.begin(), index.shards.end()), index.shards.end());
    return index;
}

// For each tensor of the index the shard to take it from: the one that the index names, or else the first that has it.
WeightMap whereTensorsLie(const Index &index, const Shards &shards) {
    WeightMap found;
    for (const Shard &shard : shards.open)
        for (const SafetensorsEntry &entry : shard.entries) {
            const auto wanted = index.shardOf.find(entry.info.name);
            if (wanted == index.shardOf.end())
                continue;
            if (wanted->second == shard.name)
                found[entry.info.name] = shard.name;
            else
                found.emplace(entry.info.name, shard.name);
        }
    return found;
}

void collectIndexed(const Index &index, const Shards &shards, Model &model) {
    const WeightMap found = whereTensorsLie(index, shards);
    Collector collector(model);
    for (const Shard &shard : shards.open)
        for (const SafetensorsEntry &entry : shard.entries) {
            const std::string &name = entry.info.name;
            const auto wanted = index.shardOf.find(name);
            if (wanted == index.shardOf.end()) {
                model.warnings.push_back(shown(name) + " lies in " + shown(shard.name) +
                                         ", but the index does not name it: it was left out.");
            } else if (found.at(name) == shard.name) {
                collector.add(shard, entry);
                if (wanted->second != shard.name)
                    model.warnings.push_back(shown(name) + " lies in " + shown(shard.name) + ", not in " +
                                             shown(wanted->second) + " as the index says; it was read from there.");
            }
        }
    collector.finish();
    const auto isOpen = [&shards](const std::string &name) {
        return std::any_of(shards.open.begin(), shards.open.end(),
                           [&name](const Shard &shard) { return shard.name == name; });
    };
    for (const std::string &name : index.tensors)
        if (found.find(name) == found.end() && isOpen(index.shardOf.at(name)))
            model.warnings.push_back(shown(name) + " is in the index, but " + shown(index.shardOf.at(name)) +
                                     " does not hold it: it is missing.");
}

// "model-00002-of-00003.safetensors": the names that should be beside it.
std::vector<std::string> siblingsOf(const std::string &name) {
    const std::size_t of = name.rfind("-of-");
    const std::size_t tail = name.size() - ending.size();
    constexpr std::size_t digits = 5;
    if (of == std::string::npos || of < digits + 1 || tail != of + 4 + digits || name[of - digits - 1] != '-')
        return {};
    const std::string total = name.substr(of + 4, digits);
    if (!std::all_of(total.begin(), total.end(), [](char c) { return c >= '0' && c <= '9'; }))
        return {};
    std::vector<std::string> names;
    const unsigned long count = std::min(std::stoul(total), 10000UL);
    for (unsigned long i = 1; i <= count; ++i) {
        const std::string number = std::to_string(i);
        names.push_back(name.substr(0, of - digits) + std::string(digits - number.size(), '0') + number +
                        name.substr(of));
    }
    return names;
}

void openAllShards(const fs::path &folder, std::vector<std::string> names, Model &model) {
    std::vector<std::string> expected = names;
    for (const std::string &name : names) {
        const std::vector<std::string> siblings = siblingsOf(name);
        expected.insert(expected.end(), siblings.begin(), siblings.end());
    }
    std::sort(expected.begin(), expected.end());
    expected.erase(std::unique(expected.begin(), expected.end()), expected.end());
    const Shards shards = readShards(folder, expected, model.warnings);
    std::unordered_set<std::string> seen;
    Collector collector(model);
    for (const Shard &shard : shards.open)
        for (const SafetensorsEntry &entry : shard.entries) {
            if (seen.insert(entry.info.name).second)
                collector.add(shard, entry);
            else
                model.warnings.push_back(shown(entry.info.name) + " lies in several files; that of " +
                                         shown(shard.name) + " was left out.");
        }
    collector.finish();
    reportMissing(shards, expected.size(), model.tensors.size(), std::nullopt, model);
}

} // namespace

void openSafetensorsFile(const fs::path &path, Model &model) {
    const Shard shard = readShard(path, model.warnings);
    Collector collector(model);
    for (const SafetensorsEntry &entry : shard.entries)
        collector.add(shard, entry);
    collector.finish();
}

void openSafetensorsIndex(const fs::path &path, Model &model) {
    const Index index = readIndex(path, model.warnings);
    const fs::path folder = path.parent_path();
    const Shards shards = readShards(folder, index.shards, model.warnings);
    collectIndexed(index, shards, model);
    reportMissing(shards, index.shards.size(), model.tensors.size(), index.tensors.size(), model);
    const bool named = std::binary_search(index.shards.begin(), index.shards.end(), std::string("model.safetensors"));
    std::error_code none;
    if (!named && fs::exists(folder / "model.safetensors", none))
        model.warnings.push_back("model.safetensors was passed over: " + index.name +
                                 " beside it says which files belong to the model.");
}

bool openSafetensorsFolder(const fs::path &folder, Model &model) {
    const std::vector<std::string> indices = filesIn(folder, indexEnding);
    const std::string usual = "model" + std::string(indexEnding);
    if (!indices.empty()) {
        const bool hasUsual = std::find(indices.begin(), indices.end(), usual) != indices.end();
        openSafetensorsIndex(folder / (hasUsual ? usual : indices.front()), model);
        return true;
    }
    const std::vector<std::string> names = filesIn(folder, ending);
    if (names.empty())
        return false;
    if (std::find(names.begin(), names.end(), "model.safetensors") != names.end())
        openSafetensorsFile(folder / "model.safetensors", model);
    else
        openAllShards(folder, names, model);
    return true;
}

} // namespace nibblescope
