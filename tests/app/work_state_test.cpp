// SPDX-License-Identifier: GPL-3.0-or-later
#include <QtTest>

#include "app/session/history.h"
#include "app/session/result_store.h"
#include "core/base/error.h"

using namespace nibblescope;
using namespace std::chrono_literals;

namespace {

Setup withGroupSize(Setup setup, std::uint32_t size) {
    setup.recipe.groupSize = GroupSize::of(size);
    return setup;
}

Setup withFormat(Setup setup, Format format) {
    setup.recipe.format = format;
    return setup;
}

SharedResult makeResult(const Recipe &recipe, bool quantized, bool sample = false) {
    auto result = std::make_shared<TensorResult>();
    result->recipe = quantized ? recipe : Recipe();
    result->quantized = quantized;
    result->sample = sample;
    return result;
}

} // namespace

class WorkStateTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void sessionFileRoundTrip() {
        WorkState state = initialWorkState();
        state.model = "/models/a b/x.safetensors";
        state.tensor = "model.layers.0.mlp.down_proj.weight";
        state.selectedTensors = {"model.layers.0.mlp.down_proj.weight", "model.norm.weight"};
        state.group = 37;
        state.code = 7;
        state.page = "bins";
        state.setup.recipe.groupSize = GroupSize::row();
        state.setup.baseline = defaultRecipe(Format::Int4);
        state.setup.rule.include = {"*embed*"};
        state.setup.rule.exclude = {"*down*"};
        state.setup.rule.overrides = {{"a", true}, {"b", false}};
        state.setup.rule.layouts = {{"h.*", Layout::InOut}};
        state.setup.pageOptions["distribution"] = {{"range", "full"}};
        const auto text = toJson(state).dump(2);
        QVERIFY(workStateFromJson(nlohmann::ordered_json::parse(text)) == state);
    }

    void sessionFileIsChecked_data() {
        QTest::addColumn<QString>("json");
        QTest::newRow("not a session") << QStringLiteral("{}");
        QTest::newRow("a list") << QStringLiteral("[1]");
        QTest::newRow("recipe") << QStringLiteral("{\"nibblescope_session\": 1, \"recipe\": {\"format\": \"int3\"}}");
        QTest::newRow("rule") << QStringLiteral("{\"nibblescope_session\": 1, \"rule\": {\"include\": [3]}}");
        QTest::newRow("override") << QStringLiteral(
            "{\"nibblescope_session\": 1, \"rule\": {\"overrides\": {\"a\": 1}}}");
        QTest::newRow("layout") << QStringLiteral(
            "{\"nibblescope_session\": 1, \"rule\": {\"layouts\": {\"a\": \"sideways\"}}}");
    }
    void sessionFileIsChecked() {
        QFETCH(const QString, json);
        QVERIFY_EXCEPTION_THROWN(workStateFromJson(nlohmann::ordered_json::parse(json.toStdString())), Error);
    }

    void changesAreNamed() {
        const Setup before = initialWorkState().setup;
        const auto text = [&](const Setup &after) {
            return QString::fromStdString(describeChange(before, after).text);
        };
        QCOMPARE(text(withGroupSize(before, 32)), QStringLiteral("Group Size 64 → 32"));
        QCOMPARE(text(withFormat(before, Format::Int4)), QStringLiteral("Format NF4 → INT4"));
        Setup pinned = before;
        pinned.baseline = before.recipe;
        QCOMPARE(text(pinned), QStringLiteral("Pin NF4 64 as Baseline"));
        QCOMPARE(QString::fromStdString(describeChange(pinned, before).text), QStringLiteral("Clear Baseline"));
        Setup kept = before;
        kept.rule.overrides["model.layers.0.mlp.down_proj.weight"] = false;
        QCOMPARE(text(kept), QStringLiteral("Keep layers.0.mlp.down_proj"));
        Setup scales = before;
        scales.recipe.scaleType = ScaleType::F32;
        QCOMPARE(text(scales), QStringLiteral("Scale Type F16 → F32"));
        Setup options = before;
        options.pageOptions["distribution"] = {{"range", "full"}};
        QCOMPARE(text(options), QStringLiteral("Distribution Options"));
        QVERIFY(describeChange(before, before).field.empty());
    }

    void undoMergesAFieldWithinASecond() {
        History history;
        const Setup a = initialWorkState().setup;
        const Setup b = withGroupSize(a, 32);
        const Setup c = withGroupSize(a, 16);
        const auto start = History::Time();
        history.record(a, b, start);
        history.record(b, c, start + 900ms);
        QCOMPARE(QString::fromStdString(history.undoText()), QStringLiteral("Group Size 64 → 16"));
        QVERIFY(history.undo() == a);
        QVERIFY(!history.undo());
        QVERIFY(history.redo() == c);
        const Setup d = withGroupSize(a, 128);
        history.record(c, d, start + 5s);
        QVERIFY(history.undo() == c);
        const Setup e = withFormat(c, Format::Int4);
        history.record(c, e, start + 6s);
        QVERIFY(!history.redo());
        QVERIFY(history.undo() == c);
        QVERIFY(history.undo() == a);
    }

    void undoForgetsAStepThatLedNowhere() {
        History history;
        const Setup a = initialWorkState().setup;
        const Setup b = withGroupSize(a, 32);
        history.record(a, b, History::Time());
        history.record(b, a, History::Time() + 100ms);
        QVERIFY(history.undoText().empty());
    }

    void undoKeepsTwoHundredSteps() {
        History history;
        Setup setup = initialWorkState().setup;
        for (std::uint32_t i = 0; i < 300; ++i) {
            const Setup next = withGroupSize(setup, 2 + i);
            history.record(setup, next, History::Time() + std::chrono::seconds(2 * i));
            setup = next;
        }
        std::size_t steps = 0;
        while (history.undo())
            ++steps;
        QCOMPARE(steps, History::mostSteps);
    }

    void resultsAreFoundByRecipe() {
        ResultStore store(2);
        const Recipe nf4 = defaultRecipe(Format::Nf4);
        const Recipe int4 = defaultRecipe(Format::Int4);
        const SharedResult result = makeResult(nf4, true);
        store.insert(1, result);
        store.insert(1, makeResult(int4, true, true)); // a sample: not taken
        QVERIFY(store.find(1, nf4, Layout::OutIn) == result);
        QVERIFY(!store.find(1, int4, Layout::OutIn));
        QVERIFY(!store.find(1, nf4, Layout::InOut));
        QVERIFY(!store.find(0, nf4, Layout::OutIn));
        QVERIFY(!store.find(7, nf4, Layout::OutIn));
        QVERIFY(store.latest(1) == result);
        QVERIFY(store.statistics(1) == result);
        const SharedResult kept = makeResult({}, false);
        store.insert(0, kept);
        QVERIFY(store.find(0, Recipe(), Layout::OutIn) == kept);
        QVERIFY(!store.latest(0));
    }
};

QTEST_GUILESS_MAIN(WorkStateTest)
#include "work_state_test.moc"
