// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/hqq.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/half.h"
#include "core/quant/code_assembly.h"

namespace nibblescope {
namespace {

constexpr int mostRounds = 20;
constexpr float norm = 0.7F;
constexpr float firstBeta = 10.0F;
constexpr float betaGrowth = 1.01F;
constexpr std::uint64_t weightsATask = 1U << 16;

float levelOf(float weight, float scale, float zero) {
    return std::clamp(std::nearbyint(weight / scale + zero), 0.0F, 15.0F);
}

// The proximal step of the l_p norm.
float shrink(float difference, float beta) {
    const float magnitude = std::fabs(difference);
    if (magnitude == 0.0F)
        return 0.0F;
    return std::copysign(std::max(0.0F, magnitude - std::pow(magnitude, norm - 1.0F) / beta), difference);
}

class HalfQuadratic {
public:
    HalfQuadratic(const QuantizeInput &input, const Work &work)
        : m_input(input), m_work(work), m_grid(groupGrid(input.shape, input.recipe)), m_scales(m_grid.groups()),
          m_zeros(m_grid.groups()) {}

    ChosenCodes run() {
        start();
        std::vector<float> best = m_zeros;
        double smallest = std::numeric_limits<double>::infinity();
        float beta = firstBeta;
        for (int round = 0; round < mostRounds; ++round) {
            m_work.checkStop();
            const std::vector<float> tried = m_zeros;
            const double error = improve(beta);
            if (!(error < smallest))
                break;
            smallest = error;
            best = tried;
            beta *= betaGrowth;
        }
        return finish(best);
    }

private:
    template <typename Body>
    void forGroups(Body body) const {
        const std::uint64_t perTask = std::max<std::uint64_t>(1, weightsATask / m_grid.groupSize);
        const std::uint64_t groups = m_grid.groups();
        m_work.parallelFor((groups + perTask - 1) / perTask, [&](std::size_t task) {
            for (std::uint64_t group = task * perTask; group < std::min(groups, (task + 1) * perTask); ++group)
                body(group, m_input.weights.subspan(m_grid.begin(group), m_grid.length(group)));
        });
    }

    void start() {
        forGroups([this](std::uint64_t group, std::span<const float> weights) {
            const auto [low, high] = std::minmax_element(weights.begin(), weights.end());
            const float exact = (*high - *low) / 15.0F;
            const float rounded = roundToScaleType(exact, m_input.recipe.scaleType);
            const bool flat = *high - *low <= 1e-4F || rounded == 0.0F;
            m_scales[group] = flat ? 1.0F : rounded;
            m_zeros[group] = std::nearbyint(-*low / m_scales[group]);
        });
    }

    // One round: the mean |w - w'| under the present zeros is returned, and better zeros are put in their place.
    double improve(float beta) {
        std::vector<double> errors(m_grid.groups());
        forGroups([&](std::uint64_t group, std::span<const float> weights) {
            const float scale = m_scales[group];
            const float zero = m_zeros[group];
            double error = 0;
            double sum = 0;
            for (const float weight : weights) {
                const float level = levelOf(weight, scale, zero);
                const float difference = weight - (level - zero) * scale;
                error += static_cast<double>(std::fabs(difference));
                sum += static_cast<double>(level - (weight - shrink(difference, beta)) / scale);
            }
            errors[group] = error;
            m_zeros[group] = static_cast<float>(sum / static_cast<double>(weights.size()));
        });
        double total = 0;
        for (const double error : errors)
            total += error;
        return total / static_cast<double>(m_grid.size());
    }

    ChosenCodes finish(const std::vector<float> &zeros) {
        ChosenCodes chosen;
        chosen.codes.resize(m_input.weights.size());
        chosen.scales = m_scales;
        chosen.floatZeros.resize(zeros.size());
        chosen.zeroPoints.resize(zeros.size());
        forGroups([&](std::uint64_t group, std::span<const float> weights) {
            const float zero = roundToScaleType(zeros[group], ScaleType::F16);
            chosen.floatZeros[group] = zero;
            // For those who show integers; decoding uses the float.
            chosen.zeroPoints[group] = static_cast<std::uint8_t>(std::clamp(std::nearbyint(zero), 0.0F, 15.0F));
            for (std::size_t i = 0; i < weights.size(); ++i)
                chosen.codes[m_grid.begin(group) + i] =
                    static_cast<std::uint8_t>(levelOf(weights[i], m_scales[group], zero));
        });
        return chosen;
    }

    const QuantizeInput &m_input;
    const Work &m_work;
    GroupGrid m_grid;
    std::vector<float> m_scales;
    std::vector<float> m_zeros;
};

} // namespace

QuantizeOutcome quantizeHalfQuadratic(const QuantizeInput &input, const Work &work) {
    return assemble(input, HalfQuadratic(input, work).run(), work);
}

std::optional<std::string> problemOfHalfQuadratic(const Recipe &recipe) {
    if (recipe.format != Format::Int4Asym)
        return "HQQ moves zero-points: it works with int4-asym only";
    return problemOfRowMethods(recipe, "HQQ");
}

} // namespace nibblescope
