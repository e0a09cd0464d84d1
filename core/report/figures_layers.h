// SPDX-License-Identifier: GPL-3.0-or-later
// The Layers page: every quantized tensor as a bar, and a heat map of layers and modules. Links are "tensor:NAME" with
// the full name.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/analysis/results.h"
#include "core/report/figure.h"
#include "core/report/readings.h"

namespace nibblescope {

// OutputError: of each linear on a calibration text, sqrt(tr(E G E') / tr(W G W')).
enum class LayersQuantity { Sqnr, RelativeError, MaxAbsError, Kurtosis, OutputError };
enum class LayersOrder { WorstFirst, ModelOrder };

struct LayersInput {
    std::vector<TensorResult> results;  // in model order: done ones measured, others described (no metrics yet)
    std::vector<TensorResult> baseline; // of the pinned recipe; matched by name; may be empty
    std::string recipe;                 // names for the legend: "NF4 64"
    std::string baselineRecipe;
    Format format = Format::None;
    Format baselineFormat = Format::None;
    LayersQuantity quantity = LayersQuantity::Sqnr;
    LayersOrder order = LayersOrder::WorstFirst;
    std::vector<std::string> scope;    // full names; empty: all
    std::vector<std::string> selected; // full names; the first is the current one
    bool running = false;
    // By full names, where they were measured.
    std::map<std::string, double> outputErrors;
    std::map<std::string, double> baselineOutputErrors;
    // Relative error of the hidden states behind each layer, of the model as it is run with the recipe; may be empty.
    std::vector<double> depthErrors;
};

std::string quantityLabel(LayersQuantity quantity); // "SQNR (dB)"
// Not for OutputError, which a tensor alone does not know.
std::optional<double> quantityOf(const TensorResult &result, LayersQuantity quantity);
std::optional<double> quantityOf(const LayersInput &input, const TensorResult &result); // with the recipe
bool inPercent(LayersQuantity quantity);

Figure layersFigure(const LayersInput &input); // "layers.bars"
// nullopt: the names hold no layer numbers.
std::optional<Figure> layersHeatMap(const LayersInput &input); // "layers.map"

Reading outputErrorReading(const LayersInput &input);

// "layers.depth": how errors of single outputs pile up through the depth: output errors of each layer's linears beside
// the error of the hidden states behind it. nullopt without depthErrors.
std::optional<Figure> depthFigure(const LayersInput &input);

// "model.layers.12.mlp.up_proj.weight" -> layer 12, module "mlp.up_proj".
struct LayerPlace {
    std::uint64_t layer = 0;
    std::string module;
    bool operator==(const LayerPlace &) const = default;
};
std::optional<LayerPlace> layerPlace(const std::string &name);
// Modules in the order of computation (q k v o gate up down), others in the order given.
std::vector<std::string> modulesInOrder(std::vector<std::string> modules);

} // namespace nibblescope
