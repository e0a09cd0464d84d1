// SPDX-License-Identifier: GPL-3.0-or-later
// Texts cut into windows as the command line and the window ask for them, on the sample model.
#include <QtTest>

#include "core/base/error.h"
#include "core/io/open.h"
#include "core/model/evaluation_setup.h"
#include "tests/support/test_paths.h"

using namespace nibblescope;

class EvaluationSetupTest : public QObject {
    Q_OBJECT

    std::filesystem::path m_sample = std::filesystem::path(test_paths::sources) / "resources" / "sample_model";
    Model m_model = openModel(m_sample);
    std::vector<std::string> m_warnings;

    TextSource text(std::optional<std::size_t> windows, bool fromEnd) {
        TextSource source;
        source.path = m_sample / "heldout.txt";
        source.windows = windows;
        source.fromEnd = fromEnd;
        return source;
    }

private Q_SLOTS:
    void takesTheFirstOrTheLastWindows() {
        const Llama llama(m_model);
        const TokenWindows all = windowsFrom(llama, text({}, false), m_warnings);
        const TokenWindows first = windowsFrom(llama, text(3, false), m_warnings);
        const TokenWindows last = windowsFrom(llama, text(3, true), m_warnings);
        QCOMPARE(all.count, 213U); // as resources/sample_model/README.md counts them
        QCOMPARE(first.count, 3U);
        QCOMPARE(last.count, 3U);
        for (std::size_t i = 0; i < 3; ++i) {
            QVERIFY(std::ranges::equal(first.window(i), all.window(i)));
            QVERIFY(std::ranges::equal(last.window(i), all.window(all.count - 3 + i)));
        }
        QCOMPARE(windowsFrom(llama, text(1000, true), m_warnings).count, all.count);
        QVERIFY(m_warnings.empty());
    }

    void aContextBeyondTheModelsIsTold() {
        const Llama llama(m_model);
        TextSource source = text(1, false);
        source.context = 512;
        std::vector<std::string> warnings;
        windowsFrom(llama, source, warnings);
        QCOMPARE(warnings.size(), 1U);
        QVERIFY(warnings.front().find("256 positions") != std::string::npos);
    }

    void aShortTextIsRefused() {
        const Llama llama(m_model);
        QTemporaryDir folder;
        TextSource source;
        source.path = folder.filePath(QStringLiteral("short.txt")).toStdString();
        QFile file(QString::fromStdString(source.path.string()));
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write("In the beginning");
        file.close();
        QVERIFY_EXCEPTION_THROWN(windowsFrom(llama, source, m_warnings), Error);
    }
};

QTEST_GUILESS_MAIN(EvaluationSetupTest)
#include "evaluation_setup_test.moc"
