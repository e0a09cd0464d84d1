// SPDX-License-Identifier: GPL-3.0-or-later
// Preferences: a non-modal window of one page. What is changed is applied at once; there is no OK.
#pragma once

#include <utility>
#include <vector>

#include <QStringList>
#include <QWidget>

class QCheckBox;
class QComboBox;
class QLabel;
class QPushButton;
class QSpinBox;

namespace nibblescope {

struct Preferences {
    QString theme = QStringLiteral("system"); // system, light, dark, high-contrast
    int textSize = 100;                       // per cent: 100, 125, 150, 200
    int threads = 0;                          // 0: all cores
    QString instructionSet = QStringLiteral("auto");
    // Exported plots: their size, the pixels of a PNG for each at 96 dpi, and whether they take the light theme.
    int exportWidthMm = 160;
    int exportHeightMm = 100;
    int exportScale = 2;
    bool lightExports = true;
    bool keepRecentFiles = true;

    bool operator==(const Preferences &) const = default;
};

class PreferencesPanel : public QWidget {
    Q_OBJECT
public:
    explicit PreferencesPanel(QWidget *parent = nullptr);
    // Ids and names of the instruction sets that this CPU has ("avx2", "AVX2"), best last.
    void setMachine(int cores, const std::vector<std::pair<QString, QString>> &instructionSets);
    void setPreferences(const Preferences &preferences); // emits nothing
    const Preferences &preferences() const { return m_preferences; }

Q_SIGNALS:
    void preferencesEdited(const nibblescope::Preferences &preferences);
    void clearRecentRequested();

private:
    void edited();
    QWidget *exportSize();
    void showExportPixels();

    Preferences m_preferences;
    QComboBox *m_theme;
    QComboBox *m_textSize;
    QSpinBox *m_threads;
    QComboBox *m_instructionSet;
    QSpinBox *m_exportWidth;
    QSpinBox *m_exportHeight;
    QSpinBox *m_exportScale;
    QLabel *m_exportPixels;
    QCheckBox *m_lightExports;
    QCheckBox *m_keepRecent;
    QPushButton *m_clearRecent;
    bool m_quiet = false;
};

} // namespace nibblescope
