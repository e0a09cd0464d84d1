// SPDX-License-Identifier: GPL-3.0-or-later
// What the window shows while no model is open, and the frame that answers a drag over it.
#pragma once

#include <vector>

#include <QWidget>

class QLabel;
class QListView;
class QPushButton;
class QStandardItemModel;

namespace nibblescope {

struct RecentFile {
    QString path;
    QString name;   // "stories260K"
    QString folder; // "~/models"
    QString size;   // "1.00 MiB"
    bool isFolder = false;
    bool found = true; // false: greyed, "not found"
};

class EmptyState : public QWidget {
    Q_OBJECT
public:
    explicit EmptyState(QWidget *parent = nullptr);
    void setRecentFiles(const std::vector<RecentFile> &files); // the list is hidden when there are none
    void setFormats(const QString &formats);                   // the formats that can be read, one line
    void setSampleAvailable(bool available);
    void focusDefault(); // the default button

Q_SIGNALS:
    void openSampleRequested();
    void openFileRequested();
    void openFolderRequested();
    void openRecentRequested(const QString &path);
    void clearRecentRequested();

protected:
    void paintEvent(QPaintEvent *event) override;
    bool eventFilter(QObject *watched, QEvent *event) override;
    void changeEvent(QEvent *event) override;

private:
    void buildButtons();
    void sizeButtons();
    void buildRecent();

    QPushButton *m_sample = nullptr;
    QPushButton *m_file = nullptr;
    QPushButton *m_folder = nullptr;
    QLabel *m_formats = nullptr;
    QWidget *m_recent = nullptr;
    QListView *m_list = nullptr;
    QStandardItemModel *m_files = nullptr;
};

// Covers the whole of its parent while a drag hovers over it: a 2 px accent frame and "Drop to open stories260K".
class DropOverlay : public QWidget {
    Q_OBJECT
public:
    explicit DropOverlay(QWidget *parent);
    void showFor(const QString &name); // covers the parent and follows its size
    const QString &text() const { return m_text; }

protected:
    void paintEvent(QPaintEvent *event) override;
    bool eventFilter(QObject *watched, QEvent *event) override;

private:
    QString m_text;
};

} // namespace nibblescope
