// SPDX-License-Identifier: GPL-3.0-or-later
#include <QtTest>

#include "widgets/selection/selection.h"

using nibblescope::Selection;

class SelectionTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { m_selection.reset(10); }

    void oneTensor() {
        QSignalSpy tensors(&m_selection, &Selection::tensorChanged);
        m_selection.selectTensor(3);
        QCOMPARE(m_selection.tensor(), 3);
        QCOMPARE(m_selection.tensors(), std::vector<int>{3});
        QVERIFY(!m_selection.many());
        m_selection.selectTensor(3);
        m_selection.selectTensor(10); // not in the model
        m_selection.selectTensor(-1);
        QCOMPARE(tensors.count(), 1);
    }

    void severalWithTheLastClicked() {
        m_selection.selectTensors({7, 2, 2, 99}, 5);
        QCOMPARE(m_selection.tensors(), (std::vector<int>{2, 5, 7}));
        QCOMPARE(m_selection.tensor(), 5);
        QVERIFY(m_selection.many());
    }

    void backAndForward() {
        QVERIFY(!m_selection.canGoBack());
        m_selection.selectTensor(1);
        m_selection.selectGroup(4);
        m_selection.selectTensor(2);
        QVERIFY(!m_selection.group()); // another tensor: another group
        m_selection.selectTensor(3);
        m_selection.goBack();
        QCOMPARE(m_selection.tensor(), 2);
        m_selection.goBack();
        QCOMPARE(m_selection.tensor(), 1);
        QCOMPARE(m_selection.group(), std::optional<std::uint64_t>(4)); // found again
        QVERIFY(!m_selection.canGoBack());
        m_selection.goForward();
        QCOMPARE(m_selection.tensor(), 2);
        m_selection.selectTensor(8); // drops what lay ahead
        QVERIFY(!m_selection.canGoForward());
        m_selection.goBack();
        QCOMPARE(m_selection.tensor(), 2);
    }

    void addingToTheSelectionIsNoStep() {
        m_selection.selectTensor(1);
        m_selection.selectTensors({1, 2, 3}, 1);
        QVERIFY(!m_selection.canGoBack());
        m_selection.selectTensor(5);
        m_selection.goBack();
        QCOMPARE(m_selection.tensors(), (std::vector<int>{1, 2, 3}));
    }

    void historyIsBounded() {
        for (int i = 0; i < 1000; ++i)
            m_selection.selectTensor(i % 10);
        int steps = 0;
        while (m_selection.canGoBack()) {
            m_selection.goBack();
            ++steps;
        }
        QCOMPARE(steps, static_cast<int>(Selection::historyLimit) - 1);
    }

    void aReceiverSeesAWholeState() {
        m_selection.selectTensors({1, 2}, 1);
        m_selection.selectGroup(9);
        int seen = 0;
        connect(&m_selection, &Selection::tensorChanged, this, [&](int tensor) {
            ++seen;
            QCOMPARE(tensor, 5);
            QCOMPARE(m_selection.tensors(), std::vector<int>{5});
            QVERIFY(!m_selection.group());
        });
        m_selection.selectTensor(5);
        QCOMPARE(seen, 1);
        disconnect(&m_selection, nullptr, this, nullptr);
    }

    void codeStaysAcrossTensorsAndAModelForgetsAll() {
        m_selection.selectTensor(1);
        m_selection.selectCode(7);
        m_selection.selectTensor(2);
        QCOMPARE(m_selection.code(), std::optional<int>(7));
        m_selection.reset(4);
        QCOMPARE(m_selection.tensor(), -1);
        QVERIFY(!m_selection.code());
        QVERIFY(!m_selection.canGoBack());
        m_selection.selectGroup(3); // without a tensor there is no group
        QVERIFY(!m_selection.group());
    }

private:
    Selection m_selection;
};

QTEST_GUILESS_MAIN(SelectionTest)
#include "selection_test.moc"
