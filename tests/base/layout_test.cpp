// SPDX-License-Identifier: GPL-3.0-or-later
// The arrows of the layout, read from the includes: app -> widgets -> core, and inside the core downwards only.
#include "tests/support/test_paths.h"
#include <QtTest>

#include <QDirIterator>
#include <QFile>
#include <QRegularExpression>

namespace {

struct Rule {
    const char *folder;
    const char *forbidden; // a regular expression over the included path
    const char *why;
};

const Rule rules[] = {
    {"core", R"(^(Q[A-Z]|q[a-z]+\.h|Qt)|qcustomplot)", "the core has no Qt"},
    {"core", R"(^(app|widgets)/)", "the core knows no window and no program"},
    {"widgets", R"(^app/)", "widgets know no program"},
    {"widgets", R"(^core/(io|model)/(?!model\.h))", "widgets open no file and run no model"},
    {"app/cli", R"(^(Q[A-Z]|qcustomplot|widgets/))", "the command line has no Qt"},
    {"core/base", R"(^core/(?!base/))", "base stands on nothing"},
    {"core/tensor", R"(^core/(?!(base|tensor|kernels)/))", "tensor stands on base and converts by kernels"},
    {"core/kernels", R"(^core/(?!(base|kernels)/))", "kernels stand on base"},
    {"core/quant", R"(^core/(io|analysis|model|bench|report)/)", "quant stands on tensor and kernels"},
    {"core/io", R"(^core/(model|bench|report)/)", "io stands on quant"},
    {"core/analysis", R"(^core/(model|bench|report)/)", "analysis stands on quant and reads through io"},
    {"core/model", R"(^core/(bench|report)/)", "model stands on io and analysis"},
};

} // namespace

class LayoutTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void arrowsPointDown_data() {
        QTest::addColumn<QString>("folder");
        QTest::addColumn<QString>("forbidden");
        for (const Rule &rule : rules)
            QTest::newRow(qPrintable(QString(rule.folder) + ": " + rule.why)) << rule.folder << rule.forbidden;
    }
    void arrowsPointDown() {
        QFETCH(QString, folder);
        QFETCH(QString, forbidden);
        const QRegularExpression include("^\\s*#\\s*include\\s*[<\"]([^>\"]+)[>\"]",
                                         QRegularExpression::MultilineOption);
        const QRegularExpression wrong(forbidden);
        QStringList found;
        int files = 0;
        QDirIterator it(QString(test_paths::sources) + "/" + folder, {"*.h", "*.cpp"}, QDir::Files,
                        QDirIterator::Subdirectories);
        while (it.hasNext()) {
            QFile file(it.next());
            QVERIFY(file.open(QIODevice::ReadOnly));
            ++files;
            auto match = include.globalMatch(QString::fromUtf8(file.readAll()));
            while (match.hasNext()) {
                const QString path = match.next().captured(1);
                if (wrong.match(path).hasMatch())
                    found << file.fileName() + " includes " + path;
            }
        }
        QVERIFY(files > 0 || folder == "core/model");
        QVERIFY2(found.isEmpty(), qPrintable(found.join("\n")));
    }
};

QTEST_GUILESS_MAIN(LayoutTest)
#include "layout_test.moc"
