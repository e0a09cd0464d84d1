// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/test_paths.h"

namespace test_paths {

const char *const commandLineProgram = NIBBLESCOPE_CLI;
const char *const testData = NIBBLESCOPE_TEST_DATA;
const char *const sources = NIBBLESCOPE_SOURCE_DIR;
#ifdef NIBBLESCOPE_SHARED_DATA
const char *const sharedData = NIBBLESCOPE_SHARED_DATA_FOLDER;
#endif

} // namespace test_paths
