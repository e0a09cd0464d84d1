// SPDX-License-Identifier: GPL-3.0-or-later
// Running the open model: whether it can be, recipes run over a text beside the unquantized model, and what was
// measured, which is kept as long as the model is open and in the session file.
#pragma once

#include <QElapsedTimer>
#include <QObject>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/jobs/job_runner.h"
#include "app/session/calibration.h"
#include "core/analysis/analyze.h"
#include "core/model/evaluation_setup.h"
#include "core/report/accuracy.h"

namespace nibblescope {

// What the open model allows.
struct ModelAbility {
    std::string notRun;      // why it cannot be run; empty: it can
    std::string noTokenizer; // why it takes no text, only token ids; empty: it does
    std::optional<std::uint64_t> contextLimit;
};

class Accuracy : public QObject {
    Q_OBJECT
public:
    explicit Accuracy(JobRunner &runner, QObject *parent = nullptr);

    // Forgets everything about the last one, and finds out what the new one allows. Null: none.
    void setModel(std::shared_ptr<const Model> model);
    // Null: not known yet.
    const ModelAbility *ability() const { return m_ability ? &*m_ability : nullptr; }

    struct Request {
        std::vector<ModelPlan> plans; // recipes with a format, same rule
        TextSource text;
        Products products = Products::Blas;
        PreparePlan prepare; // may be empty: all of them are ready
        // To say what was calibrated on the very windows that are evaluated. May be null.
        std::shared_ptr<const CalibrationFile> calibration;
    };
    // One job: the recipes run side by side, so that the unquantized model runs once for all of them. Those that were
    // measured whole on that text with those products already are left out. A running job is replaced.
    void start(Request request);
    void stop(); // what was measured is kept

    bool isRunning() const { return m_running; }
    struct Status {
        TextSource text;
        Products products = Products::Blas;
        std::size_t done = 0; // recipes
        std::size_t count = 0;
        std::vector<AccuracyRunning> running; // side by side
        double share = 0;                     // of the whole job, 0 ... 1
        double elapsedSeconds = 0;
    };
    const Status &status() const { return m_status; }
    std::optional<double> secondsLeft() const; // once it can be told

    // What was measured on that text with that rule and those products, in the order of measuring.
    std::vector<SharedAccuracy> results(const TextSource &text, const SelectionRule &rule,
                                        Products products = Products::Blas) const;
    std::size_t resultCount() const { return m_entries.size(); } // on all texts
    // What models are run on: as chosen on the Accuracy page, else the text that a model brings along; nullopt: none.
    std::optional<TextSource> text() const;
    void setText(const TextSource &text) { m_text = text; }
    // The text of what was measured last; nullopt: nothing was.
    std::optional<TextSource> lastText() const;
    // SQNR of the recipes that the field's claims look at, measured from the weights alone; null: not yet.
    std::shared_ptr<const std::vector<RecipeEvidence>> sqnr(const SelectionRule &rule) const;
    void measureSqnr(const SelectionRule &rule); // in the background, where it is not known; resultsChanged() follows
    void forget();                               // all that was run
    void forgetIf(const std::function<bool(const Recipe &)> &which);

    // For the session file.
    nlohmann::ordered_json toJson() const;
    void restore(const nlohmann::ordered_json &json);

Q_SIGNALS:
    void abilityChanged();
    void progressed();
    void resultsChanged();
    // `problem`: a sentence, empty without one. `stopped`: on request.
    void ended(const QString &problem, bool stopped);
    void warned(const QString &text); // about the text or the windows

private:
    struct Entry {
        TextSource text;
        SelectionRule rule;
        SharedAccuracy result;
    };
    class Job;
    void take(const TextSource &text, const SelectionRule &rule, SharedAccuracy result);
    void finish(const QString &problem, bool stopped);

    JobRunner &m_runner;
    std::shared_ptr<const Model> m_model;
    std::optional<ModelAbility> m_ability;
    std::vector<Entry> m_entries;
    std::optional<TextSource> m_text;
    SelectionRule m_sqnrRule;
    std::shared_ptr<const std::vector<RecipeEvidence>> m_sqnr;
    bool m_running = false;
    bool m_stopping = false;
    Status m_status;
    QElapsedTimer m_elapsed;
};

} // namespace nibblescope
