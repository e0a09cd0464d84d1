// SPDX-License-Identifier: GPL-3.0-or-later
// Lists the tensors of an HDF5 file: every numeric dataset that a hard link leads to. Runs in the helper process.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/io/hdf5/dataset.h"

namespace nibblescope::hdf5 {

struct ListedDataset {
    std::string path; // as in the file, without the leading "/"
    DatasetFacts facts;
};

struct RefusedObject {
    std::string path;
    std::string what; // "was left out: it holds text"
};

struct Contents {
    std::vector<ListedDataset> datasets; // a dataset under several links once, under its first path
    std::vector<RefusedObject> refused;
};

// Walks hard links only. External links, cyclic links, and datasets that are no weights are named in `refused`; soft
// links need no walking, since what they point to lies in the file under its own path. `alive` is called now and then.
Contents walkFile(hid_t file, std::uint64_t fileBytes, const std::function<void()> &alive);

// What Keras wrote, told by its attributes and paths.
enum class KerasKind { None, Legacy, Weights3 };
struct KerasFacts {
    KerasKind kind = KerasKind::None;
    std::string prefix; // "model_weights/" where a legacy file holds a whole model
};
KerasFacts kerasFacts(hid_t file, const Contents &contents);
// Leaves out optimizer state and puts the layers in the model's order, where the file says it.
void arrangeKeras(hid_t file, const KerasFacts &keras, Contents &contents);

// The answer to a List request: {"tensors": [...], "warnings": [...]}, with "own" for a file that this program wrote
// (own_listing.h). Throws CallFailed.
nlohmann::json listFile(const std::string &path, const std::function<void()> &alive);

} // namespace nibblescope::hdf5
