// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/recipe_edit.h"

#include <QCoreApplication>

#include "core/quant/quantize.h"
#include "core/report/number_text.h"

namespace nibblescope {
namespace {

QString tr(const char *text) { return QCoreApplication::translate("RecipePanel", text); }
QString qs(std::string_view text) { return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size())); }

std::optional<QString> reasonOf(const Recipe &recipe) {
    const auto problem = problemOf(recipe);
    return problem ? std::optional(qs(problem->reason)) : std::nullopt;
}

std::optional<QString> nothingToQuantize(const Recipe &recipe) {
    if (recipe.format == Format::None)
        return tr("None quantizes nothing: statistics only");
    return std::nullopt;
}

std::optional<QString> fixedByFormat(const Recipe &recipe) {
    if (traits(recipe.format).fixedGroupSize != 0)
        return tr("MXFP4 fixes 32 weights and an 8-bit exponent");
    return nothingToQuantize(recipe);
}

} // namespace

Recipe withFormat(const Recipe &recipe, Format format, const GroupChoice &choice) {
    Recipe next = recipe;
    next.format = format;
    const unsigned fixed = traits(format).fixedGroupSize;
    const bool fromFixed = traits(recipe.format).fixedGroupSize != 0;
    const bool fromInt8Rows = recipe.format == Format::Int8 && recipe.groupSize == GroupSize::row() && !choice.byHand;
    if (fixed != 0)
        next.groupSize = GroupSize::of(fixed);
    else if (format == Format::Int8 && !choice.byHand)
        next.groupSize = GroupSize::row();
    else if (fromFixed || fromInt8Rows)
        next.groupSize = choice.size;
    // Flat groups know no rows: then INT8 keeps the size that there was.
    if (format == Format::Int8 && problemOf(next) && next.groupSize == GroupSize::row())
        next.groupSize = fromFixed ? choice.size : recipe.groupSize;
    return next;
}

std::optional<QString> groupSizeFixed(const Recipe &recipe) { return fixedByFormat(recipe); }

std::optional<QString> blocksFixed(const Recipe &recipe) { return nothingToQuantize(recipe); }

std::optional<QString> scaleTypeFixed(const Recipe &recipe) {
    if (const auto fixed = fixedByFormat(recipe))
        return fixed;
    if (recipe.doubleQuant != DoubleQuant::Off)
        return tr("double quantization stores 8 bits");
    return std::nullopt;
}

std::optional<QString> doubleQuantFixed(const Recipe &recipe) {
    if (recipe.doubleQuant != DoubleQuant::Off)
        return nothingToQuantize(recipe); // what is on can always be switched off
    if (const auto fixed = fixedByFormat(recipe))
        return fixed;
    const auto dynamic = problemWith(recipe, DoubleQuant::Dynamic);
    return dynamic && problemWith(recipe, DoubleQuant::Int8) ? dynamic : std::nullopt;
}

std::optional<QString> methodFixed(const Recipe &recipe) { return nothingToQuantize(recipe); }

std::optional<QString> problemWith(const Recipe &recipe, GroupSize size) {
    Recipe next = recipe;
    next.groupSize = size;
    return reasonOf(next);
}

std::optional<QString> problemWith(const Recipe &recipe, Blocks blocks) {
    Recipe next = recipe;
    next.blocks = blocks;
    return reasonOf(next);
}

std::optional<QString> problemWith(const Recipe &recipe, DoubleQuant kind) {
    Recipe next = recipe;
    next.doubleQuant = kind;
    return reasonOf(next);
}

QString nameOf(Blocks blocks) { return blocks == Blocks::Row ? tr("Along rows") : tr("Flat"); }

QString nameOf(ScaleType type) {
    switch (type) {
    case ScaleType::F32:
        return QStringLiteral("F32");
    case ScaleType::F16:
        return QStringLiteral("F16");
    case ScaleType::BF16:
        return QStringLiteral("BF16");
    }
    return {};
}

QString nameOf(DoubleQuant kind) {
    switch (kind) {
    case DoubleQuant::Off:
        return tr("Off");
    case DoubleQuant::Dynamic:
        return tr("Dynamic 8-bit");
    case DoubleQuant::Int8:
        return QStringLiteral("INT8");
    }
    return {};
}

RecipeEdit describeEdit(const Recipe &before, const Recipe &after) {
    const auto edit = [](const char *field, const QString &what, const QString &from, const QString &to) {
        return RecipeEdit{QLatin1String(field), tr("%1 %2 → %3").arg(what, from, to)};
    };
    const auto methodName = [](const Recipe &recipe) {
        const MethodTraits *method = findMethod(recipe.method);
        return method ? qs(method->name) : qs(recipe.method);
    };
    // A format brings its group size with it.
    if (before.format != after.format) {
        Recipe same = before;
        same.format = after.format;
        same.groupSize = after.groupSize;
        if (same == after)
            return edit("format", tr("Format"), qs(traits(before.format).shortName),
                        qs(traits(after.format).shortName));
    }
    int changes = 0;
    RecipeEdit last;
    const auto add = [&](bool differs, const RecipeEdit &change) {
        if (differs) {
            ++changes;
            last = change;
        }
    };
    add(before.format != after.format, {});
    add(!(before.groupSize == after.groupSize),
        edit("group-size", tr("Group Size"), qs(toString(before.groupSize)), qs(toString(after.groupSize))));
    add(before.blocks != after.blocks, edit("blocks", tr("Groups Run"), nameOf(before.blocks), nameOf(after.blocks)));
    add(before.scaleType != after.scaleType,
        edit("scale-type", tr("Scale Type"), nameOf(before.scaleType), nameOf(after.scaleType)));
    add(before.doubleQuant != after.doubleQuant,
        edit("double-quant", tr("Double Quantization"), nameOf(before.doubleQuant), nameOf(after.doubleQuant)));
    add(before.method != after.method, edit("method", tr("Method"), methodName(before), methodName(after)));
    if (changes == 1)
        return last;
    return edit("preset", tr("Recipe"), qs(shortForm(before)), qs(shortForm(after)));
}

QString groupSizeNote(const Recipe &recipe, std::uint64_t cols) {
    if (recipe.format == Format::None || recipe.groupSize.kind != GroupSize::Kind::Count || cols == 0 ||
        recipe.blocks == Blocks::Flat)
        return {};
    const std::uint64_t size = recipe.groupSize.count;
    const QString row = qs(countText(cols));
    if (size > cols)
        return tr("rows have %1 weights: same as row").arg(row);
    if (cols % size != 0)
        return tr("last group of each row has %1").arg(qs(countText(cols % size)));
    return {};
}

} // namespace nibblescope
