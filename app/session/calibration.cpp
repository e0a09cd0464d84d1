// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/session/calibration.h"

#include <algorithm>
#include <utility>

#include "core/model/activation_source.h"
#include "core/model/llama.h"
#include "core/model/sequential.h"
#include "core/quant/method_parameters.h"
#include "core/quant/quantize.h"

namespace nibblescope {

namespace {

const QString makeSlot = QStringLiteral("calibration.make");
const QString loadSlot = QStringLiteral("calibration.load");
constexpr double tellableShare = 0.05;

std::string lackingText(const Recipe &recipe) {
    return std::string(findMethod(recipe.method)->name) +
           " needs a calibration: Run > Calibrate... makes one by running the model on a text, or from inputs that "
           "another program wrote.";
}

} // namespace

Calibration::Calibration(JobRunner &runner, QObject *parent) : QObject(parent), m_runner(runner) {}

void Calibration::setModel(std::shared_ptr<const Model> model) {
    m_runner.drop(makeSlot);
    m_runner.drop(loadSlot);
    m_model = std::move(model);
    m_making = false;
    m_file.reset();
    m_path.clear();
    m_sequential.clear();
    Q_EMIT changed();
}

Calibration::Loaded Calibration::open(const std::filesystem::path &path, const Model &model) {
    Loaded loaded;
    loaded.file = std::make_shared<const CalibrationFile>(path, model, loaded.warnings);
    return loaded;
}

void Calibration::take(const QString &path, const Loaded &loaded) {
    m_file = loaded.file;
    m_path = path;
    m_sequential.clear();
    Q_EMIT changed();
    if (!loaded.warnings.empty())
        Q_EMIT warned(QString::fromStdString(loaded.warnings.front()));
}

void Calibration::load(const QString &path) {
    if (!m_model)
        return;
    m_runner.start(
        loadSlot, Queue::Interactive,
        [path = path.toStdString(), model = m_model](const Work &, const Post &) { return open(path, *model); },
        JobHandlers<Loaded>{[this, path](const std::shared_ptr<const Loaded> &loaded) { take(path, *loaded); },
                            [this](const JobFailure &failure) { Q_EMIT failed(QString::fromStdString(failure.text)); },
                            {}});
}

void Calibration::make(const TextSource &text, const QString &target) {
    if (!m_model)
        return;
    startMaking(target, [text, target = target.toStdString(), model = m_model](const Work &work) {
        const Llama llama(*model);
        std::vector<std::string> warnings;
        const TokenWindows windows = windowsFrom(llama, text, warnings);
        const CalibrationHeader header{model->name,   fingerprintOf(*model),           windows.context,
                                       windows.count, windows.count * windows.context, llama.config().vocabulary};
        CalibrationWriter writer(target, header, windows);
        calibrate(
            llama, windows,
            [&writer](const std::string &name, const InputStatistics &statistics) { writer.add(name, statistics); },
            work);
        writer.commit();
        Loaded loaded = open(target, *model);
        loaded.warnings.insert(loaded.warnings.begin(), warnings.begin(), warnings.end());
        return loaded;
    });
}

void Calibration::importInputs(const QString &folder, const QString &target) {
    if (!m_model)
        return;
    startMaking(target,
                [folder = folder.toStdString(), target = target.toStdString(), model = m_model](const Work &work) {
                    std::vector<std::string> warnings;
                    writeCalibration(*model, findActivationFiles(*model, folder, warnings), target, work);
                    Loaded loaded = open(target, *model);
                    loaded.warnings.insert(loaded.warnings.begin(), warnings.begin(), warnings.end());
                    return loaded;
                });
}

void Calibration::startMaking(const QString &target, Body making) {
    m_making = true;
    m_share = 0;
    m_elapsed.start();
    auto body = [making = std::move(making)](const Work &work, const Post &) { return making(work); };
    m_runner.start(
        makeSlot, Queue::Batch, std::move(body),
        JobHandlers<Loaded>{[this, target](const std::shared_ptr<const Loaded> &loaded) {
                                end();
                                take(target, *loaded);
                                Q_EMIT made(target);
                            },
                            [this](const JobFailure &failure) {
                                end();
                                Q_EMIT failed(failure.stopped() ? QString() : QString::fromStdString(failure.text));
                            },
                            [this](const Progress &progress) {
                                if (progress.total > 0)
                                    m_share = static_cast<double>(progress.done) / static_cast<double>(progress.total);
                                Q_EMIT progressed();
                            }});
    Q_EMIT progressed();
}

void Calibration::end() {
    m_making = false;
    Q_EMIT progressed();
}

void Calibration::stop() { m_runner.requestStop(makeSlot); }

void Calibration::forget() {
    m_file.reset();
    m_path.clear();
    m_sequential.clear();
    Q_EMIT changed();
}

std::optional<double> Calibration::secondsLeft() const {
    const double elapsed = static_cast<double>(m_elapsed.isValid() ? m_elapsed.elapsed() : 0) / 1000;
    if (m_share < tellableShare || elapsed < 1)
        return std::nullopt;
    return elapsed * (1 - m_share) / m_share;
}

std::shared_ptr<const StatisticsSource> Calibration::sourceFor(const Recipe &recipe, const SelectionRule &rule) const {
    if (!m_file || !needsCalibration(recipe))
        return nullptr;
    if (!recipe.sequential)
        return m_file;
    const auto known = std::find_if(m_sequential.begin(), m_sequential.end(),
                                    [&](const Sequential &one) { return one.recipe == recipe && one.rule == rule; });
    return known == m_sequential.end() ? nullptr : known->source;
}

PreparePlan Calibration::preparation() const {
    return [model = m_model, file = m_file](const ModelPlan &plan, const Work &work) {
        if (plan.calibration || !needsCalibration(plan.recipe))
            return plan;
        if (!file)
            throw Error(Fault::Input, lackingText(plan.recipe));
        ModelPlan ready = plan;
        ready.calibration = file;
        if (plan.recipe.sequential)
            ready.calibration = sequentialStatistics(Llama(*model), file->windows(), plan, work);
        return ready;
    };
}

void Calibration::keep(const ModelPlan &prepared) {
    if (!prepared.recipe.sequential || !prepared.calibration || sourceFor(prepared.recipe, prepared.rule))
        return;
    constexpr std::size_t most = 4; // they are large
    if (m_sequential.size() == most)
        m_sequential.erase(m_sequential.begin());
    m_sequential.push_back({prepared.recipe, prepared.rule, prepared.calibration});
    Q_EMIT changed();
}

std::string reasonNotSingly(const ModelPlan &plan) {
    if (!needsCalibration(plan.recipe))
        return {};
    if (plan.recipe.method == "awq")
        return "AWQ moves scales from one tensor to another, so that it works on the whole model only: Accuracy "
               "(Ctrl+6) evaluates it.";
    if (plan.calibration)
        return {};
    if (plan.recipe.sequential)
        return "Sequential GPTQ collects its statistics behind what is quantized already: Run whole model (Ctrl+R) "
               "does that.";
    return lackingText(plan.recipe);
}

} // namespace nibblescope
