// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/folder.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/io/shown.h"

namespace nibblescope {

namespace fs = std::filesystem;

bool hasEnding(std::string_view name, std::string_view ending) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return name.size() >= ending.size() &&
           std::equal(ending.begin(), ending.end(), name.end() - static_cast<std::ptrdiff_t>(ending.size()),
                      [lower](char a, char b) { return lower(a) == lower(b); });
}

std::vector<std::string> filesIn(const fs::path &folder, std::string_view ending) {
    std::vector<std::string> names;
    std::error_code error;
    fs::directory_iterator entries(folder, error);
    if (error)
        throw Error(error == std::errc::permission_denied ? Fault::Machine : Fault::Input,
                    shown(folder.string()) + " cannot be looked into: " + error.message())
            .inFile(folder.string());
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
        const std::string name = entries->path().filename().string();
        std::error_code none;
        if (name.front() != '.' && hasEnding(name, ending) && !entries->is_directory(none))
            names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
}

} // namespace nibblescope
