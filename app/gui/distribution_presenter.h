// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/gui/presenter.h"
#include "widgets/pages/distribution_page.h"

namespace nibblescope {

class DistributionPresenter : public Presenter {
    Q_OBJECT
public:
    explicit DistributionPresenter(Session &session, QObject *parent = nullptr);

    PageWidget &page() override { return *m_page; }
    void refresh() override;
    bool isComputing() const override { return m_computing; }
    bool follow(const QString &link) override;

private:
    // What the shown data were, or are being, computed from.
    struct Source {
        std::weak_ptr<const TensorView> current; // a hidden page keeps no tensor in memory
        std::weak_ptr<const TensorView> baseline;
        DistributionOptions options;
    };
    void show(const std::shared_ptr<const DistributionData> &data);

    DistributionPage *m_page;
    Source m_source;
    std::shared_ptr<const DistributionData> m_data; // the last: what does not depend on the recipe is kept
    bool m_computing = false;
};

} // namespace nibblescope
