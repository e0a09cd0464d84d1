// SPDX-License-Identifier: GPL-3.0-or-later
#include <QAbstractItemModelTester>
#include <QtTest>

#include "tests/widgets/small_results.h"
#include "widgets/models/tensor_tree_model.h"

using namespace nibblescope;
using Tree = TensorTreeModel;

class TensorTreeModelTest : public QObject {
    Q_OBJECT

    QString text(int tensor, int column) const { return m_model->indexOf(tensor, column).data().toString(); }
    QString groupText(const char *path, int column) const {
        return m_model->indexOfPath(QLatin1String(path)).siblingAtColumn(column).data().toString();
    }
    QStringList children(const QModelIndex &parent) const {
        QStringList names;
        for (int row = 0; row < m_model->rowCount(parent); ++row)
            names << m_model->index(row, 0, parent).data().toString();
        return names;
    }
    int tensorNamed(const char *part) const {
        for (int i = 0; i < m_model->tensorCount(); ++i) {
            if (m_model->described(i).info.name.find(part) != std::string::npos)
                return i;
        }
        return -1;
    }
    void measureAll(double sqnr) {
        for (int i = 0; i < m_model->tensorCount(); ++i)
            m_model->setResult(i, measuredAt(m_model->described(i), sqnr + i));
    }

private Q_SLOTS:
    void init() {
        m_model = std::make_unique<Tree>();
        m_tester = std::make_unique<QAbstractItemModelTester>(m_model.get(),
                                                              QAbstractItemModelTester::FailureReportingMode::QtTest);
        m_model->setTensors(describe(smallModel(), planOf(Format::Nf4)));
    }
    void cleanup() {
        m_tester.reset();
        m_model.reset();
    }

    void treeByNames() {
        QCOMPARE(children({}),
                 (QStringList{QStringLiteral("embed_tokens"), QStringLiteral("layers"), QStringLiteral("norm")}));
        const QModelIndex layer = m_model->indexOfPath(QStringLiteral("layers.0."));
        QVERIFY(layer.isValid());
        // A level with one child is joined to it.
        QCOMPARE(children(layer), (QStringList{QStringLiteral("input_layernorm"), QStringLiteral("mlp"),
                                               QStringLiteral("self_attn.q_proj")}));
        // Modules in computing order, though the file has them by name.
        QCOMPARE(children(m_model->indexOfPath(QStringLiteral("layers.0.mlp."))),
                 (QStringList{QStringLiteral("gate_proj"), QStringLiteral("up_proj"), QStringLiteral("down_proj")}));
    }

    void textsBeforeAnythingIsMeasured() {
        const int down = tensorNamed("0.mlp.down");
        QCOMPARE(text(down, Tree::Shape), QStringLiteral("64 × 172"));
        QCOMPARE(text(down, Tree::Type), QStringLiteral("F32"));
        QCOMPARE(text(down, Tree::Params), QString::fromUtf8("11.0\u00a0k"));
        QCOMPARE(text(down, Tree::Bpw), QStringLiteral("4.279"));
        QCOMPARE(text(down, Tree::Sqnr), QStringLiteral("·"));
        QCOMPARE(text(down, Tree::Kurtosis), QStringLiteral("·"));
        const int norm = tensorNamed("model.norm");
        QCOMPARE(text(norm, Tree::Shape), QStringLiteral("64"));
        QCOMPARE(text(norm, Tree::Bpw), QStringLiteral("kept"));
        QCOMPARE(text(norm, Tree::Sqnr), QStringLiteral("–"));
        QVERIFY(m_model->indexOf(norm, Tree::Name).data(Qt::ToolTipRole).toString().contains(QStringLiteral("kept: ")));
        QCOMPARE(m_model->progressOf(down), Tree::Progress::Waiting);
        QCOMPARE(m_model->progressOf(norm), Tree::Progress::Kept);
    }

    void groupsSumUp() {
        QCOMPARE(groupText("layers.0.mlp.", Tree::Shape), QStringLiteral("3 tensors"));
        QCOMPARE(groupText("layers.0.mlp.", Tree::Params), QString::fromUtf8("33.0\u00a0k"));
        QCOMPARE(groupText("layers.0.mlp.", Tree::Bpw), QStringLiteral("4.260"));
        QCOMPARE(groupText("layers.0.mlp.", Tree::Sqnr), QStringLiteral("·"));
        // One sum of signal and one of error: 20 dB and 10 dB over equal signals give 12.6 dB, not 15.
        const int gate = tensorNamed("0.mlp.gate");
        const int up = tensorNamed("0.mlp.up");
        m_model->setResult(gate, measuredAt(m_model->described(gate), 20));
        QCOMPARE(groupText("layers.0.mlp.", Tree::Sqnr), QStringLiteral("20.00"));
        m_model->setResult(up, measuredAt(m_model->described(up), 10));
        QCOMPARE(groupText("layers.0.mlp.", Tree::Sqnr), QStringLiteral("12.60"));
    }

    void aResultTouchesItsRowAndTheGroupsAbove() {
        QSignalSpy resets(m_model.get(), &QAbstractItemModel::modelReset);
        QSignalSpy changes(m_model.get(), &QAbstractItemModel::dataChanged);
        const int gate = tensorNamed("0.mlp.gate");
        m_model->setResult(gate, measuredAt(m_model->described(gate), 20.75, 4.04));
        QCOMPARE(resets.count(), 0);
        QCOMPARE(changes.count(), 4); // gate_proj, mlp, 0, layers
        QCOMPARE(text(gate, Tree::Sqnr), QStringLiteral("20.75"));
        QCOMPARE(text(gate, Tree::Kurtosis), QStringLiteral("4.04"));
        QCOMPARE(m_model->progressOf(gate), Tree::Progress::Done);
    }

    void samplesAreNotShown() {
        const int gate = tensorNamed("0.mlp.gate");
        TensorResult sample = measuredAt(m_model->described(gate), 20);
        sample.sample = true;
        m_model->setResult(gate, sample);
        QCOMPARE(text(gate, Tree::Sqnr), QStringLiteral("·"));
    }

    void anotherRecipeMakesResultsStale() {
        measureAll(20);
        const int gate = tensorNamed("0.mlp.gate");
        const QString before = text(gate, Tree::Sqnr);
        QSignalSpy resets(m_model.get(), &QAbstractItemModel::modelReset);
        m_model->setDescriptions(describe(smallModel(), planOf(Format::Int4)));
        QCOMPARE(resets.count(), 0); // the same rows
        const QModelIndex index = m_model->indexOf(gate, Tree::Sqnr);
        QCOMPARE(index.data().toString(), before);
        QVERIFY(index.data(Tree::StaleRole).toBool());
        QCOMPARE(index.data(Qt::ToolTipRole).toString(), QStringLiteral("from NF4 64; recipe is now INT4 64"));
        QCOMPARE(m_model->progressOf(gate), Tree::Progress::Stale);
        QCOMPARE(groupText("layers.0.mlp.", Tree::Sqnr), QStringLiteral("·")); // never mixed in
        QCOMPARE(text(gate, Tree::Kurtosis), QStringLiteral("3.00"));          // does not depend on the recipe
        m_model->setResult(gate, measuredAt(m_model->described(gate), 18));
        QVERIFY(!index.data(Tree::StaleRole).toBool());
        QCOMPARE(groupText("layers.0.mlp.", Tree::Sqnr), QStringLiteral("18.00"));
        m_model->setDescriptions(describe(smallModel(), planOf(Format::Nf4)));
        QVERIFY(m_model->indexOf(gate, Tree::Sqnr).data(Tree::StaleRole).toBool());
    }

    void sortingFlattensAndTheThirdClickBringsBackTheTree() {
        measureAll(20);
        m_model->sort(Tree::Sqnr, Qt::AscendingOrder);
        QVERIFY(m_model->flat());
        QCOMPARE(m_model->rowCount(), m_model->tensorCount());
        QCOMPARE(m_model->index(0, 0).data().toString(), QStringLiteral("layers.0.mlp.down_proj"));
        // Tensors without a number stand last, in both orders.
        QCOMPARE(m_model->index(m_model->rowCount() - 1, Tree::Sqnr).data().toString(), QStringLiteral("–"));
        m_model->sort(Tree::Sqnr, Qt::DescendingOrder);
        QCOMPARE(m_model->index(0, 0).data().toString(), QStringLiteral("layers.1.self_attn.q_proj"));
        QCOMPARE(m_model->index(m_model->rowCount() - 1, Tree::Sqnr).data().toString(), QStringLiteral("–"));
        m_model->sort(-1);
        QCOMPARE(children({}),
                 (QStringList{QStringLiteral("embed_tokens"), QStringLiteral("layers"), QStringLiteral("norm")}));
    }

    void namesSortAsNumbers() {
        m_model->setTensors(describe(smallModel(12), planOf(Format::Nf4)));
        m_model->sort(Tree::Name, Qt::AscendingOrder);
        QStringList layers;
        for (int row = 0; row < m_model->rowCount(); ++row) {
            const QString name = m_model->index(row, 0).data().toString();
            if (name.endsWith(QLatin1String("q_proj")))
                layers << name.section(QLatin1Char('.'), 1, 1);
        }
        QCOMPARE(layers.first(), QStringLiteral("0"));
        QCOMPARE(layers.at(2), QStringLiteral("2"));
        QCOMPARE(layers.last(), QStringLiteral("11"));
    }

    void filterAndShow() {
        m_model->setFilter(TensorFilter(QStringLiteral("down_proj")));
        QCOMPARE(m_model->visibleTensors(), 2);
        QVERIFY(!m_model->indexOf(tensorNamed("model.norm")).isValid());
        m_model->setFilter({});
        Tree::Show show;
        show.quantizedOnly = true;
        m_model->setShow(show);
        QCOMPARE(m_model->visibleTensors(), 8);
        show = {};
        show.grouped = false;
        m_model->setShow(show);
        QVERIFY(m_model->flat());
        QCOMPARE(m_model->index(1, 0).data().toString(), QStringLiteral("layers.0.input_layernorm")); // model order
        show = {};
        show.warningsOnly = true;
        m_model->setShow(show);
        QCOMPARE(m_model->visibleTensors(), 0);
    }

    void filterFollowsResults() {
        m_model->setFilter(TensorFilter(QStringLiteral("sqnr<21")));
        QCOMPARE(m_model->visibleTensors(), 0);
        const int gate = tensorNamed("0.mlp.gate");
        m_model->setResult(gate, measuredAt(m_model->described(gate), 20));
        QTRY_COMPARE_WITH_TIMEOUT(m_model->visibleTensors(), 1, 3000);
    }

    void ticks() {
        const auto state = [&](const QModelIndex &index) {
            return index.data(Qt::CheckStateRole).value<Qt::CheckState>();
        };
        const QModelIndex layers = m_model->indexOfPath(QStringLiteral("layers."));
        const QModelIndex mlp = m_model->indexOfPath(QStringLiteral("layers.0.mlp."));
        QCOMPARE(state(layers), Qt::PartiallyChecked); // norms can be quantized, and are kept
        QCOMPARE(state(mlp), Qt::Checked);
        QCOMPARE(state(m_model->indexOf(tensorNamed("model.norm"))), Qt::Unchecked);

        QSignalSpy toggles(m_model.get(), &Tree::quantizeToggled);
        QVERIFY(m_model->setData(m_model->indexOf(tensorNamed("0.mlp.gate")), Qt::Unchecked, Qt::CheckStateRole));
        QCOMPARE(toggles.takeFirst().at(0).value<std::vector<int>>(), std::vector<int>{tensorNamed("0.mlp.gate")});
        QVERIFY(m_model->setData(mlp, Qt::Unchecked, Qt::CheckStateRole));
        QCOMPARE(toggles.last().at(0).value<std::vector<int>>().size(), std::size_t(3));
        QCOMPARE(toggles.takeFirst().at(1).toBool(), false);
        QCOMPARE(state(mlp), Qt::Checked); // the model waits for its new description
    }

    void aTickOnAGroupComesBackToTheRule() {
        ModelPlan plan = planOf(Format::Nf4);
        for (const TensorInfo &info : smallModel())
            plan.rule.overrides[info.name] = false;
        m_model->setRule(plan.rule);
        m_model->setDescriptions(describe(smallModel(), plan));
        const QModelIndex layers = m_model->indexOfPath(QStringLiteral("layers."));
        QCOMPARE(layers.data(Qt::CheckStateRole).value<Qt::CheckState>(), Qt::Unchecked);
        QSignalSpy toggles(m_model.get(), &Tree::quantizeToggled);
        m_model->setData(layers, Qt::Checked, Qt::CheckStateRole);
        QCOMPARE(toggles.first().at(0).value<std::vector<int>>().size(), std::size_t(8)); // not the norms
        QVERIFY(m_model->indexOf(3).data(Qt::FontRole).value<QFont>().italic());
    }

    void integersHaveNoTick() {
        m_model->setTensors(describe({tensorInfo("position_ids", {1, 512}, DType::I64)}, planOf(Format::Nf4)));
        QVERIFY(!m_model->indexOf(0).data(Qt::CheckStateRole).isValid());
        QCOMPARE(text(0, Tree::Type), QStringLiteral("I64"));
        QCOMPARE(text(0, Tree::Kurtosis), QStringLiteral("–"));
        QVERIFY(!m_model->setData(m_model->indexOf(0), Qt::Checked, Qt::CheckStateRole));
    }

    void baselineInTheTooltip() {
        measureAll(20);
        const int gate = tensorNamed("0.mlp.gate");
        std::vector<std::optional<double>> baseline(static_cast<std::size_t>(m_model->tensorCount()));
        baseline[static_cast<std::size_t>(gate)] = 20.0 + gate - 1.416;
        m_model->setBaseline(QStringLiteral("INT4 64"), baseline);
        const QString tip = m_model->indexOf(gate, Tree::Sqnr).data(Qt::ToolTipRole).toString();
        QVERIFY2(tip.contains(QStringLiteral("+1.42 dB against INT4 64")), qPrintable(tip));
    }

    void storedFiles() {
        m_model->setStored(true);
        const int gate = tensorNamed("0.mlp.gate");
        QCOMPARE(text(gate, Tree::Type), QStringLiteral("NF4"));
        QCOMPARE(text(gate, Tree::Sqnr), QStringLiteral("–"));
        QVERIFY(!(m_model->flags(m_model->indexOf(gate)) & Qt::ItemIsUserCheckable));
    }

    void thousandsOfTensors() {
        const std::vector<TensorInfo> infos = smallModel(400); // 2,002 tensors
        QElapsedTimer timer;
        timer.start();
        m_tester.reset(); // it walks the whole model at every signal
        m_model->setTensors(describe(infos, planOf(Format::Nf4)));
        QVERIFY(timer.elapsed() < 1000);
        QSignalSpy resets(m_model.get(), &QAbstractItemModel::modelReset);
        timer.start();
        measureAll(20);
        QVERIFY(timer.elapsed() < 1000);
        QCOMPARE(resets.count(), 0);
    }

    void oddNames() {
        m_model->setTensors(describe({tensorInfo("", {4}), tensorInfo("a", {4}), tensorInfo("a.b", {4}),
                                      tensorInfo("a.b.c", {4}), tensorInfo("..", {4}), tensorInfo("a", {4})},
                                     planOf(Format::Nf4)));
        QCOMPARE(m_model->visibleTensors(), 6);
        m_model->setTensors({});
        QCOMPARE(m_model->rowCount(), 0);
    }

private:
    std::unique_ptr<Tree> m_model;
    std::unique_ptr<QAbstractItemModelTester> m_tester;
};

QTEST_MAIN(TensorTreeModelTest)
#include "tensor_tree_model_test.moc"
