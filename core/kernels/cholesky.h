// SPDX-License-Identifier: GPL-3.0-or-later
// Triangular factors in F64, in blocks on the worker pool; the products run on the BLAS.
#pragma once

#include <cstddef>
#include <vector>

#include "core/base/work.h"

namespace nibblescope {

// A = L L': the lower triangle of the symmetric [n, n] row-major matrix `a` is replaced by L; above the diagonal
// nothing of use is left. False if A is not positive definite.
bool factorCholesky(std::vector<double> &a, std::size_t n, const Work &work);

// The inverse of a lower triangular matrix, zeros above the diagonal.
std::vector<double> invertLower(const std::vector<double> &lower, std::size_t n, const Work &work);

// U, upper triangular with a positive diagonal, such that inverse(A) = U' U; empty if A is not positive definite. With
// the order of rows and columns reversed, A = R R' with R upper triangular, and U is the inverse of R: one
// factorisation and one triangular inverse, where the inverse itself would take two more steps.
std::vector<double> inverseFactor(const std::vector<double> &a, std::size_t n, const Work &work);

} // namespace nibblescope
