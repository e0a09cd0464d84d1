// SPDX-License-Identifier: GPL-3.0-or-later
// Between the session's calibration and what of it is seen: the window that asks what to calibrate on, the recipe's
// editor, messages. Each model's last calibration file is remembered.
#pragma once

#include <QObject>

#include "app/session/session.h"

namespace nibblescope {

class CalibratePanel;
class RecipePanel;

class CalibrationWindow : public QObject {
    Q_OBJECT
public:
    CalibrationWindow(Session &session, RecipePanel &recipe, QWidget *parent);

    void show();       // asks what to calibrate on: a text, or where the model does not run imported inputs
    void showImport(); // the same for imported inputs
    void chooseFile(); // takes one that was made before
    CalibratePanel &panel();

Q_SIGNALS:
    void messageRaised(const nibblescope::Message &message);

private:
    void showState();
    void modelChanged();
    void start();
    void remember();
    QString rememberedKey() const;
    QString notRun() const; // why the model cannot be run; empty: it can

    Session &m_session;
    RecipePanel &m_recipe;
    QWidget *m_parent;
    CalibratePanel *m_panel = nullptr;
};

} // namespace nibblescope
