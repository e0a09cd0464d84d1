// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/session/tensor_loader.h"

#include <algorithm>
#include <utility>

#include "app/session/calibration.h"
#include "core/quant/method_parameters.h"

namespace nibblescope {

namespace {

const QString slot = QStringLiteral("tensor");

constexpr std::uint64_t sampleAbove = 1'048'576; // weights
constexpr std::uint64_t sampleWeights = 262'144;
constexpr int sampleDelayMilliseconds = 50; // a sample is shown only if the exact result is not there by then

bool fitsInMemory(const WeightMatrix *weights, std::uint64_t size) {
    return weights != nullptr || size <= wholeTensorLimitBytes / sizeof(float);
}

} // namespace

// What a job starts from and what it gives back.
struct TensorLoader::Loaded {
    std::shared_ptr<const WeightMatrix> weights;
    std::shared_ptr<const WeightMatrix> sample;
    SharedView current;
    SharedView baseline;
};

TensorLoader::TensorLoader(JobRunner &runner, QObject *parent) : QObject(parent), m_runner(runner) {
    m_sampleTimer.setSingleShot(true);
    connect(&m_sampleTimer, &QTimer::timeout, this, [this] { showSample(std::exchange(m_waitingSample, nullptr)); });
}

// A view that is already there for this recipe of the same tensor: pinning and swapping compute nothing.
SharedView TensorLoader::reuse(const Recipe &recipe) const {
    for (const SharedView &view : {m_current, m_baseline})
        if (view && !view->result.sample && view->result.recipe == recipe)
            return view;
    return nullptr;
}

void TensorLoader::request(Request request) {
    const bool sameTensor = request.sameTensor(m_request);
    const bool sameCalibration = request.sameCalibration(m_request);
    const bool same = sameTensor && sameCalibration && request.recipe == m_request.recipe &&
                      request.keptReason == m_request.keptReason && request.baseline == m_request.baseline;
    if (same && (m_pending || (m_current && !m_failure)))
        return;
    Loaded known;
    if (sameTensor)
        known = {m_weights, m_sample, nullptr, nullptr};
    if (sameTensor && sameCalibration) {
        known.current = reuse(request.recipe);
        known.baseline = request.baseline ? reuse(*request.baseline) : nullptr;
    }
    m_request = request;
    m_failure.reset();
    m_sampleTimer.stop();
    m_waitingSample.reset();
    if (!sameTensor) {
        m_weights.reset();
        m_sample.reset();
        m_current.reset();
        m_baseline.reset();
    }
    if (known.current && (known.baseline || !request.baseline)) {
        m_runner.drop(slot);
        take(known);
        return;
    }
    m_pending = true;
    m_sinceRequest.start();
    auto body = [this, request = std::move(request), known = std::move(known)](const Work &work, const Post &post) {
        return load(request, known, work, post, [this](SharedView sample) {
            const int waited = static_cast<int>(m_sinceRequest.elapsed());
            m_waitingSample = std::move(sample);
            m_sampleTimer.start(std::max(0, sampleDelayMilliseconds - waited));
        });
    };
    m_runner.start(slot, Queue::Interactive, std::move(body),
                   JobHandlers<Loaded>{[this](const std::shared_ptr<const Loaded> &loaded) { take(*loaded); },
                                       [this](const JobFailure &failure) {
                                           m_pending = false;
                                           m_failure = failure;
                                           m_current.reset();
                                           m_baseline.reset();
                                           Q_EMIT changed();
                                       },
                                       {}});
    Q_EMIT changed();
}

TensorLoader::Loaded TensorLoader::load(const Request &request, Loaded known, const Work &work, const Post &post,
                                        const std::function<void(SharedView)> &sampleReady) {
    const auto index = static_cast<std::size_t>(request.tensor);
    const TensorInfo &info = request.model->tensors[index];
    const std::uint64_t size = matrixShape(info, request.layout).size();
    if (request.recipe.format != Format::None)
        if (const std::string reason = reasonNotSingly(request.plan); !reason.empty())
            throw Error(Fault::Input, reason);
    const auto viewOf = [&](const std::shared_ptr<const WeightMatrix> &weights, const Recipe &recipe,
                            const StatisticsSource *source) {
        std::shared_ptr<const InputStatistics> inputs;
        if (source != nullptr && needsCalibration(recipe))
            inputs = source->statisticsFor(info.name);
        if (!inputs && needsCalibration(recipe))
            throw Error(Fault::Input, info.name + " is not a matrix that the calibration knows the inputs of. Keep it, "
                                                  "or choose a method without calibration.")
                .inTensor(info.name);
        auto view = std::make_shared<TensorView>(makeView(info, request.layout, weights, recipe, work, inputs.get()));
        if (recipe.format == Format::None)
            view->result.keptReason = request.keptReason;
        return SharedView(std::move(view));
    };
    // Rounding to nearest what is in memory takes less time than a picture of a sample would stay.
    const bool soon = known.weights && request.recipe.method == "rtn";
    if (size > sampleAbove && !known.current && !soon) {
        if (!known.sample)
            known.sample = std::make_shared<const WeightMatrix>(
                readSample(*request.model, index, request.layout, sampleWeights, work));
        SharedView sample = viewOf(known.sample, request.recipe, request.plan.calibration.get());
        post([sampleReady, sample] { sampleReady(sample); });
        if (!fitsInMemory(known.weights.get(), size)) {
            // The pictures stay those of the sample; the numbers are exact.
            auto view = std::make_shared<TensorView>(*sample);
            view->result = analyzeTensor(*request.model, index, request.plan, work);
            known.current = view;
            if (request.baseline) {
                auto baseline = std::make_shared<TensorView>(
                    *viewOf(known.sample, *request.baseline, request.baselineCalibration.get()));
                ModelPlan plan = request.plan;
                plan.recipe = *request.baseline;
                plan.calibration = request.baselineCalibration;
                baseline->result = analyzeTensor(*request.model, index, plan, work);
                known.baseline = baseline;
            }
            return known;
        }
    }
    if (!known.weights && fitsInMemory(nullptr, size))
        known.weights = std::make_shared<const WeightMatrix>(readWeights(*request.model, index, request.layout, work));
    const auto &weights = known.weights ? known.weights : known.sample;
    if (!known.current)
        known.current = viewOf(weights, request.recipe, request.plan.calibration.get());
    if (request.baseline && !known.baseline)
        known.baseline = *request.baseline == request.recipe
                             ? known.current
                             : viewOf(weights, *request.baseline, request.baselineCalibration.get());
    return known;
}

void TensorLoader::showSample(SharedView sample) {
    if (!sample || !m_pending)
        return;
    m_current = std::move(sample);
    m_baseline.reset(); // nothing is compared with a sample
    m_shownTensor = m_request.tensor;
    Q_EMIT changed();
}

void TensorLoader::take(const Loaded &loaded) {
    m_sampleTimer.stop();
    m_waitingSample.reset();
    m_pending = false;
    m_weights = loaded.weights;
    m_sample = loaded.sample;
    m_current = loaded.current;
    m_baseline = m_request.baseline ? loaded.baseline : nullptr;
    m_shownTensor = m_request.tensor;
    for (const SharedView &view : {m_baseline, m_current})
        if (view && !view->result.sample)
            Q_EMIT resultReady(m_shownTensor, std::make_shared<const TensorResult>(view->result));
    Q_EMIT changed();
}

void TensorLoader::clear() {
    m_runner.drop(slot);
    m_sampleTimer.stop();
    m_waitingSample.reset();
    m_request = {};
    m_shownTensor = -1;
    m_weights.reset();
    m_sample.reset();
    m_current.reset();
    m_baseline.reset();
    m_pending = false;
    m_failure.reset();
    Q_EMIT changed();
}

} // namespace nibblescope
