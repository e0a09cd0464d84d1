// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/gui/presenter.h"
#include "widgets/pages/bins_page.h"

namespace nibblescope {

class BinsPresenter : public Presenter {
    Q_OBJECT
public:
    explicit BinsPresenter(Session &session, QObject *parent = nullptr);

    PageWidget &page() override { return *m_page; }
    void refresh() override;
    bool isComputing() const override { return m_computing || m_restDue || m_sweeping; }
    void stepGroup(int step);

private:
    // What the shown data were, or are being, computed from.
    struct Source {
        std::weak_ptr<const TensorView> current; // a hidden page keeps no tensor in memory
        std::optional<Recipe> compared;
        BinsOptions options;
    };
    struct SweepSource {
        std::weak_ptr<const WeightMatrix> weights;
        Recipe base;
    };
    std::optional<Recipe> comparedRecipe(const Recipe &recipe) const;
    void compute(const SharedView &view);
    void computed();
    bool sweepCovers(const SharedView &view) const;
    void sweep();
    void showGroup();
    void showReading();
    void findWorst();

    BinsPage *m_page;
    Source m_source;
    SweepSource m_sweepSource;
    std::shared_ptr<const BinsData> m_data;
    std::shared_ptr<const Sweep> m_sweep; // null while it is computed
    bool m_computing = false;
    bool m_restDue = false;
    bool m_sweeping = false;
};

} // namespace nibblescope
