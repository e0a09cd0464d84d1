// SPDX-License-Identifier: GPL-3.0-or-later
// Where the tests find what they need, as absolute paths. Values, not macros, so that no test's compilation depends on
// where the checkout lies.
#pragma once

namespace test_paths {

extern const char *const commandLineProgram;
extern const char *const testData; // tests/data
extern const char *const sources;  // the checkout
#ifdef NIBBLESCOPE_SHARED_DATA
extern const char *const sharedData; // real weights with known results, where they exist
#endif

} // namespace test_paths
