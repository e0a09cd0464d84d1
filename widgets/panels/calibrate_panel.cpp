// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/calibrate_panel.h"

#include <QCheckBox>
#include <QComboBox>
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
    auto *form = m_form = new QFormLayout(this);
    form->setContentsMargins(16, 16, 16, 16);
    form->setHorizontalSpacing(16);
    form->setVerticalSpacing(8);
    m_source = new QComboBox;
    m_source->addItems({tr("The model on a text"), tr("Imported inputs")});
    m_source->setToolTip(tr("Imported: inputs that another program wrote, for models that do not run here"));
    form->addRow(tr("F&rom"), m_source);
    connect(m_source, &QComboBox::currentIndexChanged, this, &CalibratePanel::showRows);
    m_folder = addFile(tr("Fol&der"),
                       tr("NAME.npy, float32 [tokens, in], one a layer, NAME as the tensor's; q, k and v share one, "
                          "gate and up too"),
                       &CalibratePanel::folderRequested);
    m_text = addFile(tr("&Text"), tr("A text like what the model will see, not the one that it is evaluated on"),
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
    m_target = addFile(tr("&File"), tr("Where the statistics are kept, in HDF5, to be used again"),
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
    showRows();
}

QLineEdit *CalibratePanel::addFile(const QString &label, const QString &tip, void (CalibratePanel::*asked)()) {
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
    m_form->addRow(label, row);
    if (auto *name = qobject_cast<QLabel *>(m_form->labelForField(row)))
        name->setBuddy(edit);
    connect(edit, &QLineEdit::textChanged, this, &CalibratePanel::refresh);
    connect(choose, &QPushButton::clicked, this, asked);
    return edit;
}

void CalibratePanel::showRows() {
    for (int row = 0; row < m_form->rowCount(); ++row) {
        QLayoutItem *const field = m_form->itemAt(row, QFormLayout::FieldRole);
        if (field == nullptr)
            continue; // over both columns
        const auto holds = [field](QWidget *widget) {
            return field->widget() == widget || (field->layout() != nullptr && field->layout()->indexOf(widget) >= 0);
        };
        if (holds(m_folder))
            m_form->setRowVisible(row, imports());
        else if (holds(m_text) || holds(m_context) || holds(m_windows) || holds(m_fromEnd))
            m_form->setRowVisible(row, !imports());
    }
    adjustSize();
    refresh();
}

void CalibratePanel::setImports(bool imports) { m_source->setCurrentIndex(imports ? 1 : 0); }
bool CalibratePanel::imports() const { return m_source->currentIndex() == 1; }
void CalibratePanel::setFolder(const QString &path) { m_folder->setText(path); }
QString CalibratePanel::folder() const { return m_folder->text().trimmed(); }
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

void CalibratePanel::setNotRun(const QString &reason) {
    m_notRun = reason;
    refresh();
}

void CalibratePanel::refresh() {
    if (m_start == nullptr)
        return;
    QString reason = m_problem;
    if (reason.isEmpty() && !imports())
        reason = m_notRun;
    if (reason.isEmpty() && !imports() && text().isEmpty())
        reason = tr("Choose a text.");
    if (reason.isEmpty() && imports() && folder().isEmpty())
        reason = tr("Choose a folder with inputs that another program wrote: NAME.npy, float32 [tokens, in].");
    if (reason.isEmpty() && target().isEmpty())
        reason = tr("Choose a file for the statistics.");
    m_start->setEnabled(reason.isEmpty());
    const QString runs = tr("The model is run once over these windows; X'X, mean |x| and max |x| of every "
                            "layer's inputs are kept.");
    const QString reads = tr("X'X, mean |x| and max |x| of the inputs in the folder are kept; linears without a "
                             "file cannot be quantized with GPTQ.");
    if (reason.isEmpty())
        reason = imports() ? reads : runs;
    m_note->setText(reason);
}

} // namespace nibblescope
