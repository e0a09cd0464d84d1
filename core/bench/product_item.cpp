// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>

#if defined(NIBBLESCOPE_HAVE_OPENBLAS)
#include <cblas.h>
#endif

#include "core/bench/bench_items.h"
#include "core/bench/product_inputs.h"

namespace nibblescope {
namespace {

constexpr std::uint64_t blockRows = 64; // between two looks at the stop token
// Products between two looks at the stop token: about 5 ms of the BLAS, 2 ms of an integer kernel with VNNI.
constexpr std::uint64_t blasStep = std::uint64_t{1} << 28;
constexpr std::uint64_t integerStep = std::uint64_t{1} << 28;

// What one worker needs and keeps from pass to pass.
struct Worker {
    std::vector<QuantizedActivations> quantized;
    SplitActivations split;
    ProductWorkspace workspace;
    std::vector<float> decoded;
};

// Y = X W' for rows [begin, end) with F32 activations: one vector by the kernel, a batch of plain weights by the BLAS.
void multiplyF32(const ProductKernels &kernels, const ProductWeights &from, const ProductInputs &inputs,
                 std::uint64_t begin, std::uint64_t end, Worker &worker, float *y) {
    if (inputs.batch == 1) {
        kernels.matvecF32(from, worker.split, begin, end - begin, y + begin);
        return;
    }
#if defined(NIBBLESCOPE_HAVE_OPENBLAS)
    if (from.groups == 0) {
        const float *rows = reinterpret_cast<const float *>(from.data + begin * from.rowBytes);
        if (from.kind != WeightKind::F32) {
            const Kernels &conversions = kernelsFor(kernels.isa);
            worker.decoded.resize((end - begin) * from.cols);
            (from.kind == WeightKind::F16 ? conversions.f16ToF32 : conversions.bf16ToF32)(
                reinterpret_cast<const std::uint16_t *>(rows), worker.decoded.data(), worker.decoded.size());
            rows = worker.decoded.data();
        }
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<blasint>(inputs.batch),
                    static_cast<blasint>(end - begin), static_cast<blasint>(from.cols), 1.0F, inputs.x.data(),
                    static_cast<blasint>(from.cols), rows, static_cast<blasint>(from.cols), 0.0F, y + begin,
                    static_cast<blasint>(from.rows));
        return;
    }
#endif
    for (std::uint32_t i = 0; i < inputs.batch; ++i) {
        kernels.splitActivations(from, inputs.x.data() + i * from.cols, worker.split);
        kernels.matvecF32(from, worker.split, begin, end - begin, y + i * from.rows + begin);
    }
}

void quantizeInputs(const ProductKernels &kernels, const ProductWeights &from, const ProductInputs &inputs,
                    Worker &worker) {
    worker.quantized.resize(inputs.batch);
    for (std::uint32_t i = 0; i < inputs.batch; ++i)
        kernels.quantizeActivations(from, inputs.x.data() + i * from.cols, worker.quantized[i]);
}

void multiplyInt8(const ProductKernels &kernels, const ProductWeights &from, std::uint64_t begin, std::uint64_t end,
                  Worker &worker, float *y) {
    if (worker.quantized.size() == 1)
        kernels.matvecInt8(from, worker.quantized[0], begin, end - begin, y + begin);
    else
        kernels.matmulInt8(from, worker.quantized.data(), worker.quantized.size(), begin, end - begin, y,
                           worker.workspace);
}

} // namespace

std::string blasName() {
#if defined(NIBBLESCOPE_HAVE_OPENBLAS)
    return std::string("OpenBLAS, ") + openblas_get_corename();
#else
    return {};
#endif
}

BenchItem productItem(std::shared_ptr<const TestMatrix> matrix, Isa isa, Activations activations, std::uint32_t batch,
                      const std::stop_token &stop) {
    const ProductWeights view = matrix->copy(0);
    const ProductKernels *const kernels = &productsFor(isa);
    BenchItem item;
    item.copies = matrix;
    item.timing.operation = batch == 1 ? Operation::Matvec : Operation::Matmul;
    item.timing.isa = isa;
    item.timing.rows = view.rows;
    item.timing.cols = view.cols;
    item.timing.format = matrix->format().id;
    item.timing.groupSize = matrix->format().groupSize;
    item.timing.doubleQuant = matrix->format().doubleQuant;
    item.timing.batch = batch;
    item.timing.activations = activations;
    item.timing.bytes = view.bytes();
    const auto inputs = std::make_shared<const ProductInputs>(makeProductInputs(batch, view.cols));
    const auto y = std::make_shared<std::vector<float>>(batch * view.rows);
    const auto workers = std::make_shared<std::vector<Worker>>(256);
    const std::uint64_t most = activations == Activations::F32 ? blasStep : integerStep;
    const std::uint64_t step = std::clamp<std::uint64_t>(most / (view.cols * batch) / blockRows, 1, 4) * blockRows;
#if defined(NIBBLESCOPE_HAVE_OPENBLAS)
    openblas_set_num_threads(1); // the workers are ours, pinned
#endif
    item.pass = [=](unsigned index, unsigned count, std::size_t copy) {
        const ProductWeights from = matrix->copy(copy);
        Worker &worker = (*workers)[index];
        // Multiples of 64 rows a worker: panels stay whole, and no two workers write to one cache line.
        const std::uint64_t blocks = (from.rows + blockRows - 1) / blockRows;
        const std::uint64_t first = std::min(from.rows, blocks * index / count * blockRows);
        const std::uint64_t last = std::min(from.rows, blocks * (index + 1) / count * blockRows);
        if (activations == Activations::Int8)
            quantizeInputs(*kernels, from, *inputs, worker);
        else if (batch == 1)
            kernels->splitActivations(from, inputs->x.data(), worker.split);
        for (std::uint64_t row = first; row < last && !stop.stop_requested(); row += step) {
            const std::uint64_t end = std::min(last, row + step);
            if (activations == Activations::Int8)
                multiplyInt8(*kernels, from, row, end, worker, y->data());
            else
                multiplyF32(*kernels, from, *inputs, row, end, worker, y->data());
        }
    };
    item.pass(0, 1, 0);
    throwIfStopped(stop);
    item.timing.maxRelativeError = relativeProductError(*matrix, *inputs, *y);
    return item;
}

} // namespace nibblescope
