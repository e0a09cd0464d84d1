// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/method_rows.h"

#include <QAction>
#include <QCheckBox>
#include <QDoubleValidator>
#include <QGridLayout>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QToolButton>

#include "core/quant/quantize.h"
#include "core/report/number_text.h"

namespace nibblescope {
namespace {

constexpr int rowGap = 6;
constexpr int indent = 12;

QString qs(std::string_view text) { return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size())); }

} // namespace

MethodRows::MethodRows(int labelWidth, QWidget *parent) : QWidget(parent), m_labelWidth(labelWidth) {
    auto *grid = new QGridLayout(this);
    grid->setContentsMargins(0, 0, 0, 0);
    grid->setHorizontalSpacing(0);
    grid->setVerticalSpacing(rowGap);
    grid->setColumnMinimumWidth(0, labelWidth);
    grid->setColumnStretch(1, 1);
    for (const MethodParameter &parameter : allMethodParameters())
        addParameter(parameter);
    addCalibration();
    refresh();
}

void MethodRows::addParameter(const MethodParameter &parameter) {
    auto *grid = static_cast<QGridLayout *>(layout());
    const int at = grid->rowCount();
    Row row;
    row.parameter = &parameter;
    row.label = new QLabel(qs(parameter.name));
    row.label->setIndent(indent);
    QWidget *field = nullptr;
    if (parameter.flag != nullptr) {
        row.flag = new QCheckBox;
        field = row.flag;
        connect(row.flag, &QCheckBox::toggled, this, [this, &parameter](bool on) {
            Recipe next = m_recipe;
            next.*parameter.flag = on != parameter.inverted;
            if (!(next == m_recipe))
                Q_EMIT edited(next);
        });
    } else {
        row.number = new QLineEdit;
        row.number->setMaximumWidth(72);
        row.number->setValidator(new QDoubleValidator(parameter.lower, parameter.upper, 6, row.number));
        field = row.number;
        connect(row.number, &QLineEdit::editingFinished, this, [this, row] { submitNumber(row); });
    }
    field->setAccessibleName(qs(parameter.name));
    field->setAccessibleDescription(qs(parameter.help));
    row.label->setBuddy(field);
    m_helps[field] = qs(parameter.help);
    grid->addWidget(row.label, at, 0);
    grid->addWidget(field, at, 1, Qt::AlignLeft);
    m_rows.push_back(row);
}

void MethodRows::submitNumber(const Row &row) {
    bool isNumber = false;
    const double value = row.number->locale().toDouble(row.number->text(), &isNumber);
    Recipe next = m_recipe;
    if (isNumber && value >= row.parameter->lower && value <= row.parameter->upper)
        next.*row.parameter->number = value;
    if (next == m_recipe)
        refresh(); // what is in force
    else
        Q_EMIT edited(next);
}

void MethodRows::addCalibration() {
    auto *grid = static_cast<QGridLayout *>(layout());
    const int at = grid->rowCount();
    m_calibrationLabel = new QLabel(tr("Calibration"));
    m_calibrationLabel->setIndent(indent);
    m_calibration = new QToolButton;
    m_calibration->setObjectName(QStringLiteral("calibrationButton"));
    m_calibration->setPopupMode(QToolButton::InstantPopup);
    m_calibration->setToolButtonStyle(Qt::ToolButtonTextOnly);
    m_calibration->setProperty("framed", true);
    m_calibration->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    m_calibration->setMinimumHeight(26);
    m_calibration->setFocusPolicy(Qt::StrongFocus);
    m_calibration->setAccessibleName(tr("Calibration"));
    auto *menu = new QMenu(m_calibration);
    menu->setToolTipsVisible(true);
    m_make = menu->addAction(tr("&Calibrate on a Text..."));
    connect(m_make, &QAction::triggered, this, &MethodRows::calibrateRequested);
    m_import = menu->addAction(tr("Calibrate on &Imported Inputs..."));
    connect(m_import, &QAction::triggered, this, &MethodRows::importRequested);
    connect(menu->addAction(tr("Choose a Calibration &File...")), &QAction::triggered, this,
            &MethodRows::chooseRequested);
    m_forget = menu->addAction(tr("&Use None"));
    connect(m_forget, &QAction::triggered, this, &MethodRows::forgetRequested);
    m_calibration->setMenu(menu);
    m_calibrationLabel->setBuddy(m_calibration);
    m_helps[m_calibration] =
        tr("Statistics of the layers' inputs on a text: GPTQ, AWQ and importance weights need them.");
    m_calibration->setAccessibleDescription(m_helps[m_calibration]);
    grid->addWidget(m_calibrationLabel, at, 0);
    grid->addWidget(m_calibration, at, 1);
}

std::vector<QWidget *> MethodRows::fields() const {
    std::vector<QWidget *> all;
    for (const Row &row : m_rows)
        all.push_back(row.flag != nullptr ? static_cast<QWidget *>(row.flag) : row.number);
    all.push_back(m_calibration);
    return all;
}

QString MethodRows::helpOf(const QWidget *field) const {
    const auto found = m_helps.find(field);
    return found == m_helps.end() ? QString() : found->second;
}

QString MethodRows::reasonNot(const Recipe &recipe) const {
    if (!needsCalibration(recipe))
        return {};
    if (needsWholeModel(recipe) && !m_state.reasonNotRun.isEmpty())
        return m_state.reasonNotRun;
    return m_state.file.isEmpty() ? tr("needs a calibration of the model: Run > Calibrate... makes one") : QString();
}

void MethodRows::setRecipe(const Recipe &recipe) {
    m_recipe = recipe;
    refresh();
}

void MethodRows::setCalibration(const CalibrationState &state) {
    m_state = state;
    refresh();
}

void MethodRows::refresh() {
    for (const Row &row : m_rows) {
        const bool own = m_recipe.format != Format::None && row.parameter->method == m_recipe.method;
        QWidget *field = row.flag != nullptr ? static_cast<QWidget *>(row.flag) : row.number;
        row.label->setVisible(own);
        field->setVisible(own);
        const QString reason = row.parameter->wholeModel ? m_state.reasonNotRun : QString();
        field->setEnabled(reason.isEmpty());
        field->setToolTip(reason.isEmpty() ? qs(row.parameter->help) : reason);
        if (row.flag != nullptr) {
            const QSignalBlocker quiet(row.flag);
            row.flag->setChecked(m_recipe.*row.parameter->flag != row.parameter->inverted);
        } else if (!row.number->hasFocus()) {
            row.number->setText(row.number->locale().toString(m_recipe.*row.parameter->number, 'g', 6));
        }
    }
    const bool calibrated = needsCalibration(m_recipe);
    m_calibrationLabel->setVisible(calibrated);
    m_calibration->setVisible(calibrated);
    bool any = calibrated;
    for (const Row &row : m_rows)
        any = any || !row.label->isHidden();
    setVisible(any); // no gap where there is nothing
    const QString none = m_state.making ? tr("being made...") : tr("none");
    m_calibration->setText(m_state.file.isEmpty()
                               ? none
                               : m_calibration->fontMetrics().elidedText(m_state.file, Qt::ElideMiddle,
                                                                         qMax(80, m_calibration->width() - 28)));
    m_calibration->setToolTip(m_state.file.isEmpty() ? m_helps[m_calibration]
                                                     : m_state.file + QLatin1Char('\n') + m_state.about);
    m_make->setEnabled(m_state.reasonNotRun.isEmpty() && !m_state.making);
    m_make->setToolTip(m_state.making ? tr("One is being made") : m_state.reasonNotRun);
    m_import->setEnabled(!m_state.making);
    m_forget->setEnabled(!m_state.file.isEmpty());
}

} // namespace nibblescope
