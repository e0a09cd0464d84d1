// SPDX-License-Identifier: GPL-3.0-or-later
// Our bytes against those that the peers themselves produced (tests/data/golden/README.md).
#include <QtTest>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "core/base/work.h"
#include "core/quant/double_quantization.h"
#include "core/quant/quantize.h"
#include "tests/support/test_paths.h"

using namespace nibblescope;

namespace {

template <typename Value>
std::vector<Value> golden(const std::string &name) {
    std::ifstream file(std::string(test_paths::testData) + "/golden/" + name, std::ios::binary | std::ios::ate);
    if (!file)
        qFatal("no golden file %s", name.c_str());
    std::vector<Value> values(static_cast<std::size_t>(file.tellg()) / sizeof(Value));
    file.seekg(0);
    file.read(reinterpret_cast<char *>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(Value)));
    return values;
}

Recipe flatRecipe(Format format, DoubleQuant doubleQuant = DoubleQuant::Off) {
    Recipe recipe = defaultRecipe(format);
    recipe.blocks = Blocks::Flat;
    recipe.scaleType = ScaleType::F32;
    recipe.doubleQuant = doubleQuant;
    return recipe;
}

QuantizeOutcome quantizeFlat(const std::vector<float> &weights, const Recipe &recipe, float *decoded = nullptr) {
    WorkerPool pool(2);
    return quantize({weights, {1, weights.size()}, recipe, decoded},
                    Work{pool, scalarKernels(), Priority::Batch, {}, {}});
}

// bitsandbytes' order inside a file name: "weights65536." or nothing.
void addInputs() {
    QTest::addColumn<QString>("prefix");
    QTest::addColumn<QString>("input");
    QTest::newRow("adversarial") << ""
                                 << "input.f32";
    QTest::newRow("normal with outliers") << "weights65536."
                                          << "weights65536.f32";
}

} // namespace

class GoldenTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void codebooks() {
        const auto nf4 = golden<float>("nf4_code_16.f32");
        const auto fp4 = golden<float>("fp4_code_16.f32");
        for (std::size_t i = 0; i < 16; ++i) {
            QVERIFY(levels(Format::Nf4)[i] == nf4[i]);
            QVERIFY(levels(Format::Fp4)[i] == fp4[i]);
        }
        const auto map = golden<float>("dynamic_map_256.f32");
        // Which of two neighbouring floats an entry is depends on how the peer's library was vectorised that day.
        for (std::size_t i = 0; i < 256; ++i)
            QVERIFY(std::fabs(dynamicMap()[i] - map[i]) <= std::fabs(map[i]) * 0x1p-22F);
        // Ours are those of the plain loop, fixed by what they add up to.
        QCOMPARE(std::bit_cast<std::uint32_t>(dynamicMap()[128]), 0x3513a3b7U);
        QCOMPARE(std::bit_cast<std::uint32_t>(dynamicMap()[130]), 0x370205ffU);
    }

    void fourBit_data() { addInputs(); }
    void fourBit() {
        QFETCH(QString, prefix);
        QFETCH(QString, input);
        const auto weights = golden<float>(input.toStdString());
        for (const auto &[format, id] : {std::pair{Format::Nf4, "nf4"}, std::pair{Format::Fp4, "fp4"}}) {
            const std::string stem = prefix.toStdString() + id + "_b64";
            std::vector<float> decoded(weights.size());
            const auto outcome = quantizeFlat(weights, flatRecipe(format), decoded.data());
            QVERIFY(std::ranges::equal(outcome.tensor.codes, golden<std::uint8_t>(stem + ".bin")));
            QVERIFY(outcome.tensor.decodeScales == golden<float>(stem + ".absmax.f32"));
            QVERIFY(decoded == golden<float>(stem + ".dequant.f32"));
            QVERIFY(decoded == dequantize(outcome.tensor));
        }
    }

    void nested_data() { addInputs(); }
    void nested() {
        QFETCH(QString, prefix);
        QFETCH(QString, input);
        for (const std::string id : {"nf4", "fp4"}) {
            const std::string stem = prefix.toStdString() + id + "_b64.nested.";
            const auto absmax = golden<float>(prefix.toStdString() + id + "_b64.absmax.f32");
            const float offset = golden<float>(stem + "offset.f32")[0];
            const SecondLevel own = quantizeScales(absmax, DoubleQuant::Dynamic);
            // The peer sums in F32: a few units in the last place.
            QVERIFY(std::fabs(own.offset - offset) <= 8 * std::fabs(offset) * 0x1p-24F);

            const SecondLevel given = quantizeScales(absmax, DoubleQuant::Dynamic, offset);
            QVERIFY(given.blockScales == golden<float>(stem + "absmax2.f32"));
            const auto codes = golden<std::uint8_t>(stem + "absmax_u8.bin");
            QCOMPARE(given.codes.size(), codes.size());
            int different = 0;
            for (std::size_t i = 0; i < codes.size(); ++i) {
                QVERIFY(std::abs(static_cast<int>(given.codes[i]) - static_cast<int>(codes[i])) <= 1);
                different += given.codes[i] != codes[i] ? 1 : 0;
            }
            QVERIFY(different * 1024 <= 3 * static_cast<int>(std::max<std::size_t>(codes.size(), 1024)));
            // What the peer restored from its own codes, by our formula.
            SecondLevel theirs = given;
            theirs.codes = codes;
            const auto restored = restoreScales(theirs, DoubleQuant::Dynamic);
            const auto expected = golden<float>(stem + "absmax_restored.f32");
            for (std::size_t i = 0; i < expected.size(); ++i)
                QVERIFY(std::fabs(restored[i] - expected[i]) <= 0x1p-22F * theirs.blockScales[i / secondLevelBlock]);
        }
    }

    // ggml's blocks: 17 bytes, exponent first, then nibbles: low is weight j, high is weight j + 16.
    void mxfp4_data() { addInputs(); }
    void mxfp4() {
        QFETCH(QString, prefix);
        QFETCH(QString, input);
        const auto weights = golden<float>(input.toStdString());
        const auto blocks = golden<std::uint8_t>(prefix.toStdString() + "mxfp4.bin");
        const auto values = golden<float>(prefix.toStdString() + "mxfp4.dequant.f32");
        std::vector<float> decoded(weights.size());
        Recipe recipe = defaultRecipe(Format::Mxfp4);
        recipe.blocks = Blocks::Flat;
        const auto outcome = quantizeFlat(weights, recipe, decoded.data());
        for (std::size_t group = 0; group < weights.size() / 32; ++group) {
            // The peer's exponent wraps in these subnormal blocks; only values can be compared.
            const bool wraps = prefix.isEmpty() && group >= 72 && group <= 74;
            for (std::size_t i = 0; i < 32; ++i) {
                const std::uint8_t byte = blocks[group * 17 + 1 + i % 16];
                const auto theirs = static_cast<std::uint8_t>(i < 16 ? byte & 15 : byte >> 4);
                if (!wraps)
                    QCOMPARE(codeAt(outcome.tensor, group * 32 + i), theirs);
                QVERIFY(std::fabs(decoded[group * 32 + i] - values[group * 32 + i]) <= (wraps ? 1e-37F : 0.0F));
            }
            if (!wraps)
                QCOMPARE(std::ilogb(outcome.tensor.decodeScales[group]) + 127, static_cast<int>(blocks[group * 17]));
        }
    }

    // Q4_0 is int4-max in groups of 32 with F16 scales.
    void int4Max_data() { addInputs(); }
    void int4Max() {
        QFETCH(QString, prefix);
        QFETCH(QString, input);
        const auto weights = golden<float>(input.toStdString());
        const auto blocks = golden<std::uint8_t>(prefix.toStdString() + "q4_0.bin");
        Recipe recipe = flatRecipe(Format::Int4Max);
        recipe.groupSize = GroupSize::of(32);
        recipe.scaleType = ScaleType::F16;
        const auto values = golden<float>(prefix.toStdString() + "q4_0.dequant.f32");
        std::vector<float> decoded(weights.size());
        const auto outcome = quantizeFlat(weights, recipe, decoded.data());
        // The peer chooses codes against the F32 scale, we against the stored one: at most one step apart, seldom.
        std::size_t different = 0;
        for (std::size_t group = 0; group < weights.size() / 32; ++group) {
            std::uint16_t scale = 0;
            std::memcpy(&scale, blocks.data() + group * 18, 2);
            const float ours = outcome.tensor.decodeScales[group];
            if (ours != 0.0F) {
                for (std::size_t i = 0; i < 32; ++i) {
                    const std::uint8_t byte = blocks[group * 18 + 2 + i % 16];
                    const int theirs = i < 16 ? byte & 15 : byte >> 4;
                    const int distance = std::abs(theirs - static_cast<int>(codeAt(outcome.tensor, group * 32 + i)));
                    QVERIFY(distance <= 1 || std::fabs(ours) < 0x1p-14F);
                    different += distance != 0 ? 1 : 0;
                }
            }
        }
        QVERIFY(different * 200 < weights.size());
    }
};

QTEST_GUILESS_MAIN(GoldenTest)
#include "golden_test.moc"
