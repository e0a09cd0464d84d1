// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/version.h"

namespace nibblescope {

const char* version() { return NIBBLESCOPE_VERSION; }

} // namespace nibblescope
