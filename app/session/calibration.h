// SPDX-License-Identifier: GPL-3.0-or-later
// The calibration of the open model: statistics of the inputs of its linears, made by running it on a text or read from
// a file, and what methods are given of them.
#pragma once

#include <QElapsedTimer>
#include <QObject>
#include <QString>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "app/jobs/job_runner.h"
#include "core/analysis/analyze.h"
#include "core/model/calibration.h"
#include "core/model/evaluation_setup.h"

namespace nibblescope {

// Makes a plan ready to be carried out by a job: collects what it still lacks.
using PreparePlan = std::function<ModelPlan(const ModelPlan &, const Work &)>;

class Calibration : public QObject {
    Q_OBJECT
public:
    explicit Calibration(JobRunner &runner, QObject *parent = nullptr);

    void setModel(std::shared_ptr<const Model> model); // forgets the last one's
    void load(const QString &path);
    // Runs the model over the text and writes the file, which is then in use.
    void make(const TextSource &text, const QString &target);
    // The same from inputs that another program wrote, NAME.npy in a folder: the model need not run.
    void importInputs(const QString &folder, const QString &target);
    void stop();
    void forget();

    bool isMaking() const { return m_making; }
    double share() const { return m_share; } // of the making that is done
    std::optional<double> secondsLeft() const;

    // Null: none.
    const std::shared_ptr<const CalibrationFile> &file() const { return m_file; }
    const QString &path() const { return m_path; }

    // What to quantize with; null where the recipe needs none, and where there are none (sequential: not collected
    // yet).
    std::shared_ptr<const StatisticsSource> sourceFor(const Recipe &recipe, const SelectionRule &rule) const;
    // For jobs: sequential statistics are collected where the plan has none. Throws Error where it cannot be.
    PreparePlan preparation() const;
    // What a job collected: it is not collected again.
    void keep(const ModelPlan &prepared);

Q_SIGNALS:
    void changed();    // another file or none, or statistics collected sequentially
    void progressed(); // of the making
    void made(const QString &path);
    void failed(const QString &text); // empty: stopped
    void warned(const QString &text);

private:
    struct Loaded {
        std::shared_ptr<const CalibrationFile> file;
        std::vector<std::string> warnings;
    };
    static Loaded open(const std::filesystem::path &path, const Model &model);
    void take(const QString &path, const Loaded &loaded);
    using Body = std::function<Loaded(const Work &work)>;
    void startMaking(const QString &target, Body body);
    void end();

    struct Sequential {
        Recipe recipe;
        SelectionRule rule;
        std::shared_ptr<const StatisticsSource> source;
    };

    JobRunner &m_runner;
    std::shared_ptr<const Model> m_model;
    std::shared_ptr<const CalibrationFile> m_file;
    QString m_path;
    std::vector<Sequential> m_sequential;
    bool m_making = false;
    double m_share = 0;
    QElapsedTimer m_elapsed;
};

// Why one tensor cannot be quantized by itself with this plan, as a sentence; empty: it can.
std::string reasonNotSingly(const ModelPlan &plan);

} // namespace nibblescope
