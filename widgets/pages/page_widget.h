// SPDX-License-Identifier: GPL-3.0-or-later
// What all pages have in common: the reading, the bar with the page's options and Table and Export at its right, and a
// body of plots, in whose place a line stands while there is nothing to show.
#pragma once

#include <QString>
#include <QWidget>

#include <vector>

#include <nlohmann/json.hpp>

#include "core/report/readings.h"
#include "widgets/panels/reading_label.h"
#include "widgets/plots/plot_view.h"

class QAction;
class QComboBox;
class QLabel;
class QMenu;
class QStackedWidget;
class QHBoxLayout;
class QToolBar;
class QToolButton;
class QVBoxLayout;

namespace nibblescope {

class PageWidget : public QWidget {
    Q_OBJECT
public:
    explicit PageWidget(const QString &name, QWidget *parent = nullptr);

    void setReading(const Reading &reading, const std::vector<ReadingLabel::Link> &links = {});
    QString reading() const { return m_reading->text(); }
    // While something newer is computed the last reading stays, in the second text colour.
    void setPending(bool pending);
    // In place of the body, and no reading; empty: the body.
    void setPlaceholder(const QString &text);
    QString placeholder() const;

    const std::vector<PlotView *> &plots() const { return m_plots; }
    PlotView *focusedPlot() const; // else the first; null: the page has none in sight
    virtual void setTableShown(bool shown);
    bool tableShown() const { return m_tableShown; }
    void resetZoom();
    // A short remark at the right of the bar, "1 of 5 selected"; empty: none.
    void setNote(const QString &text);
    QString note() const;
    // What the plots are of, for their accessible names: "layers.0.mlp.down_proj".
    void setSubject(const QString &subject);

    // The page's options as one value for undo and the session file. Unknown members are ignored.
    virtual nlohmann::ordered_json options() const { return nlohmann::ordered_json::object(); }
    virtual void setOptions(const nlohmann::ordered_json & /*options*/) {} // emits nothing

Q_SIGNALS:
    void optionsEdited(const nlohmann::ordered_json &options);
    void linkActivated(const QString &link); // of a plot or of the reading
    void linkDoubleClicked(const QString &link);
    void readoutChanged(const QString &text); // the value under the cursor
    void tableShownChanged(bool shown);
    void exportRequested(nibblescope::PlotView *plot, nibblescope::PlotFormat format);
    void exportAllRequested();
    void exportSizeRequested();

protected:
    QToolBar &bar() { return *m_bar; }
    QToolBar &ends() { return *m_ends; } // at the right, always in sight
    void addLabel(const QString &text);  // before a control of the bar
    // A further row of options. What does not fit goes into an extension menu, as on the bar.
    static QToolBar *makeRow();
    static QHBoxLayout *inMargins(QToolBar *row); // as it stands on the page
    static void addGap(QToolBar &row);            // what follows stands at the right end
    // A combo as the pages have them. One that can be typed in emits optionsEdited when a row is taken or another text
    // was typed; of the others the page decides.
    QComboBox *makeCombo(const QString &name, const QStringList &items, const QString &toolTip, bool editable);
    QComboBox *addCombo(const QString &label, const QStringList &items, const QString &toolTip,
                        bool editable); // on the bar
    void finishBar();                   // Table and Export, once all options are there
    QVBoxLayout &body() { return *m_body; }
    // Puts `content` into the body, in a frame that scrolls what has no room.
    void addScrolled(QWidget *content, Qt::ScrollBarPolicy horizontal = Qt::ScrollBarAsNeeded);
    PlotView *adopt(PlotView *plot); // one that the page has laid out
    void edited() { Q_EMIT optionsEdited(options()); }
    static void show(PlotView *plot, Figure figure);

private:
    void fillExportMenu();

    ReadingLabel *m_reading;
    QToolBar *m_bar;
    QToolBar *m_ends; // its right end
    QStackedWidget *m_stack;
    QLabel *m_placeholder;
    QVBoxLayout *m_body;
    QLabel *m_note = nullptr;
    QAction *m_noteAction = nullptr;
    QToolButton *m_table = nullptr;
    QMenu *m_exports = nullptr;
    std::vector<PlotView *> m_plots;
    bool m_tableShown = false;
};

} // namespace nibblescope
