// SPDX-License-Identifier: GPL-3.0-or-later
// Every kernel on every instruction set that this machine has. Bytes are those of the F32 weights that go in or come
// out; of 16-bit and 8-bit inputs those that go in.
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

const char *nameOf(InputType type) { return type == InputType::F32 ? "f32" : type == InputType::F16 ? "f16" : "bf16"; }

const std::uint8_t *inputAt(InputType type, std::size_t offset) {
    return type == InputType::F32 ? coldWeights().data() + offset : coldHalves(type).data() + offset / 2;
}

// What is made beside codes and scales in the same pass.
struct Extras {
    const char *name;
    bool fused;
    std::size_t bins;
};
constexpr Extras extras[] = {{"quantize/", false, 0}, {"quantize_fused/", true, 0}, {"quantize_fused_128/", true, 128}};

void registerQuantize(const Kernels &kernels, Format format, InputType input, const Extras &extra) {
    const auto quantize = kernels.quantize[static_cast<std::size_t>(format)];
    const std::size_t group = groupOf(format);
    const std::size_t perByte = traits(format).codeBits == 8 ? 1 : 2;
    const std::size_t width = input == InputType::F32 ? 4 : 2;
    const auto run = [=](std::size_t offset, unsigned) {
        std::array<float, chunkWeights / 32> scales{};
        std::array<std::uint8_t, chunkWeights / 32> zeroPoints{};
        std::array<std::uint32_t, 256> counts{};
        std::array<std::uint64_t, 130> histogram{};
        ErrorSums sums;
        HistogramSpan values;
        values.lower = -0.1F;
        values.inverseWidth = static_cast<float>(extra.bins) / 0.2F;
        values.bins = extra.bins;
        values.counts = histogram.data();
        for (std::size_t done = 0; done < pieceWeights; done += chunkWeights) {
            QuantizeSpan span;
            span.weights = inputAt(input, offset) + done * width;
            span.input = input;
            span.count = chunkWeights;
            span.groupSize = group;
            span.scales = scales.data();
            span.zeroPoints = traits(format).zeroPoint ? zeroPoints.data() : nullptr;
            span.codes = outputAt(offset / 4) + done / perByte;
            span.sums = extra.fused ? &sums : nullptr;
            span.codeCounts = extra.fused ? counts.data() : nullptr;
            span.histogram = extra.bins != 0 ? &values : nullptr;
            quantize(span);
        }
        benchmark::DoNotOptimize(sums);
    };
    registerPass({extra.name + std::string(traits(format).id) + "/" + nameOf(input), kernels.isa, pieceBytes,
                  pieceWeights * width, run});
}

// With scales that are there already, as formats with double quantization and searched scales need it.
void registerEncode(const Kernels &kernels, Format format) {
    const auto encode = kernels.encode[static_cast<std::size_t>(format)];
    const std::size_t group = groupOf(format);
    const std::size_t perByte = traits(format).codeBits == 8 ? 1 : 2;
    const auto run = [=](std::size_t offset, unsigned) {
        static const std::vector<float> scales(chunkWeights / 32, 0.01F);
        static const std::vector<std::uint8_t> zeroPoints(chunkWeights / 32, 8);
        perChunk(weightsAt(offset), [&](const float *chunk, std::size_t done) {
            EncodeSpan span;
            span.weights = chunk;
            span.count = chunkWeights;
            span.groupSize = group;
            span.encodeScales = span.decodeScales = scales.data();
            span.zeroPoints = traits(format).zeroPoint ? zeroPoints.data() : nullptr;
            span.codes = outputAt(offset / 4) + done / perByte;
            encode(span);
        });
    };
    registerPass({"encode/" + std::string(traits(format).id), kernels.isa, pieceBytes, pieceBytes, run});
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

// To BF16, by way of F32 in the cache. Bytes are those of the BF16 that come out.
void registerDecodeToBf16(const Kernels &kernels, Format format) {
    const auto decode = kernels.decode[static_cast<std::size_t>(format)];
    const std::size_t group = groupOf(format);
    const std::size_t perByte = traits(format).codeBits == 8 ? 1 : 2;
    const auto run = [=, narrow = kernels.f32ToBf16](std::size_t offset, unsigned) {
        static const std::vector<float> scales(chunkWeights / 32, 0.01F);
        static const std::vector<std::uint8_t> zeroPoints(chunkWeights / 32, 8);
        std::array<float, chunkWeights> decoded;
        auto *const out = reinterpret_cast<std::uint16_t *>(outputAt(offset / 2));
        for (std::size_t done = 0; done < pieceWeights; done += chunkWeights) {
            DecodeSpan span;
            span.codes = coldWeights().data() + offset / 8 + done / perByte;
            span.count = chunkWeights;
            span.groupSize = group;
            span.decodeScales = scales.data();
            span.zeroPoints = traits(format).zeroPoint ? zeroPoints.data() : nullptr;
            span.out = decoded.data();
            decode(span);
            narrow(decoded.data(), out + done, chunkWeights);
        }
    };
    registerPass({"dequantize_bf16/" + std::string(traits(format).id), kernels.isa, pieceBytes, pieceBytes / 2, run});
}

// How often each code stands in a group, and the error under each code: what the Bins page asks for.
void registerPerCode(const Kernels &kernels) {
    const auto count = [counts = kernels.codeCounts](std::size_t offset, unsigned) {
        static thread_local std::vector<std::uint32_t> out(pieceWeights / 64 * 16);
        DecodeSpan span;
        span.codes = coldWeights().data() + offset / 8;
        span.count = pieceWeights;
        span.groupSize = 64;
        counts(span, out.data());
        benchmark::DoNotOptimize(out.data());
    };
    // Bytes are those of the codes.
    registerPass({"code_counts_64", kernels.isa, pieceBytes, pieceWeights / 2, count});
    const auto errors = [&kernels](std::size_t offset, unsigned) {
        double sums[256][2]{};
        const auto *const decoded = reinterpret_cast<const float *>(outputAt(offset));
        perChunk(weightsAt(offset), [&](const float *chunk, std::size_t done) {
            kernels.codeErrors(chunk, decoded + done, coldWeights().data() + (offset / 8 + done / 2), chunkWeights,
                               sums);
        });
        benchmark::DoNotOptimize(sums);
    };
    registerPass({"code_errors", kernels.isa, pieceBytes, 2 * pieceBytes, errors});
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
}

void registerConversions(const Kernels &kernels) {
    for (const InputType type : {InputType::F16, InputType::Bf16}) {
        const bool half = type == InputType::F16;
        const auto widen = half ? kernels.f16ToF32 : kernels.bf16ToF32;
        const auto narrow = half ? kernels.f32ToF16 : kernels.f32ToBf16;
        const std::string name = nameOf(type);
        registerPass(
            {name + "_to_f32", kernels.isa, pieceBytes, pieceBytes / 2, [widen, type](std::size_t offset, unsigned) {
                 widen(reinterpret_cast<const std::uint16_t *>(inputAt(type, offset)),
                       reinterpret_cast<float *>(outputAt(offset)), pieceWeights);
             }});
        registerPass({"f32_to_" + name, kernels.isa, pieceBytes, pieceBytes, [narrow](std::size_t offset, unsigned) {
                          narrow(weightsAt(offset), reinterpret_cast<std::uint16_t *>(outputAt(offset)), pieceWeights);
                      }});
    }
    for (const bool four : {true, false}) {
        const auto widen = four ? kernels.f8E4M3ToF32 : kernels.f8E5M2ToF32;
        registerPass({four ? "f8_e4m3_to_f32" : "f8_e5m2_to_f32", kernels.isa, pieceBytes, pieceBytes / 4,
                      [widen](std::size_t offset, unsigned) {
                          widen(coldWeights().data() + offset / 4, reinterpret_cast<float *>(outputAt(offset)),
                                pieceWeights);
                      }});
    }
}

void registerFormat(const Kernels &kernels, Format format) {
    for (const Extras &extra : extras)
        for (const InputType input : {InputType::F32, InputType::F16, InputType::Bf16})
            registerQuantize(kernels, format, input, extra);
    registerEncode(kernels, format);
    registerDecode(kernels, format);
    registerDecodeToBf16(kernels, format);
    registerClipSearch(kernels, format);
}

} // namespace

void registerKernels() {
    for (const Isa isa : supportedIsas()) {
        const Kernels &kernels = kernelsFor(isa);
        registerSimple(kernels);
        registerConversions(kernels);
        registerPerCode(kernels);
        for (const std::size_t bins : {64U, 128U, 256U})
            registerHistogram(kernels, bins);
        for (const FormatTraits &row : allFormats().subspan(1))
            registerFormat(kernels, row.format);
    }
}

} // namespace nibblescope::benchmarks
