// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/claims.h"

#include <QtTest>

#include <algorithm>
#include <set>

using namespace nibblescope;

namespace {

Recipe inGroups(Format format, GroupSize size, const char *method = "rtn") {
    Recipe recipe = defaultRecipe(format);
    recipe.groupSize = size;
    recipe.method = method;
    return recipe;
}

RecipeEvidence run(const Recipe &recipe, double bpw, double sqnrDb, double change, double changeError, double kl) {
    RecipeEvidence entry;
    entry.recipe = recipe;
    entry.bpw = bpw;
    entry.sqnrDb = sqnrDb;
    entry.perplexityChange = MeasuredValue{change, changeError};
    entry.kl = MeasuredValue{kl, kl / 100};
    return entry;
}

RecipeEvidence weights(const Recipe &recipe, double bpw, double sqnrDb) {
    RecipeEvidence entry;
    entry.recipe = recipe;
    entry.bpw = bpw;
    entry.sqnrDb = sqnrDb;
    return entry;
}

const Claim &claim(const std::vector<Claim> &list, const std::string &id) {
    return *std::find_if(list.begin(), list.end(), [&id](const Claim &one) { return one.id == id; });
}

ClaimMark markOf(const ClaimEvidence &evidence, const std::string &id) { return claim(claims(evidence), id).mark; }

KernelTiming product(const std::string &format, double seconds, std::uint64_t bytes, double share) {
    KernelTiming timing;
    timing.format = format;
    if (format != "int8")
        timing.groupSize = 64;
    timing.medianSeconds = seconds;
    timing.bytes = bytes;
    timing.share = share;
    timing.activations = Activations::Int8;
    timing.batch = 1;
    return timing;
}

} // namespace

class ClaimsTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void nothingMeasuredLeavesAllOpen() {
        const auto list = claims({});
        QCOMPARE(list.size(), std::size_t{9});
        std::set<std::string> ids;
        for (const Claim &one : list) {
            QCOMPARE(one.mark, ClaimMark::Open);
            QCOMPARE(one.measured, std::string("–"));
            QVERIFY2(!one.reason.empty() && !one.page.empty() && !one.said.empty(), one.id.c_str());
            ids.insert(one.id);
        }
        QCOMPARE(ids.size(), list.size());
        const auto answers = learnersAnswers({});
        QCOMPARE(answers.size(), std::size_t{6});
        for (const Answer &answer : answers)
            QVERIFY2(answer.answer.back() == '.', answer.answer.c_str());
    }

    // The field's ranges, on both sides and within two standard errors of them.
    void costsAreJudgedByTheirRange_data() {
        QTest::addColumn<double>("change");
        QTest::addColumn<double>("error");
        QTest::addColumn<bool>("held");
        QTest::newRow("within") << 0.04 << 0.001 << true;
        QTest::newRow("below") << 0.0078 << 0.0007 << false;
        QTest::newRow("above") << 0.155 << 0.002 << false;
        QTest::newRow("below by one standard error") << 0.029 << 0.001 << true;
        QTest::newRow("above by three") << 0.073 << 0.001 << false;
    }
    void costsAreJudgedByTheirRange() {
        QFETCH(double, change);
        QFETCH(double, error);
        QFETCH(bool, held);
        ClaimEvidence evidence;
        addRecipe(evidence, run(inGroups(Format::Int4, GroupSize::of(128)), 4.125, 18.4, change, error, 0.01));
        QCOMPARE(markOf(evidence, "rtn-groups"), held ? ClaimMark::Held : ClaimMark::NotHeld);
        QCOMPARE(markOf(evidence, "naive-tensor"), ClaimMark::Open);
    }

    void methodsAreHeldAgainstTwoPercentAndPlainRounding() {
        ClaimEvidence evidence;
        const GroupSize size = GroupSize::of(64);
        addRecipe(evidence, run(inGroups(Format::Int4Asym, size), 4.32, 21, 0.08, 0.002, 0.128));
        addRecipe(evidence, run(inGroups(Format::Int4Asym, size, "gptq"), 4.32, 20, 0.068, 0.002, 0.082));
        const auto list = claims(evidence);
        QCOMPARE(claim(list, "gptq-awq").mark, ClaimMark::NotHeld);
        QVERIFY(claim(list, "gptq-awq").reason.find("Plain rounding") == 0);
        ClaimEvidence good;
        addRecipe(good, run(inGroups(Format::Int4Asym, size), 4.32, 21, 0.035, 0.001, 0.02));
        addRecipe(good, run(inGroups(Format::Int4Asym, size, "gptq"), 4.32, 20, 0.012, 0.001, 0.01));
        addRecipe(good, run(inGroups(Format::Int4Asym, size, "awq"), 4.32, 20, 0.015, 0.001, 0.012));
        QCOMPARE(markOf(good, "gptq-awq"), ClaimMark::Held);
    }

    // A step to smaller groups is worth its bits while it brings at least what a bit of code would: 6.02 dB.
    void sweetSpotIsWhereStepsStopPaying() {
        ClaimEvidence evidence;
        addRecipe(evidence, weights(inGroups(Format::Int4, GroupSize::row()), 4.004, 16.0));
        addRecipe(evidence, weights(inGroups(Format::Int4, GroupSize::of(128)), 4.125, 18.0));
        addRecipe(evidence, weights(inGroups(Format::Int4, GroupSize::of(64)), 4.25, 18.5)); // 4 dB a bit
        addRecipe(evidence, weights(inGroups(Format::Int4, GroupSize::of(32)), 4.5, 19.4));
        QCOMPARE(markOf(evidence, "group-size"), ClaimMark::Held);
        addRecipe(evidence, weights(inGroups(Format::Int4, GroupSize::of(64)), 4.25, 18.8)); // 6.4 dB a bit
        const auto list = claims(evidence);
        QCOMPARE(claim(list, "group-size").mark, ClaimMark::NotHeld);
        QVERIFY(claim(list, "group-size").reason.find("down to 64") != std::string::npos);
    }

    void doubleQuantizationIsHeldAgainstScalesOf32Bits() {
        Recipe plain = inGroups(Format::Nf4, GroupSize::of(64));
        plain.blocks = Blocks::Flat;
        plain.scaleType = ScaleType::F32;
        Recipe doubled = plain;
        doubled.scaleType = ScaleType::F16;
        doubled.doubleQuant = DoubleQuant::Dynamic;
        ClaimEvidence evidence;
        addRecipe(evidence, weights(plain, 4.5, 20.7733));
        addRecipe(evidence, weights(doubled, 4.1349, 20.7618));
        QCOMPARE(markOf(evidence, "double-quant"), ClaimMark::Held);
        addRecipe(evidence, weights(doubled, 4.1349, 20.5));
        QCOMPARE(markOf(evidence, "double-quant"), ClaimMark::NotHeld);
    }

    void speedIsOpenWhereMemoryIsNotTheLimit() {
        ClaimEvidence evidence;
        evidence.bench = BenchReport{};
        evidence.bench->results = {product("int8", 2e-3, 16 << 20, 0.9), product("int4", 1.1e-3, 9 << 20, 0.8)};
        QCOMPARE(markOf(evidence, "faster-int8"), ClaimMark::Held);
        evidence.bench->results[1].share = 0.3;
        QCOMPARE(markOf(evidence, "faster-int8"), ClaimMark::Open);
        evidence.bench->results = {product("int8", 2e-3, 16 << 20, 0.9), product("int4", 1.6e-3, 9 << 20, 0.6)};
        QCOMPARE(markOf(evidence, "faster-int8"), ClaimMark::NotHeld);
    }

    void activationsNeedOutliersToBeTheReason() {
        ClaimEvidence evidence;
        addRecipe(evidence, run(inGroups(Format::Int4, GroupSize::of(64)), 4.25, 19, 0.01, 0.001, 0.02));
        evidence.activations = ActivationEvidence{
            MeasuredValue{0.001, 0.0001}, MeasuredValue{0.3, 0.01}, 40.0, "layers.0.mlp.down_proj", 3, 1000};
        QCOMPARE(markOf(evidence, "activations"), ClaimMark::Held);
        evidence.activations->outlierChannels = 0;
        evidence.activations->largestSpread = 4;
        QCOMPARE(markOf(evidence, "activations"), ClaimMark::NotHeld);
        evidence.activations->klInt4 = MeasuredValue{0.01, 0.001};
        QCOMPARE(markOf(evidence, "activations"), ClaimMark::NotHeld);
    }

    void samplesDoNotReplaceWhatIsExact() {
        ClaimEvidence evidence;
        const Recipe recipe = inGroups(Format::Int4, GroupSize::of(64));
        addRecipe(evidence, weights(recipe, 4.25, 19));
        RecipeEvidence sample = weights(recipe, 4.25, 18);
        sample.sample = true;
        addRecipe(evidence, sample);
        QCOMPARE(evidence.recipes.size(), std::size_t{1});
        QCOMPARE(*evidence.recipes.front().sqnrDb, 19.0);
    }

    void jsonHasTheDocumentedKeys() {
        const auto json = toJson(claims({}));
        for (const char *key : {"id", "said", "measured", "mark", "reason", "page"})
            QVERIFY2(json.at(0).contains(key), key);
        QCOMPARE(json.at(0).at("mark").get<std::string>(), std::string("open"));
        for (const char *key : {"id", "question", "answer", "page"})
            QVERIFY2(toJson(learnersAnswers({})).at(0).contains(key), key);
    }
};

QTEST_GUILESS_MAIN(ClaimsTest)
#include "claims_test.moc"
