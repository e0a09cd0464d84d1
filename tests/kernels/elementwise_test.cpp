// SPDX-License-Identifier: GPL-3.0-or-later
// The element-wise kernels: the scalar ones against the C library, every instruction set against the scalar ones bit
// for bit, in memory that ends where the values end.
#include "core/kernels/elementwise.h"

#include <QtTest>

#include <bit>
#include <cmath>
#include <limits>

#include "tests/kernels/guarded_buffer.h"

namespace nibblescope {
namespace {

using conformance::GuardedBuffer;

constexpr float inf = std::numeric_limits<float>::infinity();

// Ordinary values with the odd ones among them.
void fill(GuardedBuffer<float> &buffer, std::size_t seed) {
    const float odd[] = {0.0F, -0.0F, inf, -inf, std::nanf(""), 1e-42F, -100.0F, 90.0F, 88.0F, -87.0F};
    for (std::size_t i = 0; i < buffer.size(); ++i)
        buffer[i] =
            (i + seed) % 29 == 7 ? odd[(i / 29 + seed) % 10] : 12.0F * std::sin(static_cast<float>(i * 37 + seed * 11));
}

bool same(const float *a, const float *b, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
        if (std::bit_cast<std::uint32_t>(a[i]) != std::bit_cast<std::uint32_t>(b[i]) &&
            !(std::isnan(a[i]) && std::isnan(b[i])))
            return false;
    return true;
}

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

} // namespace

class ElementwiseTest : public QObject {
    Q_OBJECT
private slots:
    void isWithinTwoUnitsOfTheLibrary() {
        double worst = 0;
        std::vector<float> out(1);
        for (float x = -86; x < 88; x += 0.0137F) {
            scalarElements().exponentials(&x, 1, 0, out.data());
            const double exact = std::exp(static_cast<double>(x));
            worst = std::max(worst, std::fabs(static_cast<double>(out[0]) / exact - 1));
        }
        QVERIFY2(worst < 2.4e-7, qPrintable(QString::number(worst)));
        const std::vector<float> x{1, 2, 3};
        std::vector<float> e(3);
        const double sum = scalarElements().exponentials(x.data(), 3, 3, e.data());
        QVERIFY(std::fabs(sum - (std::exp(-2.0) + std::exp(-1.0) + 1)) < 1e-6);
        QCOMPARE(scalarElements().largest(x.data(), 3), 3.0F);
        QCOMPARE(scalarElements().largest(x.data(), 0), -inf);
    }

    void agreesWithScalar_data() {
        QTest::addColumn<int>("isa");
        for (const Isa isa : supportedIsas())
            QTest::newRow(idOf(isa).data()) << static_cast<int>(isa);
    }
    void agreesWithScalar() {
        QFETCH(int, isa);
        const ElementKernels &scalar = scalarElements();
        const ElementKernels &kernels = elementsFor(static_cast<Isa>(isa));
        for (std::size_t count = 0; count < 150; ++count) {
            const std::size_t seed = count % 5 == 0 ? 1000 : count; // some without odd values at the start
            GuardedBuffer<float> x(count);
            GuardedBuffer<float> y(count);
            GuardedBuffer<float> z(count);
            GuardedBuffer<float> expected(count);
            GuardedBuffer<float> found(count);
            fill(x, seed);
            fill(y, seed + 3);
            fill(z, seed + 6);
            QCOMPARE(kernels.largest(x.data(), count), scalar.largest(x.data(), count));
            const double sum = scalar.exponentials(x.data(), count, 1.5F, expected.data());
            QVERIFY(same(kernels.exponentials(x.data(), count, 1.5F, found.data()), sum));
            QVERIFY(same(found.data(), expected.data(), count));
            QVERIFY(same(kernels.weightedDifference(x.data(), y.data(), z.data(), count),
                         scalar.weightedDifference(x.data(), y.data(), z.data(), count)));
            std::copy_n(x.data(), count, expected.data());
            std::copy_n(x.data(), count, found.data());
            scalar.siluTimes(expected.data(), y.data(), count);
            kernels.siluTimes(found.data(), y.data(), count);
            QVERIFY(same(found.data(), expected.data(), count));
            kernels.exponentials(x.data(), count, 0, x.data()); // in place
        }
    }
};

} // namespace nibblescope

QTEST_GUILESS_MAIN(nibblescope::ElementwiseTest)
#include "elementwise_test.moc"
