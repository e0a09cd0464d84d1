// SPDX-License-Identifier: GPL-3.0-or-later
// A recipe as an edit gives the weights that quantizing the tensor whole gives, also where it goes in blocks of rows.
#include "core/model/recipe_edit.h"

#include <QTemporaryDir>
#include <QtTest>

#include "core/io/open.h"
#include "core/kernels/kernels.h"
#include "core/quant/quantize.h"
#include "tests/support/model_inputs.h"
#include "tests/support/small_model.h"

namespace nibblescope {

class EditInBlocksTest : public QObject {
    Q_OBJECT
    QTemporaryDir m_folder;
    WorkerPool m_pool{2};
    Work m_work{m_pool, selectKernels(), Priority::Interactive, {}, {}};
    Model m_model;
    std::vector<float> m_weights;

    static constexpr MatrixShape shape{65537, 200}; // 52 MB: two blocks, a short last group in each row

private slots:
    void initTestCase() {
        const auto path = std::filesystem::path(m_folder.path().toStdString()) / "tall.safetensors";
        // Rows differ in range, so that a scale taken from another row would show.
        const auto value = [](std::uint64_t i) {
            const auto mixed = static_cast<std::uint32_t>(i * 2654435761U);
            return (static_cast<float>(mixed % 2001) - 1000) * 1e-3F * static_cast<float>(1 + i / shape.cols % 7);
        };
        test::writeSafetensors(path, {{"tall.weight", {shape.rows, shape.cols}, value}});
        m_model = openModel(path);
        for (std::uint64_t i = 0; i < shape.size(); ++i)
            m_weights.push_back(value(i));
    }

    void agreesWithTheWholeTensor_data() {
        QTest::addColumn<QByteArray>("json");
        for (const char *json :
             {R"({"format": "nf4"})", R"({"format": "int4-asym", "group_size": 32, "method": "mse"})",
              R"({"format": "int8", "group_size": "row"})", R"({"format": "int4", "group_size": "tensor"})",
              R"({"format": "nf4", "double_quant": "dynamic"})", R"({"format": "nf4", "blocks": "flat"})",
              R"({"format": "mxfp4"})", R"({"format": "fitted"})"})
            QTest::newRow(json) << QByteArray(json);
    }
    void agreesWithTheWholeTensor() {
        QFETCH(QByteArray, json);
        const Recipe recipe = recipeFromJson(nlohmann::ordered_json::parse(json.toStdString()));
        SelectionRule rule;
        const RecipeEdit edit(m_model, {recipe, rule, nullptr});
        QVERIFY(edit.edits(0));
        std::vector<float> whole(m_weights.size());
        quantize({m_weights, shape, recipe, whole.data(), nullptr}, m_work);
        std::vector<float> edited = m_weights;
        edit.edit(0, edited, m_work);
        QVERIFY(edited == whole);
        QVERIFY(edited != m_weights);
        std::vector<float> used = m_weights;
        const auto codes = edit.codes(0, used, m_work);
        dequantize(*codes, used, m_work);
        QVERIFY(used == whole);
    }

    // As `quantize` does: what cannot be made a file of is not measured either.
    void whatIsTooLargeToBeHeldIsRefused_data() {
        QTest::addColumn<QByteArray>("json");
        QTest::addColumn<QByteArray>("what");
        QTest::newRow("fitted") << QByteArray(R"({"format": "fitted"})") << QByteArray("Fitted codebook");
        QTest::newRow("hqq") << QByteArray(R"({"format": "int4-asym", "method": "hqq"})") << QByteArray("HQQ");
        QTest::newRow("by groups") << QByteArray(R"({"format": "nf4"})") << QByteArray();
    }
    void whatIsTooLargeToBeHeldIsRefused() {
        QFETCH(QByteArray, json);
        QFETCH(QByteArray, what);
        Model model = m_model;
        model.tensors[0].shape = {65537, 1024}; // a row more than 256 MiB
        model.tensors[0].params = 65537 * 1024;
        const Recipe recipe = recipeFromJson(nlohmann::ordered_json::parse(json.toStdString()));
        const RecipeEdit edit(model, {recipe, {}, nullptr});
        std::vector<float> none; // the refusal comes before anything is touched
        if (what.isEmpty())
            none.resize(65537 * 1024);
        const std::string fault = testing::faultOf([&] { edit.edit(0, none, m_work); });
        QCOMPARE(QByteArray::fromStdString(fault), what.isEmpty()
                                                       ? QByteArray()
                                                       : "tall.weight is larger than 256 MiB as F32, and " + what +
                                                             " needs it whole. Use another recipe, or exclude it.");
    }
};

} // namespace nibblescope

QTEST_GUILESS_MAIN(nibblescope::EditInBlocksTest)
#include "edit_in_blocks_test.moc"
