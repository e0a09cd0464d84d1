// SPDX-License-Identifier: GPL-3.0-or-later
// The choice of a format: each row draws its levels as ticks, so that one sees where they crowd.
#pragma once

#include <QComboBox>

#include "core/kernels/format.h"

namespace nibblescope {

class FormatCombo : public QComboBox {
    Q_OBJECT
public:
    explicit FormatCombo(QWidget *parent = nullptr);
    Format format() const;
    void setFormat(Format format); // emits nothing
    // Empty: it can be chosen. Otherwise why not.
    void setProblem(Format format, const QString &reason);

Q_SIGNALS:
    void formatChosen(nibblescope::Format format);

protected:
    void paintEvent(QPaintEvent *event) override;
    void wheelEvent(QWheelEvent *event) override;
};

// The levels of a format as ticks over the width of `area`, from its lowest to its highest; a level that is never used
// is drawn short and grey. INT8 is a band, None nothing.
void drawLevels(QPainter &painter, const QRectF &area, Format format, bool enabled);

} // namespace nibblescope
