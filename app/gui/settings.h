// SPDX-License-Identifier: GPL-3.0-or-later
// What is remembered between two starts: preferences, layout, recent files, what was last looked at.
#pragma once

#include <QByteArray>
#include <QSettings>
#include <QString>

#include <vector>

#include "core/quant/recipe.h"
#include "widgets/panels/empty_state.h"
#include "widgets/panels/preferences_panel.h"

namespace nibblescope {

class Settings {
public:
    // Of the layout of windows and docks: a stored layout of another version is left aside.
    static constexpr int layoutVersion = 1;
    static constexpr int mostRecent = 10;

    Preferences preferences() const;
    void setPreferences(const Preferences &preferences);

    QByteArray geometry() const;
    QByteArray docks() const; // empty: none, or of another version
    void setLayout(const QByteArray &geometry, const QByteArray &docks);
    void forgetDocks();

    QByteArray value(const QString &key) const;
    void setValue(const QString &key, const QByteArray &value);

    // Newest first, missing ones marked.
    std::vector<RecentFile> recentFiles() const;
    void addRecent(const QString &path);
    void clearRecent();
    QString lastFolder() const;
    void setLastFolder(const QString &folder);

    std::string lastTensor(const QString &modelPath) const;
    void setLastTensor(const QString &modelPath, const std::string &tensor);

    std::vector<Preset> userPresets() const; // those that can still be read
    void setUserPresets(const std::vector<Preset> &presets);

private:
    QSettings m_settings;
};

} // namespace nibblescope
