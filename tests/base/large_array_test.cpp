// SPDX-License-Identifier: GPL-3.0-or-later
// Arrays that are not zeroed and whose memory is kept for the next one.
#include <QtTest>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "core/base/large_array.h"

using namespace nibblescope;

class LargeArrayTest : public QObject {
    Q_OBJECT

    static constexpr std::size_t large = 3 * hugePageBytes;

private Q_SLOTS:
    void behavesLikeAVector() {
        for (const std::size_t count : {std::size_t{0}, std::size_t{5}, large + 1}) {
            LargeArray<std::uint8_t> array(count, 7);
            QCOMPARE(array.size(), count);
            QVERIFY(std::all_of(array.begin(), array.end(), [](std::uint8_t value) { return value == 7; }));
            LargeArray<std::uint8_t> copy = array;
            QVERIFY(copy == array);
            copy.resize(count + 3);
            QVERIFY(std::equal(array.begin(), array.end(), copy.begin()));
            const LargeArray<std::uint8_t> moved = std::move(copy);
            QCOMPARE(moved.size(), count + 3);
        }
    }

    void liesInHugePages() {
        const LargeArray<float> array(large);
        QCOMPARE(reinterpret_cast<std::uintptr_t>(array.data()) % hugePageBytes, std::uintptr_t{0});
    }

    void memoryGoesToTheNextOfItsSize() {
        const std::uint8_t *before = nullptr;
        {
            const LargeArray<std::uint8_t> first(large);
            before = first.data();
        }
        const LargeArray<std::uint8_t> other(2 * large); // another size: the block stays
        const LargeArray<std::uint8_t> second(large);
        QCOMPARE(second.data(), before);
        const LargeArray<std::uint8_t> third(large); // it is given once
        QVERIFY(third.data() != before);
    }

    void twoAreKeptAndLargeOnesAreNot() {
        constexpr std::size_t bytes = 4 * hugePageBytes;
        void *const blocks[] = {takeLargeBlock(bytes), takeLargeBlock(bytes), takeLargeBlock(bytes)};
        for (void *const block : blocks)
            giveLargeBlock(block, bytes); // the first goes back
        void *const kept[] = {takeLargeBlock(bytes), takeLargeBlock(bytes)};
        QVERIFY(std::is_permutation(std::begin(kept), std::end(kept), std::begin(blocks) + 1));
        for (void *const block : kept)
            giveLargeBlock(block, bytes);
        giveLargeBlock(takeLargeBlock(32 * hugePageBytes), 32 * hugePageBytes); // and pushes nothing out
        QVERIFY(std::find(std::begin(kept), std::end(kept), takenOnce(bytes)) != std::end(kept));
    }

    void threadsShareThem() {
        std::vector<std::thread> threads;
        std::atomic<int> wrong = 0;
        for (std::uint8_t number = 1; number <= 4; ++number)
            threads.emplace_back([number, &wrong] {
                for (int i = 0; i < 20; ++i) {
                    const LargeArray<std::uint8_t> array(2 * hugePageBytes, number);
                    if (!std::all_of(array.begin(), array.end(), [number](std::uint8_t v) { return v == number; }))
                        ++wrong;
                }
            });
        for (std::thread &thread : threads)
            thread.join();
        QCOMPARE(wrong.load(), 0);
    }

private:
    static void *takenOnce(std::size_t bytes) {
        void *const block = takeLargeBlock(bytes);
        giveLargeBlock(block, bytes);
        return block;
    }
};

QTEST_GUILESS_MAIN(LargeArrayTest)
#include "large_array_test.moc"
