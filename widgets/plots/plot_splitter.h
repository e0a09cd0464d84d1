// SPDX-License-Identifier: GPL-3.0-or-later
// Plots one above the other (or side by side) with a handle between. Those above each other have their left edges on
// one line, so that equal axes read across.
#pragma once

#include <QSplitter>

#include <vector>

namespace nibblescope {

class PlotView;

class PlotSplitter : public QSplitter {
    Q_OBJECT
public:
    explicit PlotSplitter(Qt::Orientation orientation, QWidget *parent = nullptr);

    // `share` of the height (or width), relative to the others'.
    PlotView *addPlot(int share);
    // Any other part of the page; a PlotView may be inside and can be aligned too.
    void addPart(QWidget *part, int share);
    void align(PlotView *view); // its left edge with those of this splitter's plots
    const std::vector<PlotView *> &plots() const { return m_aligned; }

    // What the person has set, for the settings; the shares again where it is empty or not ours.
    QByteArray savedSizes() const { return m_moved ? saveState() : QByteArray(); }
    void restoreSizes(const QByteArray &state);
    void resetSizes();

Q_SIGNALS:
    void sizesChanged(); // by hand

protected:
    QSplitterHandle *createHandle() override;
    void resizeEvent(QResizeEvent *event) override;

private:
    void alignLeft();

    std::vector<PlotView *> m_aligned;
    QList<int> m_shares;
    bool m_moved = false;
    bool m_queued = false;
};

} // namespace nibblescope
