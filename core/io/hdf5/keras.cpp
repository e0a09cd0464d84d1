// SPDX-License-Identifier: GPL-3.0-or-later
// What Keras writes: keras/src/legacy/saving/legacy_h5_format.py (whole models and weights, .h5) and
// keras/src/saving/saving_lib.py (.weights.h5).
#include <algorithm>
#include <map>

#include "core/io/hdf5/listing.h"
#include "core/io/hdf5/object.h"

namespace nibblescope::hdf5 {
namespace {

constexpr const char *layerNames = "layer_names";
constexpr const char *weightNames = "weight_names";
constexpr std::string_view wholeModel = "model_weights/";

bool hasNames(hid_t object, const std::string &name) {
    return hasAttribute(object, name) || hasAttribute(object, name + "0");
}

// An attribute too long for HDF5 was written in parts: layer_names0, layer_names1 ...
std::vector<std::string> namesAttribute(hid_t object, const std::string &name) {
    if (const auto whole = textsAttribute(object, name))
        return *whole;
    std::vector<std::string> names;
    for (int i = 0;; ++i) {
        const auto part = textsAttribute(object, name + std::to_string(i));
        if (!part)
            return names;
        names.insert(names.end(), part->begin(), part->end());
    }
}

bool hasHardLink(hid_t file, const std::string &name) {
    const Handle root(H5Gopen2(file, "/", H5P_DEFAULT), H5Gclose);
    const std::vector<Link> links = linksOf(root);
    return std::any_of(links.begin(), links.end(),
                       [&name](const Link &link) { return link.name == name && link.kind == LinkKind::Hard; });
}

// ".../vars/0"
bool isVariable(const std::string &path) {
    const std::size_t last = path.rfind('/');
    if (last == std::string::npos || last + 1 == path.size())
        return false;
    const std::string parent = path.substr(0, last);
    return std::all_of(path.begin() + static_cast<std::ptrdiff_t>(last) + 1, path.end(),
                       [](char c) { return c >= '0' && c <= '9'; }) &&
           (parent == "vars" || parent.ends_with("/vars"));
}

template <typename Objects>
void removeBelow(Objects &objects, const std::string &prefix) {
    objects.erase(std::remove_if(objects.begin(), objects.end(),
                                 [&prefix](const auto &object) { return object.path.starts_with(prefix); }),
                  objects.end());
}

// Place of each dataset in the order of layers and their weights.
std::map<std::string, std::size_t> legacyOrder(hid_t file, const std::string &prefix) {
    std::map<std::string, std::size_t> order;
    const Handle weights(H5Gopen2(file, ("/" + prefix).c_str(), H5P_DEFAULT), H5Gclose);
    std::vector<std::string> layers = namesAttribute(weights, layerNames);
    layers.emplace_back("top_level_model_weights");
    for (const std::string &layer : layers) {
        if (layer.empty() || layer.find('/') != std::string::npos ||
            H5Lexists(weights, layer.c_str(), H5P_DEFAULT) <= 0)
            continue;
        try {
            const Handle group = openObject(weights, layer);
            for (const std::string &weight : namesAttribute(group, weightNames))
                order.emplace(prefix + layer + "/" + weight, order.size());
        } catch (const CallFailed &) {
            // The order is a convenience: the datasets are known without it.
        }
    }
    return order;
}

} // namespace

KerasFacts kerasFacts(hid_t file, const Contents &contents) {
    const Handle root(H5Gopen2(file, "/", H5P_DEFAULT), H5Gclose);
    if (hasNames(root, layerNames))
        return {KerasKind::Legacy, ""};
    if (hasHardLink(file, "model_weights")) {
        const Handle weights = openObject(root, "model_weights");
        if (H5Iget_type(weights) == H5I_GROUP && hasNames(weights, layerNames))
            return {KerasKind::Legacy, std::string(wholeModel)};
    }
    const bool variables = std::any_of(contents.datasets.begin(), contents.datasets.end(),
                                       [](const ListedDataset &dataset) { return isVariable(dataset.path); });
    return {variables ? KerasKind::Weights3 : KerasKind::None, ""};
}

void arrangeKeras(hid_t file, const KerasFacts &keras, Contents &contents) {
    if (keras.kind == KerasKind::None)
        return;
    for (const char *optimizer : {"optimizer_weights/", "optimizer/"}) {
        removeBelow(contents.datasets, optimizer);
        removeBelow(contents.refused, optimizer);
    }
    if (keras.kind != KerasKind::Legacy)
        return;
    const auto order = legacyOrder(file, keras.prefix);
    const auto place = [&order](const ListedDataset &dataset) {
        const auto found = order.find(dataset.path);
        return found == order.end() ? order.size() : found->second;
    };
    std::stable_sort(contents.datasets.begin(), contents.datasets.end(),
                     [place](const ListedDataset &a, const ListedDataset &b) { return place(a) < place(b); });
}

} // namespace nibblescope::hdf5
