// SPDX-License-Identifier: GPL-3.0-or-later
#include "quantize_conformance.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <tuple>

#include "comparing.h"
#include "core/base/half.h"
#include "guarded_buffer.h"

namespace nibblescope::conformance {
namespace {

constexpr std::size_t groupSizes[] = {2, 3, 16, 31, 32, 48, 64, 100, 128, 192, 256, 512, 1024, 2048, 4096};
constexpr InputType inputs[] = {InputType::F32, InputType::F16, InputType::Bf16};
constexpr std::uint32_t binCounts[] = {128, 64, 250, 251, 1};

struct Wanted {
    bool sums = false;
    bool counts = false;
    bool decoded = false;
    bool histogram = false;
};

struct Case {
    Format format;
    Kind kind;
    InputType input;
    ScaleType type;
    std::size_t count;
    std::size_t groupSize;
    Wanted wanted;
    std::uint32_t bins;
};

struct Outcome {
    explicit Outcome(const Case &one)
        : scales((one.count + one.groupSize - 1) / one.groupSize), zeroPoints(scales.size()),
          codes(traits(one.format).codeBits == 8 ? one.count : (one.count + 1) / 2), decoded(one.count),
          bins(one.bins + 2, 5) {
        scales.fillBytes(0xee);
        zeroPoints.fillBytes(0xee);
        codes.fillBytes(0xee);
        decoded.fillBytes(0xee);
    }
    GuardedBuffer<float> scales;
    GuardedBuffer<std::uint8_t> zeroPoints;
    GuardedBuffer<std::uint8_t> codes;
    GuardedBuffer<float> decoded;
    std::vector<std::uint64_t> bins;
    std::uint32_t counts[256] = {7};
    ErrorSums sums;
    ScaleRounding rounding;
};

// What is kept of an outcome: hashes of what must be equal bit for bit.
struct Digest {
    std::uint64_t scales, zeroPoints, codes, decoded, bins, counts;
    ErrorSums sums;
    ScaleRounding rounding;
};

std::uint64_t hashOf(const void *data, std::size_t bytes) {
    std::uint64_t hash = bytes;
    for (std::size_t done = 0; done < bytes; done += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, static_cast<const char *>(data) + done, std::min<std::size_t>(8, bytes - done));
        hash = (std::rotl(hash, 23) ^ word) * 0x9e3779b97f4a7c15;
    }
    return hash;
}

template <typename Buffer>
std::uint64_t hashOf(Buffer &buffer) {
    return hashOf(buffer.data(), buffer.size() * sizeof(*buffer.data()));
}

Digest run(const Kernels &kernels, const Case &one, const void *weights) {
    Outcome outcome(one);
    HistogramSpan histogram;
    histogram.lower = -0.05F;
    histogram.inverseWidth = static_cast<float>(one.bins) / 0.1F;
    histogram.bins = one.bins;
    histogram.counts = outcome.bins.data();
    QuantizeSpan span;
    span.weights = weights;
    span.input = one.input;
    span.count = one.count;
    span.groupSize = one.groupSize;
    span.scaleType = one.type;
    span.codebook = codebookOf(one.format, one.count);
    span.scales = outcome.scales.data();
    span.zeroPoints = traits(one.format).zeroPoint ? outcome.zeroPoints.data() : nullptr;
    span.codes = outcome.codes.data();
    span.decoded = one.wanted.decoded ? outcome.decoded.data() : nullptr;
    span.sums = one.wanted.sums ? &outcome.sums : nullptr;
    span.codeCounts = one.wanted.counts ? outcome.counts : nullptr;
    span.histogram = one.wanted.histogram ? &histogram : nullptr;
    outcome.rounding = kernels.quantize[static_cast<std::size_t>(one.format)](span);
    return {hashOf(outcome.scales), hashOf(outcome.zeroPoints),
            hashOf(outcome.codes),  hashOf(outcome.decoded),
            hashOf(outcome.bins),   hashOf(outcome.counts, sizeof(outcome.counts)),
            outcome.sums,           outcome.rounding};
}

void compare(Problems &problems, const Case &one, const Digest &got, const Digest &expected) {
    const std::string place = where(one.format, one.kind, one.count, one.groupSize, 0) + "input " +
                              std::to_string(static_cast<int>(one.input)) + ", scale type " +
                              std::to_string(static_cast<int>(one.type)) + ", ";
    if (got.scales != expected.scales || got.zeroPoints != expected.zeroPoints)
        problems.push_back(place + "scales differ");
    if (got.rounding.underflow != expected.rounding.underflow || got.rounding.overflow != expected.rounding.overflow)
        problems.push_back(place + "counts of unfit scales differ");
    if (got.codes != expected.codes)
        problems.push_back(place + "codes differ");
    if (got.decoded != expected.decoded)
        problems.push_back(place + "decoded weights differ");
    if (got.counts != expected.counts)
        problems.push_back(place + "code counts differ");
    if (got.bins != expected.bins)
        problems.push_back(place + std::to_string(one.bins) + " bins differ");
    if (one.wanted.sums)
        compareSums(problems, place, got.sums, expected.sums);
}

// Makes the weights of a case; several cases in a row have the same ones.
class WeightMaker {
public:
    const std::vector<float> &of(const Case &one) {
        const Key key{one.format, one.kind, one.count, one.groupSize};
        if (m_key != key)
            m_weights = makeWeights(one.kind, one.count, one.format,
                                    static_cast<std::uint32_t>(one.count * 31 + one.groupSize));
        m_key = key;
        return m_weights;
    }

private:
    using Key = std::tuple<Format, Kind, std::size_t, std::size_t>;
    std::optional<Key> m_key;
    std::vector<float> m_weights;
};

// What the definition gives for the cases, in their order. It is the slowest of all and the same for each set, so it
// does a case once.
class Definition {
public:
    const Digest &of(std::size_t index, const Kernels &kernels, const Case &one, const void *weights,
                     const Digest &got) {
        if (index == m_known.size())
            m_known.push_back(kernels.isa == Isa::Scalar ? got : run(scalarKernels(), one, weights));
        return m_known[index];
    }

private:
    std::vector<Digest> m_known;
};

void check(Problems &problems, const Kernels &kernels, std::size_t index, const Case &one, WeightMaker &maker) {
    static Definition definition;
    const std::vector<float> &weights = maker.of(one);
    const auto checkOn = [&](const void *guarded) {
        const Digest got = run(kernels, one, guarded);
        compare(problems, one, got, definition.of(index, kernels, one, guarded, got));
    };
    if (one.input == InputType::F32) {
        GuardedBuffer<float> guarded(one.count);
        std::copy(weights.begin(), weights.end(), guarded.data());
        checkOn(guarded.data());
        return;
    }
    GuardedBuffer<std::uint16_t> guarded(one.count);
    std::transform(weights.begin(), weights.end(), guarded.data(),
                   one.input == InputType::F16 ? f16FromF32 : bf16FromF32);
    checkOn(guarded.data());
}

// What is wanted beside codes and scales goes through all combinations, in cycles coprime to those of the inputs and
// scale types.
Wanted wantedOf(unsigned variant) {
    if (variant % 4 == 0)
        return {};
    return {variant % 7 < 4, variant % 8 < 4, variant % 11 < 3, variant % 13 < 6};
}

} // namespace

std::vector<std::string> quantizeAgrees(const Kernels &kernels) {
    Problems problems;
    unsigned variant = 0;
    WeightMaker maker;
    const auto next = [&](Format format, Kind kind, std::size_t count, std::size_t groupSize, Wanted wanted) {
        const Case one{format,    kind,   inputs[variant % 3],   static_cast<ScaleType>(variant / 3 % 3), count,
                       groupSize, wanted, binCounts[variant % 5]};
        check(problems, kernels, variant++, one, maker);
    };
    for (const FormatTraits &row : allFormats().subspan(1)) {
        for (const Kind kind : allKinds) {
            for (std::size_t count = 0; count <= 300; count += count < 70 ? 1 : 13) {
                next(row.format, kind, count, groupSizes[count % std::size(groupSizes)], wantedOf(variant));
                if (problems.size() > 20)
                    return problems;
            }
            for (const std::size_t groupSize : groupSizes)
                for (const std::size_t count : {1024U, 2048U, 4096U, 4032U, 3000U})
                    for (unsigned i = 0; i < 7; ++i) // coprime to the cycles of inputs and scale types
                        next(row.format, kind, count, groupSize, wantedOf(variant));
            if (problems.size() > 20)
                return problems;
        }
        // Beyond a chunk, without sums.
        for (const std::size_t groupSize : groupSizes)
            for (const std::size_t count : {8192U, 9999U, 12321U})
                for (const Kind kind : {Kind::Normal, Kind::Ties, Kind::Mixed}) {
                    Wanted wanted = wantedOf(variant);
                    wanted.sums = false;
                    next(row.format, kind, count, groupSize, wanted);
                    next(row.format, kind, count, groupSize, {});
                }
    }
    return problems;
}

} // namespace nibblescope::conformance
