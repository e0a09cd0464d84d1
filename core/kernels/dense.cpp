// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/kernels/dense.h"

#ifdef NIBBLESCOPE_HAVE_OPENBLAS
#include <cblas.h>
#else
#include <Eigen/Core>
#endif

namespace nibblescope {
namespace {

#ifdef NIBBLESCOPE_HAVE_OPENBLAS

// The pool runs many products at once; threads of the BLAS inside each would only get in each other's way.
void useOneThread() {
    static const bool done = [] {
        openblas_set_num_threads(1);
        return true;
    }();
    static_cast<void>(done);
}

blasint size(std::size_t value) { return static_cast<blasint>(value); }
CBLAS_TRANSPOSE way(Transposed transposed) { return transposed == Transposed::Yes ? CblasTrans : CblasNoTrans; }

#else

template <typename Value>
void multiplyWithEigen(const DenseProduct<Value> &p) {
    using Matrix = Eigen::Matrix<Value, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    using Stride = Eigen::OuterStride<>;
    const auto index = [](std::size_t value) { return static_cast<Eigen::Index>(value); };
    const auto view = [&](const DenseView<Value> &v, std::size_t rows, std::size_t cols) {
        const bool flipped = v.transposed == Transposed::Yes;
        return Eigen::Map<const Matrix, 0, Stride>(v.data, index(flipped ? cols : rows), index(flipped ? rows : cols),
                                                   Stride(index(v.stride)));
    };
    const auto a = view(p.a, p.rows, p.inner);
    const auto b = view(p.b, p.inner, p.cols);
    Eigen::Map<Matrix, 0, Stride> c(p.c, index(p.rows), index(p.cols), Stride(index(p.cStride)));
    if (p.beta == Value(0))
        c.setZero();
    else if (p.beta != Value(1))
        c *= p.beta;
    const bool ta = p.a.transposed == Transposed::Yes;
    const bool tb = p.b.transposed == Transposed::Yes;
    if (ta && tb)
        c.noalias() += p.alpha * a.transpose() * b.transpose();
    else if (ta)
        c.noalias() += p.alpha * a.transpose() * b;
    else if (tb)
        c.noalias() += p.alpha * a * b.transpose();
    else
        c.noalias() += p.alpha * a * b;
}

#endif

} // namespace

#ifdef NIBBLESCOPE_HAVE_OPENBLAS

void multiply(const DenseProduct<float> &p) {
    useOneThread();
    cblas_sgemm(CblasRowMajor, way(p.a.transposed), way(p.b.transposed), size(p.rows), size(p.cols), size(p.inner),
                p.alpha, p.a.data, size(p.a.stride), p.b.data, size(p.b.stride), p.beta, p.c, size(p.cStride));
}

void multiply(const DenseProduct<double> &p) {
    useOneThread();
    cblas_dgemm(CblasRowMajor, way(p.a.transposed), way(p.b.transposed), size(p.rows), size(p.cols), size(p.inner),
                p.alpha, p.a.data, size(p.a.stride), p.b.data, size(p.b.stride), p.beta, p.c, size(p.cStride));
}

const char *denseLibrary() { return "OpenBLAS"; }

#else

void multiply(const DenseProduct<float> &product) { multiplyWithEigen(product); }
void multiply(const DenseProduct<double> &product) { multiplyWithEigen(product); }
const char *denseLibrary() { return "Eigen"; }

#endif

} // namespace nibblescope
