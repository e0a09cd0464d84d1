// SPDX-License-Identifier: GPL-3.0-or-later
// The texts of the Help menu.
#pragma once

#include <QString>

class QWidget;

namespace nibblescope {

class Actions;

QString shortcutsHtml(const Actions &actions);
QString meaningsHtml();
QString aboutHtml();
// A non-modal window of rich text; deleted when closed.
void showHelp(QWidget *parent, const QString &title, const QString &html);

} // namespace nibblescope
