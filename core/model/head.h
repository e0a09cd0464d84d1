// SPDX-License-Identifier: GPL-3.0-or-later
// The two ends of a model: the embedding of ids, and the head that turns hidden states into scores of next tokens. The
// vocabulary of a large model makes them its largest tensors, so they are held whole only where they are small or
// edited; else rows are read as they are needed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/model/llama.h"

namespace nibblescope {

// Rows of a [vocabulary, hidden] tensor.
class VocabularyMatrix {
public:
    VocabularyMatrix(const Llama &llama, std::size_t tensor, const WeightEdit *edit, const Work &work);

    std::uint64_t rows() const { return m_rows; }
    // [first, first + count), in `buffer` where they have to be read.
    std::span<const float> block(std::uint64_t first, std::uint64_t count, std::vector<float> &buffer,
                                 const Work &work) const;
    // out[i] = the row of ids[i].
    void gather(std::span<const std::int32_t> ids, std::span<float> out, const Work &work) const;

private:
    const Llama &m_llama;
    std::size_t m_tensor;
    std::uint64_t m_rows;
    std::uint64_t m_cols;
    std::vector<float> m_whole; // empty: read as needed
};

// What the next-token distributions of one window say about the ids that came, summed over blocks of the vocabulary as
// they are computed, so that no row of scores is ever held whole. P is the reference, Q the model that is compared.
class WindowScores {
public:
    // `targets[i]` is the id that position i predicts.
    WindowScores(std::span<const std::int32_t> targets, bool compare);

    // Scores of the ids [first, first + count) at every position, [positions, count]; they are overwritten. `q` is
    // empty where there is nothing to compare.
    void add(std::uint64_t first, std::uint64_t count, std::span<float> p, std::span<float> q);

    struct Result {
        std::vector<double> nll; // -ln p of each target under Q (under P where nothing is compared)
        std::vector<double> referenceNll;
        std::vector<double> kl;    // sum P ln(P / Q)
        std::size_t sameFirst = 0; // positions at which both find the same token most probable
    };
    Result finish() const;

private:
    // The softmax of one position as far as it was seen.
    struct Distribution {
        float largest = 0;
        double sum = 0; // of exp(score - largest)
        std::uint64_t best = 0;
        double target = 0;
        double logSum() const;
    };
    static double rescale(Distribution &seen, std::span<const float> scores, std::uint64_t first);

    std::span<const std::int32_t> m_targets;
    std::vector<Distribution> m_p;
    std::vector<Distribution> m_q;
    std::vector<double> m_cross; // sum of exp(p - largest) * (p - q)
    std::vector<float> m_difference;
};

// Scores of all ids at every position of one sequence, [ids.size(), vocabulary]: for tests and for looking at.
std::vector<float> logitsOf(const Llama &llama, std::span<const std::int32_t> ids, const WeightEdit *edit,
                            const Work &work);

} // namespace nibblescope
