// SPDX-License-Identifier: GPL-3.0-or-later
// What TensorTreeModel says: texts, tooltips and the keys that it sorts by.
#include <algorithm>
#include <cmath>

#include "core/report/number_text.h"
#include "widgets/models/tensor_tree_model.h"
#include "widgets/models/tensor_tree_node.h"

namespace nibblescope {
namespace {

const QString waiting = QStringLiteral("·");
const QString notApplicable = QStringLiteral("–");

QString qs(const std::string &text) { return QString::fromStdString(text); }
QString qs(std::string_view text) { return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size())); }

QString shapeText(const std::vector<std::uint64_t> &shape) {
    QStringList sides;
    for (const std::uint64_t side : shape)
        sides << qs(std::to_string(side));
    return sides.isEmpty() ? QStringLiteral("scalar") : sides.join(QStringLiteral(" × "));
}

QString kurtosisText(double kurtosis) { return qs(kurtosis < 1000 ? fixedText(kurtosis, 2) : valueText(kurtosis)); }

std::uint64_t bytesWithRecipe(const TensorResult &result) {
    return result.quantized ? (result.bits.total() + 7) / 8 : result.info.bytes;
}

QString differenceWithSign(double difference) { return qs(differenceText(difference, 2)); }

} // namespace

const TensorTreeModel::Sums &TensorTreeModel::sumsOf(const Node &node) const {
    if (node.sums)
        return *node.sums;
    Sums sums;
    for (const int tensor : node.tensors) {
        const Item &item = m_items[static_cast<std::size_t>(tensor)];
        const TensorResult &described = item.described;
        sums.params += described.info.params;
        sums.bytes += bytesWithRecipe(described);
        if (!described.quantized)
            continue;
        ++sums.quantized;
        sums.quantizedParams += described.info.params;
        sums.bits += described.bits;
        if (item.measured && item.measured->metrics && !item.stale()) {
            ++sums.measured;
            sums.signal += item.measured->metrics->sums.signal;
            sums.error += item.measured->metrics->sums.error;
        }
    }
    node.sums = sums;
    return *node.sums;
}

QString TensorTreeModel::tensorText(const Item &item, int column) const {
    const TensorResult &described = item.described;
    switch (column) {
    case Shape:
        return shapeText(described.info.shape);
    case Type:
        return m_stored && described.quantized ? qs(traits(described.recipe.format).shortName)
                                               : qs(traits(described.info.dtype).name);
    case Params:
        return qs(shortCount(described.info.params));
    case Bpw:
        return described.quantized ? qs(bpwText(described.bpw)) : tr("kept");
    case Sqnr:
        if (!described.quantized || m_stored)
            return notApplicable;
        if (!item.measured || !item.measured->quantized)
            return waiting;
        return item.measured->metrics ? qs(sqnrText(item.measured->metrics->sqnrDb, item.measured->metrics->exact()))
                                      : notApplicable;
    case Kurtosis:
        if (!traits(described.info.dtype).decodable)
            return notApplicable;
        if (!item.measured)
            return waiting;
        return item.measured->statistics.kurtosis ? kurtosisText(*item.measured->statistics.kurtosis) : notApplicable;
    case Size:
        return qs(bytesText(static_cast<double>(bytesWithRecipe(described))));
    default:
        return {};
    }
}

QString TensorTreeModel::groupText(const Node &node, int column) const {
    const Sums &sums = sumsOf(node);
    switch (column) {
    case Shape:
        return node.tensors.size() == 1 ? tr("1 tensor") : tr("%1 tensors").arg(node.tensors.size());
    case Params:
        return qs(shortCount(sums.params));
    case Bpw:
        if (sums.quantized == 0)
            return tr("kept");
        return qs(bpwText(static_cast<double>(sums.bits.total()) / static_cast<double>(sums.quantizedParams)));
    case Sqnr:
        if (sums.quantized == 0 || m_stored)
            return notApplicable;
        if (sums.measured == 0)
            return waiting;
        if (sums.error == 0)
            return qs(sqnrText(std::nullopt, sums.signal > 0));
        return qs(sqnrText(10 * std::log10(sums.signal / sums.error)));
    case Size:
        return qs(bytesText(static_cast<double>(sums.bytes)));
    default:
        return {};
    }
}

bool TensorTreeModel::muted(const Item &item, int column) const {
    if (column == Shape || column == Type)
        return true;
    if (column == Kurtosis)
        return !item.measured;
    return !item.described.quantized && column != Params && column != Size;
}

QVariant TensorTreeModel::sortKey(const Item &item, int column) const {
    const TensorResult &described = item.described;
    const bool upToDate = item.measured && !item.stale();
    switch (column) {
    case Name:
        return qs(item.shortName);
    case Shape:
        return qs(std::to_string(described.shape.rows) + " " + std::to_string(described.shape.cols));
    case Type:
        return tensorText(item, Type);
    case Params:
        return static_cast<double>(described.info.params);
    case Bpw:
        return described.quantized ? QVariant(described.bpw) : QVariant();
    case Sqnr:
        if (upToDate && item.measured->metrics && item.measured->metrics->sqnrDb)
            return *item.measured->metrics->sqnrDb;
        return {};
    case Kurtosis:
        if (item.measured && item.measured->statistics.kurtosis)
            return *item.measured->statistics.kurtosis;
        return {};
    case Size:
        return static_cast<double>(bytesWithRecipe(described));
    default:
        return {};
    }
}

QString TensorTreeModel::sqnrTip(const Item &item) const {
    const TensorResult &described = item.described;
    if (!described.quantized)
        return tr("kept: %1").arg(qs(described.keptReason));
    if (m_stored)
        return tr("the original is not open");
    if (!item.measured || !item.measured->quantized)
        return tr("not computed yet");
    if (item.stale())
        return tr("from %1; recipe is now %2")
            .arg(qs(shortForm(item.measured->recipe)), qs(shortForm(described.recipe)));
    const int tensor = static_cast<int>(&item - m_items.data());
    const auto index = static_cast<std::size_t>(tensor);
    const bool compared = index < m_baselineSqnr.size() && m_baselineSqnr[index] && item.measured->metrics &&
                          item.measured->metrics->sqnrDb;
    if (!compared)
        return tr("SQNR in dB, higher is better");
    const double difference = *item.measured->metrics->sqnrDb - *m_baselineSqnr[index];
    return tr("SQNR in dB, higher is better\n%1 dB against %2 (%3 dB)")
        .arg(differenceWithSign(difference), m_baseline, qs(sqnrText(m_baselineSqnr[index])));
}

QString TensorTreeModel::tensorTip(const Item &item, int column) const {
    const TensorResult &described = item.described;
    switch (column) {
    case Name: {
        QStringList lines{qs(described.info.name)};
        if (!described.quantized)
            lines << tr("kept: %1").arg(qs(described.keptReason));
        if (m_rule.overrides.count(described.info.name) != 0)
            lines << tr("chosen for this tensor, over the rule");
        for (const std::string &warning : described.warnings)
            lines << qs(warning);
        if (item.measured) {
            for (const std::string &warning : item.measured->warnings) {
                if (!lines.contains(qs(warning)))
                    lines << qs(warning);
            }
        }
        return lines.join(QLatin1Char('\n'));
    }
    case Shape:
        return tr("read as %1: %2 rows of %3 weights")
            .arg(described.layout == Layout::OutIn ? QStringLiteral("[out, in]") : QStringLiteral("[in, out]"),
                 qs(countText(described.shape.rows)), qs(countText(described.shape.cols)));
    case Params:
        return tr("%1 parameters").arg(qs(countText(described.info.params)));
    case Bpw:
        return described.quantized
                   ? tr("bits stored per weight, every scale counted")
                   : tr("kept as %1: %2").arg(qs(traits(described.info.dtype).name), qs(described.keptReason));
    case Sqnr:
        return sqnrTip(item);
    case Kurtosis:
        return tr("m4/m2², normal 3");
    case Size:
        return tr("%1 bytes").arg(qs(countText(bytesWithRecipe(described))));
    default:
        return {};
    }
}

QString TensorTreeModel::groupTip(const Node &node, int column) const {
    const Sums &sums = sumsOf(node);
    switch (column) {
    case Name:
    case Shape:
        return tr("%1: %2 of %3 tensors quantized")
            .arg(node.path.chopped(1))
            .arg(sums.quantized)
            .arg(node.tensors.size());
    case Params:
        return tr("%1 parameters").arg(qs(countText(sums.params)));
    case Bpw:
        return tr("over its %1 quantized tensors together").arg(sums.quantized);
    case Sqnr:
        if (sums.measured < sums.quantized)
            return tr("%1 of its %2 quantized tensors computed").arg(sums.measured).arg(sums.quantized);
        return tr("over its %1 quantized tensors together: one sum of signal, one of error").arg(sums.quantized);
    case Size:
        return tr("%1 bytes").arg(qs(countText(sums.bytes)));
    default:
        return {};
    }
}

QVariant TensorTreeModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal || section < 0 || section >= ColumnCount)
        return {};
    static const char *const names[] = {QT_TR_NOOP("Name"),   QT_TR_NOOP("Shape"), QT_TR_NOOP("Type"),
                                        QT_TR_NOOP("Params"), QT_TR_NOOP("bpw"),   QT_TR_NOOP("SQNR"),
                                        QT_TR_NOOP("Kurt."),  QT_TR_NOOP("Size")};
    static const char *const tips[] = {
        QT_TR_NOOP("Names without what they share; a click sorts, the third one brings back the tree"),
        QT_TR_NOOP("As stored in the file"),
        QT_TR_NOOP("Stored type"),
        QT_TR_NOOP("Number of parameters"),
        QT_TR_NOOP("Bits per weight with this recipe, every constant counted"),
        QT_TR_NOOP("10 log10(Σw² / Σ(w − w′)²) in dB, higher is better"),
        QT_TR_NOOP("Kurtosis: m4/m2², normal 3"),
        QT_TR_NOOP("With this recipe; kept ones as they are stored")};
    if (role == Qt::DisplayRole)
        return tr(names[section]);
    if (role == Qt::ToolTipRole)
        return tr(tips[section]);
    if (role == Qt::TextAlignmentRole)
        return QVariant(section >= Params ? Qt::AlignRight | Qt::AlignVCenter : Qt::AlignLeft | Qt::AlignVCenter);
    return {};
}

} // namespace nibblescope
