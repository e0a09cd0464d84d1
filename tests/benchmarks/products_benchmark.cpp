// SPDX-License-Identifier: GPL-3.0-or-later
// Products of every kind and instruction set, and what users would take instead: Eigen and OpenBLAS in FP32.
#include <Eigen/Core>
#if defined(NIBBLESCOPE_HAVE_OPENBLAS)
#include <cblas.h>
#endif

#include "bench_support.h"
#include "core/base/half.h"
#include "core/kernels/products.h"

namespace nibblescope::benchmarks {
namespace {

constexpr std::size_t side = 4096;

struct Kind {
    const char *name;
    WeightKind kind;
    std::size_t groupSize; // 0: no scales
    bool integer;
};
constexpr Kind kinds[] = {
    {"fp32", WeightKind::F32, 0, false},
    {"fp16", WeightKind::F16, 0, false},
    {"bf16", WeightKind::Bf16, 0, false},
    {"int8_row", WeightKind::Int8, side, true},
    {"int4_64", WeightKind::Int4, 64, true},
    {"int4_128", WeightKind::Int4, 128, true},
    {"nf4_64", WeightKind::Codebook4, 64, true},
    {"int4_64_f32x", WeightKind::Int4, 64, false},
    {"nf4_64_f32x", WeightKind::Codebook4, 64, false},
};

const std::vector<float> &inputs() {
    static const std::vector<float> x(512 * side, 0.25F);
    return x;
}

ProductWeights weightsOf(const Kind &kind) {
    static const std::vector<std::uint16_t> scales(side * side / 16, f16FromF32(0.01F));
    ProductWeights weights;
    weights.kind = kind.kind;
    weights.rows = side;
    weights.cols = side;
    weights.rowBytes = kind.kind == WeightKind::F32                                    ? 4 * side
                       : kind.kind == WeightKind::F16 || kind.kind == WeightKind::Bf16 ? 2 * side
                       : kind.kind == WeightKind::Int8                                 ? side
                                                                                       : side / 2;
    weights.groupSize = kind.groupSize;
    weights.groups = kind.groupSize == 0 ? 0 : side / kind.groupSize;
    weights.scales = scales.data();
    if (kind.kind == WeightKind::Codebook4)
        setLevels(weights, levels(Format::Nf4).data());
    return weights;
}

void registerMatvec(const Kind &kind, Isa isa) {
    const ProductKernels &kernels = productsFor(isa);
    const ProductWeights weights = weightsOf(kind);
    const bool integer = kind.integer;
    const auto run = [&kernels, weights, integer](std::size_t offset, unsigned) {
        ProductWeights from = weights;
        from.data = coldWeights().data() + offset;
        static thread_local std::vector<float> y(side);
        static thread_local QuantizedActivations quantized;
        static thread_local SplitActivations plain;
        if (integer) {
            kernels.quantizeActivations(from, inputs().data(), quantized);
            kernels.matvecInt8(from, quantized, 0, from.rows, y.data());
        } else {
            kernels.splitActivations(from, inputs().data(), plain);
            kernels.matvecF32(from, plain, 0, from.rows, y.data());
        }
        benchmark::DoNotOptimize(y.data());
    };
    registerPass({std::string("matvec/") + kind.name, isa, weights.rows * weights.rowBytes, weights.bytes(), run});
}

void registerMatmul(const Kind &kind, Isa isa, std::size_t batch) {
    const ProductKernels &kernels = productsFor(isa);
    const ProductWeights weights = weightsOf(kind);
    const auto run = [&kernels, weights, batch](std::size_t offset, unsigned) {
        ProductWeights from = weights;
        from.data = coldWeights().data() + offset;
        static thread_local std::vector<float> y(512 * side);
        static thread_local std::vector<QuantizedActivations> quantized(512);
        static thread_local ProductWorkspace workspace;
        for (std::size_t i = 0; i < batch; ++i)
            kernels.quantizeActivations(from, inputs().data() + i * side, quantized[i]);
        kernels.matmulInt8(from, quantized.data(), batch, 0, from.rows, y.data(), workspace);
        benchmark::DoNotOptimize(y.data());
    };
    registerPass({"matmul_" + std::to_string(batch) + "/" + kind.name, isa, weights.rows * weights.rowBytes,
                  weights.bytes(), run});
}

// The libraries choose their own instructions; the name of the scalar set stands for that.
void registerOthers() {
    constexpr std::size_t bytes = side * side * sizeof(float);
    registerPass({"matvec/eigen_fp32", Isa::Scalar, bytes, bytes, [](std::size_t offset, unsigned) {
                      using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
                      const Eigen::Map<const Matrix> w(reinterpret_cast<const float *>(coldWeights().data() + offset),
                                                       side, side);
                      const Eigen::Map<const Eigen::VectorXf> x(inputs().data(), side);
                      static thread_local Eigen::VectorXf y(side);
                      y.noalias() = w * x;
                      benchmark::DoNotOptimize(y.data());
                  }});
#if defined(NIBBLESCOPE_HAVE_OPENBLAS)
    openblas_set_num_threads(1);
    const auto multiply = [](std::size_t offset, int batch) {
        static thread_local std::vector<float> y(512 * side);
        const auto *const w = reinterpret_cast<const float *>(coldWeights().data() + offset);
        constexpr auto n = static_cast<blasint>(side);
        if (batch == 1)
            cblas_sgemv(CblasRowMajor, CblasNoTrans, n, n, 1.0F, w, n, inputs().data(), 1, 0.0F, y.data(), 1);
        else
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, batch, n, n, 1.0F, inputs().data(), n, w, n, 0.0F,
                        y.data(), n);
        benchmark::DoNotOptimize(y.data());
    };
    for (const int batch : {1, 32, 512})
        registerPass({batch == 1 ? "matvec/openblas_fp32" : "matmul_" + std::to_string(batch) + "/openblas_fp32",
                      Isa::Scalar, bytes, bytes,
                      [multiply, batch](std::size_t offset, unsigned) { multiply(offset, batch); }});
#endif
}

} // namespace

void registerProducts() {
    registerOthers();
    for (const Isa isa : supportedIsas())
        for (const Kind &kind : kinds) {
            registerMatvec(kind, isa);
            if (kind.integer && isa != Isa::Scalar)
                for (const std::size_t batch : {32U, 512U})
                    registerMatmul(kind, isa, batch);
        }
}

} // namespace nibblescope::benchmarks
