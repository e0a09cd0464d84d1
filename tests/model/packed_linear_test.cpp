// SPDX-License-Identifier: GPL-3.0-or-later
// Quantized linears on the packed kernels: one against F64 on the decoded weights, whole models against the BLAS.
#include "core/model/packed_linear.h"

#include <QTemporaryDir>
#include <QtTest>

#include <cmath>
#include <random>

#include "core/io/open.h"
#include "core/kernels/kernels.h"
#include "core/model/awq.h"
#include "core/model/calibration.h"
#include "core/model/evaluate.h"
#include "core/model/recipe_edit.h"
#include "core/model/sensitivity.h"
#include "core/model/sequential.h"
#include "core/model/smooth.h"
#include "core/quant/quantize.h"
#include "tests/support/model_inputs.h"
#include "tests/support/small_model.h"

namespace nibblescope {
namespace {

Recipe recipeOf(const QByteArray &json) { return recipeFromJson(nlohmann::ordered_json::parse(json.toStdString())); }

std::vector<float> normalValues(std::size_t count, std::uint32_t seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0.0F, 0.05F);
    std::vector<float> values(count);
    for (float &value : values)
        value = normal(random);
    return values;
}

// max |y - right| over max |right|, `right` in F64 from the decoded weights; `add`: y had `before` in it.
double errorOf(const std::vector<float> &y, const std::vector<float> &before, const std::vector<float> &weights,
               const std::vector<float> &x, MatrixShape shape) {
    double worst = 0;
    double largest = 0;
    for (std::size_t i = 0; i < y.size(); ++i) {
        double right = 0;
        for (std::size_t k = 0; k < shape.cols; ++k)
            right += static_cast<double>(weights[i % shape.rows * shape.cols + k]) *
                     static_cast<double>(x[i / shape.rows * shape.cols + k]);
        largest = std::max(largest, std::fabs(right));
        worst = std::max(worst, std::fabs(static_cast<double>(y[i]) - static_cast<double>(before[i]) - right));
    }
    return worst / largest;
}

} // namespace

class PackedLinearTest : public QObject {
    Q_OBJECT
    QTemporaryDir m_folder;
    WorkerPool m_pool{2};
    Work m_work{m_pool, selectKernels(), Priority::Interactive, {}, {}};

    QuantizedTensor tensorOf(const Recipe &recipe, MatrixShape shape) const {
        return quantize({normalValues(shape.size(), 1), shape, recipe, nullptr, nullptr}, m_work).tensor;
    }
    Model makeModel(const char *name, const test::SmallModel &options) const {
        const auto folder = std::filesystem::path(m_folder.path().toStdString()) / name;
        test::writeSmallModel(folder, options);
        return openModel(folder);
    }
    static Evaluation evaluated(const Model &model, const Recipe &recipe, const ModelVariant &how, const Work &work) {
        const Llama llama(model);
        const RecipeEdit edit(model, {recipe, {}, nullptr});
        ModelVariant variant = how;
        variant.edit = &edit;
        return evaluate(llama, testing::someWindows(128, 12, 150), variant, work);
    }
    static double klOf(const Evaluation &evaluation) { return evaluation.comparison->kl.mean; }

private Q_SLOTS:
    void multipliesAsTheDecodedWeights_data() {
        QTest::addColumn<QByteArray>("recipe");
        QTest::addColumn<double>("levels"); // of codebooks, rounded to 8 bits: the largest error of one
        const auto row = [](const char *json, double levels) { QTest::newRow(json) << QByteArray(json) << levels; };
        row(R"({"format": "int4"})", 0);
        row(R"({"format": "int4-max", "group_size": 32})", 0);
        row(R"({"format": "int4", "group_size": 9})", 0);
        row(R"({"format": "int4", "group_size": "row", "scale_type": "bf16"})", 0);
        row(R"({"format": "int4", "group_size": "tensor"})", 0);
        row(R"({"format": "int4", "blocks": "flat", "group_size": 43})", 0);
        row(R"({"format": "int4", "blocks": "flat", "group_size": 516})", 0); // three rows a group
        row(R"({"format": "int8", "group_size": "row"})", 0);
        row(R"({"format": "nf4"})", 0.004);
        row(R"({"format": "nf4", "group_size": 32, "double_quant": "dynamic"})", 0.004);
        row(R"({"format": "nf4", "group_size": 32, "double_quant": "int8"})", 0.004);
        row(R"({"format": "nf4", "double_quant": "dynamic", "blocks": "flat", "group_size": 86})", 0.004);
        row(R"({"format": "fp4"})", 0.004);
        row(R"({"format": "mxfp4"})", 0.004);
        row(R"({"format": "fitted"})", 0.004);
    }
    void multipliesAsTheDecodedWeights() {
        QFETCH(QByteArray, recipe);
        QFETCH(double, levels);
        const MatrixShape shape{67, 172};
        const QuantizedTensor tensor = tensorOf(recipeOf(recipe), shape);
        QVERIFY(!problemOfPacking(tensor));
        const std::vector<float> weights = dequantize(tensor);
        PackedScratch scratch; // one for all sizes, as a model has it
        for (const Products products : {Products::PackedF32, Products::PackedInt8}) {
            const PackedLinear linear(tensor, products, selectKernels().isa);
            for (const std::size_t positions : {130U, 1U, 13U})
                for (const bool add : {false, true}) {
                    const std::vector<float> x = normalValues(positions * shape.cols, 2);
                    std::vector<float> y = normalValues(positions * shape.rows, 3);
                    const std::vector<float> before = add ? y : std::vector<float>(y.size(), 0.0F);
                    linear.multiply(x.data(), positions, y.data(), add, scratch);
                    const double error = errorOf(y, before, weights, x, shape);
                    const bool exact = products == Products::PackedF32;
                    QVERIFY2(error < (exact ? 1e-5 : 0.02 + levels), QByteArray::number(error).constData());
                    QVERIFY(exact || error > 1e-5); // x was rounded
                }
        }
    }

    void saysWhichTensorsCannotBePacked() {
        const MatrixShape even{4, 172};
        const auto problem = [&](const char *json, MatrixShape shape) {
            return problemOfPacking(tensorOf(recipeOf(json), shape)).value_or(std::string());
        };
        QCOMPARE(problem(R"({"format": "nf4"})", even), std::string());
        QCOMPARE(problem(R"({"format": "nf4"})", {4, 171}), std::string("with an odd number of columns"));
        QCOMPARE(problem(R"({"format": "int8", "group_size": "row"})", {4, 171}), std::string());
        QCOMPARE(problem(R"({"format": "nf4", "blocks": "flat"})", even),
                 std::string("with groups that run over the ends of rows"));
        QCOMPARE(problem(R"({"format": "nf4", "scale_type": "f32"})", even),
                 std::string("with scales that F16 does not hold exactly"));
        QCOMPARE(problem(R"({"format": "int4-asym"})", even), std::string("with zero-points"));
    }

    void saysWhichRecipesCannot() {
        for (const Products products : {Products::PackedF32, Products::PackedInt8}) {
            QVERIFY(problemOf(defaultRecipe(Format::Int4Asym), products));
            QVERIFY(problemOf(Recipe(), products));
            QVERIFY(problemOf(recipeOf(R"({"format": "nf4", "scale_type": "f32"})"), products));
            QVERIFY(!problemOf(recipeOf(R"({"format": "nf4", "double_quant": "dynamic"})"), products));
            QVERIFY(!problemOf(defaultRecipe(Format::Mxfp4), products));
        }
        QVERIFY(!problemOf(defaultRecipe(Format::Int4Asym), Products::Blas));
    }

    void theirCodesAreWhatEditsDecode() {
        const Model model = makeModel("edits", {});
        const Llama llama(model);
        const auto store = std::make_shared<StatisticsStore>();
        calibrate(
            llama, testing::someWindows(128, 4, 60),
            [&](const std::string &name, const InputStatistics &statistics) {
                store->add(name, std::make_shared<const InputStatistics>(statistics));
            },
            m_work);
        const std::shared_ptr<const StatisticsSource> given = store;
        const RecipeEdit plain(model, {defaultRecipe(Format::Nf4), {}, nullptr});
        const RecipeEdit gptq(model,
                              {recipeOf(R"({"format": "int4", "method": "gptq", "act_order": true})"), {}, given});
        const AwqEdit awq(llama, {recipeOf(R"({"format": "int4", "method": "awq"})"), {}, given}, m_work);
        const SmoothEdit smooth(llama, {defaultRecipe(Format::Int4), {}, nullptr}, *store, 0.5, m_work);
        for (const WeightEdit *edit :
             {static_cast<const WeightEdit *>(&plain), static_cast<const WeightEdit *>(&gptq),
              static_cast<const WeightEdit *>(&awq), static_cast<const WeightEdit *>(&smooth)}) {
            for (const std::size_t tensor : llama.tensors().layers[1].linears) {
                std::vector<float> edited = llama.tensor(tensor, m_work, edit);
                std::vector<float> original = llama.tensor(tensor, m_work);
                const auto codes = edit->codes(tensor, original, m_work);
                QVERIFY(codes.has_value());
                QVERIFY(dequantize(*codes) == edited);
            }
            std::vector<float> norm = llama.tensor(llama.tensors().layers[1].inputNorm, m_work);
            const std::vector<float> before = norm;
            QVERIFY(!edit->codes(llama.tensors().layers[1].inputNorm, norm, m_work));
            QVERIFY(norm == before);
        }
    }

    void f32ActivationsGiveTheFiguresOfTheBlas_data() {
        QTest::addColumn<QByteArray>("recipe");
        for (const char *json :
             {R"({"format": "int4"})", R"({"format": "nf4", "double_quant": "dynamic", "group_size": 32})",
              R"({"format": "fitted"})", R"({"format": "int8", "group_size": "row"})"})
            QTest::newRow(json) << QByteArray(json);
    }
    void f32ActivationsGiveTheFiguresOfTheBlas() {
        QFETCH(QByteArray, recipe);
        const Model model = makeModel("figures", {});
        const Evaluation blas = evaluated(model, recipeOf(recipe), {}, m_work);
        const Evaluation packed = evaluated(model, recipeOf(recipe), {nullptr, {}, Products::PackedF32}, m_work);
        QVERIFY(!blas.products);
        QCOMPARE(packed.products->packed, std::size_t{14});
        QCOMPARE(packed.products->isa, selectKernels().isa);
        QCOMPARE(decodedRemark(*packed.products), std::string());
        QVERIFY2(std::fabs(klOf(packed) - klOf(blas)) < 1e-4 * klOf(blas) + 1e-8,
                 qPrintable(QString::number(klOf(packed) - klOf(blas))));
        QVERIFY(std::fabs(packed.nll.mean - blas.nll.mean) < 1e-6);
        QCOMPARE(packed.comparison->referenceNll.mean, blas.comparison->referenceNll.mean); // P stays on the BLAS
    }

    // INT4's levels are integers: all that is rounded beyond the weights are the activations, token by token.
    void int8ActivationsCostWhatRoundingThemCosts() {
        const Model model = makeModel("rounded", {});
        const Recipe int4 = defaultRecipe(Format::Int4);
        const double blas = klOf(evaluated(model, int4, {}, m_work));
        const double packed = klOf(evaluated(model, int4, {nullptr, {}, Products::PackedInt8}, m_work));
        const ActivationQuant token{ActivationBits::Int8, ActivationScales::Token};
        const double rounded = klOf(evaluated(model, int4, {nullptr, token}, m_work));
        QVERIFY(packed != blas);
        QVERIFY2(std::fabs(packed / blas - 1) < 0.05, qPrintable(QString::number(packed / blas)));
        QVERIFY2(std::fabs(packed / rounded - 1) < 0.005, qPrintable(QString::number(packed / rounded)));
    }

    void instructionSetsAgree() {
        const Model model = makeModel("sets", {});
        const Work scalar{m_pool, kernelsFor(Isa::Scalar), Priority::Interactive, {}, {}};
        for (const Products products : {Products::PackedF32, Products::PackedInt8}) {
            const ModelVariant how{nullptr, {}, products};
            const Evaluation native = evaluated(model, defaultRecipe(Format::Nf4), how, m_work);
            const Evaluation defined = evaluated(model, defaultRecipe(Format::Nf4), how, scalar);
            QCOMPARE(defined.products->isa, Isa::Scalar);
            QVERIFY2(std::fabs(klOf(native) / klOf(defined) - 1) < 2e-3,
                     qPrintable(QString::number(klOf(native) / klOf(defined))));
        }
    }

    void namesLinearsThatAreDecoded() {
        test::SmallModel odd;
        odd.mlp = 173;
        const Model model = makeModel("odd", odd);
        const Evaluation blas = evaluated(model, defaultRecipe(Format::Nf4), {}, m_work);
        const Evaluation packed =
            evaluated(model, defaultRecipe(Format::Nf4), {nullptr, {}, Products::PackedF32}, m_work);
        QCOMPARE(packed.products->packed, std::size_t{12});
        QCOMPARE(decodedRemark(*packed.products),
                 std::string("2 of 14 quantized linears on decoded weights: 2 with an odd number of columns."));
        QVERIFY(std::fabs(klOf(packed) / klOf(blas) - 1) < 1e-3);
        nlohmann::ordered_json json;
        addJson(packed, json);
        QVERIFY(productsUsedFromJson(json) == *packed.products);
        QVERIFY(describe(*packed.products).find(displayName(selectKernels().isa)) != std::string::npos);
        nlohmann::ordered_json plain;
        addJson(blas, plain);
        QVERIFY(!plain.contains("products"));
    }

    void partsAreMeasuredOnThem() {
        const Model model = makeModel("parts", {});
        const Llama llama(model);
        const RecipeEdit edit(model, {defaultRecipe(Format::Int4), {}, nullptr});
        const TokenWindows windows = testing::someWindows(128, 3, 40);
        const Sensitivity blas = measureSensitivity(llama, windows, edit, SensitivityBy::Layers, false, m_work);
        const Sensitivity packed =
            measureSensitivity(llama, windows, edit, SensitivityBy::Layers, false, m_work, {}, Products::PackedInt8);
        QVERIFY(packed.parts[0].kl.mean != blas.parts[0].kl.mean);
        QVERIFY(std::fabs(packed.parts[0].kl.mean / blas.parts[0].kl.mean - 1) < 0.1);
    }
};

} // namespace nibblescope

QTEST_GUILESS_MAIN(nibblescope::PackedLinearTest)
#include "packed_linear_test.moc"
