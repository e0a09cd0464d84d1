// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/tensor_filter.h"

#include <algorithm>
#include <cmath>

#include <QCoreApplication>
#include <QRegularExpression>

#include "core/analysis/selection_rule.h"

namespace nibblescope {
namespace {

QString tr(const char *text) { return QCoreApplication::translate("TensorFilter", text); }

std::string lowered(const std::string &text) { return QString::fromStdString(text).toLower().toStdString(); }

// "1.5M" -> 1500000.
std::optional<double> numberFrom(QString text) {
    double factor = 1;
    if (!text.isEmpty()) {
        const qsizetype power = QStringLiteral("kmg").indexOf(text.back().toLower());
        if (power >= 0) {
            factor = std::pow(1000.0, static_cast<double>(power + 1));
            text.chop(1);
        }
    }
    bool ok = false;
    const double value = text.toDouble(&ok);
    return ok && std::isfinite(value) ? std::optional(value * factor) : std::nullopt;
}

std::optional<double> asNumber(std::uint64_t n) { return static_cast<double>(n); }

bool equalAsShown(double value, double wanted, int decimals) {
    return std::abs(value - wanted) <= 0.5 * std::pow(10.0, -decimals);
}

} // namespace

TensorFilter::TensorFilter(const QString &text) {
    for (const QString &word : text.split(QRegularExpression(QStringLiteral("\\s+")), Qt::SkipEmptyParts)) {
        if (!addTerm(word))
            m_words.push_back(word.toLower().toStdString());
    }
}

// True where the word was taken, also as a faulty term.
bool TensorFilter::addTerm(const QString &word) {
    if (word.startsWith(QLatin1String("type:"), Qt::CaseInsensitive)) {
        if (word.size() > 5)
            m_types.push_back(word.mid(5).toUpper().toStdString());
        return true;
    }
    static const QRegularExpression term(QStringLiteral("^(kurt|sqnr|bpw|params|rows|cols)(<=|>=|<|>|=)(.*)$"),
                                         QRegularExpression::CaseInsensitiveOption);
    const QRegularExpressionMatch match = term.match(word);
    if (!match.hasMatch())
        return false;
    const QString quantity = match.captured(1).toLower();
    const QString relation = match.captured(2);
    const QString number = match.captured(3);
    const std::optional<double> value = numberFrom(number);
    if (!value) {
        if (m_problem.isEmpty() && !number.isEmpty()) // nothing after "<": still being typed
            m_problem = tr("“%1” is not a number: write for example kurt>5 or params>1M.").arg(number);
        return true;
    }
    static const QStringList quantities{QStringLiteral("kurt"),   QStringLiteral("sqnr"), QStringLiteral("bpw"),
                                        QStringLiteral("params"), QStringLiteral("rows"), QStringLiteral("cols")};
    static const QStringList relations{QStringLiteral("<"), QStringLiteral("<="), QStringLiteral("="),
                                       QStringLiteral(">="), QStringLiteral(">")};
    const qsizetype point = number.indexOf(QLatin1Char('.'));
    m_comparisons.push_back({static_cast<Quantity>(quantities.indexOf(quantity)),
                             static_cast<Relation>(relations.indexOf(relation)), *value,
                             point < 0 ? 0 : static_cast<int>(number.size() - point - 1)});
    return true;
}

bool TensorFilter::holds(const Comparison &comparison, const TensorResult &result) {
    const auto numberOf = [&]() -> std::optional<double> {
        switch (comparison.quantity) {
        case Quantity::Kurtosis:
            return result.statistics.kurtosis;
        case Quantity::Sqnr:
            return result.metrics ? result.metrics->sqnrDb : std::nullopt;
        case Quantity::Bpw:
            return result.bpw;
        case Quantity::Params:
            return asNumber(result.info.params);
        case Quantity::Rows:
            return asNumber(result.shape.rows);
        case Quantity::Cols:
            return asNumber(result.shape.cols);
        }
        return std::nullopt;
    };
    const std::optional<double> number = numberOf();
    if (!number)
        return false;
    switch (comparison.relation) {
    case Relation::Less:
        return *number < comparison.value;
    case Relation::LessEqual:
        return *number <= comparison.value;
    case Relation::Equal:
        return equalAsShown(*number, comparison.value, comparison.decimals);
    case Relation::GreaterEqual:
        return *number >= comparison.value;
    case Relation::Greater:
        return *number > comparison.value;
    }
    return false;
}

bool TensorFilter::matches(const TensorResult &result) const {
    const std::string name = lowered(result.info.name);
    const auto inName = [&](const std::string &word) {
        return hasWildcards(word) ? globMatches("*" + word + "*", name) : name.find(word) != std::string::npos;
    };
    const std::string_view type = traits(result.info.dtype).name;
    return std::all_of(m_words.begin(), m_words.end(), inName) &&
           std::all_of(m_types.begin(), m_types.end(), [&](const std::string &wanted) { return type == wanted; }) &&
           std::all_of(m_comparisons.begin(), m_comparisons.end(),
                       [&](const Comparison &comparison) { return holds(comparison, result); });
}

bool TensorFilter::dependsOnResults() const {
    return std::any_of(m_comparisons.begin(), m_comparisons.end(), [](const Comparison &comparison) {
        return comparison.quantity == Quantity::Kurtosis || comparison.quantity == Quantity::Sqnr;
    });
}

} // namespace nibblescope
