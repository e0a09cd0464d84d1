// SPDX-License-Identifier: GPL-3.0-or-later
// Recipes run over a text: bits against what they cost, the table of all that were tried, the running means, and what
// the measurements teach. A click on a recipe brings it back ("recipe:JSON").
#pragma once

#include <optional>
#include <vector>

#include "core/report/figures_accuracy.h"
#include "widgets/pages/page_widget.h"

class QComboBox;
class QLabel;
class QPushButton;
class QToolBar;

namespace nibblescope {

struct Answer;
struct Claim;
class ClaimsList;
class FittedTable;
class SegmentedControl;
class ThemedLabel;

class AccuracyPage : public PageWidget {
    Q_OBJECT
public:
    explicit AccuracyPage(QWidget *parent = nullptr);

    // What can be chosen as text; the first is taken where nothing else was chosen.
    struct Text {
        QString name;
        QString path;
    };
    void setTexts(std::vector<Text> texts);
    QString textPath() const; // empty: there is none
    QString textName() const;
    std::size_t context() const;
    std::optional<std::size_t> windows() const; // nullopt: all
    AccuracyRank rank() const;
    Products products() const;

    // `share` of the job that is done.
    void setRunning(bool running, double share = 0);
    // Why it cannot be started now; empty: it can. `usual`: how many recipes the button of the usual ones would run.
    void setPossible(const QString &reason, const QString &recipe, std::size_t usual);

    // With results, or something running. Otherwise `hint` says in their place what to do.
    void setInput(const AccuracyInput &input);
    void setHint(const QString &hint);
    QString hint() const;
    void setPageNames(std::vector<std::pair<QString, QString>> names);
    void setClaims(const std::vector<Claim> &claims, const std::vector<Answer> &answers);

    nlohmann::ordered_json options() const override;
    void setOptions(const nlohmann::ordered_json &options) override;

Q_SIGNALS:
    void evaluateRequested();
    void usualRequested();
    void cancelRequested();
    void chooseTextRequested();
    void forgetRequested();

private:
    void buildBar();
    QToolBar *buildHead();
    QWidget *buildContent();
    void fillTable(const AccuracyInput &input);
    void placeCurve(bool first);
    void chooseText(int row);

    QComboBox *m_text = nullptr;
    QComboBox *m_context = nullptr;
    QComboBox *m_windows = nullptr;
    SegmentedControl *m_rank = nullptr;
    QComboBox *m_products = nullptr;
    QPushButton *m_evaluate = nullptr;
    QPushButton *m_usual = nullptr;
    QPushButton *m_forget = nullptr;
    QWidget *m_content = nullptr;
    QLabel *m_hint = nullptr;
    PlotView *m_pareto = nullptr;
    PlotView *m_curve = nullptr;
    ThemedLabel *m_title = nullptr;
    FittedTable *m_table = nullptr;
    QWidget *m_teaching = nullptr;
    ThemedLabel *m_lessons = nullptr;
    ClaimsList *m_claims = nullptr;
    std::vector<Text> m_texts;
    QString m_chosenText; // empty: the first
    std::vector<AccuracyRow> m_rows;
    AccuracyInput m_input; // what the plot and the table show
    bool m_running = false;
};

} // namespace nibblescope
