// SPDX-License-Identifier: GPL-3.0-or-later
// Quantizing a tensor, and the registry of methods.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/work.h"
#include "core/kernels/kernels.h"
#include "core/quant/input_statistics.h"
#include "core/quant/quantized_tensor.h"

namespace nibblescope {

// What a quantization leaves besides the tensor itself.
struct QuantizeOutcome {
    QuantizedTensor tensor;
    ErrorSums sums;
    std::vector<std::uint64_t> codeCounts;
    ScaleCounts scaleCounts;
    std::vector<std::string> warnings; // what was done otherwise than asked; about "it", the tensor
};

struct QuantizeInput {
    std::span<const float> weights; // [rows, cols], row-major
    MatrixShape shape;
    Recipe recipe;
    float *decoded = nullptr;                    // shape.size() values are written, or null
    const InputStatistics *statistics = nullptr; // for methods that need calibration
};

// Throws Error{Fault::Call} where there are none, Error{Fault::Input} where they are of another width than the tensor.
const InputStatistics &requireStatistics(const QuantizeInput &input);

// Whether the recipe has to see all weights of a tensor at once: its method does, or its levels are fitted to them.
// Else `groupWise` of its method says how it goes in blocks.
bool needsWholeTensor(const Recipe &recipe);
// The levels that the recipe's groups are coded with: fitted to the weights, empty for formats that have their own.
std::vector<float> codebookFor(std::span<const float> weights, MatrixShape shape, const Recipe &recipe);

// The body of the methods that find one scale a group: rtn, mse, iw.
enum class ScaleChoice : std::uint8_t;
QuantizeOutcome quantizeInGroups(const QuantizeInput &input, ScaleChoice choice, const Work &work,
                                 std::span<const double> importance = {});
// Double quantization and flat groups go with those only; a sentence for the others, which `name` says.
std::optional<std::string> problemOfRowMethods(const Recipe &recipe, std::string_view name);

// A method decides how codes are chosen. Each is one file and one row.
struct MethodTraits {
    std::string_view id;        // "rtn"
    std::string_view name;      // "Round to nearest"
    std::string_view shortName; // in a recipe's short form; empty for rtn
    std::string_view help;
    std::string_view paper; // whom it follows; may be empty
    bool needsCalibration;
    // How it goes where it works group by group: such a method can take a tensor in blocks. Empty: needs it whole.
    std::optional<ScaleChoice> groupWise;
    // Why this method cannot work with that recipe; nullopt if it can.
    std::optional<std::string> (*problem)(const Recipe &recipe);
    QuantizeOutcome (*quantize)(const QuantizeInput &input, const Work &work);
};
std::span<const MethodTraits> allMethods();
const MethodTraits *findMethod(std::string_view id);

// Runs the recipe's method. Throws Error{Fault::Call} for a recipe that cannot be carried out (problemOf), Error{Input}
// for double quantization of a tensor that has a single group.
QuantizeOutcome quantize(const QuantizeInput &input, const Work &work);

} // namespace nibblescope
