// SPDX-License-Identifier: GPL-3.0-or-later
// Every kernel on every instruction set that this machine has.
#include <array>

#include "bench_support.h"

namespace nibblescope::benchmarks {
namespace {

constexpr std::size_t pieceBytes = std::size_t{1} << 20;
constexpr std::size_t pieceWeights = pieceBytes / sizeof(float);

const float *weightsAt(std::size_t offset) { return reinterpret_cast<const float *>(coldWeights().data() + offset); }
std::uint8_t *outputAt(std::size_t offset) { return outputs().data() + offset % (outputs().size() - 4 * pieceBytes); }

void perChunk(const float *weights, const std::function<void(const float *chunk, std::size_t done)> &body) {
    for (std::size_t done = 0; done < pieceWeights; done += chunkWeights)
        body(weights + done, done);
}

std::size_t groupOf(Format format) { return format == Format::Int8 ? chunkWeights : format == Format::Mxfp4 ? 32 : 64; }

void registerEncode(const Kernels &kernels, Format format, bool fused) {
    const auto at = static_cast<std::size_t>(format);
    const std::size_t group = groupOf(format);
    const std::size_t perByte = traits(format).codeBits == 8 ? 1 : 2;
    const auto run = [&kernels, format, fused, at, group, perByte](std::size_t offset, unsigned) {
        std::array<GroupRange, chunkWeights / 32> ranges;
        std::array<float, chunkWeights / 32> scales{};
        std::array<std::uint8_t, chunkWeights / 32> zeroPoints{};
        std::array<std::uint32_t, 256> counts{};
        ErrorSums sums;
        std::uint8_t *const codes = outputAt(offset / 4);
        perChunk(weightsAt(offset), [&](const float *chunk, std::size_t done) {
            kernels.groupRanges(chunk, chunkWeights, group, ranges.data());
            ScaleSpan scale;
            scale.ranges = ranges.data();
            scale.count = chunkWeights / group;
            scale.scales = scales.data();
            scale.zeroPoints = traits(format).zeroPoint ? zeroPoints.data() : nullptr;
            kernels.groupScales[at](scale);
            EncodeSpan span;
            span.weights = chunk;
            span.count = chunkWeights;
            span.groupSize = group;
            span.encodeScales = span.decodeScales = scales.data();
            span.zeroPoints = scale.zeroPoints;
            span.codes = codes + done / perByte;
            span.sums = fused ? &sums : nullptr;
            span.codeCounts = fused ? counts.data() : nullptr;
            kernels.encode[at](span);
        });
        benchmark::DoNotOptimize(sums);
    };
    const std::string name = std::string(fused ? "quantize_fused/" : "quantize/") + std::string(traits(format).id);
    registerPass({name, kernels.isa, pieceBytes, pieceBytes, run});
}

void registerDecode(const Kernels &kernels, Format format) {
    const auto at = static_cast<std::size_t>(format);
    const std::size_t group = groupOf(format);
    const auto run = [&kernels, format, at, group](std::size_t offset, unsigned) {
        const std::vector<float> scales(pieceWeights / group, 0.01F);
        const std::vector<std::uint8_t> zeroPoints(pieceWeights / group, 8);
        DecodeSpan span;
        span.codes = coldWeights().data() + offset / 8;
        span.count = pieceWeights;
        span.groupSize = group;
        span.decodeScales = scales.data();
        span.zeroPoints = traits(format).zeroPoint ? zeroPoints.data() : nullptr;
        span.out = reinterpret_cast<float *>(outputAt(offset));
        kernels.decode[at](span);
    };
    registerPass({"dequantize/" + std::string(traits(format).id), kernels.isa, pieceBytes, pieceBytes, run});
}

void registerClipSearch(const Kernels &kernels, Format format) {
    const auto search = kernels.clipSearch[static_cast<std::size_t>(format)];
    if (search == nullptr)
        return;
    constexpr std::size_t bytes = std::size_t{1} << 16;
    const auto run = [&kernels, search](std::size_t offset, unsigned) {
        const float *const weights = weightsAt(offset);
        for (std::size_t i = 0; i < bytes / sizeof(float); i += 32) {
            ClipSearch job;
            job.weights = weights + i;
            job.count = 32;
            kernels.groupRanges(job.weights, job.count, job.count, &job.range);
            benchmark::DoNotOptimize(search(job));
        }
    };
    registerPass({"clip_search_32/" + std::string(traits(format).id), kernels.isa, bytes, bytes, run});
}

void registerHistogram(const Kernels &kernels, std::size_t bins) {
    const auto run = [&kernels, bins](std::size_t offset, unsigned) {
        std::vector<std::uint64_t> counts(bins + 2);
        HistogramSpan span;
        span.values = weightsAt(offset);
        span.count = pieceWeights;
        span.lower = -0.1F;
        span.inverseWidth = static_cast<float>(bins) / 0.2F;
        span.bins = bins;
        span.counts = counts.data();
        kernels.histogram(span);
        benchmark::DoNotOptimize(counts.data());
    };
    registerPass({"histogram/" + std::to_string(bins), kernels.isa, pieceBytes, pieceBytes, run});
}

void registerSimple(const Kernels &kernels) {
    registerPass({"moments", kernels.isa, pieceBytes, pieceBytes, [&kernels](std::size_t offset, unsigned) {
                      perChunk(weightsAt(offset), [&](const float *chunk, std::size_t) {
                          benchmark::DoNotOptimize(kernels.moments(chunk, chunkWeights));
                      });
                  }});
    registerPass({"error_sums", kernels.isa, pieceBytes, 2 * pieceBytes, [&kernels](std::size_t offset, unsigned) {
                      const auto *const decoded = reinterpret_cast<const float *>(outputAt(offset));
                      perChunk(weightsAt(offset), [&](const float *chunk, std::size_t done) {
                          benchmark::DoNotOptimize(kernels.errorSums(chunk, decoded + done, chunkWeights));
                      });
                  }});
    registerPass({"group_ranges_64", kernels.isa, pieceBytes, pieceBytes, [&kernels](std::size_t offset, unsigned) {
                      std::array<GroupRange, chunkWeights / 64> ranges;
                      perChunk(weightsAt(offset), [&](const float *chunk, std::size_t) {
                          kernels.groupRanges(chunk, chunkWeights, 64, ranges.data());
                      });
                      benchmark::DoNotOptimize(ranges.data());
                  }});
    for (const bool half : {true, false}) {
        const auto widen = half ? kernels.f16ToF32 : kernels.bf16ToF32;
        const auto narrow = half ? kernels.f32ToF16 : kernels.f32ToBf16;
        const std::string name = half ? "f16" : "bf16";
        registerPass({name + "_to_f32", kernels.isa, pieceBytes, pieceBytes, [widen](std::size_t offset, unsigned) {
                          widen(reinterpret_cast<const std::uint16_t *>(coldWeights().data() + offset),
                                reinterpret_cast<float *>(outputAt(offset)), pieceBytes / 2);
                      }});
        registerPass({"f32_to_" + name, kernels.isa, pieceBytes, pieceBytes, [narrow](std::size_t offset, unsigned) {
                          narrow(weightsAt(offset), reinterpret_cast<std::uint16_t *>(outputAt(offset)), pieceWeights);
                      }});
    }
}

} // namespace

void registerKernels() {
    for (const Isa isa : supportedIsas()) {
        const Kernels &kernels = kernelsFor(isa);
        registerSimple(kernels);
        registerHistogram(kernels, 128);
        registerHistogram(kernels, 256);
        for (const FormatTraits &row : allFormats().subspan(1)) {
            registerEncode(kernels, row.format, false);
            registerEncode(kernels, row.format, true);
            registerDecode(kernels, row.format);
            registerClipSearch(kernels, row.format);
        }
    }
}

} // namespace nibblescope::benchmarks
