// SPDX-License-Identifier: GPL-3.0-or-later
#include "conformance.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <numeric>

#include "bit_count_conformance.h"
#include "comparing.h"
#include "core/kernels/encode_rules.h"
#include "core/kernels/format.h"
#include "guarded_buffer.h"
#include "product_conformance.h"
#include "quantize_conformance.h"
#include "test_weights.h"

namespace nibblescope::conformance {
namespace {

using Problems = std::vector<std::string>;

constexpr std::size_t groupSizes[] = {2, 3, 7, 16, 17, 31, 32, 48, 64, 100, 128, 256, 1000, 4096, 100000};

std::vector<std::size_t> lengths() {
    std::vector<std::size_t> all;
    for (std::size_t n = 0; n <= 300; n += n < 70 ? 1 : 13)
        all.push_back(n);
    for (const std::size_t n : {511U, 512U, 513U, 1000U, 2047U, 4095U, 4096U})
        all.push_back(n);
    return all;
}

struct Scales {
    std::vector<float> encode;
    std::vector<float> decode;
    std::vector<std::uint8_t> zeroPoints;
};

// Scales of a span as round to nearest makes them; the decoding ones differ a little, as after double quantization.
Scales scalesOf(Format format, const std::vector<float> &weights, std::size_t groupSize, std::size_t firstInGroup,
                ScaleType type) {
    Scales scales;
    for (std::size_t at = 0; at < weights.size();) {
        const std::size_t size = std::min(groupSize - (at == 0 ? firstInGroup : 0), weights.size() - at);
        GroupRange range;
        scalarKernels().groupRanges(weights.data() + at, size, size, &range);
        const float exact = exactScale(format, range);
        const float scale = usableScale(format, format == Format::Mxfp4 ? exact : roundToScaleType(exact, type));
        scales.encode.push_back(scale);
        scales.decode.push_back(type == ScaleType::F32 ? scale * 0.99F : scale);
        scales.zeroPoints.push_back(zeroPointFor(range.min, scale));
        at += size;
    }
    return scales;
}

struct EncodeResult {
    explicit EncodeResult(Format format, std::size_t count)
        : codes(traits(format).codeBits == 8 ? count : (count + 1) / 2), decoded(count) {
        codes.fillBytes(0xee);
        decoded.fillBytes(0xee);
    }
    GuardedBuffer<std::uint8_t> codes;
    GuardedBuffer<float> decoded;
    ErrorSums sums;
    std::uint32_t counts[256] = {};
};

void checkEncode(Problems &problems, const Kernels &kernels, Format format, Kind kind, std::size_t count,
                 std::size_t groupSize, std::size_t firstInGroup, unsigned variant) {
    const auto weights = makeWeights(kind, count, format, static_cast<std::uint32_t>(count * 31 + groupSize));
    GuardedBuffer<float> guarded(count);
    std::copy(weights.begin(), weights.end(), guarded.data());
    const auto type = static_cast<ScaleType>(variant % 3);
    const Scales scales = scalesOf(format, weights, groupSize, firstInGroup, type);
    EncodeResult got(format, count);
    EncodeResult expected(format, count);
    const bool withSums = variant % 2 == 0;
    const bool withDecoded = variant % 4 < 2;
    const auto run = [&](const Kernels &table, EncodeResult &result) {
        EncodeSpan span;
        span.weights = guarded.data();
        span.count = count;
        span.groupSize = groupSize;
        span.firstInGroup = firstInGroup;
        span.encodeScales = scales.encode.data();
        span.decodeScales = type == ScaleType::F32 ? scales.decode.data() : scales.encode.data();
        span.zeroPoints = traits(format).zeroPoint ? scales.zeroPoints.data() : nullptr;
        span.codebook = codebookOf(format, variant / 3);
        span.codes = result.codes.data();
        span.decoded = withDecoded ? result.decoded.data() : nullptr;
        span.sums = withSums ? &result.sums : nullptr;
        span.codeCounts = variant % 8 < 4 ? result.counts : nullptr;
        table.encode[static_cast<std::size_t>(format)](span);
    };
    run(kernels, got);
    run(scalarKernels(), expected);
    const std::string place = where(format, kind, count, groupSize, firstInGroup);
    if (!sameBits(got.codes.data(), expected.codes.data(), got.codes.size()))
        problems.push_back(place + "codes differ");
    if (!sameBits(got.decoded.data(), expected.decoded.data(), count * sizeof(float)))
        problems.push_back(place + "decoded weights differ");
    if (!sameBits(got.counts, expected.counts, sizeof(got.counts)))
        problems.push_back(place + "code counts differ");
    if (withSums)
        compareSums(problems, place, got.sums, expected.sums);
}

Problems encodeAgrees(const Kernels &kernels) {
    Problems problems;
    unsigned variant = 0;
    for (const FormatTraits &row : allFormats().subspan(1)) {
        for (const Kind kind : allKinds) {
            for (const std::size_t count : lengths()) {
                const std::size_t groupSize = groupSizes[variant % std::size(groupSizes)];
                checkEncode(problems, kernels, row.format, kind, count, groupSize, 0, variant);
                ++variant;
                if (count != 0)
                    checkEncode(problems, kernels, row.format, kind, count, groupSize, count % groupSize, variant);
                variant += 3;
                if (problems.size() > 20)
                    return problems;
            }
            for (const std::size_t groupSize : groupSizes)
                checkEncode(problems, kernels, row.format, kind, 4096, groupSize, 0, 16 + variant++ % 3 * 4);
        }
        // Beyond a chunk, without sums.
        for (const std::size_t groupSize : groupSizes)
            checkEncode(problems, kernels, row.format, Kind::Normal, 9999, groupSize, groupSize / 2,
                        1 + variant++ % 3 * 8);
    }
    return problems;
}

void checkDecode(Problems &problems, const Kernels &kernels, Format format, std::size_t count, std::size_t groupSize,
                 std::size_t firstInGroup) {
    std::mt19937 random(static_cast<std::uint32_t>(count * 7 + groupSize));
    GuardedBuffer<std::uint8_t> codes(traits(format).codeBits == 8 ? count : (count + 1) / 2);
    for (std::size_t i = 0; i < codes.size(); ++i)
        codes[i] = static_cast<std::uint8_t>(random());
    const std::size_t groups = (firstInGroup + count + groupSize - 1) / groupSize;
    std::vector<float> scales(groups);
    std::vector<std::uint8_t> zeroPoints(groups);
    for (std::size_t i = 0; i < groups; ++i) {
        scales[i] = std::ldexp(static_cast<float>(random() % 2000) - 1000.0F, static_cast<int>(random() % 20) - 30);
        zeroPoints[i] = static_cast<std::uint8_t>(random() % 16);
    }
    GuardedBuffer<float> got(count);
    GuardedBuffer<float> expected(count);
    DecodeSpan span;
    span.codes = codes.data();
    span.count = count;
    span.groupSize = groupSize;
    span.firstInGroup = firstInGroup;
    span.decodeScales = scales.data();
    span.zeroPoints = traits(format).zeroPoint ? zeroPoints.data() : nullptr;
    span.codebook = codebookOf(format, random());
    span.out = got.data();
    kernels.decode[static_cast<std::size_t>(format)](span);
    span.out = expected.data();
    scalarKernels().decode[static_cast<std::size_t>(format)](span);
    if (!sameBits(got.data(), expected.data(), count * sizeof(float)))
        problems.push_back(where(format, Kind::Normal, count, groupSize, firstInGroup) + "decoded weights differ");
}

Problems decodeAgrees(const Kernels &kernels) {
    Problems problems;
    for (const FormatTraits &row : allFormats().subspan(1))
        for (const std::size_t groupSize : groupSizes) {
            for (const std::size_t count : lengths())
                checkDecode(problems, kernels, row.format, count, groupSize, count % 3 == 0 ? 0 : count % groupSize);
            checkDecode(problems, kernels, row.format, 9999, groupSize, groupSize / 2);
        }
    return problems;
}

Problems clipSearchAgrees(const Kernels &kernels) {
    Problems problems;
    for (const FormatTraits &row : allFormats().subspan(1)) {
        const auto format = static_cast<std::size_t>(row.format);
        if (scalarKernels().clipSearch[format] == nullptr)
            continue;
        for (const Kind kind : allKinds)
            for (unsigned variant = 0; variant < 40; ++variant) {
                const std::size_t count = variant < 20 ? 32 : variant < 30 ? variant : variant * 20;
                const auto weights = makeWeights(kind, count, row.format, variant * 7);
                GuardedBuffer<float> guarded(count);
                std::copy(weights.begin(), weights.end(), guarded.data());
                GuardedBuffer<double> importance(count);
                for (std::size_t i = 0; i < count; ++i)
                    importance[i] = 0.01 + static_cast<double>((i * 37) % 19);
                ClipSearch search;
                search.weights = guarded.data();
                search.count = count;
                search.scaleType = static_cast<ScaleType>(variant % 3);
                search.importance = variant % 4 == 3 ? importance.data() : nullptr;
                search.codebook = codebookOf(row.format, variant / 3);
                scalarKernels().groupRanges(guarded.data(), count, count, &search.range);
                const ClipChoice a = kernels.clipSearch[format](search);
                const ClipChoice b = scalarKernels().clipSearch[format](search);
                if (a.scale != b.scale || a.zeroPoint != b.zeroPoint || a.step != b.step)
                    problems.push_back(where(row.format, kind, count, count, 0) + "step " + std::to_string(a.step) +
                                       " instead of " + std::to_string(b.step));
                if (problems.size() > 20)
                    return problems;
            }
    }
    return problems;
}

template <typename In, typename Out>
void checkConversion(Problems &problems, const char *name, void (*got)(const In *, Out *, std::size_t),
                     void (*expected)(const In *, Out *, std::size_t), const std::vector<In> &values) {
    for (const std::size_t count : lengths()) {
        GuardedBuffer<In> in(count);
        GuardedBuffer<Out> a(count);
        GuardedBuffer<Out> b(count);
        for (std::size_t i = 0; i < count; ++i)
            in[i] = values[(i * 7919 + count) % values.size()];
        got(in.data(), a.data(), count);
        expected(in.data(), b.data(), count);
        if (!sameBits(a.data(), b.data(), count * sizeof(Out)))
            problems.push_back(std::string(name) + " differs over " + std::to_string(count) + " values");
    }
    std::vector<Out> a(values.size());
    std::vector<Out> b(values.size());
    got(values.data(), a.data(), values.size());
    expected(values.data(), b.data(), values.size());
    for (std::size_t i = 0; i < values.size() && problems.size() < 20; ++i)
        if (!sameBits(&a[i], &b[i], sizeof(Out)))
            problems.push_back(std::string(name) + " differs at value " + std::to_string(i));
}

Problems conversionsAgree(const Kernels &kernels) {
    Problems problems;
    const Kernels &scalar = scalarKernels();
    std::vector<std::uint8_t> bytes(256);
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = static_cast<std::uint8_t>(i);
    std::vector<std::uint16_t> words(65536);
    for (std::size_t i = 0; i < words.size(); ++i)
        words[i] = static_cast<std::uint16_t>(i);
    // Every upper half, each with lower halves around the ties of both 16-bit types.
    std::vector<float> floats;
    std::mt19937 random(7);
    for (std::uint32_t upper = 0; upper < 65536; ++upper)
        for (const std::uint32_t lower : {0U, 1U, 0x0fffU, 0x1000U, 0x1001U, 0x7fffU, 0x8000U, 0x8001U, 0xffffU,
                                          static_cast<std::uint32_t>(random() & 0xffffU)})
            floats.push_back(std::bit_cast<float>(upper << 16 | lower));
    checkConversion(problems, "f16ToF32", kernels.f16ToF32, scalar.f16ToF32, words);
    checkConversion(problems, "bf16ToF32", kernels.bf16ToF32, scalar.bf16ToF32, words);
    checkConversion(problems, "f8E4M3ToF32", kernels.f8E4M3ToF32, scalar.f8E4M3ToF32, bytes);
    checkConversion(problems, "f8E5M2ToF32", kernels.f8E5M2ToF32, scalar.f8E5M2ToF32, bytes);
    checkConversion(problems, "f32ToF16", kernels.f32ToF16, scalar.f32ToF16, floats);
    checkConversion(problems, "f32ToBf16", kernels.f32ToBf16, scalar.f32ToBf16, floats);
    return problems;
}

bool sameRange(const GroupRange &a, const GroupRange &b) {
    return a.min == b.min && a.max == b.max && a.absmax == b.absmax && a.signedMax == b.signedMax;
}

Problems rangesAgree(const Kernels &kernels) {
    Problems problems;
    for (const Kind kind : allKinds)
        for (const std::size_t count : lengths())
            for (const std::size_t groupSize : groupSizes) {
                const auto weights = makeWeights(kind, count, Format::None, static_cast<std::uint32_t>(count));
                GuardedBuffer<float> guarded(count);
                std::copy(weights.begin(), weights.end(), guarded.data());
                const std::size_t groups = (count + groupSize - 1) / groupSize;
                GuardedBuffer<GroupRange> got(groups);
                std::vector<GroupRange> expected(groups);
                kernels.groupRanges(guarded.data(), count, groupSize, got.data());
                scalarKernels().groupRanges(guarded.data(), count, groupSize, expected.data());
                for (std::size_t i = 0; i < groups && problems.size() < 20; ++i)
                    if (!sameRange(got[i], expected[i]))
                        problems.push_back(where(Format::None, kind, count, groupSize, 0) + "range of group " +
                                           std::to_string(i) + " differs");
            }
    return problems;
}

Problems scalesAgree(const Kernels &kernels) {
    Problems problems;
    for (const FormatTraits &row : allFormats().subspan(1))
        for (const Kind kind : allKinds)
            for (unsigned variant = 0; variant < 90; ++variant) {
                const std::size_t count = variant;
                const auto weights = makeWeights(kind, count * 4, row.format, variant);
                std::vector<GroupRange> ranges(count);
                scalarKernels().groupRanges(weights.data(), weights.size(), 4, ranges.data());
                GuardedBuffer<GroupRange> guarded(count);
                std::copy(ranges.begin(), ranges.end(), guarded.data());
                GuardedBuffer<float> scales[2] = {GuardedBuffer<float>(count), GuardedBuffer<float>(count)};
                GuardedBuffer<std::uint8_t> zeros[2] = {GuardedBuffer<std::uint8_t>(count),
                                                        GuardedBuffer<std::uint8_t>(count)};
                ScaleSpan span;
                span.ranges = guarded.data();
                span.count = count;
                span.rounded = variant % 4 != 3;
                span.type = static_cast<ScaleType>(variant % 3);
                ScaleRounding rounding[2];
                for (std::size_t i = 0; i < 2; ++i) {
                    span.scales = scales[i].data();
                    span.zeroPoints = row.zeroPoint ? zeros[i].data() : nullptr;
                    const Kernels &table = i == 0 ? kernels : scalarKernels();
                    rounding[i] = table.groupScales[static_cast<std::size_t>(row.format)](span);
                }
                if (!sameBits(scales[0].data(), scales[1].data(), count * sizeof(float)) ||
                    !sameBits(zeros[0].data(), zeros[1].data(), count))
                    problems.push_back(where(row.format, kind, count, 4, 0) + "scales differ");
                if (rounding[0].underflow != rounding[1].underflow || rounding[0].overflow != rounding[1].overflow)
                    problems.push_back(where(row.format, kind, count, 4, 0) + "counts of unfit scales differ");
                if (problems.size() > 20)
                    return problems;
            }
    return problems;
}

Problems momentsAgree(const Kernels &kernels) {
    Problems problems;
    for (const Kind kind : allKinds)
        for (const std::size_t count : lengths()) {
            const auto weights = makeWeights(kind, count, Format::None, static_cast<std::uint32_t>(count));
            GuardedBuffer<float> guarded(count);
            std::copy(weights.begin(), weights.end(), guarded.data());
            const Moments a = kernels.moments(guarded.data(), count);
            const Moments b = scalarKernels().moments(guarded.data(), count);
            const double n = static_cast<double>(std::max<std::uint64_t>(b.finite, 1));
            const double spread = std::max(std::fabs(static_cast<double>(b.min)), static_cast<double>(b.max));
            const double sigma = std::sqrt(b.m2 / n) + 1e-9 * spread;
            if (a.finite != b.finite || a.nan != b.nan || a.inf != b.inf || a.min != b.min || a.max != b.max ||
                !close(a.mean, b.mean, spread) || !close(a.m2, b.m2, sigma * sigma * n) ||
                !close(a.m3, b.m3, std::pow(b.m4 / n, 0.75) * n + sigma * sigma * sigma * n) ||
                !close(a.m4, b.m4, b.m4 + sigma * sigma * sigma * sigma * n))
                problems.push_back(where(Format::None, kind, count, 1, 0) + "moments differ");
        }
    return problems;
}

Problems sumsAgree(const Kernels &kernels) {
    Problems problems;
    for (const Kind kind : allKinds)
        for (const std::size_t count : lengths()) {
            const auto weights = makeWeights(kind, count, Format::None, static_cast<std::uint32_t>(count));
            GuardedBuffer<float> w(count);
            GuardedBuffer<float> d(count);
            for (std::size_t i = 0; i < count; ++i) {
                w[i] = weights[i];
                d[i] = weights[i] * 0.97F + 1e-4F;
            }
            compareSums(problems, where(Format::None, kind, count, 1, 0), kernels.errorSums(w.data(), d.data(), count),
                        scalarKernels().errorSums(w.data(), d.data(), count));
        }
    return problems;
}

Problems histogramsAgree(const Kernels &kernels) {
    Problems problems;
    for (const Kind kind : allKinds)
        for (const std::size_t bins : {1U, 2U, 63U, 64U, 65U, 128U, 200U, 256U, 1024U, 1025U, 5000U})
            for (const std::size_t count : {0U, 1U, 15U, 16U, 17U, 100U, 4096U, 9999U}) {
                const auto weights = makeWeights(kind, count, Format::None, static_cast<std::uint32_t>(count + bins));
                GuardedBuffer<float> values(count);
                std::copy(weights.begin(), weights.end(), values.data());
                GuardedBuffer<float> minus(count);
                for (std::size_t i = 0; i < count; ++i)
                    minus[i] = weights[count - 1 - i] * 0.5F;
                std::vector<std::uint64_t> got(bins + 2, 3);
                std::vector<std::uint64_t> expected(bins + 2, 3);
                HistogramSpan span;
                span.values = values.data();
                span.count = count;
                span.lower = -0.05F;
                span.inverseWidth = static_cast<float>(bins) / 0.1F;
                span.bins = bins;
                const auto compare = [&](const char *what) {
                    span.counts = got.data();
                    kernels.histogram(span);
                    span.counts = expected.data();
                    scalarKernels().histogram(span);
                    if (got != expected)
                        problems.push_back(where(Format::None, kind, count, span.groupSize, span.firstInGroup) +
                                           std::to_string(bins) + what);
                };
                compare(" bins differ");
                span.minus = minus.data();
                compare(" bins of differences differ");
                span.minus = nullptr;
                if (bins != 65 && bins != 200 && bins != 1024 && bins != 5000)
                    continue;
                for (const std::size_t groupSize : {1U, 7U, 16U, 32U, 48U, 64U, 100U, 5000U}) {
                    span.groupSize = groupSize;
                    span.firstInGroup = count % groupSize;
                    const std::size_t groups = (span.firstInGroup + count + groupSize - 1) / groupSize;
                    GuardedBuffer<float> factors(groups);
                    GuardedBuffer<float> shifts(groups);
                    for (std::size_t i = 0; i < groups; ++i) {
                        factors[i] = 0.1F * static_cast<float>(1 + i % 13);
                        shifts[i] = 0.001F * static_cast<float>(i % 7);
                    }
                    span.factors = factors.data();
                    span.shifts = shifts.data();
                    compare(" bins of scaled values differ");
                }
            }
    return problems;
}

void fillAtRandom(GuardedBuffer<std::uint8_t> &codes) {
    std::mt19937 random(static_cast<std::uint32_t>(codes.size()));
    for (std::size_t i = 0; i < codes.size(); ++i)
        codes[i] = static_cast<std::uint8_t>(random());
}

Problems codeCountsAgree(const Kernels &kernels) {
    Problems problems;
    for (const std::size_t groupSize : groupSizes)
        for (const std::size_t count : lengths())
            for (const std::size_t firstInGroup : {std::size_t{0}, groupSize / 2, count % groupSize}) {
                GuardedBuffer<std::uint8_t> codes((count + 1) / 2);
                fillAtRandom(codes);
                const std::size_t groups = count == 0 ? 0 : (firstInGroup + count - 1) / groupSize + 1;
                GuardedBuffer<std::uint32_t> got(16 * groups);
                GuardedBuffer<std::uint32_t> expected(16 * groups);
                DecodeSpan span;
                span.codes = codes.data();
                span.count = count;
                span.groupSize = groupSize;
                span.firstInGroup = firstInGroup;
                kernels.codeCounts(span, got.data());
                scalarKernels().codeCounts(span, expected.data());
                if (!sameBits(got.data(), expected.data(), 16 * groups * sizeof(std::uint32_t)))
                    problems.push_back(where(Format::Nf4, Kind::Normal, count, groupSize, firstInGroup) +
                                       "counts of codes differ");
                if (problems.size() > 20)
                    return problems;
            }
    return problems;
}

Problems codeErrorsAgree(const Kernels &kernels) {
    Problems problems;
    for (const Kind kind : allKinds)
        for (const std::size_t count : lengths()) {
            const auto weights = makeWeights(kind, count, Format::None, static_cast<std::uint32_t>(count));
            GuardedBuffer<float> w(count);
            GuardedBuffer<float> d(count);
            for (std::size_t i = 0; i < count; ++i) {
                w[i] = weights[i];
                d[i] = std::isfinite(weights[i]) ? weights[i] * 0.97F + 1e-4F : 1.0F;
            }
            GuardedBuffer<std::uint8_t> codes((count + 1) / 2);
            fillAtRandom(codes);
            double got[256][2] = {};
            double expected[256][2] = {};
            kernels.codeErrors(w.data(), d.data(), codes.data(), count, got);
            scalarKernels().codeErrors(w.data(), d.data(), codes.data(), count, expected);
            for (std::size_t byte = 0; byte < 256; ++byte)
                for (std::size_t nibble = 0; nibble < 2; ++nibble)
                    if (!(std::fabs(got[byte][nibble] - expected[byte][nibble]) <= 1e-12 * expected[byte][nibble]))
                        problems.push_back(where(Format::Nf4, kind, count, 1, 0) + "error of byte " +
                                           std::to_string(byte) + " differs");
            if (problems.size() > 20)
                return problems;
        }
    return problems;
}

} // namespace

const std::vector<Check> &checks() {
    static const std::vector<Check> all = {
        {"conversions", conversionsAgree},
        {"ranges", rangesAgree},
        {"scales", scalesAgree},
        {"moments", momentsAgree},
        {"error sums", sumsAgree},
        {"histograms", histogramsAgree},
        {"encode", encodeAgrees},
        {"decode", decodeAgrees},
        {"clip search", clipSearchAgrees},
        {"quantize", quantizeAgrees},
        {"code counts", codeCountsAgree},
        {"code errors", codeErrorsAgree},
        {"activations", activationsAgree, true},
        {"products", productsAgree, true},
        {"bit counts", bitCountsAgree},
    };
    return all;
}

bool isWorthwhile(const Check &check, Isa isa) {
    const std::vector<Isa> sets = supportedIsas();
    const auto place = std::find(sets.begin(), sets.end(), isa);
    if (check.ofProducts || place == sets.begin())
        return true;
    // Nothing but pointers to functions stands behind the name of a set.
    const Kernels &own = kernelsFor(isa);
    const Kernels &below = kernelsFor(*std::prev(place));
    constexpr std::size_t begin = offsetof(Kernels, f16ToF32);
    return std::memcmp(&own.f16ToF32, &below.f16ToF32, sizeof(Kernels) - begin) != 0;
}

} // namespace nibblescope::conformance
