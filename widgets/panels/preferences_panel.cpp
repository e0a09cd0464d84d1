// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/preferences_panel.h"

#include <QCheckBox>
#include <QComboBox>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QPushButton>
#include <QSpinBox>

#include "widgets/panels/themed_label.h"

namespace nibblescope {
namespace {

constexpr int smallestExportMm = 40; // axes and titles still have room
constexpr int largestExportMm = 1000;
constexpr int largestExportScale = 8;
constexpr double millimetresPerInch = 25.4;
constexpr int dotsPerInch = 96;

void choose(QComboBox &box, const QVariant &value) {
    const int at = box.findData(value);
    box.setCurrentIndex(at < 0 ? 0 : at);
}

} // namespace

PreferencesPanel::PreferencesPanel(QWidget *parent)
    : QWidget(parent), m_theme(new QComboBox), m_textSize(new QComboBox), m_threads(new QSpinBox),
      m_instructionSet(new QComboBox), m_exportWidth(new QSpinBox), m_exportHeight(new QSpinBox),
      m_exportScale(new QSpinBox), m_exportPixels(new ThemedLabel(FontRole::Small, UiColour::Text2)),
      m_lightExports(new QCheckBox(tr("&Light theme for exported plots"))),
      m_keepRecent(new QCheckBox(tr("&Remember recent files"))), m_clearRecent(new QPushButton(tr("&Clear"))) {
    setWindowTitle(tr("Preferences"));
    m_theme->addItem(tr("System"), QStringLiteral("system"));
    m_theme->addItem(tr("Light"), QStringLiteral("light"));
    m_theme->addItem(tr("Dark"), QStringLiteral("dark"));
    m_theme->addItem(tr("High Contrast"), QStringLiteral("high-contrast"));
    for (const int size : {100, 125, 150, 200})
        m_textSize->addItem(tr("%1 %").arg(size), size);
    m_threads->setSpecialValueText(tr("All cores"));
    m_threads->setAccessibleDescription(tr("How many threads compute at the same time"));
    m_instructionSet->addItem(tr("Auto"), QStringLiteral("auto"));
    m_keepRecent->setToolTip(tr("Names and folders only, on this machine"));
    m_clearRecent->setToolTip(tr("Forget the recent files"));

    auto *form = new QFormLayout(this);
    form->setContentsMargins(16, 16, 16, 16);
    form->setHorizontalSpacing(16);
    form->setVerticalSpacing(8);
    form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
    form->addRow(tr("&Theme"), m_theme);
    form->addRow(tr("Text &size"), m_textSize);
    form->addRow(tr("T&hreads"), m_threads);
    form->addRow(tr("&Instruction set"), m_instructionSet);
    form->addRow(tr("&Plots as files"), exportSize());
    form->addRow(QString(), m_exportPixels);
    form->addRow(QString(), m_lightExports);
    auto *recent = new QHBoxLayout;
    recent->addWidget(m_keepRecent, 1);
    recent->addWidget(m_clearRecent);
    form->addRow(tr("Files"), recent);
    auto *note = new ThemedLabel(tr("Changes apply at once. They are stored on this machine only."), FontRole::Small,
                                 UiColour::Text2);
    form->addRow(note);

    for (QComboBox *box : {m_theme, m_textSize, m_instructionSet})
        connect(box, &QComboBox::currentIndexChanged, this, &PreferencesPanel::edited);
    connect(m_threads, &QSpinBox::valueChanged, this, &PreferencesPanel::edited);
    for (QSpinBox *box : {m_exportWidth, m_exportHeight, m_exportScale})
        connect(box, &QSpinBox::valueChanged, this, &PreferencesPanel::edited);
    connect(m_lightExports, &QCheckBox::toggled, this, &PreferencesPanel::edited);
    connect(m_keepRecent, &QCheckBox::toggled, this, &PreferencesPanel::edited);
    connect(m_clearRecent, &QPushButton::clicked, this, &PreferencesPanel::clearRecentRequested);
    setMachine(1, {});
    setPreferences({});
}

QWidget *PreferencesPanel::exportSize() {
    auto *row = new QWidget;
    auto *layout = new QHBoxLayout(row);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(6);
    const auto set = [](QSpinBox &box, int least, int most, const QString &suffix, const QString &name) {
        box.setRange(least, most);
        box.setSuffix(suffix);
        box.setAccessibleName(name);
        box.setToolTip(name);
    };
    set(*m_exportWidth, smallestExportMm, largestExportMm, tr(" mm"), tr("Width of an exported plot"));
    set(*m_exportHeight, smallestExportMm, largestExportMm, tr(" mm"), tr("Height of an exported plot"));
    set(*m_exportScale, 1, largestExportScale, tr(" ×"), tr("PNG: pixels for each pixel at 96 dpi"));
    layout->addWidget(m_exportWidth);
    layout->addWidget(new QLabel(tr("×")));
    layout->addWidget(m_exportHeight);
    layout->addWidget(m_exportScale);
    layout->addStretch();
    row->setFocusProxy(m_exportWidth);
    return row;
}

void PreferencesPanel::showExportPixels() {
    const auto pixels = [this](int mm) {
        return qRound(mm / millimetresPerInch * dotsPerInch) * m_preferences.exportScale;
    };
    m_exportPixels->setText(tr("PNG: %1 × %2 pixels; SVG and PDF: the size in millimetres")
                                .arg(pixels(m_preferences.exportWidthMm))
                                .arg(pixels(m_preferences.exportHeightMm)));
}

void PreferencesPanel::setMachine(int cores, const std::vector<std::pair<QString, QString>> &instructionSets) {
    m_quiet = true;
    m_threads->setRange(0, cores);
    m_threads->setToolTip(cores == 1 ? tr("This machine has 1 core") : tr("This machine has %1 cores").arg(cores));
    while (m_instructionSet->count() > 1)
        m_instructionSet->removeItem(1);
    for (const auto &[id, name] : instructionSets)
        m_instructionSet->addItem(name, id);
    m_quiet = false;
    setPreferences(m_preferences);
}

void PreferencesPanel::setPreferences(const Preferences &preferences) {
    m_quiet = true;
    m_preferences = preferences;
    choose(*m_theme, preferences.theme);
    choose(*m_textSize, preferences.textSize);
    m_threads->setValue(preferences.threads);
    choose(*m_instructionSet, preferences.instructionSet);
    m_exportWidth->setValue(preferences.exportWidthMm);
    m_exportHeight->setValue(preferences.exportHeightMm);
    m_exportScale->setValue(preferences.exportScale);
    showExportPixels();
    m_lightExports->setChecked(preferences.lightExports);
    m_keepRecent->setChecked(preferences.keepRecentFiles);
    m_quiet = false;
}

void PreferencesPanel::edited() {
    if (m_quiet)
        return;
    const Preferences next{m_theme->currentData().toString(),
                           m_textSize->currentData().toInt(),
                           m_threads->value(),
                           m_instructionSet->currentData().toString(),
                           m_exportWidth->value(),
                           m_exportHeight->value(),
                           m_exportScale->value(),
                           m_lightExports->isChecked(),
                           m_keepRecent->isChecked()};
    if (next == m_preferences)
        return;
    m_preferences = next;
    showExportPixels();
    Q_EMIT preferencesEdited(next);
}

} // namespace nibblescope
