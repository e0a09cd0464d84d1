// SPDX-License-Identifier: GPL-3.0-or-later
// A report as PDF, A4, drawn by the same code as the plots of the pages.
#pragma once

#include <QString>

#include "core/report/report.h"

namespace nibblescope {

// Written whole or not at all. May be called on any thread. Throws Error{Fault::Machine} if it cannot be written.
void writePdf(const Report &report, const QString &path);

} // namespace nibblescope
