// SPDX-License-Identifier: GPL-3.0-or-later
// Products of every kind of weights and instruction set. What users would take instead stands in comparison/.
#include "bench_support.h"
#include "core/kernels/products.h"
#include "core/quant/double_quantization.h"

namespace nibblescope::benchmarks {
namespace {

constexpr std::size_t side = 4096;

struct Kind {
    const char *name;
    WeightKind kind;
    std::size_t groupSize; // 0: no scales
    bool doubleQuant = false;
    Format levelsOf = Format::None; // Codebook4
};
constexpr Kind kinds[] = {
    {"fp32", WeightKind::F32, 0},
    {"fp16", WeightKind::F16, 0},
    {"bf16", WeightKind::Bf16, 0},
    {"int8_row", WeightKind::Int8, side},
    {"int8_64", WeightKind::Int8, 64},
    {"int4_64", WeightKind::Int4, 64},
    {"int4_128", WeightKind::Int4, 128},
    {"nf4_64", WeightKind::Codebook4, 64, false, Format::Nf4},
    {"nf4_64_dq", WeightKind::Codebook4, 64, true, Format::Nf4},
    {"fp4_64", WeightKind::Codebook4, 64, false, Format::Fp4},
    {"mxfp4_32", WeightKind::Codebook4, 32, false, Format::Mxfp4},
};
constexpr std::size_t batches[] = {2, 4, 32, 512};

const std::vector<float> &inputs() {
    static const std::vector<float> x(512 * side, 0.25F);
    return x;
}

std::size_t rowBytesOf(WeightKind kind) {
    switch (kind) {
    case WeightKind::F32:
        return 4 * side;
    case WeightKind::F16:
    case WeightKind::Bf16:
        return 2 * side;
    case WeightKind::Int8:
        return side;
    default:
        return side / 2;
    }
}

// Without pointers to codes and scales.
ProductWeights weightsOf(const Kind &kind) {
    ProductWeights weights;
    weights.kind = kind.kind;
    weights.rows = side;
    weights.cols = side;
    weights.rowBytes = rowBytesOf(kind.kind);
    weights.groupSize = kind.groupSize;
    weights.groups = kind.groupSize == 0 ? 0 : side / kind.groupSize;
    if (kind.doubleQuant) {
        static const std::vector<float> blockScales(side * side / 64 / 256, 0.01F);
        weights.blockScales = blockScales.data();
        weights.map = dynamicMap().data();
        weights.offset = 0.02F;
    }
    if (kind.kind == WeightKind::Codebook4)
        setLevels(weights, levels(kind.levelsOf).data());
    return weights;
}

// Codes and scales that are cold: both move on with the offset.
ProductWeights weightsAt(const ProductWeights &weights, std::size_t offset) {
    ProductWeights from = weights;
    from.data = coldWeights().data() + offset;
    if (weights.groups == 0)
        return from;
    const std::size_t first = offset / weights.rowBytes * weights.groups;
    const std::size_t last = coldScales().size() / sizeof(std::uint16_t) - weights.rows * weights.groups;
    if (weights.map != nullptr)
        from.scaleCodes = coldScales().data() + first % last;
    else
        from.scales = reinterpret_cast<const std::uint16_t *>(coldScales().data()) + first % last;
    return from;
}

void registerProduct(const std::string &name, const ProductWeights &weights, Isa isa,
                     const std::function<void(const ProductWeights &from)> &multiply) {
    const auto run = [weights, multiply](std::size_t offset, unsigned) { multiply(weightsAt(weights, offset)); };
    ProductWeights counted = weightsAt(weights, 0);
    registerPass({name, isa, weights.rows * weights.rowBytes, counted.bytes(), run});
}

// F32 activations, as all kinds can have them.
void registerMatvecF32(const Kind &kind, Isa isa) {
    const ProductKernels &kernels = productsFor(isa);
    registerProduct(std::string("matvec_f32/") + kind.name, weightsOf(kind), isa, [&](const ProductWeights &from) {
        static thread_local std::vector<float> y(side);
        static thread_local SplitActivations plain;
        kernels.splitActivations(from, inputs().data(), plain);
        kernels.matvecF32(from, plain, 0, from.rows, y.data());
        benchmark::DoNotOptimize(y.data());
    });
}

void registerMatvecInt8(const Kind &kind, Isa isa) {
    const ProductKernels &kernels = productsFor(isa);
    registerProduct(std::string("matvec_int8/") + kind.name, weightsOf(kind), isa, [&](const ProductWeights &from) {
        static thread_local std::vector<float> y(side);
        static thread_local QuantizedActivations quantized;
        kernels.quantizeActivations(from, inputs().data(), quantized);
        kernels.matvecInt8(from, quantized, 0, from.rows, y.data());
        benchmark::DoNotOptimize(y.data());
    });
}

void registerMatmulInt8(const Kind &kind, Isa isa, std::size_t batch) {
    const ProductKernels &kernels = productsFor(isa);
    const std::string name = "matmul_" + std::to_string(batch) + "_int8/" + kind.name;
    registerProduct(name, weightsOf(kind), isa, [&kernels, batch](const ProductWeights &from) {
        static thread_local std::vector<float> y(512 * side);
        static thread_local std::vector<QuantizedActivations> quantized(512);
        static thread_local ProductWorkspace workspace;
        for (std::size_t i = 0; i < batch; ++i)
            kernels.quantizeActivations(from, inputs().data() + i * side, quantized[i]);
        kernels.matmulInt8(from, quantized.data(), batch, 0, from.rows, y.data(), workspace);
        benchmark::DoNotOptimize(y.data());
    });
}

// Of one vector of 4096; bytes are those of its F32 values.
void registerActivations(Isa isa) {
    const ProductKernels &kernels = productsFor(isa);
    for (const WeightKind kind : {WeightKind::Int8, WeightKind::Int4}) {
        ProductWeights weights;
        weights.kind = kind;
        weights.cols = side;
        constexpr std::size_t bytes = side * sizeof(float);
        registerPass({kind == WeightKind::Int8 ? "activations_int8/plain" : "activations_int8/split", isa, bytes, bytes,
                      [&kernels, weights](std::size_t offset, unsigned) {
                          static thread_local QuantizedActivations quantized;
                          kernels.quantizeActivations(
                              weights, reinterpret_cast<const float *>(coldWeights().data() + offset), quantized);
                          benchmark::DoNotOptimize(quantized);
                      }});
    }
}

} // namespace

void registerProducts() {
    for (const Isa isa : supportedIsas()) {
        registerActivations(isa);
        for (const Kind &kind : kinds) {
            registerMatvecF32(kind, isa);
            if (kind.groupSize == 0)
                continue;
            registerMatvecInt8(kind, isa);
            for (const std::size_t batch : batches)
                if (isa != Isa::Scalar || batch <= 4) // more take seconds there
                    registerMatmulInt8(kind, isa, batch);
        }
    }
}

} // namespace nibblescope::benchmarks
