// SPDX-License-Identifier: GPL-3.0-or-later
// True-sequential calibration: the statistics of each set of linears (q, k, v; o; gate, up; down) are collected behind
// all sets before it as they were quantized, so that each makes good what those did.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "core/analysis/analyze.h"
#include "core/model/llama.h"
#include "core/model/token_windows.h"
#include "core/quant/input_statistics.h"

namespace nibblescope {

// Statistics in memory, by the names of inputs.
class StatisticsStore : public StatisticsSource {
public:
    void add(const std::string &input, std::shared_ptr<const InputStatistics> statistics) {
        m_statistics[input] = std::move(statistics);
    }
    std::shared_ptr<const InputStatistics> statisticsFor(std::string_view tensor) const override;

private:
    std::map<std::string, std::shared_ptr<const InputStatistics>> m_statistics;
};

// Quantizes the model with the plan's recipe (its calibration is not looked at) to find the statistics that it is to be
// quantized with: a plan with these as its calibration gives the same codes again. Throws Error{Fault::Input} where
// they would take more than 2 GiB.
std::shared_ptr<const StatisticsSource> sequentialStatistics(const Llama &llama, const TokenWindows &windows,
                                                             const ModelPlan &plan, const Work &work);

} // namespace nibblescope
