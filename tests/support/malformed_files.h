// SPDX-License-Identifier: GPL-3.0-or-later
// Files that are no weights files, or wrong ones: what every reader, the command line and the window must refuse with a
// sentence.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace nibblescope::testing {

struct MalformedFile {
    std::string name;     // of the case
    std::string fileName; // what it has to be called to be taken for what it is not
    std::string bytes;
    std::string words; // what the error says, among other things; empty: what the library says of it differs
};

// `scratch` is a folder in which HDF5 files can be made.
std::vector<MalformedFile> malformedFiles(const std::filesystem::path &scratch);

} // namespace nibblescope::testing
