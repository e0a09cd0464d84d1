// SPDX-License-Identifier: GPL-3.0-or-later
#include <QApplication>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QtTest>

#include "tests/widgets/small_results.h"
#include "widgets/panels/tensor_delegate.h"
#include "widgets/panels/tensor_panel.h"
#include "widgets/panels/tensor_tree_view.h"
#include "widgets/panels/which_tensors_panel.h"

using namespace nibblescope;

class TensorPanelTest : public QObject {
    Q_OBJECT

    TensorTreeView *tree() const { return m_panel->findChild<TensorTreeView *>(); }
    QLineEdit *search() const { return m_panel->findChild<QLineEdit *>(); }
    int tensorNamed(const char *part) const {
        for (int i = 0; i < m_panel->model().tensorCount(); ++i) {
            if (m_panel->model().described(i).info.name.find(part) != std::string::npos)
                return i;
        }
        return -1;
    }
    QModelIndex rowOf(const char *part) const { return m_panel->model().indexOf(tensorNamed(part)); }
    void click(const QModelIndex &index, Qt::KeyboardModifiers modifiers = {}) {
        const QRect cell = tree()->visualRect(index.siblingAtColumn(TensorTreeModel::Shape));
        QTest::mouseClick(tree()->viewport(), Qt::LeftButton, modifiers, cell.center());
    }

private Q_SLOTS:
    void init() {
        m_panel = std::make_unique<TensorPanel>();
        m_panel->resize(420, 812);
        m_panel->show();
        m_panel->setTensors(describe(smallModel(), planOf(Format::Nf4)));
    }
    void cleanup() { m_panel.reset(); }

    void clicksSelect() {
        QSignalSpy selected(m_panel.get(), &TensorPanel::selectionChanged);
        click(rowOf("0.mlp.gate"));
        QCOMPARE(selected.count(), 1);
        QCOMPARE(selected.last().at(1).toInt(), tensorNamed("0.mlp.gate"));
        click(rowOf("1.mlp.gate"), Qt::ControlModifier);
        QCOMPARE(selected.last().at(0).value<std::vector<int>>().size(), std::size_t(2));
        QCOMPARE(selected.last().at(1).toInt(), tensorNamed("1.mlp.gate")); // the last clicked
        const auto count = selected.count();
        click(m_panel->model().indexOfPath(QStringLiteral("layers.0.mlp."))); // a group changes nothing
        QCOMPARE(selected.count(), count);
    }

    void selectionFromOutsideIsSilentAndSeen() {
        QSignalSpy selected(m_panel.get(), &TensorPanel::selectionChanged);
        tree()->collapseAll();
        const int gate = tensorNamed("1.mlp.gate");
        m_panel->setSelection({gate}, gate);
        QCOMPARE(selected.count(), 0);
        QCOMPARE(m_panel->currentTensor(), gate);
        QVERIFY(tree()->isExpanded(m_panel->model().indexOf(gate).parent()));
        QVERIFY(tree()->selectionModel()->isSelected(m_panel->model().indexOf(gate)));
    }

    void selectionSurvivesFilterAndSort() {
        QSignalSpy selected(m_panel.get(), &TensorPanel::selectionChanged);
        const int gate = tensorNamed("1.mlp.gate");
        m_panel->setSelection({gate}, gate);
        QTest::keyClicks(search(), QStringLiteral("down_proj"));
        QTRY_COMPARE(m_panel->model().visibleTensors(), 2);
        QCOMPARE(m_panel->currentTensor(), gate); // hidden, and still what the pages show
        QTest::keyClick(search(), Qt::Key_Escape);
        QTRY_VERIFY(m_panel->model().indexOf(gate).isValid());
        QVERIFY(tree()->selectionModel()->isSelected(m_panel->model().indexOf(gate)));
        tree()->header()->setSortIndicator(TensorTreeModel::Params, Qt::DescendingOrder);
        QVERIFY(m_panel->model().flat());
        QVERIFY(tree()->selectionModel()->isSelected(m_panel->model().indexOf(gate)));
        QCOMPARE(selected.count(), 0);
    }

    void closedGroupsStayClosed() {
        const QModelIndex layer = m_panel->model().indexOfPath(QStringLiteral("layers.0."));
        tree()->collapse(layer);
        QTest::keyClicks(search(), QStringLiteral("gate"));
        QTRY_COMPARE(m_panel->model().visibleTensors(), 2);
        QVERIFY(tree()->isExpanded(m_panel->model().indexOf(tensorNamed("0.mlp.gate")).parent())); // matches are seen
        QTest::keyClick(search(), Qt::Key_Escape);
        QTRY_COMPARE(m_panel->model().visibleTensors(), m_panel->model().tensorCount());
        QVERIFY(!tree()->isExpanded(m_panel->model().indexOfPath(QStringLiteral("layers.0."))));
        QVERIFY(tree()->isExpanded(m_panel->model().indexOfPath(QStringLiteral("layers.1."))));
    }

    void keys() {
        QSignalSpy activated(m_panel.get(), &TensorPanel::activated);
        QSignalSpy toggled(m_panel.get(), &TensorPanel::quantizeToggled);
        const int gate = tensorNamed("0.mlp.gate");
        m_panel->setSelection({gate}, gate);
        QTest::keyClick(tree(), Qt::Key_Return);
        QCOMPARE(activated.count(), 1);
        QTest::keyClick(tree(), Qt::Key_Space);
        QCOMPARE(toggled.count(), 1);
        QCOMPARE(toggled.last().at(0).value<std::vector<int>>(), std::vector<int>{gate});
        QCOMPARE(toggled.last().at(1).toBool(), false);
        const int down = tensorNamed("0.mlp.down");
        m_panel->setSelection({gate, down}, gate); // all that are selected
        QTest::keyClick(tree(), Qt::Key_Space);
        QCOMPARE(toggled.last().at(0).value<std::vector<int>>().size(), std::size_t(2));
        m_panel->setReadOnly(true);
        QTest::keyClick(tree(), Qt::Key_Space);
        QCOMPARE(toggled.count(), 2);
    }

    void neighbours() {
        const int gate = tensorNamed("0.mlp.gate");
        QCOMPARE(m_panel->neighbour(gate, 1), tensorNamed("0.mlp.up"));
        QCOMPARE(m_panel->neighbour(tensorNamed("embed"), -1), -1);
        QCOMPARE(m_panel->neighbour(tensorNamed("model.norm"), 1), -1);
        QCOMPARE(m_panel->neighbour(-1, 1), tensorNamed("embed"));
    }

    void enterInTheSearchGoesToTheFirstMatch() {
        QSignalSpy selected(m_panel.get(), &TensorPanel::selectionChanged);
        m_panel->focusSearch();
        QTest::keyClicks(search(), QStringLiteral("1.mlp.up"));
        QTest::keyClick(search(), Qt::Key_Return);
        QCOMPARE(selected.last().at(1).toInt(), tensorNamed("1.mlp.up"));
    }

    void aWrongTermIsTold() {
        QTest::keyClicks(search(), QStringLiteral("kurt>abc"));
        QTRY_VERIFY(search()->property("invalid").toBool());
        QVERIFY(search()->toolTip().contains(QStringLiteral("abc")));
        QTest::keyClick(search(), Qt::Key_Escape);
        QTRY_VERIFY(!search()->property("invalid").toBool());
    }

    void footer() {
        QString text;
        for (const QLabel *label : m_panel->findChildren<QLabel *>()) {
            if (label->text().contains(QStringLiteral("quantized ·")))
                text = label->text();
        }
        QCOMPARE(text, QStringLiteral("12 tensors · 8 quantized · 107,200 parameters"));
    }

    void columnsGiveWay() {
        const auto hidden = [&](int column) { return tree()->isColumnHidden(column); };
        QVERIFY(hidden(TensorTreeModel::Size)); // off until asked for
        QVERIFY(!hidden(TensorTreeModel::Type));
        const int name = tree()->header()->sectionSize(TensorTreeModel::Name);
        QVERIFY(name >= 120);
        m_panel->resize(380, 812);
        QTRY_VERIFY(hidden(TensorTreeModel::Type));
        QVERIFY(!hidden(TensorTreeModel::Params));
        m_panel->resize(260, 812);
        QTRY_VERIFY(hidden(TensorTreeModel::Kurtosis));
        QVERIFY(!hidden(TensorTreeModel::Bpw) && !hidden(TensorTreeModel::Sqnr));
        m_panel->resize(420, 812);
        QTRY_VERIFY(!hidden(TensorTreeModel::Type));
        tree()->setColumnWanted(TensorTreeModel::Params, false);
        QVERIFY(hidden(TensorTreeModel::Params));
        m_panel->resize(600, 812);
        QTest::qWait(10);
        QVERIFY(hidden(TensorTreeModel::Params)); // the user's choice
    }

    void stateIsRestored() {
        tree()->setColumnWanted(TensorTreeModel::Kurtosis, false);
        tree()->header()->setSortIndicator(TensorTreeModel::Bpw, Qt::DescendingOrder);
        const QByteArray state = m_panel->saveState();
        TensorPanel other;
        other.resize(420, 812);
        QVERIFY(other.restoreState(state));
        QCOMPARE(other.saveState(), state);
        QVERIFY(!other.restoreState("{\"version\": 1, \"hidden\": \"x\"}"));
        QVERIFY(!other.restoreState("not JSON"));
        QVERIFY(!other.restoreState({}));
        QCOMPARE(other.saveState(), state);
    }

    void whichTensors() {
        QSignalSpy rules(m_panel.get(), &TensorPanel::ruleEdited);
        m_panel->showWhichTensors(true);
        auto *which = m_panel->findChild<WhichTensorsPanel *>();
        QVERIFY(which->isVisible());
        const auto edits = which->findChildren<QLineEdit *>();
        const auto shown = [&](const QString &part) {
            for (const QLabel *label : which->findChildren<QLabel *>()) {
                if (label->text().contains(part))
                    return true;
            }
            return false;
        };
        QVERIFY(shown(QStringLiteral("floating point, rank 2")));
        QVERIFY(shown(QStringLiteral("8 of 12 tensors quantized")));
        QTest::keyClicks(edits[0], QStringLiteral("*embed_tokens*"));
        QVERIFY(shown(QStringLiteral("9 of 12 tensors quantized"))); // before anything is applied
        QTRY_COMPARE(rules.count(), 1);
        QTest::keyClicks(edits[1], QStringLiteral("*.0.*, nothing*"));
        QTest::keyClick(edits[1], Qt::Key_Return);
        const auto rule = rules.last().at(0).value<SelectionRule>();
        QCOMPARE(rule.include, std::vector<std::string>{"*embed_tokens*"});
        QCOMPARE(rule.exclude, (std::vector<std::string>{"*.0.*", "nothing*"}));
        QVERIFY(shown(QStringLiteral("no name matches nothing*")));
        QTest::keyClick(edits[1], Qt::Key_Escape);
        QVERIFY(!which->isVisible());
    }

    void namesThatFit() {
        const QFontMetrics metrics(QApplication::font());
        const QString name = QStringLiteral("layers.0.mlp.down_proj");
        QCOMPARE(fittingName(name, 10000, metrics), name);
        const QString shorter = fittingName(name, metrics.horizontalAdvance(name) - 4, metrics);
        QVERIFY2(shorter.endsWith(QStringLiteral("…down_proj")) || shorter.endsWith(QStringLiteral("….down_proj")),
                 qPrintable(shorter));
        const QString part = QStringLiteral("post_attention_layernorm");
        const QString fitted = fittingName(part, metrics.horizontalAdvance(part) / 2, metrics);
        QVERIFY2(fitted.startsWith(QStringLiteral("post_")) && fitted.endsWith(QStringLiteral("…norm")),
                 qPrintable(fitted));
        QVERIFY(metrics.horizontalAdvance(fitted) <= metrics.horizontalAdvance(part) / 2);
        fittingName(QString(), 0, metrics);
        fittingName(QStringLiteral("a.b"), 1, metrics);
    }

    void anotherModel() {
        m_panel->setSelection({3}, 3);
        m_panel->setTensors({});
        QCOMPARE(m_panel->currentTensor(), -1);
        QVERIFY(!search()->isEnabled());
        m_panel->setTensors(describe(smallModel(1), planOf(Format::Nf4)));
        QCOMPARE(m_panel->currentTensor(), -1);
        QVERIFY(search()->isEnabled());
    }

private:
    std::unique_ptr<TensorPanel> m_panel;
};

QTEST_MAIN(TensorPanelTest)
#include "tensor_panel_test.moc"
