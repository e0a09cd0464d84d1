// SPDX-License-Identifier: GPL-3.0-or-later
// Plots as files: asks for a name, writes, says what was written.
#pragma once

#include <optional>
#include <vector>

#include <QString>

#include "widgets/panels/message_bar.h"
#include "widgets/plots/plot_export.h"

class QWidget;

namespace nibblescope {

class PlotView;

class PlotFiles {
public:
    struct Size {
        double widthMm = 160;
        double heightMm = 100;
        double scale = 2;       // PNG: pixels of a pixel at 96 dpi
        bool lightTheme = true; // false: as on screen
    };
    PlotFiles(QWidget *parent, const Size &size) : m_parent(parent), m_size(size) {}

    // nullopt: the user changed their mind.
    std::optional<Message> save(const PlotView &plot, PlotFormat format) const;
    // Every plot in sight as PNG, SVG, PDF and CSV into a folder.
    std::optional<Message> saveAll(const std::vector<PlotView *> &plots) const;

private:
    PlotExport optionsOf(const PlotView &plot) const;

    QWidget *m_parent;
    Size m_size;
};

// Opens the folder of a file in the desktop's file manager.
void showInFolder(const QString &path);
// The message of a written file, with its button.
Message writtenMessage(const QString &path, const QString &what);

} // namespace nibblescope
