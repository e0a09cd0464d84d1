// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

namespace nibblescope {

const char* version(); // "0.1.0"

} // namespace nibblescope
