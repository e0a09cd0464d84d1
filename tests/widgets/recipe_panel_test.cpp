// SPDX-License-Identifier: GPL-3.0-or-later
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QSignalSpy>
#include <QtTest>

#include "tests/widgets/small_results.h"
#include "widgets/panels/bits_block.h"
#include "widgets/panels/format_combo.h"
#include "widgets/panels/recipe_panel.h"
#include "widgets/panels/segmented_control.h"
#include "widgets/panels/stop_slider.h"

using namespace nibblescope;

class RecipePanelTest : public QObject {
    Q_OBJECT

    template <typename T>
    T *named(const char *accessibleName) const {
        for (T *widget : m_panel->findChildren<T *>()) {
            if (widget->accessibleName() == QLatin1String(accessibleName))
                return widget;
        }
        return nullptr;
    }
    FormatCombo *format() const { return m_panel->findChild<FormatCombo *>(); }
    StopSlider *slider() const { return m_panel->findChild<StopSlider *>(); }
    QComboBox *groupSize() const { return named<QComboBox>("Group size"); }
    SegmentedControl *blocks() const { return named<SegmentedControl>("Groups run"); }
    SegmentedControl *scaleType() const { return named<SegmentedControl>("Scale type"); }
    QString help() const { return m_panel->findChild<BitsBlock *>()->help(); }

    void choose(QComboBox *box, int row) {
        box->setCurrentIndex(row);
        Q_EMIT box->activated(row);
    }
    void choose(Format wanted) {
        format()->setFormat(wanted);
        Q_EMIT format()->activated(format()->currentIndex());
    }
    void type(const QString &text) {
        groupSize()->lineEdit()->selectAll();
        QTest::keyClicks(groupSize()->lineEdit(), text);
    }
    QString lastAction() const { return m_edits->last().at(2).toString(); }

private Q_SLOTS:
    void init() {
        m_panel = std::make_unique<RecipePanel>();
        RecipePanel::ModelShapes shapes;
        for (int layer = 0; layer < 5; ++layer) {
            for (const MatrixShape shape :
                 {MatrixShape{64, 64}, MatrixShape{32, 64}, MatrixShape{32, 64}, MatrixShape{64, 64},
                  MatrixShape{172, 64}, MatrixShape{172, 64}, MatrixShape{64, 172}})
                shapes.quantized.push_back(shape);
        }
        shapes.tensors = 47;
        m_panel->setModel(shapes);
        m_panel->setTensor(QStringLiteral("layers.0.mlp.down_proj"), MatrixShape{64, 172});
        m_panel->resize(288, 420);
        m_panel->show();
        m_edits = std::make_unique<QSignalSpy>(m_panel.get(), &RecipePanel::recipeEdited);
    }
    void cleanup() {
        m_edits.reset();
        m_panel.reset();
    }

    void startsWithNf4() {
        QCOMPARE(m_panel->recipe(), defaultRecipe(Format::Nf4));
        QCOMPARE(QString::number(m_panel->bitsPerWeight(), 'f', 3), QStringLiteral("4.257"));
        QCOMPARE(m_edits->count(), 0);
    }

    void bitsOfTheReferenceModel_data() {
        QTest::addColumn<QString>("size");
        QTest::addColumn<QString>("bpw");
        QTest::newRow("64") << "64"
                            << "4.257";
        QTest::newRow("32") << "32"
                            << "4.514";
        QTest::newRow("row") << "row"
                             << "4.212";
        QTest::newRow("tensor") << "tensor"
                                << "4.002";
    }
    void bitsOfTheReferenceModel() {
        QFETCH(QString, size);
        Recipe recipe = defaultRecipe(Format::Nf4);
        recipe.groupSize = *groupSizeFromString(size.toStdString());
        m_panel->setRecipe(recipe);
        QTEST(QString::number(m_panel->bitsPerWeight(), 'f', 3), "bpw");
        QCOMPARE(m_edits->count(), 0);
        QCOMPARE(groupSize()->currentText(), size);
    }

    void formatsAreEdits() {
        choose(Format::Int4);
        QCOMPARE(m_edits->count(), 1);
        QCOMPARE(m_panel->recipe(), defaultRecipe(Format::Int4));
        QCOMPARE(m_edits->last().at(1).toString(), QStringLiteral("format"));
        QCOMPARE(lastAction(), QStringLiteral("Format NF4 → INT4"));
    }

    void int8StartsWithRowsUnlessTheSizeWasSetByHand() {
        choose(Format::Int8);
        QVERIFY(m_panel->recipe().groupSize == GroupSize::row());
        QVERIFY2(help().contains(QStringLiteral("whole rows")), qPrintable(help()));
        choose(Format::Nf4);
        QVERIFY(m_panel->recipe().groupSize == GroupSize::of(64));
        type(QStringLiteral("128"));
        QTest::keyClick(groupSize()->lineEdit(), Qt::Key_Return);
        choose(Format::Int8);
        QVERIFY(m_panel->recipe().groupSize == GroupSize::of(128));
    }

    void sliderAppliesAtEachStop() {
        slider()->setFocus();
        QTest::keyClick(slider(), Qt::Key_Right);
        QVERIFY(m_panel->recipe().groupSize == GroupSize::of(128));
        QCOMPARE(lastAction(), QStringLiteral("Group Size 64 → 128"));
        QTest::keyClick(slider(), Qt::Key_End);
        QVERIFY(m_panel->recipe().groupSize == GroupSize::tensor());
        QTest::keyClick(slider(), Qt::Key_Left);
        QVERIFY(m_panel->recipe().groupSize == GroupSize::row());
        QTest::mouseClick(slider(), Qt::LeftButton, {}, QPoint(9, 11));
        QVERIFY(m_panel->recipe().groupSize == GroupSize::of(16));
        QCOMPARE(m_edits->count(), 4);
        QCOMPARE(groupSize()->currentText(), QStringLiteral("16"));
    }

    void typingMovesTheReadoutAtOnceAndTheRecipeLater() {
        type(QStringLiteral("32"));
        QCOMPARE(m_edits->count(), 0);
        QCOMPARE(QString::number(m_panel->bitsPerWeight(), 'f', 3), QStringLiteral("4.514"));
        QTRY_COMPARE(m_edits->count(), 1);
        QVERIFY(m_panel->recipe().groupSize == GroupSize::of(32));
        type(QStringLiteral("row"));
        QTest::keyClick(groupSize()->lineEdit(), Qt::Key_Return); // does not wait
        QVERIFY(m_panel->recipe().groupSize == GroupSize::row());
    }

    void aTypedSizeBetweenStops() {
        type(QStringLiteral("100"));
        QTest::keyClick(groupSize()->lineEdit(), Qt::Key_Return);
        QVERIFY(m_panel->recipe().groupSize == GroupSize::of(100));
        slider()->setFocus();
        QTest::keyClick(slider(), Qt::Key_Right); // the neighbour on that side
        QVERIFY(m_panel->recipe().groupSize == GroupSize::of(128));
    }

    void wrongSizesLeaveTheRecipeInForce_data() {
        QTest::addColumn<QString>("text");
        for (const char *text : {"1", "0", "-4", "1048577", "abc", "6.5", "99999999999999999999"})
            QTest::newRow(text) << text;
    }
    void wrongSizesLeaveTheRecipeInForce() {
        QFETCH(QString, text);
        type(text);
        QVERIFY(groupSize()->property("invalid").toBool());
        QCOMPARE(help(), QStringLiteral("2 to 1,048,576, row or tensor"));
        QTest::qWait(300);
        QCOMPARE(m_edits->count(), 0);
        QCOMPARE(m_panel->recipe(), defaultRecipe(Format::Nf4));
    }

    void mxfp4FixesItsFields() {
        choose(Format::Mxfp4);
        QCOMPARE(m_panel->recipe(), defaultRecipe(Format::Mxfp4));
        const QString reason = QStringLiteral("MXFP4 fixes 32 weights and an 8-bit exponent");
        QVERIFY(!groupSize()->isEnabled());
        QCOMPARE(groupSize()->toolTip(), reason);
        QCOMPARE(groupSize()->currentText(), QStringLiteral("32"));
        QVERIFY(!scaleType()->isEnabled());
        QVERIFY(!named<QComboBox>("Double quant.")->isEnabled());
        QVERIFY(blocks()->isEnabled());
    }

    void flatAndRowExcludeEachOther() {
        Recipe row = defaultRecipe(Format::Nf4);
        row.groupSize = GroupSize::row();
        m_panel->setRecipe(row);
        QVERIFY(!blocks()->button(1)->isEnabled());
        QCOMPARE(blocks()->problem(1), QStringLiteral("a whole row is along rows by definition"));
        m_panel->setRecipe(defaultRecipe(Format::Nf4));
        QTest::mouseClick(blocks()->button(1), Qt::LeftButton);
        QCOMPARE(m_panel->recipe().blocks, Blocks::Flat);
        QCOMPARE(lastAction(), QStringLiteral("Groups Run Along rows → Flat"));
        const auto edits = m_edits->count();
        type(QStringLiteral("row")); // refused with the reason, not corrected
        QVERIFY(groupSize()->property("invalid").toBool());
        QCOMPARE(help(), QStringLiteral("a whole row is along rows by definition"));
        QTest::qWait(300);
        QCOMPARE(m_edits->count(), edits);
        QVERIFY(m_panel->recipe().groupSize == GroupSize::of(64));
    }

    void presets() {
        auto *preset = named<QComboBox>("Preset");
        choose(preset, 1);
        QCOMPARE(m_panel->recipe(), nibblescope::presets()[1].recipe);
        QCOMPARE(lastAction(), QStringLiteral("Preset QLoRA"));
        QVERIFY(!scaleType()->isEnabled()); // stores 8 bits
        QCOMPARE(preset->accessibleDescription(), QStringLiteral("QLoRA"));
        QTest::keyClick(slider(), Qt::Key_Right);
        QCOMPARE(preset->accessibleDescription(), QStringLiteral("QLoRA, changed"));
    }

    void aLoadedRecipeThatCannotBeIsShownAsItIs() {
        QSignalSpy problems(m_panel.get(), &RecipePanel::problemChanged);
        Recipe bad = defaultRecipe(Format::Int4);
        bad.groupSize = GroupSize::tensor();
        bad.doubleQuant = DoubleQuant::Int8;
        m_panel->setRecipe(bad);
        QCOMPARE(m_panel->recipe(), bad);
        QCOMPARE(problems.count(), 1);
        QCOMPARE(problems.last().at(0).toString(), QStringLiteral("one scale a tensor: nothing to save"));
        QCOMPARE(m_edits->count(), 0);
        choose(named<QComboBox>("Double quant."), 0);
        QCOMPARE(m_edits->count(), 1);
        QCOMPARE(problems.last().at(0).toString(), QString());
    }

    void storedRecipesCannotBeChanged() {
        m_panel->setStored(true);
        QVERIFY(!format()->isEnabled());
        QVERIFY(!groupSize()->isEnabled());
        QVERIFY(!blocks()->isEnabled());
        QCOMPARE(format()->toolTip(), QStringLiteral("stored in the file"));
        m_panel->setStored(false);
        QVERIFY(format()->isEnabled());
    }

    void everyFieldHasANameAndADescription() {
        for (QWidget *field : m_panel->findChildren<QWidget *>()) {
            if (field->focusPolicy() == Qt::NoFocus || !field->isVisible() || qobject_cast<QLabel *>(field) ||
                field->parentWidget() == groupSize())
                continue;
            const auto *button = qobject_cast<QAbstractButton *>(field);
            QVERIFY2(!field->accessibleName().isEmpty() || (button && !button->text().isEmpty()),
                     field->metaObject()->className());
            QVERIFY2(!field->accessibleDescription().isEmpty(), field->metaObject()->className());
        }
    }

    void fieldsEndWithTheDock() {
        m_panel->resize(288, 420);
        QTest::qWait(10);
        for (const QWidget *field : m_panel->findChildren<QComboBox *>()) {
            const int right = field->mapTo(m_panel.get(), QPoint(field->width(), 0)).x();
            QVERIFY2(right <= 288 - 12, qPrintable(field->accessibleName()));
        }
    }

    void withoutAModel() {
        m_panel->setModel(std::nullopt);
        QVERIFY(!format()->isVisible());
    }

private:
    std::unique_ptr<RecipePanel> m_panel;
    std::unique_ptr<QSignalSpy> m_edits;
};

QTEST_MAIN(RecipePanelTest)
#include "recipe_panel_test.moc"
