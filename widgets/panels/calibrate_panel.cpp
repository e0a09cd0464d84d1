// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/calibrate_panel.h"

#include <QCheckBox>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QPushButton>
#include <QSpinBox>

#include "widgets/panels/themed_label.h"

namespace nibblescope {
namespace {

constexpr int fieldWidth = 320;
constexpr int usualContext = 256;
constexpr int usualWindows = 128;
constexpr int mostTokens = 1 << 20;

} // namespace

CalibratePanel::CalibratePanel(QWidget *parent) : QWidget(parent) {
    setWindowTitle(tr("Calibrate"));
    auto *form = new QFormLayout(this);
    form->setContentsMargins(16, 16, 16, 16);
    form->setHorizontalSpacing(16);
    form->setVerticalSpacing(8);
    m_text = addFile(form, tr("&Text"), tr("A text like what the model will see, not the one that it is evaluated on"),
                     &CalibratePanel::textRequested);
    m_context = new QSpinBox;
    m_context->setRange(2, mostTokens);
    m_context->setValue(usualContext);
    m_context->setToolTip(tr("Tokens in a window"));
    form->addRow(tr("&Context"), m_context);
    m_windows = new QSpinBox;
    m_windows->setRange(1, mostTokens);
    m_windows->setValue(usualWindows);
    m_windows->setToolTip(tr("128 windows of 256 tokens are usual; more change little"));
    form->addRow(tr("&Windows"), m_windows);
    m_fromEnd = new QCheckBox(tr("Take the &last windows of the text"));
    m_fromEnd->setToolTip(
        tr("So that the first ones can be evaluated on: a method flatters itself on its own calibration"));
    m_fromEnd->setChecked(true);
    form->addRow(QString(), m_fromEnd);
    m_target = addFile(form, tr("&File"), tr("Where the statistics are kept, in HDF5, to be used again"),
                       &CalibratePanel::targetRequested);
    m_note = new ThemedLabel(FontRole::Small, UiColour::Text2);
    m_note->setWordWrap(true);
    m_note->setMinimumHeight(34);
    form->addRow(m_note);
    m_start = new QPushButton(tr("Calibrate"));
    m_start->setDefault(true);
    auto *row = new QHBoxLayout;
    row->addStretch(1);
    row->addWidget(m_start);
    form->addRow(row);
    connect(m_start, &QPushButton::clicked, this, &CalibratePanel::calibrateRequested);
    refresh();
}

QLineEdit *CalibratePanel::addFile(QFormLayout *form, const QString &label, const QString &tip,
                                   void (CalibratePanel::*asked)()) {
    auto *edit = new QLineEdit;
    edit->setMinimumWidth(fieldWidth);
    edit->setToolTip(tip);
    edit->setAccessibleDescription(tip);
    auto *choose = new QPushButton(tr("Choose..."));
    choose->setAutoDefault(false);
    auto *row = new QHBoxLayout;
    row->setSpacing(8);
    row->addWidget(edit, 1);
    row->addWidget(choose);
    form->addRow(label, row);
    if (auto *name = qobject_cast<QLabel *>(form->labelForField(row)))
        name->setBuddy(edit);
    connect(edit, &QLineEdit::textChanged, this, &CalibratePanel::refresh);
    connect(choose, &QPushButton::clicked, this, asked);
    return edit;
}

void CalibratePanel::setText(const QString &path) { m_text->setText(path); }
void CalibratePanel::setTarget(const QString &path) { m_target->setText(path); }
void CalibratePanel::setContext(int tokens) { m_context->setValue(tokens); }
QString CalibratePanel::text() const { return m_text->text().trimmed(); }
QString CalibratePanel::target() const { return m_target->text().trimmed(); }
int CalibratePanel::context() const { return m_context->value(); }
int CalibratePanel::windows() const { return m_windows->value(); }
bool CalibratePanel::fromEnd() const { return m_fromEnd->isChecked(); }

void CalibratePanel::setProblem(const QString &reason) {
    m_problem = reason;
    refresh();
}

void CalibratePanel::refresh() {
    if (m_start == nullptr)
        return;
    QString reason = m_problem;
    if (reason.isEmpty() && text().isEmpty())
        reason = tr("Choose a text.");
    if (reason.isEmpty() && target().isEmpty())
        reason = tr("Choose a file for the statistics.");
    m_start->setEnabled(reason.isEmpty());
    m_note->setText(reason.isEmpty()
                        ? tr("The model is run once over these windows; X'X, mean |x| and max |x| of every "
                             "layer's inputs are kept.")
                        : reason);
}

} // namespace nibblescope
