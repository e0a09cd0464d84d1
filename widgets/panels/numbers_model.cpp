// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/numbers_panel.h"

#include <algorithm>
#include <cmath>

#include <QLocale>

#include "core/quant/group_grid.h"
#include "core/report/number_text.h"

namespace nibblescope {
namespace {

const QString notApplicable = QStringLiteral("–");

QString qs(const std::string &text) { return QString::fromStdString(text); }

enum class Better { Higher, Lower, Neither };

// One row of the table: what it is called, in which unit, how it is made, and which way is better.
struct Quantity {
    const char *name;
    const char *unit;
    const char *formula;
    const char *csvName; // with its unit
    Better better;
};

constexpr Quantity quantities[NumbersModel::Rows] = {
    {QT_TRANSLATE_NOOP("NumbersModel", "SQNR"), "dB",
     QT_TRANSLATE_NOOP("NumbersModel", "signal to quantization noise: 10 log10(Σw² / Σ(w − w′)²)"), "sqnr_db",
     Better::Higher},
    {QT_TRANSLATE_NOOP("NumbersModel", "Relative error"), "%",
     QT_TRANSLATE_NOOP("NumbersModel", "Frobenius: √(Σ(w − w′)² / Σw²)"), "relative_error", Better::Lower},
    {QT_TRANSLATE_NOOP("NumbersModel", "RMSE"), "", QT_TRANSLATE_NOOP("NumbersModel", "√(Σ(w − w′)² / n)"), "rmse",
     Better::Lower},
    {QT_TRANSLATE_NOOP("NumbersModel", "MSE"), "", QT_TRANSLATE_NOOP("NumbersModel", "Σ(w − w′)² / n"), "mse",
     Better::Lower},
    {QT_TRANSLATE_NOOP("NumbersModel", "Cosine"), "", QT_TRANSLATE_NOOP("NumbersModel", "w · w′ / (‖w‖ ‖w′‖)"),
     "cosine", Better::Higher},
    {QT_TRANSLATE_NOOP("NumbersModel", "Max |error|"), "", QT_TRANSLATE_NOOP("NumbersModel", "max |w − w′|"),
     "max_abs_error", Better::Lower},
    {QT_TRANSLATE_NOOP("NumbersModel", "Clipped"), "%",
     QT_TRANSLATE_NOOP("NumbersModel", "share of weights beyond an outer level by more than half of the outer step"),
     "clipped_share", Better::Lower},
    {QT_TRANSLATE_NOOP("NumbersModel", "Codes used"), "",
     QT_TRANSLATE_NOOP("NumbersModel", "codes that occur at least once"), "used_codes", Better::Higher},
    {QT_TRANSLATE_NOOP("NumbersModel", "Code entropy"), "bit",
     QT_TRANSLATE_NOOP("NumbersModel", "−Σ p log2 p over the shares of the codes"), "code_entropy_bits",
     Better::Neither},
    {QT_TRANSLATE_NOOP("NumbersModel", "bpw"), "",
     QT_TRANSLATE_NOOP("NumbersModel", "bits per weight: all stored bits / weights, every constant counted"), "bpw",
     Better::Lower},
    {QT_TRANSLATE_NOOP("NumbersModel", "Size"), "",
     QT_TRANSLATE_NOOP("NumbersModel", "codes, scales and all other constants"), "bytes", Better::Lower},
    {QT_TRANSLATE_NOOP("NumbersModel", "Kurtosis"), "",
     QT_TRANSLATE_NOOP("NumbersModel", "m4 / m2² of the weights: 3 for a normal distribution"), "kurtosis",
     Better::Neither},
};

// The number behind a row, unrounded; nullopt: it does not apply.
std::optional<double> valueOf(const NumbersSource &source, int row) {
    const std::optional<ErrorMetrics> &metrics = source.metrics;
    switch (row) {
    case NumbersModel::Bpw:
        return source.bpw;
    case NumbersModel::Size:
        return static_cast<double>(source.bytes);
    case NumbersModel::Kurtosis:
        return source.kurtosis;
    default:
        break;
    }
    if (!metrics)
        return std::nullopt;
    switch (row) {
    case NumbersModel::Sqnr:
        return metrics->sqnrDb;
    case NumbersModel::RelativeError:
        return metrics->relativeError;
    case NumbersModel::Rmse:
        return metrics->rmse;
    case NumbersModel::Mse:
        return metrics->mse;
    case NumbersModel::Cosine:
        return metrics->cosine;
    case NumbersModel::MaxError:
        return metrics->maxAbsError;
    case NumbersModel::Clipped:
        return metrics->clippedShare;
    case NumbersModel::UsedCodes:
        return metrics->usedCodes;
    case NumbersModel::Entropy:
        return metrics->codeEntropy;
    default:
        return std::nullopt;
    }
}

std::string kurtosisText(double kurtosis) { return kurtosis < 1000 ? fixedText(kurtosis, 2) : valueText(kurtosis); }

QString textOf(const NumbersSource &source, int row) {
    if (row == NumbersModel::Sqnr && source.metrics && source.metrics->exact())
        return qs(sqnrText(std::nullopt, true));
    const std::optional<double> value = valueOf(source, row);
    if (!value)
        return notApplicable;
    switch (row) {
    case NumbersModel::Sqnr:
        return qs(withUnit(sqnrText(*value), "dB"));
    case NumbersModel::RelativeError:
    case NumbersModel::Clipped:
        return qs(percentText(*value));
    case NumbersModel::Cosine:
        return qs(cosineText(*value));
    case NumbersModel::UsedCodes:
        return NumbersModel::tr("%1 of %2").arg(static_cast<int>(*value)).arg(source.codes);
    case NumbersModel::Entropy:
        return qs(withUnit(fixedText(*value, 2), "bit"));
    case NumbersModel::Bpw:
        return qs(bpwText(*value));
    case NumbersModel::Size:
        return qs(bytesText(*value));
    case NumbersModel::Kurtosis:
        return qs(kurtosisText(*value));
    default:
        return qs(valueText(*value));
    }
}

// Digits after the point in a shown number, many for "1.298e−4": a difference is shown to the same last digit.
int decimalsIn(const QString &text) {
    if (text.contains(QLatin1Char('e')))
        return 9;
    const qsizetype point = text.indexOf(QLatin1Char('.'));
    if (point < 0)
        return 0;
    int digits = 0;
    while (point + 1 + digits < text.size() && text[point + 1 + digits].isDigit())
        ++digits;
    return digits;
}

QString withSampleMark(const QString &text, bool sample) {
    return sample && text != notApplicable ? QStringLiteral("≈ ") + text : text;
}

QString csvField(std::optional<double> value) {
    return value && std::isfinite(*value) ? QLocale::c().toString(*value, 'g', 17) : QString();
}

} // namespace

NumbersSource numbersOf(const TensorResult &result) {
    NumbersSource source;
    source.title = qs(shortTensorName(result.info.name));
    source.weights = result.statistics.finite;
    source.kurtosis = result.statistics.kurtosis;
    source.sample = result.sample;
    source.sampled = result.sampled;
    source.bpw = result.bpw;
    source.bytes = result.info.bytes;
    if (!result.quantized) {
        source.noMetrics = qs(result.keptReason);
        return source;
    }
    source.recipe = qs(shortForm(result.recipe));
    source.metrics = result.metrics;
    source.bytes = (result.bits.total() + 7) / 8;
    source.groups = groupGrid(result.shape, result.recipe).groups();
    source.codes = result.recipe.format == Format::Int8 ? 256 : 16;
    return source;
}

NumbersSource numbersOf(const std::vector<TensorResult> &results) {
    if (results.size() == 1)
        return numbersOf(results.front());
    NumbersSource source;
    source.title = NumbersModel::tr("%1 tensors").arg(results.size());
    const ModelTotals totals = totalsOf(results);
    source.metrics = totals.metrics;
    source.bpw = totals.bpw;
    std::size_t measured = 0;
    for (const TensorResult &result : results) {
        source.bytes += result.quantized ? (result.bits.total() + 7) / 8 : result.info.bytes;
        source.weights += result.quantized ? result.info.params : 0;
        if (!result.quantized)
            continue;
        source.recipe = qs(shortForm(result.recipe));
        source.groups += groupGrid(result.shape, result.recipe).groups();
        source.codes = result.recipe.format == Format::Int8 ? 256 : 16;
        measured += result.metrics && !result.sample ? 1 : 0;
    }
    if (totals.quantizedTensors == 0)
        source.noMetrics = NumbersModel::tr("all of them are kept");
    else if (measured < totals.quantizedTensors)
        source.noMetrics =
            NumbersModel::tr("%1 of %2 quantized ones computed").arg(measured).arg(totals.quantizedTensors);
    return source;
}

NumbersModel::NumbersModel(QObject *parent) : QAbstractTableModel(parent) {}

bool NumbersModel::setNumbers(std::optional<NumbersSource> current, std::optional<NumbersSource> baseline) {
    if (current == m_current && baseline == m_baseline)
        return false;
    const bool sameShape =
        m_current.has_value() == current.has_value() && m_baseline.has_value() == baseline.has_value();
    const auto headers = [this] { return std::pair(headerData(1, Qt::Horizontal), headerData(2, Qt::Horizontal)); };
    const auto headersBefore = headers();
    if (!sameShape)
        beginResetModel();
    m_current = std::move(current);
    m_baseline = std::move(baseline);
    if (!sameShape) {
        endResetModel();
    } else if (m_current) {
        Q_EMIT dataChanged(index(0, 0), index(Rows - 1, columnCount() - 1));
        if (headers() != headersBefore)
            Q_EMIT headerDataChanged(Qt::Horizontal, 0, columnCount() - 1);
    }
    return true;
}

int NumbersModel::rowCount(const QModelIndex &parent) const { return parent.isValid() || !m_current ? 0 : Rows; }
int NumbersModel::columnCount(const QModelIndex &parent) const { return parent.isValid() ? 0 : m_baseline ? 3 : 2; }

namespace {

// The difference and, for quantities that have a better side, whether it went there.
struct Difference {
    QString text;
    bool shown = false; // more than half of the last digit
    bool up = false;
};

std::optional<Difference> difference(const NumbersSource &current, const NumbersSource &baseline, int row) {
    if (row == NumbersModel::Kurtosis)
        return std::nullopt; // of the weights: no recipe changes it
    const std::optional<double> now = valueOf(current, row);
    const std::optional<double> then = valueOf(baseline, row);
    if (!now || !then || !std::isfinite(*now) || !std::isfinite(*then))
        return std::nullopt;
    const double by = *now - *then;
    Difference result;
    result.up = by > 0;
    switch (row) {
    case NumbersModel::Size:
        result.text = by == 0 ? QStringLiteral("±0") : qs(signedText(by, bytesText(std::abs(by))));
        break;
    case NumbersModel::UsedCodes:
        result.text = qs(differenceText(by, 0));
        break;
    case NumbersModel::RelativeError:
    case NumbersModel::Clipped:
        result.text = qs(withUnit(differenceText(100 * by, row == NumbersModel::Clipped ? 3 : 2), "%"));
        if (by == 0)
            result.text = QStringLiteral("±0");
        break;
    case NumbersModel::Cosine:
        result.text = qs(differenceText(by, *now > 0.9995 ? 9 : 4));
        break;
    case NumbersModel::Sqnr:
        result.text = qs(withUnit(differenceText(by, 2), "dB"));
        break;
    case NumbersModel::Entropy:
        result.text = qs(withUnit(differenceText(by, 2), "bit"));
        break;
    case NumbersModel::Bpw:
        result.text = qs(differenceText(by, 3));
        break;
    default:
        result.text = qs(differenceText(by, std::max(decimalsIn(textOf(current, row)), 2)));
        break;
    }
    result.shown = !result.text.startsWith(QChar(0x00b1));
    return result;
}

} // namespace

QString NumbersModel::differenceOf(int row) const {
    if (row == Kurtosis)
        return m_current->kurtosis ? tr("normal 3") : QString();
    const auto by = difference(*m_current, *m_baseline, row);
    if (!by)
        return notApplicable;
    const Better better = quantities[row].better;
    if (!by->shown || better == Better::Neither)
        return by->text;
    const bool good = by->up == (better == Better::Higher);
    // The arrow says where the number went, its filling whether that is good.
    const QString arrow =
        by->up ? QString(good ? QChar(0x25b2) : QChar(0x25b3)) : QString(good ? QChar(0x25bc) : QChar(0x25bd));
    return arrow + QLatin1Char(' ') + by->text;
}

QVariant NumbersModel::data(const QModelIndex &index, int role) const {
    if (!index.isValid() || !m_current)
        return {};
    const int row = index.row();
    const int column = index.column();
    const Quantity &quantity = quantities[row];
    switch (role) {
    case Qt::DisplayRole:
        if (column == 0)
            return tr(quantity.name);
        return column == 1 ? withSampleMark(textOf(*m_current, row), m_current->sample) : differenceOf(row);
    case Qt::ToolTipRole: {
        QStringList lines{QStringLiteral("%1: %2").arg(tr(quantity.name), tr(quantity.formula))};
        if (quantity.better != Better::Neither)
            lines << (quantity.better == Better::Higher ? tr("higher is better") : tr("lower is better"));
        if (row == Size)
            lines << tr("%1 bytes").arg(qs(countText(m_current->bytes)));
        if (row == RelativeError && m_baseline)
            lines << tr("the difference is in percentage points");
        if (m_baseline && row != Kurtosis)
            lines << tr("%1: %2").arg(m_baseline->recipe, textOf(*m_baseline, row));
        if (m_current->zeroGroups != 0 && row == Sqnr)
            lines << tr("%1 groups hold zeros only").arg(qs(countText(m_current->zeroGroups)));
        if (column > 0 && !m_current->noMetrics.isEmpty() && row < Bpw)
            lines << m_current->noMetrics;
        return lines.join(QLatin1Char('\n'));
    }
    case Qt::TextAlignmentRole:
        return QVariant(column == 0 ? Qt::AlignLeft | Qt::AlignVCenter : Qt::AlignRight | Qt::AlignVCenter);
    case MutedRole:
        if (column == 1)
            return m_current->sample || textOf(*m_current, row) == notApplicable;
        return column == 2 &&
               (row == Kurtosis || differenceOf(row).startsWith(QChar(0x00b1)) || differenceOf(row) == notApplicable);
    case BetterRole: {
        if (column != 2 || row == Kurtosis || quantity.better == Better::Neither)
            return 0;
        const auto by = difference(*m_current, *m_baseline, row);
        return !by || !by->shown ? 0 : by->up == (quantity.better == Better::Higher) ? 1 : -1;
    }
    case StrongRole:
        return row == Sqnr && column == 1;
    default:
        return {};
    }
}

QVariant NumbersModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal)
        return {};
    if (role == Qt::TextAlignmentRole)
        return QVariant(section == 0 ? Qt::AlignLeft | Qt::AlignVCenter : Qt::AlignRight | Qt::AlignVCenter);
    if (role != Qt::DisplayRole)
        return {};
    switch (section) {
    case 0:
        return tr("Quantity");
    case 1:
        return m_current && !m_current->recipe.isEmpty() ? m_current->recipe : tr("Value");
    case 2:
        return m_baseline ? tr("vs %1").arg(m_baseline->recipe) : QString();
    default:
        return {};
    }
}

QString NumbersModel::rowText(int row) const {
    QString text = data(index(row, 0)).toString() + QLatin1Char('\t') + data(index(row, 1)).toString();
    if (m_baseline)
        text += QLatin1Char('\t') + data(index(row, 2)).toString();
    return text;
}

QString NumbersModel::csv() const {
    if (!m_current)
        return {};
    QString csv = QStringLiteral("quantity,value");
    csv += m_baseline ? QStringLiteral(",baseline,difference\n") : QStringLiteral("\n");
    for (int row = 0; row < Rows; ++row) {
        const auto now = valueOf(*m_current, row);
        csv += QLatin1String(quantities[row].csvName) + QLatin1Char(',') + csvField(now);
        if (m_baseline) {
            const auto then = valueOf(*m_baseline, row);
            std::optional<double> by;
            if (now && then)
                by = *now - *then;
            csv += QLatin1Char(',') + csvField(then) + QLatin1Char(',') + csvField(by);
        }
        csv += QLatin1Char('\n');
    }
    return csv;
}

} // namespace nibblescope
