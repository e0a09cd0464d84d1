// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QTimer>

#include "app/gui/presenter.h"
#include "widgets/pages/layers_page.h"

namespace nibblescope {

class LayersPresenter : public Presenter {
    Q_OBJECT
public:
    explicit LayersPresenter(Session &session, QObject *parent = nullptr);

    PageWidget &page() override { return *m_page; }
    void refresh() override;
    bool isComputing() const override { return m_measuring || m_measuringSensitivity; }
    bool canBeCancelled() const override { return m_measuringSensitivity; }
    void cancel() override;
    void measureSensitivity();

private:
    void update();
    // Output errors of a plan, from what was evaluated or from a job; null: none yet, or none possible.
    struct Outputs {
        std::shared_ptr<const Model> model;
        ModelPlan plan;
        std::shared_ptr<const CalibrationFile> calibration;
        std::map<std::string, double> errors;
    };
    void addOutputs(LayersInput &input);
    std::map<std::string, double> outputsOf(const ModelPlan &plan);
    QString reasonNoOutputs() const;

    LayersPage *m_page;
    std::vector<Outputs> m_outputs; // few: recipe, baseline and what was before
    QString m_outputProblem;
    // What the last sensitivity is of.
    struct Subject {
        std::shared_ptr<const Model> model;
        Recipe recipe;
        SelectionRule rule;
        std::shared_ptr<const CalibrationFile> calibration;
        TextSource text;
        bool operator==(const Subject &) const = default;
    };
    Subject subject() const;
    QString reasonNoSensitivity() const;
    void updateSensitivity();
    Subject m_subject;
    std::shared_ptr<const SensitivityInput> m_sensitivity;
    bool m_measuringSensitivity = false;
    bool m_measuring = false;
    QTimer m_timer; // results come faster than anybody looks
};

} // namespace nibblescope
