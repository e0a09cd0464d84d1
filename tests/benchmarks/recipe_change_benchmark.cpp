// SPDX-License-Identifier: GPL-3.0-or-later
// recipe-change-benchmark: the real window on a BF16 layer of 4096 x 4096. From the signal of the group-size control to
// exact numbers and the visible page's plots on screen, drawn from them. The promise is a median below 33 ms.
#include <benchmark/benchmark.h>

#include <QApplication>
#include <QElapsedTimer>
#include <QSet>
#include <QSettings>
#include <QTemporaryDir>
#include <QThread>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <optional>
#include <random>

#include "app/gui/main_window.h"
#include "app/gui/pages.h"
#include "core/base/half.h"
#include "widgets/pages/page_widget.h"
#include "widgets/panels/recipe_panel.h"
#include "widgets/panels/stop_slider.h"
#include "widgets/plots/chart.h"
#include "widgets/plots/plot_view.h"

namespace nibblescope {
namespace {

constexpr std::uint64_t side = 4096;
constexpr int repetitions = 31;

void writeLayer(const QString &folder) {
    const std::string header =
        R"({"model.layers.0.mlp.down_proj.weight":{"dtype":"BF16","shape":[4096,4096],"data_offsets":[0,33554432]}})";
    std::ofstream file((folder + QStringLiteral("/model.safetensors")).toStdString(), std::ios::binary);
    const std::uint64_t length = header.size();
    file.write(reinterpret_cast<const char *>(&length), sizeof(length));
    file << header;
    std::mt19937 random(1);
    std::normal_distribution<float> normal(0.0F, 0.02F);
    std::vector<std::uint16_t> row(side);
    for (std::uint64_t r = 0; r < side; ++r) {
        std::generate(row.begin(), row.end(), [&] { return bf16FromF32(normal(random)); });
        file.write(reinterpret_cast<const char *>(row.data()), static_cast<std::streamsize>(side * sizeof(row[0])));
    }
}

// Sees when a chart that was drawn anew comes to the screen: QCustomPlot draws between beforeReplot and its repaint.
class PaintWatch : public QObject {
public:
    void watch(Chart *chart) {
        chart->installEventFilter(this);
        connect(chart, &QCustomPlot::beforeReplot, this, [this, chart] { m_drawn.insert(chart); });
    }
    void clear() {
        m_drawn.clear();
        m_shown.clear();
    }
    bool isOnScreen(Chart *chart) const { return m_shown.contains(chart); }

protected:
    bool eventFilter(QObject *watched, QEvent *event) override {
        if (event->type() == QEvent::Paint && m_drawn.contains(watched))
            m_shown.insert(watched);
        return false;
    }

private:
    QSet<QObject *> m_drawn;
    QSet<QObject *> m_shown;
};

class Bench {
public:
    Bench() : m_runner(0, selectKernels()), m_window(m_runner) {
        writeLayer(m_folder.path());
        m_window.resize(1440, 900);
        m_window.show();
        m_window.openPath(m_folder.path());
        settle();
    }

    void show(PageId page) {
        m_window.pages().show(page);
        settle();
        if (m_shown == page)
            return;
        m_shown = page;
        m_charts.clear();
        for (PlotView *plot : m_window.pages().page(page).plots())
            if (auto *chart = plot->findChild<Chart *>(); plot->isVisible() && plot->figure()) {
                m_watch.watch(chart);
                m_charts.push_back({plot, chart});
            }
        // The sweep stands apart: it goes on behind the page.
        m_charts.erase(std::remove_if(m_charts.begin(), m_charts.end(),
                                      [](const Seen &seen) { return seen.plot->figure()->id == "bins.sweep"; }),
                       m_charts.end());
    }

    // Seconds.
    double changeGroupSize() {
        m_stop = m_stop == 4 ? 1 : m_stop + 1;
        settle();
        std::vector<std::shared_ptr<const Figure>> before;
        for (const Seen &seen : m_charts)
            before.push_back(seen.plot->figure());
        m_watch.clear();
        QElapsedTimer timer;
        timer.start();
        Q_EMIT slider().stopChosen(m_stop);
        const Recipe wanted = m_window.session().recipe();
        while (true) {
            QCoreApplication::processEvents(QEventLoop::AllEvents | QEventLoop::WaitForMoreEvents);
            const SharedView &view = m_window.session().loader().current();
            bool painted = !m_window.session().loader().isPending() && view && view->result.recipe == wanted &&
                           !view->result.sample;
            for (std::size_t i = 0; i < m_charts.size(); ++i)
                painted = painted && m_charts[i].plot->figure() != before[i] && m_watch.isOnScreen(m_charts[i].chart);
            if (painted)
                return static_cast<double>(timer.nsecsElapsed()) * 1e-9;
        }
    }

private:
    struct Seen {
        PlotView *plot;
        Chart *chart;
    };

    StopSlider &slider() { return *m_window.recipePanel().findChild<StopSlider *>(); }
    void settle() {
        QElapsedTimer quiet;
        quiet.start();
        while (quiet.elapsed() < 60) {
            QCoreApplication::processEvents(QEventLoop::AllEvents, 5);
            QThread::msleep(1);
            const bool busy = m_window.session().isOpening() || !m_window.session().model() ||
                              !m_window.pages().isUpToDate() || !m_runner.isIdle();
            if (busy)
                quiet.restart();
        }
    }

    QTemporaryDir m_folder;
    JobRunner m_runner;
    MainWindow m_window;
    PaintWatch m_watch;
    std::optional<PageId> m_shown;
    std::vector<Seen> m_charts; // of the shown page
    int m_stop = 2;             // 64, where a session begins
};

void registerPage(Bench &bench, PageId page, const char *name) {
    benchmark::RegisterBenchmark(name,
                                 [&bench, page](benchmark::State &state) {
                                     bench.show(page);
                                     for (auto _ : state)
                                         state.SetIterationTime(bench.changeGroupSize());
                                 })
        ->UseManualTime()
        ->Iterations(1)
        ->Repetitions(repetitions)
        ->ReportAggregatesOnly(true)
        ->ComputeStatistics("q25",
                            [](const std::vector<double> &times) {
                                auto sorted = times;
                                std::sort(sorted.begin(), sorted.end());
                                return sorted[sorted.size() / 4];
                            })
        ->ComputeStatistics("q75",
                            [](const std::vector<double> &times) {
                                auto sorted = times;
                                std::sort(sorted.begin(), sorted.end());
                                return sorted[sorted.size() * 3 / 4];
                            })
        ->Unit(benchmark::kMillisecond);
}

} // namespace
} // namespace nibblescope

int main(int argc, char **argv) {
    using namespace nibblescope;
    qputenv("QT_QPA_PLATFORM", "offscreen");
    QApplication app(argc, argv);
    const QTemporaryDir settings;
    QCoreApplication::setOrganizationName(QStringLiteral("NibblescopeTests"));
    QCoreApplication::setApplicationName(QStringLiteral("recipe-change"));
    QSettings::setPath(QSettings::NativeFormat, QSettings::UserScope, settings.path());
    Bench bench;
    registerPage(bench, PageId::Distribution, "group_size/distribution");
    registerPage(bench, PageId::Bins, "group_size/bins");
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv))
        return 2;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
