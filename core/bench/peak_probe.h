// SPDX-License-Identifier: GPL-3.0-or-later
// Multiply-adds without memory: the roof that arithmetic sets.
#pragma once

#include "core/kernels/kernels.h"

namespace nibblescope {

// Does about a million fused multiply-adds in registers, in F32, as wide as the set is. Returns the operations done (a
// multiply-add is two).
double f32Operations(Isa isa);
// The same with int8 factors added up in int32, by what the set's products use. 0: the set has nothing wider than
// scalar.
double int8Operations(Isa isa);

} // namespace nibblescope
