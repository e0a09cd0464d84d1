// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/plot_splitter.h"

#include "widgets/plots/plot_view.h"
#include "widgets/theme/theme.h"

#include <QPainter>
#include <QTimer>

#include <algorithm>

namespace nibblescope {
namespace {

constexpr int graspWidth = 9; // a line of 1 px with room to grasp it
constexpr int lineMargin = 16;

class LineHandle : public QSplitterHandle {
public:
    LineHandle(Qt::Orientation orientation, QSplitter *parent) : QSplitterHandle(orientation, parent) {
        setAttribute(Qt::WA_Hover);
    }

protected:
    void paintEvent(QPaintEvent *) override {
        const Theme theme = currentTheme();
        QPainter painter(this);
        painter.fillRect(rect(), theme.colour(UiColour::Base));
        const QColor colour = theme.colour(underMouse() ? UiColour::Accent : UiColour::Divider);
        if (orientation() == Qt::Vertical)
            painter.fillRect(lineMargin, height() / 2, width() - 2 * lineMargin, 1, colour);
        else
            painter.fillRect(width() / 2, lineMargin / 2, 1, height() - lineMargin, colour);
    }
};

} // namespace

PlotSplitter::PlotSplitter(Qt::Orientation orientation, QWidget *parent) : QSplitter(orientation, parent) {
    setChildrenCollapsible(false);
    setHandleWidth(graspWidth);
    connect(this, &QSplitter::splitterMoved, this, [this] {
        m_moved = true;
        Q_EMIT sizesChanged();
    });
}

PlotView *PlotSplitter::addPlot(int share) {
    auto *view = new PlotView(this);
    addPart(view, share);
    if (orientation() == Qt::Vertical)
        align(view);
    return view;
}

void PlotSplitter::addPart(QWidget *part, int share) {
    addWidget(part);
    m_shares << share;
    setStretchFactor(count() - 1, share);
    resetSizes();
}

void PlotSplitter::align(PlotView *view) {
    m_aligned.push_back(view);
    connect(view, &PlotView::neededLeftChanged, this, [this] {
        if (m_queued)
            return;
        m_queued = true; // after all of them are laid out
        QTimer::singleShot(0, this, &PlotSplitter::alignLeft);
    });
}

void PlotSplitter::alignLeft() {
    m_queued = false;
    double left = 0;
    for (const PlotView *view : m_aligned)
        left = std::max(left, view->neededLeft());
    for (PlotView *view : m_aligned)
        view->setMinimumLeft(left);
}

void PlotSplitter::restoreSizes(const QByteArray &state) {
    m_moved = !state.isEmpty() && restoreState(state);
    setChildrenCollapsible(false);
    if (!m_moved)
        resetSizes();
}

void PlotSplitter::resetSizes() {
    m_moved = false;
    const int whole = orientation() == Qt::Vertical ? height() : width();
    int sum = 0;
    for (const int share : m_shares)
        sum += share;
    QList<int> sizes;
    for (const int share : m_shares)
        sizes << std::max(1, whole * share / std::max(1, sum));
    setSizes(sizes);
}

QSplitterHandle *PlotSplitter::createHandle() { return new LineHandle(orientation(), this); }

void PlotSplitter::resizeEvent(QResizeEvent *event) {
    QSplitter::resizeEvent(event);
    if (!m_moved)
        resetSizes();
}

} // namespace nibblescope
