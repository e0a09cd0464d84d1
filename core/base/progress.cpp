// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/progress.h"

#include "core/base/error.h"

namespace nibblescope {

void throwIfStopped(const std::stop_token &stop) {
    if (stop.stop_requested())
        throw Error(Fault::Interrupted, "interrupted");
}

} // namespace nibblescope
