// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/hdf5/own_listing.h"

#include <algorithm>
#include <vector>

#include "core/io/hdf5/dataset.h"
#include "core/io/hdf5/object.h"
#include "core/io/hdf5/quantized_layout.h"
#include "core/io/shown.h"

namespace nibblescope::hdf5 {
namespace {

using nlohmann::json;

constexpr std::size_t deepest = 64;

class OwnWalker {
public:
    explicit OwnWalker(std::uint64_t fileBytes) : m_fileBytes(fileBytes) {}

    json walk(hid_t file) {
        const Handle tensors = openObject(file, std::string(tensorsGroup));
        walkGroup(tensors, std::string(tensorsGroup), 1);
        std::stable_sort(m_tensors.begin(), m_tensors.end(),
                         [](const json &a, const json &b) { return a.at("index") < b.at("index"); });
        return m_tensors;
    }

private:
    void walkGroup(hid_t group, const std::string &path, std::size_t depth) {
        if (depth > deepest)
            throw Refused("its groups are nested without end");
        for (const Link &link : linksOf(group)) {
            if (link.kind != LinkKind::Hard)
                throw Refused("it holds a link, " + shown(path + "/" + link.name) +
                              ", which this program never writes");
            const Handle object = openObject(group, link.name);
            const std::string child = path + "/" + link.name;
            const bool tensor = hasAttribute(object, "name");
            if (tensor)
                m_tensors.push_back(describe(object, child));
            else if (H5Iget_type(object) == H5I_GROUP)
                walkGroup(object, child, depth + 1);
        }
    }

    json describe(hid_t object, const std::string &path) const {
        const auto name = textAttribute(object, "name");
        const auto dtype = textAttribute(object, "dtype");
        const auto shape = integersAttribute(object, "shape");
        const auto index = integersAttribute(object, "index");
        if (!name || !dtype || !shape || !index || index->size() != 1)
            throw Refused(shown(path) + " lacks the attributes of a tensor");
        json tensor{{"path", path}, {"name", *name}, {"dtype", *dtype}, {"shape", *shape}, {"index", index->front()}};
        tensor["recipe"] = textAttribute(object, "recipe").value_or("");
        tensor["layout"] = textAttribute(object, "layout").value_or("out_in");
        tensor["parts"] = json::object();
        if (H5Iget_type(object) == H5I_DATASET) {
            tensor["parts"][""] = part(object, path);
            return tensor;
        }
        for (const Link &link : linksOf(object)) {
            if (link.kind != LinkKind::Hard)
                continue;
            const Handle dataset = openObject(object, link.name);
            if (H5Iget_type(dataset) == H5I_DATASET)
                tensor["parts"][link.name] = part(dataset, path + "/" + link.name);
        }
        return tensor;
    }

    json part(hid_t dataset, const std::string &path) const {
        DatasetVerdict verdict = judgeDataset(dataset, m_fileBytes);
        if (!verdict.refusal.empty())
            throw Refused(shown(path) + " cannot be read: " + verdict.refusal);
        return {{"dtype", static_cast<int>(verdict.facts.dtype)}, {"shape", verdict.facts.dims}};
    }

    std::uint64_t m_fileBytes;
    std::vector<json> m_tensors;
};

} // namespace

std::optional<json> listOwnFile(hid_t file, std::uint64_t fileBytes) {
    const Handle root(H5Gopen2(file, "/", H5P_DEFAULT), H5Gclose);
    if (textAttribute(root, "format") != ownFormat)
        return std::nullopt;
    const auto version = integersAttribute(root, "format_version");
    if (!version || version->size() != 1 || version->front() < 1)
        throw Refused("its format version is missing");
    if (version->front() > ownVersion)
        throw Refused("it was written by a newer version of this program (format " + std::to_string(version->front()) +
                      "). Use that one");
    return json{{"own", OwnWalker(fileBytes).walk(root)}};
}

} // namespace nibblescope::hdf5
