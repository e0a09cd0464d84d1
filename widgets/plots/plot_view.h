// SPDX-License-Identifier: GPL-3.0-or-later
// A figure in the window: zoom and pan, a cursor by mouse and keys, its data as a table in its place, copies and
// exports. Wheel: zoom at the mouse (Shift: x only, Ctrl: y only); left drag: pan; right drag: zoom box; right click:
// menu; double click or Home: reset. Never seen beyond the data by more than 10 %.
#pragma once

#include "core/report/figure.h"
#include "widgets/plots/plot_export.h"
#include "widgets/theme/theme.h"

#include <QWidget>

#include <memory>
#include <optional>

class QMenu;
class QMimeData;
class QStackedLayout;
class QTableView;

namespace nibblescope {

class Chart;
class FigureTableModel;

class PlotView : public QWidget {
    Q_OBJECT
public:
    explicit PlotView(QWidget *parent = nullptr);
    ~PlotView() override;

    // Null: the placeholder is shown. A figure of the same id and nearly the same ranges keeps zoom and cursor.
    void setFigure(std::shared_ptr<const Figure> figure);
    const std::shared_ptr<const Figure> &figure() const { return m_figure; }
    void setPlaceholder(const QString &text); // "Choose a tensor in the tree (Ctrl+F)"
    void setReading(const QString &text);     // the accessible description
    void setSubject(const QString &text);     // accessible name: "TITLE of SUBJECT"
    // The application's theme is followed unless one is set here.
    void setTheme(const Theme &theme);

    bool isTableShown() const;
    void setTableShown(bool shown);

    bool isZoomed() const;
    FigureView visibleRanges() const;
    void setVisibleRanges(const FigureView &view); // kept within the limits
    void resetZoom();
    void zoomBy(double factor); // below 1: closer

    // Series (or row, bar) and point; -1, -1: no cursor.
    void setCursor(int series, int index);
    using QWidget::setCursor;
    QString readout() const; // what the cursor says, all lines

    // Plots one above the other have their left edges on one line: each is given the largest of these.
    double neededLeft() const;
    void setMinimumLeft(double pixels);

    PlotExport exportOptions(bool asOnScreen = false) const; // what is seen now, in the light theme unless asked
    std::unique_ptr<QMimeData> copied() const;               // PNG, SVG and CSV
    void copy() const;                                       // the same, to the clipboard
    // Copy, Export, Table, Reset Zoom; for the right click, and for a page's export button.
    std::unique_ptr<QMenu> contextMenu();

    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;

Q_SIGNALS:
    void linkActivated(const QString &link);     // one click or Enter: "tensor:NAME", "code:7", "range:full"
    void linkDoubleClicked(const QString &link); // double click
    void cursorMoved(int series, int index);     // -1, -1: gone
    void cursorText(const QString &text);        // one line, for the status bar; empty: gone
    void exportRequested(nibblescope::PlotFormat format);
    void tableShownChanged(bool shown);
    void viewChanged();
    void neededLeftChanged();

protected:
    void changeEvent(QEvent *event) override;
    bool eventFilter(QObject *watched, QEvent *event) override;

private:
    void updateAccessibleTexts();
    void showMenu(const QPoint &globalPosition);
    QTableView *makeTable();
    void fillTable();

    std::shared_ptr<const Figure> m_figure;
    QString m_reading;
    QString m_subject;
    bool m_ownTheme = false;
    QStackedLayout *m_stack = nullptr;
    Chart *m_chart = nullptr;
    QTableView *m_table = nullptr; // made when first shown
    FigureTableModel *m_model = nullptr;
};

} // namespace nibblescope
