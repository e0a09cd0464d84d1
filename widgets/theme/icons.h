// SPDX-License-Identifier: GPL-3.0-or-later
// Our own icons: monochrome SVGs on a grid of 20 px (resources/icons), tinted with a colour of the theme at the moment
// of painting, so that a change of theme or of the screen's ratio needs nothing from whoever holds the icon.
#pragma once

#include "widgets/theme/theme.h"

#include <QIcon>

#include <optional>

namespace nibblescope {

// `name`: a file of resources/icons without ".svg": "open", "run", "chevron-down". Without a colour: the text colour,
// or the disabled text's.
QIcon themeIcon(const QString &name, std::optional<UiColour> colour = std::nullopt);
// One picture, for labels: `pixels` wide at ratio 1.
QPixmap themePixmap(const QString &name, int pixels, UiColour colour, qreal ratio);
QIcon applicationIcon();
void useIconResources(); // before any ":/icons/..." path is used directly

} // namespace nibblescope
