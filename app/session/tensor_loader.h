// SPDX-License-Identifier: GPL-3.0-or-later
// Holds the tensor that is looked at, quantized with the recipe and with the baseline's. A sample comes first where the
// tensor is large, then the exact numbers.
#pragma once

#include <QElapsedTimer>
#include <QObject>
#include <QTimer>

#include <memory>
#include <optional>

#include "app/jobs/job_runner.h"
#include "app/session/result_store.h"
#include "core/analysis/analyze.h"
#include "core/analysis/tensor_view.h"

namespace nibblescope {

using SharedView = std::shared_ptr<const TensorView>;

class TensorLoader : public QObject {
    Q_OBJECT

public:
    explicit TensorLoader(JobRunner &runner, QObject *parent = nullptr);

    // What is asked for. `recipe` is Format::None for a tensor that is kept.
    struct Request {
        std::shared_ptr<const Model> model;
        int tensor = -1;
        ModelPlan plan; // for exact numbers of tensors that do not fit into memory
        Layout layout = Layout::OutIn;
        Recipe recipe;
        std::string keptReason;         // where it is kept
        std::optional<Recipe> baseline; // absent: none, or the tensor is kept
        std::shared_ptr<const StatisticsSource> baselineCalibration;

        bool sameTensor(const Request &other) const {
            return model == other.model && tensor == other.tensor && layout == other.layout;
        }
        bool sameCalibration(const Request &other) const {
            return plan.calibration == other.plan.calibration && baselineCalibration == other.baselineCalibration;
        }
    };
    // Does nothing if it is what is shown or on its way. The last picture stays until a new one comes, unless it is of
    // another tensor.
    void request(Request request);
    void clear();

    // Null: nothing yet. `isPending`: what is shown is not what was asked for last.
    const SharedView &current() const { return m_current; }
    const SharedView &baseline() const { return m_baseline; }
    int tensor() const { return m_current ? m_shownTensor : -1; }
    bool isPending() const { return m_pending; }
    const std::optional<JobFailure> &failure() const { return m_failure; }

Q_SIGNALS:
    void changed(); // a view came or went, or isPending() or failure() changed
    // An exact result, for the tree and the run.
    void resultReady(int tensor, nibblescope::SharedResult result);

private:
    struct Loaded;
    static Loaded load(const Request &request, Loaded known, const Work &work, const Post &post,
                       const std::function<void(SharedView)> &sampleReady);
    void showSample(SharedView sample);
    void take(const Loaded &loaded);
    SharedView reuse(const Recipe &recipe) const;

    JobRunner &m_runner;
    Request m_request;
    int m_shownTensor = -1;
    std::shared_ptr<const WeightMatrix> m_weights; // of m_request's tensor, whole
    std::shared_ptr<const WeightMatrix> m_sample;  // the same, a part of it
    SharedView m_current;
    SharedView m_baseline;
    bool m_pending = false;
    std::optional<JobFailure> m_failure;
    QElapsedTimer m_sinceRequest;
    QTimer m_sampleTimer;
    SharedView m_waitingSample;
};

} // namespace nibblescope
