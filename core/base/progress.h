// SPDX-License-Identifier: GPL-3.0-or-later
// What a long piece of work is given besides its inputs: where to say how far it is, and how it is told to stop.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

namespace nibblescope {

// Units of work, bytes read where there is a choice. `label` names what is being done ("model.layers.3.mlp.up_proj").
struct Progress {
    std::uint64_t done = 0;
    std::uint64_t total = 0;
    std::string label;
};

// Called from worker threads, as often as the work likes; whoever shows it throttles it.
using ProgressSink = std::function<void(const Progress &)>;

// Throws Error{Fault::Interrupted} once a stop was requested. Kernels' callers look at it once a row block.
void throwIfStopped(const std::stop_token &stop);

} // namespace nibblescope
