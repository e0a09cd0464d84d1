// SPDX-License-Identifier: GPL-3.0-or-later
// What an edit of one field makes of a recipe, and why a field cannot be edited. Values only, no widgets.
#pragma once

#include <optional>

#include <QString>

#include "core/quant/recipe.h"

namespace nibblescope {

// The group size that the user chose, for formats that do not fix it.
struct GroupChoice {
    GroupSize size = GroupSize::of(64);
    bool byHand = false; // INT8 starts with whole rows unless it was
};

// Another format: MXFP4 brings its own group size, INT8 whole rows; from either of them the choice comes back.
Recipe withFormat(const Recipe &recipe, Format format, const GroupChoice &choice);

// Why a whole field is fixed ("MXFP4 fixes 32 weights and an 8-bit exponent"); nullopt: it can be edited.
std::optional<QString> groupSizeFixed(const Recipe &recipe);
std::optional<QString> blocksFixed(const Recipe &recipe);
std::optional<QString> scaleTypeFixed(const Recipe &recipe);
std::optional<QString> doubleQuantFixed(const Recipe &recipe);
std::optional<QString> methodFixed(const Recipe &recipe);

// Why the recipe cannot have this value beside its others; nullopt: it can.
std::optional<QString> problemWith(const Recipe &recipe, GroupSize size);
std::optional<QString> problemWith(const Recipe &recipe, Blocks blocks);
std::optional<QString> problemWith(const Recipe &recipe, DoubleQuant kind);

// The field in which two recipes differ and the edit in words: {"group-size", "Group Size 64 → 32"}. Several fields, or
// a preset: {"preset", "Preset NF4 64 → QLoRA"}.
struct RecipeEdit {
    QString field;
    QString action;
};
RecipeEdit describeEdit(const Recipe &before, const Recipe &after);

QString nameOf(Blocks blocks);
QString nameOf(ScaleType type);
QString nameOf(DoubleQuant kind);

// What a group size means for rows of `cols` weights: "last group of each row has 44", "rows have 172 weights: same as
// row"; empty: nothing to say.
QString groupSizeNote(const Recipe &recipe, std::uint64_t cols);

} // namespace nibblescope
