// SPDX-License-Identifier: GPL-3.0-or-later
#include <QtTest>

#include "conformance.h"
#include "core/base/error.h"

using namespace nibblescope;

class KernelsTest : public QObject {
    Q_OBJECT

private slots:
    void agreesWithScalar_data() {
        QTest::addColumn<int>("isa");
        QTest::addColumn<int>("check");
        for (const Isa isa : supportedIsas())
            for (std::size_t i = 0; i < conformance::checks().size(); ++i)
                if (conformance::isWorthwhile(conformance::checks()[i], isa))
                    QTest::addRow("%s %s", idOf(isa).data(), conformance::checks()[i].name.data())
                        << static_cast<int>(isa) << static_cast<int>(i);
    }
    void agreesWithScalar() {
        QFETCH(const int, isa);
        QFETCH(const int, check);
        const auto problems =
            conformance::checks()[static_cast<std::size_t>(check)].run(kernelsFor(static_cast<Isa>(isa)));
        for (const std::string &problem : problems)
            qWarning("%s", problem.c_str());
        QVERIFY(problems.empty());
    }

    void theEnvironmentChoosesTheSet() {
        for (const Isa isa : supportedIsas()) {
            qputenv("NIBBLESCOPE_ISA", QByteArray::fromStdString(std::string(idOf(isa))));
            QCOMPARE(selectKernels().isa, isa);
            QCOMPARE(isaFromId(idOf(isa)), std::optional(isa));
        }
        qputenv("NIBBLESCOPE_ISA", "avx1024");
        try {
            selectKernels();
            QFAIL("an unknown set was taken");
        } catch (const Error &error) {
            QCOMPARE(error.fault(), Fault::Call);
            QVERIFY(QString::fromUtf8(error.what()).contains(QStringLiteral("scalar")));
        }
        qunsetenv("NIBBLESCOPE_ISA");
        QCOMPARE(selectKernels().isa, supportedIsas().back());
    }

    void aSetOfAnotherMachineIsRefused() {
        const auto supported = supportedIsas();
        for (const Isa isa : {Isa::Avx2, Isa::Avx512, Isa::Avx512Vnni, Isa::Neon}) {
            if (std::find(supported.begin(), supported.end(), isa) != supported.end())
                continue;
            qputenv("NIBBLESCOPE_ISA", QByteArray::fromStdString(std::string(idOf(isa))));
            try {
                selectKernels();
                QFAIL("a set of another machine was taken");
            } catch (const Error &error) {
                QCOMPARE(error.fault(), Fault::Call);
                const QString what = QString::fromUtf8(error.what());
                QVERIFY(what.contains(QString::fromStdString(std::string(idOf(isa)))));
                QVERIFY(what.contains(QStringLiteral("cannot run")));
            }
            QVERIFY_EXCEPTION_THROWN(kernelsFor(isa), Error);
        }
        qunsetenv("NIBBLESCOPE_ISA");
    }
};

QTEST_GUILESS_MAIN(KernelsTest)
#include "kernels_test.moc"
