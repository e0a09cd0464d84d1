// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/settings.h"

#include <QCryptographicHash>
#include <QDir>
#include <QFileInfo>

#include "core/base/error.h"
#include "core/report/number_text.h"

namespace nibblescope {

namespace {

const QString recentKey = QStringLiteral("recent");

// Bytes of the weights in a folder, of a file itself.
qint64 sizeOf(const QFileInfo &info) {
    if (!info.isDir())
        return info.size();
    qint64 bytes = 0;
    const QStringList weights{QStringLiteral("*.safetensors"), QStringLiteral("*.h5"), QStringLiteral("*.hdf5")};
    const QFileInfoList files = QDir(info.filePath()).entryInfoList(weights, QDir::Files);
    for (const QFileInfo &file : files)
        bytes += file.size();
    return bytes;
}

RecentFile describe(const QString &path) {
    const QFileInfo info(path);
    RecentFile file;
    file.path = path;
    file.name = info.fileName();
    file.folder = info.path();
    if (file.folder.startsWith(QDir::homePath()))
        file.folder.replace(0, QDir::homePath().size(), QStringLiteral("~"));
    file.found = info.exists();
    file.isFolder = info.isDir();
    if (file.found)
        file.size = QString::fromStdString(bytesText(static_cast<double>(sizeOf(info))));
    return file;
}

QString tensorKey(const QString &path) {
    const auto hash = QCryptographicHash::hash(path.toUtf8(), QCryptographicHash::Sha1).toHex().left(16);
    return QStringLiteral("tensors/") + QString::fromLatin1(hash);
}

} // namespace

Preferences Settings::preferences() const {
    Preferences preferences;
    preferences.theme = m_settings.value(QStringLiteral("theme"), preferences.theme).toString();
    preferences.textSize = m_settings.value(QStringLiteral("textSize"), preferences.textSize).toInt();
    preferences.threads = m_settings.value(QStringLiteral("threads"), preferences.threads).toInt();
    preferences.instructionSet =
        m_settings.value(QStringLiteral("instructionSet"), preferences.instructionSet).toString();
    preferences.exportWidthMm = m_settings.value(QStringLiteral("exportWidthMm"), preferences.exportWidthMm).toInt();
    preferences.exportHeightMm = m_settings.value(QStringLiteral("exportHeightMm"), preferences.exportHeightMm).toInt();
    preferences.exportScale = m_settings.value(QStringLiteral("exportScale"), preferences.exportScale).toInt();
    preferences.lightExports = m_settings.value(QStringLiteral("lightExports"), preferences.lightExports).toBool();
    preferences.keepRecentFiles = m_settings.value(QStringLiteral("keepRecent"), preferences.keepRecentFiles).toBool();
    return preferences;
}

void Settings::setPreferences(const Preferences &preferences) {
    m_settings.setValue(QStringLiteral("theme"), preferences.theme);
    m_settings.setValue(QStringLiteral("textSize"), preferences.textSize);
    m_settings.setValue(QStringLiteral("threads"), preferences.threads);
    m_settings.setValue(QStringLiteral("instructionSet"), preferences.instructionSet);
    m_settings.setValue(QStringLiteral("exportWidthMm"), preferences.exportWidthMm);
    m_settings.setValue(QStringLiteral("exportHeightMm"), preferences.exportHeightMm);
    m_settings.setValue(QStringLiteral("exportScale"), preferences.exportScale);
    m_settings.setValue(QStringLiteral("lightExports"), preferences.lightExports);
    m_settings.setValue(QStringLiteral("keepRecent"), preferences.keepRecentFiles);
    if (!preferences.keepRecentFiles)
        clearRecent();
}

QByteArray Settings::geometry() const { return m_settings.value(QStringLiteral("layout/geometry")).toByteArray(); }

QByteArray Settings::docks() const {
    if (m_settings.value(QStringLiteral("layout/version")).toInt() != layoutVersion)
        return {};
    return m_settings.value(QStringLiteral("layout/docks")).toByteArray();
}

void Settings::setLayout(const QByteArray &geometry, const QByteArray &docks) {
    m_settings.setValue(QStringLiteral("layout/version"), layoutVersion);
    m_settings.setValue(QStringLiteral("layout/geometry"), geometry);
    m_settings.setValue(QStringLiteral("layout/docks"), docks);
}

void Settings::forgetDocks() { m_settings.remove(QStringLiteral("layout")); }

QByteArray Settings::value(const QString &key) const { return m_settings.value(key).toByteArray(); }

void Settings::setValue(const QString &key, const QByteArray &value) { m_settings.setValue(key, value); }

std::vector<RecentFile> Settings::recentFiles() const {
    std::vector<RecentFile> files;
    for (const QString &path : m_settings.value(recentKey).toStringList())
        files.push_back(describe(path));
    return files;
}

void Settings::addRecent(const QString &path) {
    if (!preferences().keepRecentFiles)
        return;
    QStringList paths = m_settings.value(recentKey).toStringList();
    paths.removeAll(path);
    paths.prepend(path);
    m_settings.setValue(recentKey, QStringList(paths.mid(0, mostRecent)));
}

void Settings::clearRecent() { m_settings.remove(recentKey); }

QString Settings::lastFolder() const {
    return m_settings.value(QStringLiteral("lastFolder"), QDir::homePath()).toString();
}

void Settings::setLastFolder(const QString &folder) { m_settings.setValue(QStringLiteral("lastFolder"), folder); }

std::string Settings::lastTensor(const QString &modelPath) const {
    return m_settings.value(tensorKey(modelPath)).toString().toStdString();
}

void Settings::setLastTensor(const QString &modelPath, const std::string &tensor) {
    // Asked at each change of the recipe; a value that is set is written to the disk whether it is new or not.
    if (lastTensor(modelPath) != tensor)
        m_settings.setValue(tensorKey(modelPath), QString::fromStdString(tensor));
}

std::vector<Preset> Settings::userPresets() const {
    std::vector<Preset> presets;
    const auto json = nlohmann::ordered_json::parse(
        m_settings.value(QStringLiteral("presets")).toString().toStdString(), nullptr, false);
    if (!json.is_object())
        return presets;
    for (const auto &[name, recipe] : json.items()) {
        try {
            presets.push_back({name, recipeFromJson(recipe), {}});
        } catch (const Error &) {
            continue; // written by another version: the others still serve
        }
    }
    return presets;
}

void Settings::setUserPresets(const std::vector<Preset> &presets) {
    nlohmann::ordered_json json = nlohmann::ordered_json::object();
    for (const Preset &preset : presets)
        json[preset.name] = toJson(preset.recipe);
    m_settings.setValue(QStringLiteral("presets"), QString::fromStdString(json.dump()));
}

} // namespace nibblescope
