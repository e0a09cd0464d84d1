// SPDX-License-Identifier: GPL-3.0-or-later
// ggml from a build that the user has: its quantizers, and its products with plain and with interleaved rows.
#include <ggml-backend.h>
#include <ggml-cpu.h>
#include <ggml.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "contestants.h"
#include "core/base/error.h"
#include "core/bench/product_inputs.h"

namespace nibblescope::benchmarks {
namespace {

struct Release {
    void operator()(ggml_context *context) const { ggml_free(context); }
    void operator()(ggml_backend_buffer *buffer) const { ggml_backend_buffer_free(buffer); }
    void operator()(ggml_threadpool *pool) const { ggml_threadpool_free(pool); }
};
template <typename T>
using Owned = std::unique_ptr<T, Release>;

Owned<ggml_context> makeContext(std::size_t bytes) {
    ggml_init_params parameters{};
    parameters.mem_size = bytes;
    parameters.no_alloc = true;
    return Owned<ggml_context>(ggml_init(parameters));
}

// The layout that ggml makes for this CPU when a model is loaded.
ggml_backend_buffer_type_t interleavedBuffers() {
    const ggml_backend_reg_t cpu = ggml_backend_cpu_reg();
    const auto extra = reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(
        ggml_backend_reg_get_proc_address(cpu, "ggml_backend_dev_get_extra_bufts"));
    ggml_backend_buffer_type_t *const types = extra ? extra(ggml_backend_reg_dev_get(cpu, 0)) : nullptr;
    for (std::size_t i = 0; types && types[i]; ++i)
        if (std::strstr(ggml_backend_buft_name(types[i]), "REPACK"))
            return types[i];
    throw Error(Fault::Machine, "This build of ggml has no interleaved layout.");
}

// Tensors of a context in memory; in huge pages, as all the others have them.
Owned<ggml_backend_buffer> allocate(ggml_context *context, ggml_backend_buffer_type_t type) {
    Owned<ggml_backend_buffer> buffer(ggml_backend_alloc_ctx_tensors_from_buft(context, type));
    if (!buffer)
        throw Error(Fault::Machine, "There is not enough free memory for the weights of ggml.");
    constexpr std::uintptr_t page = 4096;
    const auto begin = reinterpret_cast<std::uintptr_t>(ggml_backend_buffer_get_base(buffer.get()));
    const std::uintptr_t first = (begin + page - 1) / page * page;
    const std::uintptr_t end = (begin + ggml_backend_buffer_get_size(buffer.get())) / page * page;
    if (end > first)
        madvise(reinterpret_cast<void *>(first), end - first, MADV_HUGEPAGE);
    return buffer;
}

std::vector<std::uint8_t> quantized(ggml_type type, const float *weights, std::uint64_t rows, std::uint64_t cols) {
    std::vector<std::uint8_t> bytes(ggml_row_size(type, static_cast<std::int64_t>(cols)) * rows);
    ggml_quantize_chunk(type, weights, bytes.data(), 0, static_cast<std::int64_t>(rows),
                        static_cast<std::int64_t>(cols), nullptr);
    return bytes;
}

// Some rows of the weights, as often as there are copies, each with a graph of the one product.
class RowProducts {
public:
    RowProducts(ggml_type type, bool interleaved, const std::vector<std::uint8_t> &weights, std::uint64_t cols,
                const ProductInputs &inputs, std::size_t copies)
        : m_weightContext(makeContext((copies + 1) * ggml_tensor_overhead())),
          m_context(makeContext((copies + 1) * (ggml_tensor_overhead() + ggml_graph_overhead_custom(nodes, false)))) {
        const auto width = static_cast<std::int64_t>(cols);
        const auto rows = static_cast<std::int64_t>(weights.size() / ggml_row_size(type, width));
        ggml_context *const context = m_context.get();
        std::vector<ggml_tensor *> tensors;
        for (std::size_t i = 0; i < copies; ++i)
            tensors.push_back(ggml_new_tensor_2d(m_weightContext.get(), type, width, rows));
        m_weights =
            allocate(m_weightContext.get(), interleaved ? interleavedBuffers() : ggml_backend_cpu_buffer_type());
        ggml_tensor *const x = ggml_new_tensor_2d(context, GGML_TYPE_F32, width, inputs.batch);
        for (ggml_tensor *const tensor : tensors) {
            ggml_backend_tensor_set(tensor, weights.data(), 0, weights.size());
            m_results.push_back(ggml_mul_mat(context, tensor, x));
            m_graphs.push_back(ggml_new_graph_custom(context, nodes, false));
            ggml_build_forward_expand(m_graphs.back(), m_results.back());
        }
        m_values = allocate(context, ggml_backend_cpu_buffer_type());
        ggml_backend_tensor_set(x, inputs.x.data(), 0, inputs.x.size() * sizeof(float));
        ggml_threadpool_params parameters = ggml_threadpool_params_default(1);
        m_pool.reset(ggml_threadpool_new(&parameters));
        m_plan = ggml_graph_plan(m_graphs.front(), 1, m_pool.get());
        m_work.resize(m_plan.work_size + 64);
        m_plan.work_data = m_work.data();
    }

    // Called by one worker at a time.
    void multiply(std::size_t copy) { ggml_graph_compute(m_graphs[copy], &m_plan); }

    // y: [batch, rows of all], where this one's rows begin at `firstRow`.
    void copyTo(std::vector<float> &y, std::uint64_t firstRow, std::uint32_t batch) const {
        const auto *const values = static_cast<const float *>(m_results.front()->data);
        const auto rows = static_cast<std::size_t>(m_results.front()->ne[0]);
        for (std::size_t i = 0; i < batch; ++i)
            std::copy_n(values + i * rows, rows, y.data() + i * (y.size() / batch) + firstRow);
    }

private:
    static constexpr std::size_t nodes = 4;
    Owned<ggml_context> m_weightContext;
    Owned<ggml_context> m_context;
    Owned<ggml_backend_buffer> m_weights;
    Owned<ggml_backend_buffer> m_values;
    Owned<ggml_threadpool> m_pool;
    std::vector<ggml_tensor *> m_results;
    std::vector<ggml_cgraph *> m_graphs;
    ggml_cplan m_plan{};
    std::vector<std::uint8_t> m_work;
};

BenchItem ggmlProduct(ggml_type type, bool interleaved, const Field &field,
                      const std::shared_ptr<const TestMatrix> &fp32) {
    const ContestCase &what = field.what;
    const std::size_t bytes = ggml_row_size(type, static_cast<std::int64_t>(what.cols)) * what.rows;
    const std::size_t copies = std::clamp<std::size_t>(field.roomForCopies / bytes, 2, 64);
    const ProductInputs inputs = makeProductInputs(what.batch(), what.cols);
    std::vector<std::shared_ptr<RowProducts>> parts;
    std::vector<float> y(what.batch() * what.rows);
    for (unsigned worker = 0; worker < what.threads; ++worker) {
        const RowShare rows = shareOfRows(what.rows, worker, what.threads);
        const auto stored =
            quantized(type, field.weights.data() + rows.begin * what.cols, rows.end - rows.begin, what.cols);
        parts.push_back(std::make_shared<RowProducts>(type, interleaved, stored, what.cols, inputs, copies));
        parts.back()->multiply(0);
        parts.back()->copyTo(y, rows.begin, what.batch());
    }
    BenchItem item;
    item.copies = std::make_shared<const CopyCycle>(copies);
    item.timing.operation = what.batch() == 1 ? Operation::Matvec : Operation::Matmul;
    item.timing.format = ggml_type_name(type);
    item.timing.bytes = bytes;
    item.timing.maxRelativeError = relativeProductError(*fp32, inputs, y);
    item.pass = [parts, copies](unsigned worker, unsigned, std::size_t copy) {
        parts[worker]->multiply(copy % copies);
    };
    return item;
}

// As users call it to write a file, or as the CPU part does it with activations.
enum class Quantizer { ForFiles, OfTheCpu };

void quantizeRows(ggml_type type, Quantizer which, const ProductWeights &from, RowShare rows, std::uint8_t *out) {
    const auto *const weights = reinterpret_cast<const float *>(from.data);
    const auto cols = static_cast<std::int64_t>(from.cols);
    const auto first = static_cast<std::int64_t>(rows.begin);
    const auto count = static_cast<std::int64_t>(rows.end - rows.begin);
    if (which == Quantizer::ForFiles)
        ggml_quantize_chunk(type, weights, out, first * cols, count, cols, nullptr);
    else
        ggml_get_type_traits_cpu(type)->from_float(weights + first * cols, out + rows.begin * ggml_row_size(type, cols),
                                                   count * cols);
}

BenchItem ggmlQuantize(ggml_type type, Quantizer which, const Field &field,
                       const std::shared_ptr<const TestMatrix> &fp32) {
    BenchItem item;
    item.copies = fp32;
    item.timing.operation = Operation::Quantize;
    item.timing.format = ggml_type_name(type);
    item.timing.bytes = field.what.rows * field.what.cols * sizeof(float);
    item.pass = [type, which, fp32, scratch = field.scratch](unsigned worker, unsigned workers, std::size_t copy) {
        const ProductWeights from = fp32->copy(copy);
        const std::size_t bytes = ggml_row_size(type, static_cast<std::int64_t>(from.cols)) * from.rows;
        quantizeRows(type, which, from, shareOfRows(from.rows, worker, workers), outputAt(*scratch, bytes, copy));
    };
    return item;
}

void addProduct(const char *name, ggml_type type, bool interleaved, std::vector<Contestant> &all) {
    // Against the exact weights: the error of their quantization is in it.
    const double tolerance = type == GGML_TYPE_Q8_0 ? 0.03 : 0.3;
    const auto make = [type, interleaved](const Field &field, const std::shared_ptr<const TestMatrix> &fp32) {
        return ggmlProduct(type, interleaved, field, fp32);
    };
    all.push_back({name, std::nullopt, tolerance, make});
}

void addQuantizer(const char *name, ggml_type type, Quantizer which, std::vector<Contestant> &all) {
    const auto make = [type, which](const Field &field, const std::shared_ptr<const TestMatrix> &fp32) {
        return ggmlQuantize(type, which, field, fp32);
    };
    all.push_back({name, std::nullopt, 0, make});
}

} // namespace

void addGgml(Work work, std::vector<Contestant> &all) {
    ggml_log_set([](ggml_log_level, const char *, void *) {}, nullptr); // it tells of each tensor that it interleaves
    ggml_cpu_init();
    switch (work) {
    case Work::Matvec:
    case Work::Matmul:
        addProduct("ggml_q4_0_rows", GGML_TYPE_Q4_0, false, all);
        addProduct("ggml_q4_0_interleaved", GGML_TYPE_Q4_0, true, all);
        addProduct("ggml_q4_k_rows", GGML_TYPE_Q4_K, false, all);
        addProduct("ggml_q4_k_interleaved", GGML_TYPE_Q4_K, true, all);
        addProduct("ggml_q8_0_rows", GGML_TYPE_Q8_0, false, all);
        break;
    case Work::Quantize:
        addQuantizer("ggml_q4_0", GGML_TYPE_Q4_0, Quantizer::ForFiles, all);
        addQuantizer("ggml_q8_0", GGML_TYPE_Q8_0, Quantizer::ForFiles, all);
        addQuantizer("ggml_q8_0_cpu", GGML_TYPE_Q8_0, Quantizer::OfTheCpu, all);
        break;
    case Work::ClipSearch:
        addQuantizer("ggml_q4_k", GGML_TYPE_Q4_K, Quantizer::ForFiles, all);
        break;
    case Work::Dequantize:
        break;
    }
}

std::string ggmlName() {
    std::string name = std::string("ggml ") + ggml_version() + ", " + ggml_commit();
    for (const auto &[has, id] : {std::pair{ggml_cpu_has_avx2(), "AVX2"}, std::pair{ggml_cpu_has_avx512(), "AVX-512"},
                                  std::pair{ggml_cpu_has_avx512_vnni(), "VNNI"}})
        if (has)
            name += std::string(", ") + id;
    return name;
}

} // namespace nibblescope::benchmarks
