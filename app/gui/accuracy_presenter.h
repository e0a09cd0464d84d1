// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QTimer>

#include "app/gui/presenter.h"
#include "widgets/pages/accuracy_page.h"

namespace nibblescope {

class AccuracyPresenter : public Presenter {
    Q_OBJECT
public:
    explicit AccuracyPresenter(Session &session, QObject *parent = nullptr);

    PageWidget &page() override { return *m_page; }
    void refresh() override;
    bool isComputing() const override { return session().accuracy().isRunning(); }

    void evaluate(const std::vector<Recipe> &recipes);
    void evaluateCurrent() { evaluate({session().recipe()}); }
    void evaluateUsual();
    QString commandOptions() const;

private:
    void update();
    TextSource text() const;
    std::vector<AccuracyPage::Text> texts() const;
    QString reasonNot() const; // why nothing can be evaluated now; empty: it can
    std::vector<Recipe> missingUsual() const;
    void chooseText();
    void ended(const QString &problem, bool stopped);

    AccuracyPage *m_page;
    QTimer m_timer; // points come faster than anybody looks
};

} // namespace nibblescope
