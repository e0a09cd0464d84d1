// SPDX-License-Identifier: GPL-3.0-or-later
// The central pages: a tab bar, one page at a time. Pages are made when they are first shown and kept up to date while
// they are seen.
#pragma once

#include <QTimer>
#include <QWidget>

#include <array>
#include <memory>
#include <string>

#include "app/gui/actions.h"
#include "app/gui/plot_files.h"
#include "app/session/session.h"

class QStackedWidget;
class QTabBar;

namespace nibblescope {

class PageWidget;
class Presenter;

enum class PageId : int { Distribution, Bins, Layers, Memory, Speed, Accuracy, Activations };
inline constexpr std::size_t pageCount = 7;
const char *idOf(PageId page); // "distribution"
PageId pageIdFrom(const std::string &id);

class Pages : public QWidget {
    Q_OBJECT
public:
    Pages(Session &session, Actions &actions, QWidget *parent = nullptr);
    ~Pages() override;

    void show(PageId page);
    PageId current() const;
    PageWidget &page(PageId page); // made if it was not yet
    // Nothing is computed for the current page, and it shows the present state.
    bool isUpToDate() const;

    bool tableShown() const;
    void setTableShown(bool shown);
    void resetZoom();
    void copyPlot();
    void stepGroup(int step);
    void measureSpeed();
    bool isMeasuring() const;
    void evaluate(); // the recipe, on the Accuracy page
    void evaluateUsual();
    QString evaluationOptions();  // of the command line: "--text heldout.txt --windows 64"
    QString activationCommands(); // of the Activations page; empty: none
    bool isBusy() const;          // with what a person may want to cancel
    void cancelJobs();
    void setExportSize(const PlotFiles::Size &size);
    void resetSizes(); // of the splitters

Q_SIGNALS:
    void pageChanged(nibblescope::PageId page);
    void readoutChanged(const QString &text);
    void tableShownChanged(bool shown);
    void measuringChanged();    // isMeasuring() or isBusy()
    void exportSizeRequested(); // the user wants to see and change it
    void messageRaised(const nibblescope::Message &message);

private:
    Presenter &presenter(PageId page);
    void connectSession();
    void outdated(); // something changed that pages show
    void refresh();
    void follow(const QString &link);
    void updateDots();

    Session &m_session;
    QTabBar *m_tabs;
    QStackedWidget *m_stack;
    std::array<std::unique_ptr<Presenter>, pageCount> m_presenters;
    QTimer m_refresh;
    PlotFiles::Size m_exportSize;
};

} // namespace nibblescope
