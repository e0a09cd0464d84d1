// SPDX-License-Identifier: GPL-3.0-or-later
#include <QtTest>

#include "widgets/panels/recipe_edit.h"

using namespace nibblescope;

Q_DECLARE_METATYPE(nibblescope::Format)

class RecipeEditTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void formatsBringTheirGroupSize() {
        const Recipe nf4 = defaultRecipe(Format::Nf4);
        const GroupChoice untouched;
        QVERIFY(withFormat(nf4, Format::Int4, untouched).groupSize == GroupSize::of(64));
        QVERIFY(withFormat(nf4, Format::Mxfp4, untouched).groupSize == GroupSize::of(32));
        QVERIFY(withFormat(nf4, Format::Int8, untouched).groupSize == GroupSize::row());
        // From there the choice comes back.
        const Recipe mxfp4 = withFormat(nf4, Format::Mxfp4, untouched);
        QVERIFY(withFormat(mxfp4, Format::Nf4, untouched).groupSize == GroupSize::of(64));
        const Recipe int8 = withFormat(nf4, Format::Int8, untouched);
        QVERIFY(withFormat(int8, Format::Nf4, untouched).groupSize == GroupSize::of(64));
        QVERIFY(withFormat(mxfp4, Format::Int8, untouched).groupSize == GroupSize::row());
    }

    void aSizeSetByHandStays() {
        Recipe nf4 = defaultRecipe(Format::Nf4);
        nf4.groupSize = GroupSize::of(128);
        const GroupChoice byHand{GroupSize::of(128), true};
        QVERIFY(withFormat(nf4, Format::Int8, byHand).groupSize == GroupSize::of(128));
        const Recipe mxfp4 = withFormat(nf4, Format::Mxfp4, byHand);
        QVERIFY(mxfp4.groupSize == GroupSize::of(32));
        QVERIFY(withFormat(mxfp4, Format::Int4, byHand).groupSize == GroupSize::of(128));
        Recipe row = defaultRecipe(Format::Int8);
        QVERIFY(withFormat(row, Format::Nf4, {GroupSize::row(), true}).groupSize == GroupSize::row());
    }

    void flatGroupsKeepTheirSizeWithInt8() {
        Recipe flat = defaultRecipe(Format::Nf4);
        flat.blocks = Blocks::Flat;
        const Recipe int8 = withFormat(flat, Format::Int8, {});
        QVERIFY(int8.groupSize == GroupSize::of(64));
        QVERIFY(!problemOf(int8));
    }

    void reasons() {
        const Recipe mxfp4 = defaultRecipe(Format::Mxfp4);
        const QString fixed = QStringLiteral("MXFP4 fixes 32 weights and an 8-bit exponent");
        QCOMPARE(groupSizeFixed(mxfp4), std::optional(fixed));
        QCOMPARE(scaleTypeFixed(mxfp4), std::optional(fixed));
        QCOMPARE(doubleQuantFixed(mxfp4), std::optional(fixed));
        Recipe doubled = defaultRecipe(Format::Nf4);
        QVERIFY(!scaleTypeFixed(doubled));
        doubled.doubleQuant = DoubleQuant::Dynamic;
        QCOMPARE(scaleTypeFixed(doubled), std::optional(QStringLiteral("double quantization stores 8 bits")));
        QVERIFY(!doubleQuantFixed(doubled));
        Recipe tensor = defaultRecipe(Format::Int4);
        tensor.groupSize = GroupSize::tensor();
        QCOMPARE(doubleQuantFixed(tensor), std::optional(QStringLiteral("one scale a tensor: nothing to save")));
        Recipe row = defaultRecipe(Format::Int4);
        row.groupSize = GroupSize::row();
        QCOMPARE(problemWith(row, Blocks::Flat),
                 std::optional(QStringLiteral("a whole row is along rows by definition")));
        const Recipe none = defaultRecipe(Format::None);
        QVERIFY(groupSizeFixed(none) && blocksFixed(none) && scaleTypeFixed(none) && doubleQuantFixed(none) &&
                methodFixed(none));
    }

    void edits() {
        const Recipe nf4 = defaultRecipe(Format::Nf4);
        Recipe other = nf4;
        other.groupSize = GroupSize::of(32);
        QCOMPARE(describeEdit(nf4, other).field, QStringLiteral("group-size"));
        QCOMPARE(describeEdit(nf4, other).action, QStringLiteral("Group Size 64 → 32"));
        QCOMPARE(describeEdit(nf4, defaultRecipe(Format::Int8)).field, QStringLiteral("format"));
        QCOMPARE(describeEdit(nf4, defaultRecipe(Format::Int8)).action, QStringLiteral("Format NF4 → INT8"));
        other = nf4;
        other.method = "mse";
        QCOMPARE(describeEdit(nf4, other).action, QStringLiteral("Method Round to nearest → MSE clip"));
        other.scaleType = ScaleType::F32;
        QCOMPARE(describeEdit(nf4, other).field, QStringLiteral("preset"));
    }

    void notes() {
        Recipe recipe = defaultRecipe(Format::Nf4);
        QCOMPARE(groupSizeNote(recipe, 172), QStringLiteral("last group of each row has 44"));
        QCOMPARE(groupSizeNote(recipe, 128), QString());
        recipe.groupSize = GroupSize::of(512);
        QCOMPARE(groupSizeNote(recipe, 172), QStringLiteral("rows have 172 weights: same as row"));
        recipe.blocks = Blocks::Flat;
        QCOMPARE(groupSizeNote(recipe, 172), QString());
    }
};

QTEST_GUILESS_MAIN(RecipeEditTest)
#include "recipe_edit_test.moc"
