// SPDX-License-Identifier: GPL-3.0-or-later
// Every malformed file dropped on the real window: a sentence that names the file, and the window goes on.
#include <QtTest>

#include "tests/app/window_driver.h"
#include "tests/support/malformed_files.h"
#include "tests/support/safetensors_maker.h"
#include "tests/support/small_model.h"
#include "tests/support/test_paths.h"

using namespace nibblescope;
using namespace nibblescope::test;
namespace fs = std::filesystem;

class MalformedWindowTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() {
        qputenv("NIBBLESCOPE_HELPER", test_paths::commandLineProgram);
        useOwnSettings(QStringLiteral("malformed_window_test"), m_folder.path());
    }

    void theWindowSaysWhyAndGoesOn() {
        const fs::path folder(m_folder.path().toStdString());
        writeSmallModel(folder / "small");
        fs::create_directory(folder / "bad");
        Window window;
        QVERIFY(window.open(QString::fromStdString((folder / "small").string())));
        for (const testing::MalformedFile &file : testing::malformedFiles(folder)) {
            const fs::path path = folder / "bad" / file.fileName;
            testing::writeFile(path, file.bytes);
            window->messages().clear();
            drop(*window, {QString::fromStdString(path.string())});
            const QString said = sentence(window);
            const QByteArray shown = (QString::fromStdString(file.name) + QStringLiteral(": ") + said).toUtf8();
            QVERIFY2(said.contains(QString::fromStdString(file.fileName)), shown);
            QVERIFY2(said.contains(QString::fromStdString(file.words)), shown);
            fs::remove(path);
            // A file of which only the values are damaged took the model's place.
            if (window->windowTitle() != QLatin1String("small - Nibblescope"))
                QVERIFY2(window.open(QString::fromStdString((folder / "small").string())), shown);
        }
        QVERIFY(window.setFormat(Format::Int4));
        QVERIFY2(window.reading().startsWith(QLatin1String("INT4 64 keeps ")), qPrintable(window.reading()));
    }

private:
    // What the window says once it has said something: a message, or what stands in the page's place.
    static QString sentence(Window &window) {
        QString said;
        const bool spoke = QTest::qWaitFor(
            [&] {
                said = window->messages().texts().join(QLatin1Char('\n'));
                said += window->pages().page(window->pages().current()).placeholder();
                return !said.isEmpty();
            },
            patience);
        return spoke ? said : QStringLiteral("nothing");
    }

    QTemporaryDir m_folder;
};

QTEST_MAIN(MalformedWindowTest)
#include "malformed_window_test.moc"
