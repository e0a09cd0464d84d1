// SPDX-License-Identifier: GPL-3.0-or-later
// The process that reads HDF5 files for us. The library crashes on some malformed files, whatever is checked first:
// here a crash is the end of this process, and an error message in the one that asked.
#pragma once

namespace nibblescope {

// The first argument that makes the command-line program be the helper.
inline constexpr const char *hdf5HelperOption = "--hdf5-helper";

// Answers requests on the socket that is standard input until its other end is closed; returns the exit status.
int hdf5HelperMain();

} // namespace nibblescope
