// SPDX-License-Identifier: GPL-3.0-or-later
#include <QtTest>

#include <atomic>
#include <numeric>

#include "app/jobs/job_runner.h"
#include "core/kernels/kernels.h"

using namespace nibblescope;

namespace {

const QString view = QStringLiteral("view");
const QString batch = QStringLiteral("run");

// Works until it is told to stop.
int untilStopped(const Work &work) {
    while (true) {
        work.checkStop();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

} // namespace

class JobRunnerTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void deliversAResultOnTheGuiThread() {
        JobRunner runner(2, scalarKernels());
        std::shared_ptr<const std::vector<int>> got;
        bool guiThread = false;
        runner.start(
            view, Queue::Interactive,
            [](const Work &work, const Post &) {
                std::vector<int> squares(100);
                work.parallelFor(squares.size(), [&](std::size_t i) { squares[i] = static_cast<int>(i * i); });
                return squares;
            },
            JobHandlers<std::vector<int>>{[&](std::shared_ptr<const std::vector<int>> result) {
                                              got = std::move(result);
                                              guiThread =
                                                  QThread::currentThread() == QCoreApplication::instance()->thread();
                                          },
                                          {},
                                          {}});
        QVERIFY(runner.isActive(view));
        QTRY_VERIFY(got);
        QVERIFY(guiThread);
        QCOMPARE(got->at(9), 81);
        QVERIFY(runner.isIdle());
    }

    void newestRequestOfASlotWins() {
        JobRunner runner(2, scalarKernels());
        std::vector<int> got;
        int failures = 0;
        for (int i = 0; i < 200; ++i)
            runner.start(
                view, Queue::Interactive,
                [i](const Work &work, const Post &post) {
                    for (int step = 0; i < 199 && step < 3; ++step) {
                        work.checkStop();
                        post([] {});
                    }
                    return i;
                },
                JobHandlers<int>{[&](std::shared_ptr<const int> result) { got.push_back(*result); },
                                 [&](const JobFailure &) { ++failures; },
                                 {}});
        QTRY_VERIFY(runner.isIdle());
        QCOMPARE(got, std::vector<int>{199});
        QCOMPARE(failures, 0);
    }

    void errorsArriveAsValues() {
        JobRunner runner(1, scalarKernels());
        std::vector<JobFailure> failures;
        const auto note = [&](const JobFailure &failure) { failures.push_back(failure); };
        runner.start(
            view, Queue::Interactive,
            [](const Work &, const Post &) -> int { throw Error(Fault::Input, "`a.h5` is cut short."); },
            JobHandlers<int>{{}, note, {}});
        QTRY_COMPARE(failures.size(), 1U);
        QCOMPARE(failures[0].text, std::string("`a.h5` is cut short."));
        runner.start(
            view, Queue::Interactive, [](const Work &, const Post &) -> int { throw std::bad_alloc(); },
            JobHandlers<int>{{}, note, {}});
        QTRY_COMPARE(failures.size(), 2U);
        QVERIFY(failures[1].fault == Fault::Machine);
        QVERIFY(failures[1].text.find("memory") != std::string::npos);
    }

    void stoppingKeepsWhatWasDelivered() {
        JobRunner runner(2, scalarKernels());
        std::vector<int> parts;
        bool stopped = false;
        runner.start(
            batch, Queue::Batch,
            [&](const Work &work, const Post &post) {
                for (int i = 0; i < 5; ++i)
                    post([&parts, i] { parts.push_back(i); });
                return untilStopped(work);
            },
            JobHandlers<int>{{}, [&](const JobFailure &failure) { stopped = failure.stopped(); }, {}});
        QTRY_COMPARE(parts.size(), 5U);
        runner.requestStop(batch);
        QTRY_VERIFY(stopped);
        QVERIFY(runner.isIdle());
    }

    void droppedJobsSayNothing() {
        JobRunner runner(2, scalarKernels());
        bool called = false;
        runner.start(
            batch, Queue::Batch, [](const Work &work, const Post &) { return untilStopped(work); },
            JobHandlers<int>{
                [&](std::shared_ptr<const int>) { called = true; }, [&](const JobFailure &) { called = true; }, {}});
        runner.drop(batch);
        QVERIFY(runner.isIdle());
        QTest::qWait(50);
        QVERIFY(!called);
    }

    void interactiveJobsDoNotWaitForBatchJobs() {
        JobRunner runner(2, scalarKernels());
        runner.start(batch, Queue::Batch, [](const Work &work, const Post &) { return untilStopped(work); });
        int got = 0;
        runner.start(
            view, Queue::Interactive, [](const Work &, const Post &) { return 7; },
            JobHandlers<int>{[&](std::shared_ptr<const int> result) { got = *result; }, {}, {}});
        QTRY_COMPARE(got, 7);
        QVERIFY(runner.isActive(batch));
    }

    void progressIsThrottledAndEndsComplete() {
        JobRunner runner(1, scalarKernels());
        std::vector<std::uint64_t> seen;
        constexpr std::uint64_t total = 20000;
        bool done = false;
        runner.start(
            batch, Queue::Batch,
            [](const Work &work, const Post &) {
                for (std::uint64_t i = 1; i <= total; ++i)
                    work.report({i, total, "tensor"});
                return 0;
            },
            JobHandlers<int>{[&](std::shared_ptr<const int>) { done = true; },
                             {},
                             [&](const Progress &state) { seen.push_back(state.done); }});
        QTRY_VERIFY(done);
        QVERIFY(!seen.empty());
        QCOMPARE(seen.back(), total);
        QVERIFY2(seen.size() < 100, qPrintable(QString::number(seen.size())));
    }

    void closingWithWorkUnderWayIsQuiet() {
        std::atomic<int> calls = 0;
        for (int round = 0; round < 20; ++round) {
            JobRunner runner(2, scalarKernels());
            for (int i = 0; i < 4; ++i)
                runner.start(
                    QString::number(i), i % 2 == 0 ? Queue::Interactive : Queue::Batch,
                    [&](const Work &work, const Post &post) {
                        post([&] { ++calls; });
                        return untilStopped(work);
                    },
                    JobHandlers<int>{
                        [&](std::shared_ptr<const int>) { ++calls; }, [&](const JobFailure &) { ++calls; }, {}});
        }
        QCoreApplication::processEvents();
        QCOMPARE(calls.load(), 0);
    }

    void theEventLoopTurnsBetweenManyResults() {
        JobRunner runner(2, scalarKernels());
        bool done = false;
        int turns = 0;
        QTimer timer;
        connect(&timer, &QTimer::timeout, this, [&] { ++turns; });
        timer.start(0);
        runner.start(
            batch, Queue::Batch,
            [](const Work &, const Post &post) {
                for (int i = 0; i < 50; ++i)
                    post([] { QThread::msleep(2); });
                return 0;
            },
            JobHandlers<int>{[&](std::shared_ptr<const int>) { done = true; }, {}, {}});
        QTRY_VERIFY(done);
        QVERIFY(turns >= 5);
    }
};

QTEST_GUILESS_MAIN(JobRunnerTest)
#include "job_runner_test.moc"
