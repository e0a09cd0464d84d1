// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/export.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "core/analysis/tensor_warnings.h"
#include "core/base/error.h"
#include "core/io/hdf5/quantized_file.h"
#include "core/io/quantize_stream.h"
#include "core/io/safetensors/writer.h"
#include "core/io/shown.h"
#include "core/io/weight_blocks.h"
#include "core/tensor/decode.h"

namespace nibblescope {
namespace {

bool isQuantized(const TensorInfo &info, const ModelPlan &plan) {
    return plan.recipe.format != Format::None && !keptReason(info, plan.rule);
}

[[noreturn]] void throwTooLarge(const TensorInfo &info, DType type, float value) {
    std::array<char, 32> number{};
    std::snprintf(number.data(), number.size(), "%.6g", static_cast<double>(value));
    std::string fits = "F32";
    if (type == DType::F16)
        fits = "BF16 or F32";
    throw Error(Fault::Input, shown(info.name) + " decodes to " + number.data() + ", which " +
                                  std::string(traits(type).name) + " cannot hold. Use " + fits + ".")
        .inTensor(info.name);
}

void addQuantizedTo(ExportSummary &summary, const TensorInfo &info, MatrixShape shape, const Recipe &recipe,
                    const QuantizeOutcome &outcome) {
    ++summary.quantizedTensors;
    summary.quantizedParams += info.params;
    summary.bits += storedBits(shape, recipe);
    TensorResult result;
    result.info = info;
    result.recipe = recipe;
    result.scaleCounts = outcome.scaleCounts;
    addWarnings(result);
    for (const std::string &warning : outcome.warnings)
        result.warnings.push_back(shown(info.name) + ": " + warning + ".");
    summary.warnings.insert(summary.warnings.end(), result.warnings.begin(), result.warnings.end());
}

class DequantizedExport {
public:
    DequantizedExport(const Model &model, const ModelPlan &plan, std::optional<DType> type, const Work &work)
        : m_model(model), m_plan(plan), m_type(type), m_work(work) {}

    ExportSummary run(const std::vector<std::size_t> &tensors, const std::filesystem::path &target) {
        std::vector<DeclaredTensor> declared;
        Progress progress;
        for (const std::size_t tensor : tensors) {
            const TensorInfo &info = m_model.tensors[tensor];
            declared.push_back({info.name, typeOf(info), info.shape});
            progress.total += info.bytes;
        }
        SafetensorsWriter writer(target, declared);
        m_writer = &writer;
        for (const std::size_t i : writer.order()) {
            m_work.checkStop();
            const TensorInfo &info = m_model.tensors[tensors[i]];
            progress.label = info.name;
            m_work.report(progress);
            if (isQuantized(info, m_plan))
                writeQuantized(tensors[i]);
            else
                forEachStoredBlock(m_model, tensors[i], m_work,
                                   [&writer](std::span<const std::byte> bytes) { writer.write(bytes); });
            progress.done += info.bytes;
        }
        m_work.report(progress);
        m_work.checkStop();
        writer.commit();
        m_summary.fileBytes = writer.fileBytes();
        m_summary.tensors = tensors.size();
        return std::move(m_summary);
    }

private:
    DType typeOf(const TensorInfo &info) const {
        return isQuantized(info, m_plan) ? m_type.value_or(dequantizedType(info.dtype)) : info.dtype;
    }

    void writeQuantized(std::size_t tensor) {
        const TensorInfo &info = m_model.tensors[tensor];
        const Layout layout = layoutOf(info, m_plan.rule);
        const MatrixShape shape = matrixShape(info, layout);
        const bool transpose = layout == Layout::InOut && info.shape.size() > 1;
        const QuantizeOutcome outcome = quantizeFromFile(
            m_model, tensor, layout, m_plan.recipe,
            [&](const QuantizedBlock &block) {
                if (transpose)
                    writeTransposed(info, shape, block.decoded);
                else
                    writeWeights(info, block.decoded);
            },
            m_work, m_plan.calibration.get());
        addQuantizedTo(m_summary, info, shape, m_plan.recipe, outcome);
    }

    // Back to [in, out], as it was stored, a few rows at a time.
    void writeTransposed(const TensorInfo &info, MatrixShape shape, std::span<const float> weights) {
        const std::uint64_t rowsAtOnce =
            std::max<std::uint64_t>(1, blockWeights / std::max<std::uint64_t>(1, shape.rows));
        std::vector<float> stored;
        for (std::uint64_t begin = 0; begin < shape.cols; begin += rowsAtOnce) {
            const std::uint64_t rows = std::min(rowsAtOnce, shape.cols - begin);
            stored.resize(rows * shape.rows);
            for (std::uint64_t i = 0; i < rows; ++i)
                for (std::uint64_t out = 0; out < shape.rows; ++out)
                    stored[i * shape.rows + out] = weights[out * shape.cols + begin + i];
            writeWeights(info, stored);
        }
    }

    void writeWeights(const TensorInfo &info, std::span<const float> weights) {
        const DType type = typeOf(info);
        m_bytes.resize(weights.size() * traits(type).bits / 8);
        if (const auto overflow = encodeFromF32(type, weights, m_bytes, m_work.kernels))
            throwTooLarge(info, type, weights[*overflow]);
        m_writer->write(m_bytes);
    }

    const Model &m_model;
    const ModelPlan &m_plan;
    std::optional<DType> m_type;
    const Work &m_work;
    SafetensorsWriter *m_writer = nullptr;
    std::vector<std::byte> m_bytes;
    ExportSummary m_summary;
};

// Room that the file needs, about: what HDF5 itself takes for a tensor's groups, attributes and tables is an estimate.
std::uint64_t quantizedBytes(const Model &model, const std::vector<std::size_t> &tensors, const ModelPlan &plan) {
    constexpr std::uint64_t overheadQuantized = 3400;
    constexpr std::uint64_t overheadKept = 800;
    std::uint64_t bytes = 0;
    for (const std::size_t tensor : tensors) {
        const TensorInfo &info = model.tensors[tensor];
        bytes +=
            isQuantized(info, plan)
                ? storedBits(matrixShape(info, layoutOf(info, plan.rule)), plan.recipe).total() / 8 + overheadQuantized
                : info.bytes + overheadKept;
    }
    return bytes;
}

void throwIfNoFormat(const Recipe &recipe) {
    if (recipe.format == Format::None)
        throw Error(Fault::Call, "The recipe has no format: there is nothing to quantize to.");
}

} // namespace

ExportSummary exportQuantized(const Model &model, const std::vector<std::size_t> &tensors, const ModelPlan &plan,
                              const std::filesystem::path &target, const Work &work) {
    throwIfNoFormat(plan.recipe);
    QuantizedFileWriter writer(target, quantizedBytes(model, tensors, plan), plan.recipe, shownName(model.path));
    ExportSummary summary;
    Progress progress;
    for (const std::size_t tensor : tensors)
        progress.total += model.tensors[tensor].bytes;
    for (const std::size_t tensor : tensors) {
        const TensorInfo &info = model.tensors[tensor];
        work.checkStop();
        progress.label = info.name;
        work.report(progress);
        if (isQuantized(info, plan)) {
            const Layout layout = layoutOf(info, plan.rule);
            writer.beginQuantized(info, layout, plan.recipe);
            const QuantizeOutcome outcome = quantizeFromFile(
                model, tensor, layout, plan.recipe,
                [&writer](const QuantizedBlock &block) { writer.writeCodes(block.codes); }, work,
                plan.calibration.get());
            writer.finishQuantized(outcome.tensor);
            addQuantizedTo(summary, info, matrixShape(info, layout), plan.recipe, outcome);
        } else {
            writer.beginKept(info);
            forEachStoredBlock(model, tensor, work,
                               [&writer](std::span<const std::byte> bytes) { writer.writeKept(bytes); });
        }
        progress.done += info.bytes;
    }
    progress.label = "reading back";
    work.report(progress);
    writer.verify(work.stop);
    work.checkStop();
    writer.commit();
    summary.tensors = tensors.size();
    summary.fileBytes = writer.fileBytes();
    return summary;
}

DType dequantizedType(DType source) { return source == DType::F16 || source == DType::BF16 ? source : DType::F32; }

ExportSummary exportDequantized(const Model &model, const std::vector<std::size_t> &tensors, const ModelPlan &plan,
                                const std::filesystem::path &target, std::optional<DType> type, const Work &work) {
    throwIfNoFormat(plan.recipe);
    if (type && *type != DType::F32 && *type != DType::F16 && *type != DType::BF16)
        throw Error(Fault::Call, "Dequantized weights are written as F32, F16 or BF16.");
    return DequantizedExport(model, plan, type, work).run(tensors, target);
}

} // namespace nibblescope
