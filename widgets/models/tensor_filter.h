// SPDX-License-Identifier: GPL-3.0-or-later
// The filter language of the tensor tree: words joined by blanks, all of which must hold.
//   down_proj       the full name holds it, any case; with * ? [...] a glob that may begin and end anywhere in the name
//   kurt>5 sqnr<20  kurt sqnr bpw params rows cols, with < <= > >= =; numbers may end in k, M or G (powers of 1000)
//   type:bf16       the stored type
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <QString>

#include "core/analysis/results.h"

namespace nibblescope {

class TensorFilter {
public:
    TensorFilter() = default; // lets everything pass
    explicit TensorFilter(const QString &text);

    // A number that the tensor does not have (sqnr of a kept one, or one not yet computed) matches no comparison.
    bool matches(const TensorResult &result) const;
    bool empty() const { return m_words.empty() && m_comparisons.empty() && m_types.empty(); }
    // The first word that looks like a term but is none ("kurt>abc"), as a sentence; empty: all is well. Such a word is
    // left out of the filter.
    const QString &problem() const { return m_problem; }
    // Whether a comparison looks at numbers that come in during a run.
    bool dependsOnResults() const;

private:
    enum class Quantity { Kurtosis, Sqnr, Bpw, Params, Rows, Cols };
    enum class Relation { Less, LessEqual, Equal, GreaterEqual, Greater };
    struct Comparison {
        Quantity quantity;
        Relation relation;
        double value;
        int decimals; // "=" compares what is shown: as many decimals as were typed
    };
    bool addTerm(const QString &word);
    static bool holds(const Comparison &comparison, const TensorResult &result);

    std::vector<std::string> m_words; // lower case
    std::vector<std::string> m_types; // upper case
    std::vector<Comparison> m_comparisons;
    QString m_problem;
};

} // namespace nibblescope
