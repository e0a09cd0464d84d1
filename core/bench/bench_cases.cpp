// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/bench/bench_cases.h"

namespace nibblescope {
namespace {

constexpr std::uint32_t scalarBatch = 4; // larger batches take seconds on the scalar set

std::uint32_t groupSizeOf(std::string_view id, std::uint32_t usual) {
    return isPlainFormat(id) || id == "int8" ? 0 : id == "mxfp4" ? 32 : usual;
}

BenchCase productCase(const std::string &id, std::uint32_t groupSize, std::uint32_t batch = 1,
                      bool doubleQuant = false) {
    BenchCase one;
    one.format.id = id;
    if (groupSize != 0)
        one.format.groupSize = groupSize;
    one.format.doubleQuant = doubleQuant;
    one.activations = isPlainFormat(id) ? Activations::F32 : Activations::Int8;
    one.batch = batch;
    return one;
}

BenchCase quantizeCase(const std::string &id, const char *input, bool fused, std::uint32_t bins = 0) {
    BenchCase one;
    one.what = BenchCase::What::Quantize;
    one.format.id = input;
    one.quantize.format = *formatFromId(id);
    one.quantize.groupSize = groupSizeOf(id, 64);
    one.quantize.fused = fused;
    one.quantize.histogramBins = bins;
    return one;
}

BenchCase histogramCase(const char *input, std::uint32_t bins) {
    BenchCase one;
    one.what = BenchCase::What::Histogram;
    one.format.id = input;
    one.bins = bins;
    return one;
}

void addMatvecs(const std::string &id, std::vector<BenchCase> &cases) {
    cases.push_back(productCase(id, groupSizeOf(id, 64)));
    if (groupSizeOf(id, 128) == 128)
        cases.push_back(productCase(id, 128));
    if (id == "nf4")
        cases.push_back(productCase(id, 64, 1, true));
}

} // namespace

bool isPlainFormat(std::string_view id) { return id == "fp32" || id == "fp16" || id == "bf16"; }
bool hasProduct(std::string_view id) { return id != "int4-asym"; }

std::vector<BenchCase> quickCases(const std::vector<std::string> &formats) {
    std::vector<BenchCase> cases;
    for (const std::string &id : formats)
        if (!isPlainFormat(id))
            for (const bool fused : {false, true})
                cases.push_back(quantizeCase(id, "fp32", fused));
    for (const std::string &id : formats)
        if (hasProduct(id))
            addMatvecs(id, cases);
    return cases;
}

std::vector<BenchCase> fullCases(const std::vector<std::string> &formats) {
    std::vector<BenchCase> cases = quickCases(formats);
    for (const std::string &id : formats) {
        if (!isPlainFormat(id)) {
            for (const std::uint32_t bins : {64U, 128U})
                cases.push_back(quantizeCase(id, "fp32", true, bins));
            for (const char *const input : {"bf16", "fp16"})
                for (const bool fused : {false, true})
                    cases.push_back(quantizeCase(id, input, fused));
        }
        if (!hasProduct(id))
            continue;
        if (!isPlainFormat(id)) {
            BenchCase decode = productCase(id, groupSizeOf(id, 64));
            decode.what = BenchCase::What::Dequantize;
            BenchCase product = productCase(id, groupSizeOf(id, 64));
            product.activations = Activations::F32;
            cases.push_back(decode);
            cases.push_back(product);
        }
        for (const std::uint32_t batch : {4U, 32U, 512U})
            cases.push_back(productCase(id, groupSizeOf(id, 128), batch));
    }
    for (const std::uint32_t bins : {64U, 128U, 256U})
        cases.push_back(histogramCase("fp32", bins));
    for (const char *const input : {"bf16", "fp16"})
        cases.push_back(histogramCase(input, 128));
    return cases;
}

std::vector<BenchCase> requestedCases(const KernelRequest &request, std::vector<std::string> &notes) {
    const bool products = request.operation == Operation::Matvec || request.operation == Operation::Matmul;
    std::vector<BenchCase> cases;
    for (const std::uint32_t batch : products ? request.batches : std::vector<std::uint32_t>{1})
        for (const ProductFormat &format : request.formats) {
            const bool plain = isPlainFormat(format.id);
            if (request.operation == Operation::Quantize) {
                if (plain || format.doubleQuant)
                    continue;
                cases.push_back(quantizeCase(format.id, "fp32", true));
                cases.back().quantize.groupSize = format.groupSize.value_or(0);
                continue;
            }
            if (!hasProduct(format.id)) {
                const std::string note = "INT4 asym has no packed kernels yet besides its quantizer: it is left out.";
                if (notes.empty() || notes.back() != note)
                    notes.push_back(note);
                continue;
            }
            if (!products && (plain || format.doubleQuant))
                continue;
            BenchCase one;
            one.what = products ? BenchCase::What::Product : BenchCase::What::Dequantize;
            one.format = format;
            one.activations = plain ? Activations::F32 : request.activations;
            one.batch = batch;
            cases.push_back(one);
        }
    return cases;
}

std::optional<std::string> reasonAgainst(const BenchCase &one, Isa isa) {
    if (one.what == BenchCase::What::Product && one.batch > scalarBatch && isa == Isa::Scalar)
        return "Batches of more than 4 vectors take seconds on the scalar set: they are left out there.";
    return std::nullopt;
}

} // namespace nibblescope
