// SPDX-License-Identifier: GPL-3.0-or-later
// What the session knows, in the form that the core's tables and readings take.
#pragma once

#include "app/session/session.h"
#include "core/report/accuracy.h"
#include "core/report/claims.h"

namespace nibblescope {

// What was measured on that text under the present rule, with recipe and baseline.
AccuracyInput accuracyInput(const Session &session, const TextSource &text, Products products = Products::Blas);
// Everything that bears on the field's claims; `accuracy`: results on one text, with F32 products.
ClaimEvidence claimEvidence(const Session &session, const AccuracyInput &accuracy);

} // namespace nibblescope
