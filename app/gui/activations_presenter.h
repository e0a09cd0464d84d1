// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>

#include "app/gui/presenter.h"
#include "core/model/evaluation_setup.h"
#include "widgets/pages/activations_page.h"

namespace nibblescope {

class ActivationsPresenter : public Presenter {
    Q_OBJECT
public:
    explicit ActivationsPresenter(Session &session, QObject *parent = nullptr);

    PageWidget &page() override { return *m_page; }
    void refresh() override;
    bool isComputing() const override { return m_collecting || m_costing || m_curving || m_measuringKl; }
    bool canBeCancelled() const override {
        return m_measuringKl || (m_collecting && m_source->origin != ActivationOrigin::Synthetic);
    }
    void cancel() override;
    bool follow(const QString &link) override { return m_page->choose(link); }

    bool isCollecting() const { return m_collecting; }
    const std::shared_ptr<const ActivationSet> &set() const { return m_set; }
    void collect();
    void measureKl();
    // The commands that give what is shown again, one a line; empty where there is none (made-up inputs).
    QString commands() const;

private:
    // Where inputs come from; another one is collected anew.
    struct Source {
        std::shared_ptr<const Model> model;
        ActivationOrigin origin = ActivationOrigin::Model;
        TextSource text;
        std::filesystem::path folder;
        SyntheticActivations synthetic;
        std::string tensor; // of a synthetic input
        bool operator==(const Source &) const = default;
    };
    struct Subject { // what costs and curve are of
        std::weak_ptr<const ActivationSet> set;
        std::weak_ptr<const WeightMatrix> weights;
        std::string tensor;
        Recipe recipe;
        bool sameTensor(const Subject &other) const;
    };

    Source wantedSource() const;
    QString usualText() const;
    QString problemOfSource() const; // why nothing can be collected; empty: it can
    std::uint64_t weightCount() const;
    bool isSmall() const; // collected without being asked
    void updateSource();
    template <typename Body>
    void startCollecting(Body body);
    void takeSet(std::shared_ptr<const ActivationSet> set);
    void tellEvidence();
    void collectingFailed(const JobFailure &failure);
    void showWithoutSet();
    void measure();
    void measureCosts(const Subject &subject);
    void measureCurve(const Subject &subject);
    QString reasonWithout(); // why the selected tensor has no input
    void show();
    void chooseText();
    void chooseFolder();

    ActivationsPage *m_page;
    std::optional<Source> m_source;
    std::shared_ptr<const ActivationSet> m_set;
    QString m_failure;
    bool m_collecting = false;

    std::optional<Subject> m_costSubject;
    double m_costAlpha = -1;
    std::shared_ptr<const ActivationCosts> m_costs;
    bool m_costing = false;
    std::optional<Subject> m_curveSubject;
    ActivationQuant m_curveQuant;
    std::shared_ptr<const SmoothingCurve> m_curve;
    bool m_curving = false;
    std::shared_ptr<const ActivationKl> m_kl;
    bool m_measuringKl = false;
};

} // namespace nibblescope
