// SPDX-License-Identifier: GPL-3.0-or-later
#include "contestants.h"
#include "core/base/half.h"

namespace nibblescope::benchmarks {
namespace {

constexpr std::size_t clipGroup = 32;
constexpr double ownTolerance = 0.03; // activations rounded to int8, NF4's levels too

Contestant product(const std::string &name, const ProductFormat &format, Activations activations) {
    const auto make = [activations](const Field &field, const std::shared_ptr<const TestMatrix> &matrix) {
        return productItem(matrix, selectKernels().isa, activations, field.what.batch(), field.stop);
    };
    return {name, format, ownTolerance, make};
}

// `input`: "fp32", "bf16", "fp16".
Contestant quantizer(const std::string &name, const QuantizeCase &what, const char *input = "fp32") {
    const auto make = [what](const Field &field, const std::shared_ptr<const TestMatrix> &matrix) {
        return quantizeItem(what, matrix, selectKernels().isa, field.scratch, field.stop);
    };
    return {name, ProductFormat{input, {}, false}, 0, make};
}

Contestant dequantizer(const std::string &name, const ProductFormat &format) {
    const auto make = [](const Field &field, const std::shared_ptr<const TestMatrix> &matrix) {
        return dequantizeItem(matrix, selectKernels().isa, field.scratch, field.stop);
    };
    return {name, format, 0, make};
}

// Scales by trying the 80 candidates, as F16 in memory, and codes: what the method "mse" writes.
void searchRow(const Kernels &kernels, const float *weights, std::size_t cols, std::uint16_t *scales,
               std::uint8_t *codes) {
    std::vector<float> chosen(cols / clipGroup);
    for (std::size_t group = 0; group < chosen.size(); ++group) {
        ClipSearch job;
        job.weights = weights + group * clipGroup;
        job.count = clipGroup;
        kernels.groupRanges(job.weights, job.count, job.count, &job.range);
        chosen[group] = kernels.clipSearch[static_cast<std::size_t>(Format::Int4)](job).scale;
    }
    for (std::size_t done = 0; done < cols; done += chunkWeights) {
        EncodeSpan span;
        span.weights = weights + done;
        span.count = std::min(chunkWeights, cols - done);
        span.groupSize = clipGroup;
        span.encodeScales = span.decodeScales = chosen.data() + done / clipGroup;
        span.codes = codes + done / 2;
        kernels.encode[static_cast<std::size_t>(Format::Int4)](span);
    }
    kernels.f32ToF16(chosen.data(), scales, chosen.size());
}

BenchItem clipSearchItem(const Field &field, const std::shared_ptr<const TestMatrix> &matrix) {
    BenchItem item;
    item.copies = matrix;
    item.timing.operation = Operation::Quantize;
    item.timing.format = "int4";
    item.timing.bytes = field.what.rows * field.what.cols * sizeof(float);
    const Kernels *const kernels = &selectKernels();
    item.timing.isa = kernels->isa;
    item.pass = [matrix, kernels, scratch = field.scratch](unsigned worker, unsigned workers, std::size_t copy) {
        const ProductWeights from = matrix->copy(copy);
        const std::size_t scaleBytes = from.rows * from.cols / clipGroup * sizeof(std::uint16_t);
        std::uint8_t *const out = outputAt(*scratch, scaleBytes + from.rows * from.cols / 2, copy);
        const RowShare rows = shareOfRows(from.rows, worker, workers);
        for (std::uint64_t row = rows.begin; row < rows.end; ++row)
            searchRow(*kernels, reinterpret_cast<const float *>(from.data + row * from.rowBytes), from.cols,
                      reinterpret_cast<std::uint16_t *>(out) + row * from.cols / clipGroup,
                      out + scaleBytes + row * from.cols / 2);
    };
    return item;
}

} // namespace

void addOwn(Work work, std::vector<Contestant> &all) {
    switch (work) {
    case Work::Matvec:
    case Work::Matmul:
        all.push_back(product("int4_128", {"int4", 128, false}, Activations::Int8));
        all.push_back(product("int4_64", {"int4", 64, false}, Activations::Int8));
        all.push_back(product("nf4_64", {"nf4", 64, false}, Activations::Int8));
        all.push_back(product("nf4_64_dq", {"nf4", 64, true}, Activations::Int8));
        all.push_back(product("int8_row", {"int8", {}, false}, Activations::Int8));
        break;
    case Work::Quantize:
        all.push_back(quantizer("int4_64", {Format::Int4, 64}));
        all.push_back(quantizer("int4_128", {Format::Int4, 128}));
        all.push_back(quantizer("int4_64_fused", {Format::Int4, 64, true}));
        all.push_back(quantizer("int4_128_fused", {Format::Int4, 128, true}));
        all.push_back(quantizer("int4_64_fused_128_bins", {Format::Int4, 64, true, 128}));
        all.push_back(quantizer("int4_128_fused_128_bins", {Format::Int4, 128, true, 128}));
        all.push_back(quantizer("int4_64_bf16", {Format::Int4, 64}, "bf16"));
        all.push_back(quantizer("int4_64_f16", {Format::Int4, 64}, "fp16"));
        all.push_back(quantizer("nf4_64", {Format::Nf4, 64}));
        all.push_back(quantizer("nf4_128", {Format::Nf4, 128}));
        all.push_back(quantizer("int4-max_32", {Format::Int4Max, 32})); // the scale of Q4_0
        all.push_back(quantizer("int8_row", {Format::Int8, 0}));
        break;
    case Work::Dequantize:
        all.push_back(dequantizer("nf4_64", {"nf4", 64, false}));
        all.push_back(dequantizer("nf4_128", {"nf4", 128, false}));
        all.push_back(dequantizer("int4_64", {"int4", 64, false}));
        all.push_back(dequantizer("int8_row", {"int8", {}, false}));
        break;
    case Work::ClipSearch:
        all.push_back({"int4_32_mse", std::nullopt, 0, clipSearchItem});
        break;
    }
}

std::vector<Contestant> contestantsFor(Work work) {
    std::vector<Contestant> all;
    addOwn(work, all);
    addEigenAndBlas(work, all);
#if defined(NIBBLESCOPE_HAVE_GGML)
    addGgml(work, all);
#endif
    return all;
}

} // namespace nibblescope::benchmarks
