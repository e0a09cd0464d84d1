// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/session/model_run.h"

#include <utility>

namespace nibblescope {

namespace {

// What the job gives back in the end: which tensors could not be measured, and why.
using Problems = std::vector<std::string>;
using Deliver = std::function<void(std::size_t, SharedResult)>;

// Measures until the queue is empty. A tensor that cannot be measured is noted and left out.
void measureAll(const Model &model, const ModelPlan &plan, RunQueue &queue, const Work &work, const Deliver &deliver,
                Problems &problems) {
    while (const auto tensor = queue.take()) {
        work.checkStop();
        try {
            deliver(*tensor, std::make_shared<const TensorResult>(analyzeTensor(model, *tensor, plan, work)));
        } catch (const Error &error) {
            if (error.fault() == Fault::Interrupted || error.fault() == Fault::Machine)
                throw;
            problems.emplace_back(error.what());
            deliver(*tensor, nullptr);
        }
    }
}

} // namespace

ModelRun::ModelRun(JobRunner &runner, QString slot, QObject *parent)
    : QObject(parent), m_runner(runner), m_slot(std::move(slot)) {}

ModelRun::Status ModelRun::status() const {
    Status status = m_status;
    status.bytesDone += m_tensorBytesDone;
    status.elapsedSeconds = static_cast<double>(m_elapsed.isValid() ? m_elapsed.elapsed() : 0) / 1000.0;
    return status;
}

void ModelRun::start(Request request) {
    m_running = true;
    m_model = request.model;
    m_plan = request.plan;
    m_status = {};
    m_tensorBytesDone = 0;
    m_status.done = request.alreadyDone;
    m_status.total = request.alreadyDone + request.tensors.size();
    for (const std::size_t tensor : request.tensors)
        m_status.bytes += request.model->tensors[tensor].bytes;
    m_elapsed.start();
    m_queue = std::make_shared<RunQueue>(std::deque<std::size_t>(request.tensors.begin(), request.tensors.end()));

    auto body = [this, model = request.model, plan = request.plan, queue = m_queue,
                 afterwards = std::deque<std::size_t>(request.afterwards.begin(), request.afterwards.end()),
                 afterwardsPlan = request.afterwardsPlan,
                 prepare = request.prepare](const Work &work, const Post &post) {
        Problems problems;
        const ModelPlan ready = prepare ? prepare(plan, work) : plan;
        if (prepare)
            post([this, ready] { Q_EMIT prepared(ready); });
        measureAll(
            *model, ready, *queue, work,
            [&](std::size_t tensor, SharedResult result) {
                post([this, tensor, result = std::move(result)] {
                    m_tensorBytesDone = 0;
                    m_status.bytesDone += m_model->tensors[tensor].bytes;
                    ++m_status.done;
                    ++m_status.doneHere;
                    if (result)
                        Q_EMIT resultReady(static_cast<int>(tensor), result);
                    Q_EMIT progressed();
                });
            },
            problems);
        if (afterwardsPlan) {
            RunQueue rest(afterwards);
            Problems unimportant;
            measureAll(
                *model, *afterwardsPlan, rest, work,
                [&](std::size_t tensor, SharedResult result) {
                    if (result)
                        post([this, tensor, result = std::move(result)] {
                            Q_EMIT resultReady(static_cast<int>(tensor), result);
                        });
                },
                unimportant);
        }
        return problems;
    };
    m_runner.start(m_slot, Queue::Batch, std::move(body),
                   JobHandlers<Problems>{[this](const std::shared_ptr<const Problems> &problems) {
                                             finish(problems->empty(), *problems);
                                         },
                                         [this](const JobFailure &failure) {
                                             finish(false, failure.stopped() ? Problems{} : Problems{failure.text});
                                         },
                                         [this](const Progress &progress) {
                                             m_tensorBytesDone = progress.done < progress.total ? progress.done : 0;
                                             Q_EMIT progressed();
                                         }});
    Q_EMIT progressed();
}

void ModelRun::finish(bool complete, std::vector<std::string> problems) {
    m_running = false;
    m_queue.reset();
    Q_EMIT ended(complete, problems);
}

void ModelRun::stop() { m_runner.requestStop(m_slot); }

void ModelRun::drop() {
    m_runner.drop(m_slot);
    m_running = false;
    m_queue.reset();
}

void ModelRun::prefer(std::size_t tensor) {
    if (m_queue)
        m_queue->prefer(tensor);
}

void ModelRun::skip(std::size_t tensor) {
    if (!m_queue || !m_queue->remove(tensor))
        return;
    ++m_status.done;
    m_status.bytes -= m_model->tensors[tensor].bytes;
    Q_EMIT progressed();
}

} // namespace nibblescope
