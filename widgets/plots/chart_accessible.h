// SPDX-License-Identifier: GPL-3.0-or-later
// What a screen reader hears of a chart: its name, the reading, and the value under the cursor.
#pragma once

namespace nibblescope {

void useChartAccessibility(); // safe to call again

} // namespace nibblescope
