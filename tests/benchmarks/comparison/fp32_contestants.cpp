// SPDX-License-Identifier: GPL-3.0-or-later
// What users would take for F32: Eigen, built for this machine, and OpenBLAS on the kernel that it picks. Rows are
// split over our pinned workers and each calls the library once, with one thread of its own.
#include <Eigen/Core>
#if defined(NIBBLESCOPE_HAVE_OPENBLAS)
#include <cblas.h>
#endif

#include "contestants.h"
#include "core/bench/product_inputs.h"

namespace nibblescope::benchmarks {
namespace {

constexpr double fp32Tolerance = 1e-4;
using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Rows [begin, end) of the weights with all vectors; y is [batch, rows].
using Multiply = void (*)(const ProductWeights &weights, const ProductInputs &inputs, RowShare rows, float *y);

void multiplyWithEigen(const ProductWeights &weights, const ProductInputs &inputs, RowShare rows, float *y) {
    const auto count = static_cast<Eigen::Index>(rows.end - rows.begin);
    const auto cols = static_cast<Eigen::Index>(weights.cols);
    const Eigen::Map<const RowMajor> w(reinterpret_cast<const float *>(weights.data + rows.begin * weights.rowBytes),
                                       count, cols);
    if (inputs.batch == 1) {
        const Eigen::Map<const Eigen::VectorXf> x(inputs.x.data(), cols);
        Eigen::Map<Eigen::VectorXf>(y + rows.begin, count).noalias() = w * x;
        return;
    }
    const Eigen::Map<const RowMajor> x(inputs.x.data(), inputs.batch, cols);
    Eigen::Map<RowMajor, 0, Eigen::OuterStride<>> out(y + rows.begin, inputs.batch, count,
                                                      Eigen::OuterStride<>(static_cast<Eigen::Index>(weights.rows)));
    out.noalias() = x * w.transpose();
}

#if defined(NIBBLESCOPE_HAVE_OPENBLAS)
void multiplyWithOpenBlas(const ProductWeights &weights, const ProductInputs &inputs, RowShare rows, float *y) {
    const auto count = static_cast<blasint>(rows.end - rows.begin);
    const auto cols = static_cast<blasint>(weights.cols);
    const auto *const w = reinterpret_cast<const float *>(weights.data + rows.begin * weights.rowBytes);
    if (inputs.batch == 1)
        cblas_sgemv(CblasRowMajor, CblasNoTrans, count, cols, 1.0F, w, cols, inputs.x.data(), 1, 0.0F, y + rows.begin,
                    1);
    else
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<blasint>(inputs.batch), count, cols, 1.0F,
                    inputs.x.data(), cols, w, cols, 0.0F, y + rows.begin, static_cast<blasint>(weights.rows));
}
#endif

BenchItem fp32Item(Multiply multiply, const Field &field, const std::shared_ptr<const TestMatrix> &matrix) {
    BenchItem item;
    item.copies = matrix;
    item.timing.operation = field.what.batch() == 1 ? Operation::Matvec : Operation::Matmul;
    item.timing.format = "fp32";
    item.timing.bytes = matrix->copy(0).bytes();
    const auto inputs = std::make_shared<const ProductInputs>(makeProductInputs(field.what.batch(), field.what.cols));
    const auto y = std::make_shared<std::vector<float>>(field.what.batch() * field.what.rows);
    item.pass = [=](unsigned worker, unsigned workers, std::size_t copy) {
        const ProductWeights from = matrix->copy(copy);
        multiply(from, *inputs, shareOfRows(from.rows, worker, workers), y->data());
    };
    item.pass(0, 1, 0);
    item.timing.maxRelativeError = relativeProductError(*matrix, *inputs, *y);
    return item;
}

Contestant contestant(const char *name, Multiply multiply) {
    return {name, std::nullopt, fp32Tolerance,
            [multiply](const Field &field, const std::shared_ptr<const TestMatrix> &matrix) {
                return fp32Item(multiply, field, matrix);
            }};
}

} // namespace

void addEigenAndBlas(Work work, std::vector<Contestant> &all) {
    if (work != Work::Matvec && work != Work::Matmul)
        return;
    all.push_back(contestant("eigen_fp32", multiplyWithEigen));
#if defined(NIBBLESCOPE_HAVE_OPENBLAS)
    openblas_set_num_threads(1);
    all.push_back(contestant("openblas_fp32", multiplyWithOpenBlas));
#endif
}

} // namespace nibblescope::benchmarks
