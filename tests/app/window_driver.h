// SPDX-License-Identifier: GPL-3.0-or-later
// Drives the real main window for the tests.
#pragma once

#include <QtTest>

#include <QApplication>
#include <QMimeData>
#include <QSettings>

#include "app/gui/document_jobs.h"
#include "app/gui/main_window.h"
#include "app/gui/pages.h"
#include "widgets/pages/page_widget.h"
#include "widgets/panels/message_bar.h"
#include "widgets/panels/numbers_panel.h"
#include "widgets/panels/recipe_panel.h"
#include "widgets/panels/tensor_panel.h"

namespace nibblescope::test {

#ifdef NIBBLESCOPE_SANITIZED
inline constexpr int slowness = 10; // of instrumented code
#else
inline constexpr int slowness = 1;
#endif
inline constexpr int patience = 20000 * slowness;
inline constexpr int longPatience = 120000 * slowness; // for what runs a model

class Window {
public:
    Window() : m_runner(2, scalarKernels()), m_window(m_runner) {
        m_window.resize(1440, 900);
        m_window.show();
    }
    MainWindow *operator->() { return &m_window; }
    MainWindow &operator*() { return m_window; }

    bool open(const QString &path) {
        m_window.openPath(path);
        return settle();
    }
    // Waits until the tensor and the page are exact and nothing is under way.
    bool settle() {
        return QTest::qWaitFor(
            [this] {
                Session &session = m_window.session();
                return !session.isOpening() && session.model() && m_window.pages().isUpToDate() &&
                       session.loader().current();
            },
            patience);
    }
    bool select(const std::string &name) {
        const auto tensor = m_window.session().model()->find(name);
        if (!tensor)
            return false;
        m_window.session().selection().selectTensor(static_cast<int>(*tensor));
        return settle();
    }
    bool setFormat(Format format) {
        Recipe recipe = m_window.session().recipe();
        recipe.format = format;
        m_window.session().setRecipe(recipe);
        return settle();
    }
    bool setGroupSize(GroupSize size) {
        Recipe recipe = m_window.session().recipe();
        recipe.groupSize = size;
        m_window.session().setRecipe(recipe);
        return settle();
    }
    bool run() {
        m_window.actions()[ActionId::RunModel]->trigger();
        return QTest::qWaitFor(
                   [this] { return !m_window.session().run().isRunning() && m_window.session().unmeasured().empty(); },
                   patience) &&
               settle();
    }
    QString number(NumbersModel::Row row, int column = 1) {
        const NumbersModel &model = m_window.numbersPanel().model();
        return model.data(model.index(row, column)).toString().replace(QChar(0xa0), QLatin1Char(' '));
    }
    QString reading() {
        return m_window.pages().page(m_window.pages().current()).reading().replace(QChar(0xa0), QLatin1Char(' '));
    }

private:
    JobRunner m_runner;
    MainWindow m_window;
};

inline void drop(QWidget &target, const QStringList &paths) {
    QList<QUrl> urls;
    for (const QString &path : paths)
        urls.append(QUrl::fromLocalFile(path));
    QMimeData data;
    data.setUrls(urls);
    const QPointF middle(target.width() / 2.0, target.height() / 2.0);
    QDragEnterEvent enter(middle.toPoint(), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(&target, &enter);
    QDropEvent event(middle, Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(&target, &event);
}

// Settings of their own, in a folder that goes away.
inline void useOwnSettings(const QString &name, const QString &folder) {
    QCoreApplication::setOrganizationName(QStringLiteral("NibblescopeTests"));
    QCoreApplication::setApplicationName(name);
    QSettings::setPath(QSettings::NativeFormat, QSettings::UserScope, folder);
    QSettings::setPath(QSettings::IniFormat, QSettings::UserScope, folder);
}

} // namespace nibblescope::test
