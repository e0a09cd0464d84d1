// SPDX-License-Identifier: GPL-3.0-or-later
// The report's four forms, on a model in memory whose names try to break out of each of them.
#include "core/report/report.h"

#include <QXmlStreamReader>
#include <QtTest>

#include <cstring>
#include <random>

#include "core/io/open.h"
#include "core/report/command_line.h"

using namespace nibblescope;

namespace {

constexpr const char *hostile = "model.layers.0.<script>alert(\"x\")</script>&\x01.q_proj.weight";

class MemoryReader : public TensorReader {
public:
    explicit MemoryReader(std::vector<std::vector<float>> tensors) : m_tensors(std::move(tensors)) {}
    void readElements(std::size_t index, std::uint64_t first, std::uint64_t count,
                      std::span<std::byte> bytes) const override {
        std::memcpy(bytes.data(), m_tensors[index].data() + first, count * sizeof(float));
    }

private:
    std::vector<std::vector<float>> m_tensors;
};

Model modelInMemory() {
    Model model;
    model.name = "a <b> model";
    model.path = "/tmp/it's here";
    model.format = "safetensors";
    std::mt19937 random(3);
    std::normal_distribution<float> normal(0, 0.05F);
    std::vector<std::vector<float>> tensors;
    const auto add = [&](const std::string &name, std::vector<std::uint64_t> shape) {
        TensorInfo info;
        info.name = name;
        info.shape = std::move(shape);
        info.params = 1;
        for (const std::uint64_t side : info.shape)
            info.params *= side;
        info.bytes = info.params * 4;
        std::vector<float> weights(info.params);
        for (float &w : weights)
            w = normal(random);
        tensors.push_back(std::move(weights));
        model.tensors.push_back(std::move(info));
    };
    add("model.embed_tokens.weight", {64, 32});
    add(hostile, {64, 128});
    add("model.layers.0.self_attn.k_proj.weight", {32, 128});
    add("model.layers.1.self_attn.k_proj.weight", {32, 100});
    add("=cmd|' /C calc'!A0", {64});
    model.reader = std::make_shared<MemoryReader>(std::move(tensors));
    model.config = nlohmann::ordered_json::parse(
        R"({"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 128, "max_position_embeddings": 256})");
    return model;
}

} // namespace

class ReportTest : public QObject {
    Q_OBJECT

    WorkerPool m_pool{2};
    Work work() { return {m_pool, selectKernels(), Priority::Batch, {}, {}}; }

    Report report(Format format) {
        const Model model = modelInMemory();
        ReportRequest request;
        request.plan.recipe = defaultRecipe(format);
        request.warnings = {"a <warning>"};
        std::vector<std::size_t> all(model.tensors.size());
        std::iota(all.begin(), all.end(), std::size_t(0));
        return makeReport(model, analyzeModel(model, all, request.plan, work()), request, work());
    }

private Q_SLOTS:
    void contents() {
        const Report r = report(Format::Nf4);
        QCOMPARE(r.totals.quantizedTensors, std::uint64_t(3));
        QCOMPARE(r.worst.size(), std::size_t(3));
        QVERIFY(*r.worst[0].metrics->sqnrDb <= *r.worst[1].metrics->sqnrDb);
        QCOMPARE(r.histograms.size(), std::size_t(3));
        QCOMPARE(r.histograms[0].result.info.name, r.worst[0].info.name);
        QCOMPARE(*r.deviceGiB, 2.0);
        QCOMPARE(r.commandLine, std::string("nibblescope-cli report '/tmp/it'\\''s here' --format nf4"));
    }

    void html() {
        const Report r = report(Format::Nf4);
        const std::string html = toHtml(r);
        const QString text = QString::fromStdString(html);
        for (const TensorResult &result : r.results)
            if (result.quantized && result.info.name != hostile)
                QVERIFY(html.find(result.info.name) != std::string::npos);
        QVERIFY(html.find("<script") == std::string::npos);
        QVERIFY(html.find("&lt;script&gt;") != std::string::npos);
        QVERIFY(html.find("a &lt;warning&gt;") != std::string::npos);
        QVERIFY(html.find('\x01') == std::string::npos);
        QVERIFY(html.find("http://www.w3.org/2000/svg") != std::string::npos);
        QVERIFY(html.find("<link") == std::string::npos && html.find("src=") == std::string::npos);
        QVERIFY(text.contains(QStringLiteral("model_bpw")));
        QVERIFY(text.contains(QStringLiteral("prefers-color-scheme: dark")));
        // Each figure stands twice; nothing refers to a name, so that the copies cannot get into each other.
        QCOMPARE(text.count(QStringLiteral("class=\"for-light\"")), text.count(QStringLiteral("class=\"for-dark\"")));
        QVERIFY(!text.contains(QStringLiteral("url(#")));
    }

    void htmlIsWellFormed() {
        QString text = QString::fromStdString(toHtml(report(Format::Int4Asym)));
        text.remove(QStringLiteral("<!DOCTYPE html>"));
        text.replace(QRegularExpression(QStringLiteral("<meta ([^>]*)>")), QStringLiteral("<meta \\1/>"));
        QXmlStreamReader xml(text);
        while (!xml.atEnd())
            xml.readNext();
        QVERIFY2(!xml.hasError(), qPrintable(xml.errorString()));
    }

    void json() {
        const Report r = report(Format::Nf4);
        const auto json = nlohmann::ordered_json::parse(jsonText(toJson(r)));
        QCOMPARE(json.begin().key(), std::string("nibblescope"));
        QCOMPARE(json["tensors"].size(), std::size_t(5));
        QCOMPARE(json["tensors"][2]["name"], "model.layers.0.self_attn.k_proj.weight");
        QCOMPARE(json["recipe"]["format"], "nf4");
        QVERIFY(json["memory"].contains("kv_cache_bytes"));
        QVERIFY(json["report"]["readings"]["layers"].get<std::string>().starts_with("3"));
        QCOMPARE(json["report"]["histograms"].size(), std::size_t(3));
        QCOMPARE(json["warnings"][0], "a <warning>");
    }

    void csv() {
        const std::string csv = toCsv(report(Format::Nf4).results);
        const QStringList lines = QString::fromStdString(csv).split(QStringLiteral("\r\n"));
        QVERIFY(lines[0].startsWith(QStringLiteral("name,shape,dtype,params,bpw,sqnr_db,")));
        QCOMPARE(lines.size(), qsizetype(7)); // header, five tensors, nothing after the last end of line
        QVERIFY(lines[1].startsWith(QStringLiteral("model.embed_tokens.weight,64x32,F32,2048,,,")));
        QVERIFY(lines[3].startsWith(QStringLiteral("model.layers.0.self_attn.k_proj.weight,32x128,F32,4096,4.25,")));
        QVERIFY(!lines[5].startsWith(QLatin1Char('='))); // no formula
    }

    void terminal_data() {
        QTest::addColumn<int>("format");
        QTest::newRow("nf4") << int(Format::Nf4);
        QTest::newRow("none") << int(Format::None);
        QTest::newRow("int8") << int(Format::Int8);
    }
    void terminal() {
        QFETCH(int, format);
        const std::string text = toTerminal(report(static_cast<Format>(format)));
        const QStringList lines = QString::fromStdString(text).split(QLatin1Char('\n'));
        for (const QString &line : lines)
            QVERIFY2(line.size() <= 100, qPrintable(line));
        QVERIFY(text.find('\x01') == std::string::npos);
        QVERIFY(text.find("█") != std::string::npos);
        QVERIFY(text.find("fits in 2 GiB: yes") != std::string::npos);
        QVERIFY(text.find("\u00a0") == std::string::npos);
        if (format != int(Format::None))
            QVERIFY(text.find("Worst tensors") != std::string::npos);
    }

    void withoutWeights() {
        Model model;
        model.name = "nothing";
        const Report r = makeReport(model, {}, {}, work());
        QVERIFY(!toHtml(r).empty() && !toTerminal(r).empty() && !jsonText(toJson(r)).empty());
    }

    void commandLines() {
        Recipe recipe = defaultRecipe(Format::Nf4);
        recipe.groupSize = GroupSize::of(32);
        recipe.doubleQuant = DoubleQuant::Dynamic;
        recipe.blocks = Blocks::Flat;
        recipe.method = "mse";
        SelectionRule rule;
        rule.include = {"*.embed*"};
        rule.overrides = {{"a[0]", false}, {"b", true}};
        rule.layouts = {{"dense*", Layout::InOut}};
        QCOMPARE(commandLineOf("analyze", "model", recipe, rule),
                 std::string("nibblescope-cli analyze model --format nf4 --group-size 32 --blocks flat --double-quant "
                             "dynamic --method mse --include '*.embed*' --include b --exclude 'a[[]0]' "
                             "--layout 'dense*=in_out'"));
        Recipe gptq = defaultRecipe(Format::Int4Asym);
        gptq.method = "gptq";
        gptq.actOrder = true;
        gptq.damp = 0.05;
        QCOMPARE(optionsOf(gptq, {}),
                 std::string("--format int4-asym --method gptq --act-order --damp 0.05 --calibration FILE"));
        QCOMPARE(commandLineOf("info", "-x", Recipe(), {}), std::string("nibblescope-cli info ./-x"));
        QCOMPARE(shellQuoted(""), std::string("''"));
        QVERIFY(globMatches("a[[]0]", "a[0]"));
    }

    // What the field claims stands in every form, as far as the weights alone tell.
    void claimsAreJudgedByTheWeights() {
        const Report one = report(Format::Nf4);
        QCOMPARE(one.claims.size(), std::size_t(9));
        QCOMPARE(one.answers.size(), std::size_t(6));
        const auto held = [&one](const std::string &id) {
            for (const Claim &claim : one.claims)
                if (claim.id == id)
                    return claim.mark;
            return ClaimMark::Open;
        };
        for (const char *id : {"normal-nf4", "group-size", "double-quant", "eight-times"})
            QVERIFY2(held(id) != ClaimMark::Open, id);
        for (const char *id : {"rtn-groups", "gptq-awq", "faster-int8", "activations"})
            QVERIFY2(held(id) == ClaimMark::Open, id);
        const std::string html = toHtml(one);
        QVERIFY(html.find("Why not INT4 everywhere?") != std::string::npos);
        QVERIFY(toTerminal(one).find("[not measured]") != std::string::npos);
        QCOMPARE(toJson(one).at("claims").size(), std::size_t(9));
    }
};

QTEST_GUILESS_MAIN(ReportTest)
#include "report_test.moc"
