// SPDX-License-Identifier: GPL-3.0-or-later
// Pictures of every page, light and dark, on a model: for the README and for looking at what was built.
#pragma once

#include <QString>

namespace nibblescope {

class MainWindow;

// Writes PAGE-THEME.png, 1440 x 900, into `folder` (made if it is not there). Runs an event loop of its own. Throws
// Error if the model cannot be opened, a page is not ready in time, or a file cannot be written.
void takeScreenshots(MainWindow &window, const QString &model, const QString &folder);

} // namespace nibblescope
