// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "core/io/hdf5/listing.h"
#include "core/io/hdf5/object.h"
#include "core/io/shown.h"

namespace nibblescope::hdf5 {
namespace {

constexpr std::size_t deepestGroup = 128;
constexpr std::size_t mostObjects = 1'000'000;
constexpr int mostSoftLinks = 32;

class Walker {
public:
    Walker(std::uint64_t fileBytes, const std::function<void()> &alive) : m_fileBytes(fileBytes), m_alive(alive) {}

    Contents walk(hid_t file) {
        const Handle root(H5Gopen2(file, "/", H5P_DEFAULT), H5Gclose);
        m_groups.emplace("", identityOf(root));
        m_pathOf.emplace(identityOf(root), "");
        m_ancestors.push_back(identityOf(root));
        walkGroup(root, "");
        checkSoftLinks();
        return std::move(m_contents);
    }

private:
    void refuse(const std::string &path, const std::string &what) { m_contents.refused.push_back({path, what}); }

    void walkGroup(hid_t group, const std::string &path) {
        for (const Link &link : linksOf(group)) {
            const std::string child = path.empty() ? link.name : path + "/" + link.name;
            if (++m_objects % 128 == 0)
                m_alive();
            if (m_objects > mostObjects)
                throw Refused("it holds more than a million objects");
            try {
                visit(group, link, child);
            } catch (const CallFailed &error) {
                if (m_objects > mostObjects)
                    throw;
                refuse(child, "was left out: it is damaged (" + std::string(error.what()) + ")");
            }
        }
    }

    void visit(hid_t group, const Link &link, const std::string &path) {
        switch (link.kind) {
        case LinkKind::Soft:
            m_softLinks.push_back({path, absolute(path, softTarget(group, link.name))});
            return;
        case LinkKind::External:
            refuse(path, "is an external link. Weights files have no need of one, so it was not followed");
            return;
        case LinkKind::Other:
            refuse(path, "is a link of an unknown kind, so it was not followed");
            return;
        case LinkKind::Hard:
            break;
        }
        const Handle object = openObject(group, link.name);
        const H5I_type_t type = H5Iget_type(object);
        if (type == H5I_GROUP)
            enterGroup(object, path);
        else if (type == H5I_DATASET)
            addDataset(object, path);
    }

    void enterGroup(hid_t group, const std::string &path) {
        const std::string identity = identityOf(group);
        m_groups.emplace(path, identity);
        if (std::find(m_ancestors.begin(), m_ancestors.end(), identity) != m_ancestors.end()) {
            refuse(path, "is a cyclic link: it leads back to a group that holds it, so it was not followed");
            return;
        }
        if (!m_pathOf.emplace(identity, path).second)
            return; // another name of a group that was walked
        if (m_ancestors.size() > deepestGroup) {
            refuse(path, "was left out: its groups are nested more than " + std::to_string(deepestGroup) + " deep");
            return;
        }
        m_ancestors.push_back(identity);
        walkGroup(group, path);
        m_ancestors.pop_back();
    }

    void addDataset(hid_t dataset, const std::string &path) {
        m_datasets.insert(path);
        if (!m_seenDatasets.insert(identityOf(dataset)).second)
            return;
        DatasetVerdict verdict = judgeDataset(dataset, m_fileBytes);
        if (verdict.refusal.empty())
            m_contents.datasets.push_back({path, std::move(verdict.facts)});
        else
            refuse(path, "was left out: " + verdict.refusal);
    }

    static std::string absolute(const std::string &link, const std::string &target) {
        if (target.starts_with("/"))
            return target;
        return link.substr(0, link.rfind('/') == std::string::npos ? 0 : link.rfind('/')) + "/" + target;
    }

    // A soft link is harmless if it leads, over other soft links too, to something in the file. Nothing is opened.
    void checkSoftLinks() {
        std::unordered_map<std::string, std::string> targets;
        for (const auto &[path, target] : m_softLinks)
            targets.emplace(path, target);
        for (const auto &[path, target] : m_softLinks) {
            int hops = 0;
            if (leadsSomewhere(target, targets, hops))
                continue;
            refuse(path, hops > mostSoftLinks
                             ? "is a cyclic link, so it was not followed"
                             : "is a link to " + shown(target) + ", which is not in the file, so it was not followed");
        }
    }

    bool leadsSomewhere(const std::string &target, const std::unordered_map<std::string, std::string> &targets,
                        int &hops) const {
        std::string reached; // a path that was walked, or of a dataset
        std::string rest = target;
        while (true) {
            rest.erase(0, rest.find_first_not_of('/') == std::string::npos ? rest.size() : rest.find_first_not_of('/'));
            if (rest.empty())
                return true;
            const std::string part = rest.substr(0, rest.find('/'));
            rest.erase(0, part.size());
            if (part == ".")
                continue;
            const std::string next = reached.empty() ? part : reached + "/" + part;
            if (const auto soft = targets.find(next); soft != targets.end()) {
                if (++hops > mostSoftLinks)
                    return false;
                rest = soft->second + "/" + rest;
                reached.clear();
            } else if (const auto group = m_groups.find(next); group != m_groups.end()) {
                reached = m_pathOf.at(group->second);
            } else {
                return rest.find_first_not_of('/') == std::string::npos && m_datasets.count(next) > 0;
            }
        }
    }

    struct SoftLink {
        std::string path;
        std::string target;
    };

    std::uint64_t m_fileBytes;
    const std::function<void()> &m_alive;
    Contents m_contents;
    std::size_t m_objects = 0;
    std::vector<std::string> m_ancestors;
    std::unordered_map<std::string, std::string> m_groups; // path -> identity, every path that leads to a group
    std::unordered_map<std::string, std::string> m_pathOf; // identity -> the path under which it was walked
    std::unordered_set<std::string> m_datasets;
    std::unordered_set<std::string> m_seenDatasets;
    std::vector<SoftLink> m_softLinks;
};

} // namespace

Contents walkFile(hid_t file, std::uint64_t fileBytes, const std::function<void()> &alive) {
    return Walker(fileBytes, alive).walk(file);
}

} // namespace nibblescope::hdf5
