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
// they are computed, so that no row of scores is ever held whole. P is the reference; any number of models Q are
// compared with it.
class WindowScores {
public:
    // `targets[i]` is the id that position i predicts.
    WindowScores(std::span<const std::int32_t> targets, std::size_t models, const ElementKernels &kernels);

    std::size_t positions() const { return m_p.size(); }

    // Scores of `ids` ids from `firstId` on at `positions` positions from `firstPosition` on, row after row.
    struct Block {
        std::size_t firstPosition = 0;
        std::size_t positions = 0;
        std::uint64_t firstId = 0;
        std::uint64_t ids = 0;
    };
    // First P's scores of a block, then those of each Q. `exponentials` has the size of the block: it is filled by the
    // first call and read by the others. Scores of Q are overwritten.
    void addReference(const Block &block, const float *p, float *exponentials);
    void add(std::size_t model, const Block &block, const float *p, const float *exponentials, float *q);

    struct Result {
        std::vector<double> nll; // -ln p of each target under Q (under P where nothing is compared)
        std::vector<double> referenceNll;
        std::vector<double> kl;    // sum P ln(P / Q)
        std::size_t sameFirst = 0; // positions at which both find the same token most probable
    };
    Result reference() const;
    Result compared(std::size_t model) const;

private:
    // The softmax of one position as far as it was seen.
    struct Distribution {
        float largest = 0;
        double sum = 0; // of exp(score - largest)
        std::uint64_t best = 0;
        double target = 0;
        double logSum() const;
    };
    struct Compared {
        std::vector<Distribution> q;
        std::vector<double> cross; // sum of exp(p - largest) * (p - q)
    };
    // Takes the scores of one position into account; returns what earlier sums were multiplied by.
    double look(Distribution &seen, const float *scores, const Block &block, std::size_t position) const;

    const ElementKernels &m_kernels;
    std::span<const std::int32_t> m_targets;
    std::vector<Distribution> m_p;
    std::vector<double> m_factor; // of P's sums in the last block
    std::vector<Compared> m_models;
};

// Scores of all ids at every position of one sequence, [ids.size(), vocabulary]: for tests and for looking at.
std::vector<float> logitsOf(const Llama &llama, std::span<const std::int32_t> ids, const WeightEdit *edit,
                            const Work &work);

} // namespace nibblescope
