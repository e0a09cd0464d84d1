// SPDX-License-Identifier: GPL-3.0-or-later
// Linears of a quantized model on the packed kernels (core/kernels/products.h), in place of a BLAS on decoded weights:
// what the kernels that inference runs on do to the predictions, beyond what the weights do.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/kernels/products.h"
#include "core/quant/quantized_tensor.h"

namespace nibblescope {

// What quantized linears of the layers are multiplied with.
//   Blas        weights decoded to F32, on the BLAS
//   PackedF32   packed weights, F32 activations: differs from Blas in the order of sums only
//   PackedInt8  packed weights; activations are rounded to INT8, a scale a token, and the levels of codebooks to 8 bits
enum class Products : std::uint8_t { Blas, PackedF32, PackedInt8 };

struct ProductsTraits {
    Products products;
    std::string_view id;        // on the command line and in files: "packed-int8"
    std::string_view name;      // in lists: "Packed, INT8"
    std::string_view shortName; // behind a recipe: "packed INT8"
    std::string_view phrase;    // in sentences: "the packed kernels with INT8 activations"
};
std::span<const ProductsTraits> allProducts(); // in the order of the enumeration
const ProductsTraits &traits(Products products);
std::optional<Products> productsFromId(std::string_view id);

// Why no tensor of that recipe can be multiplied packed ("INT4 asymmetric has zero-points, which the packed kernels do
// not take"); nullopt: its tensors decide.
std::optional<std::string> problemOf(const Recipe &recipe, Products products);
// Why this one cannot, to stand behind a count of tensors ("with an odd number of columns"); nullopt: it can.
std::optional<std::string> problemOfPacking(const QuantizedTensor &tensor);

// How the quantized linears of a model were multiplied.
struct ProductsUsed {
    Products products = Products::Blas;
    Isa isa = Isa::Scalar;                      // of the packed kernels
    std::size_t packed = 0;                     // linears
    std::map<std::string, std::size_t> decoded; // linears on decoded weights, by reason

    std::size_t decodedCount() const;
    bool operator==(const ProductsUsed &) const = default;
};
// "packed kernels (AVX-512 VNNI), INT8 activations".
std::string describe(const ProductsUsed &used);
// "2 of 35 quantized linears on decoded weights: 2 with an odd number of columns."; empty: all are packed.
std::string decodedRemark(const ProductsUsed &used);
// Keys: products, products_isa, linears_packed, linears_decoded (an object: reason, count; absent: none).
void addJson(const ProductsUsed &used, nlohmann::ordered_json &json);
// Throws Error{Fault::Input} for names that are not known, nlohmann's exceptions for what has other types.
ProductsUsed productsUsedFromJson(const nlohmann::ordered_json &json);

// Room for one call at a time.
struct PackedScratch {
    std::vector<QuantizedActivations> quantized;
    SplitActivations split;
    ProductWorkspace workspace;
    std::vector<float> y;
};

// Weights of a linear as its codes.
class PackedLinear {
public:
    // Not for Products::Blas, nor for a tensor with a problemOfPacking().
    PackedLinear(QuantizedTensor tensor, Products products, Isa isa);
    PackedLinear(const PackedLinear &) = delete; // the kernels' view points into it
    PackedLinear &operator=(const PackedLinear &) = delete;

    // Y[positions, rows] = X[positions, cols] W', or Y += where `add`. Safe from several threads, each with its own
    // scratch.
    void multiply(const float *x, std::size_t positions, float *y, bool add, PackedScratch &scratch) const;

private:
    void setScales();
    void multiplyInt8(const float *x, std::size_t positions, float *y, PackedScratch &scratch) const;
    void multiplyF32(const float *x, std::size_t positions, float *y, PackedScratch &scratch) const;

    QuantizedTensor m_tensor;
    std::vector<std::uint16_t> m_scales; // F16, a group each
    const ProductKernels &m_kernels;
    bool m_int8;
    ProductWeights m_weights;
};

} // namespace nibblescope
