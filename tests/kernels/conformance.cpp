// SPDX-License-Identifier: GPL-3.0-or-later
#include "conformance.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/kernels/encode_rules.h"
#include "core/kernels/format.h"
#include "guarded_buffer.h"
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

bool close(double a, double b, double scale) {
    if (std::isnan(a) || std::isnan(b))
        return std::isnan(a) == std::isnan(b);
    return a == b || std::fabs(a - b) <= 1e-7 * scale;
}

bool sameBits(const void *a, const void *b, std::size_t bytes) { return bytes == 0 || std::memcmp(a, b, bytes) == 0; }

std::string where(Format format, Kind kind, std::size_t count, std::size_t groupSize, std::size_t firstInGroup) {
    return std::string(traits(format).id) + ", " + std::string(nameOf(kind)) + ", " + std::to_string(count) +
           " weights, group " + std::to_string(groupSize) + " from " + std::to_string(firstInGroup) + ": ";
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

void compareSums(Problems &problems, const std::string &place, const ErrorSums &a, const ErrorSums &b) {
    if (!close(a.signal, b.signal, b.signal) || !close(a.error, b.error, b.error) ||
        !close(a.decoded, b.decoded, b.decoded) || !close(a.dot, b.dot, std::sqrt(b.signal * b.decoded)))
        problems.push_back(place + "sums differ");
    if (a.maxAbsError != b.maxAbsError || a.finite != b.finite)
        problems.push_back(place + "largest error or number of finite weights differs");
    if (a.clipped != b.clipped)
        problems.push_back(place + std::to_string(a.clipped) + " clipped instead of " + std::to_string(b.clipped));
}

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
        span.decodeScales = scales.decode.data();
        span.zeroPoints = traits(format).zeroPoint ? scales.zeroPoints.data() : nullptr;
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

} // namespace

const std::vector<Check> &checks() {
    static const std::vector<Check> all = {
        {"encode", encodeAgrees},
    };
    return all;
}

} // namespace nibblescope::conformance
