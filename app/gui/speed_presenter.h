// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/gui/presenter.h"
#include "widgets/pages/speed_page.h"

namespace nibblescope {

class SpeedPresenter : public Presenter {
    Q_OBJECT
public:
    explicit SpeedPresenter(Session &session, QObject *parent = nullptr);

    PageWidget &page() override { return *m_page; }
    void refresh() override;
    bool isComputing() const override { return m_measuring; }
    void measure();
    bool canBeCancelled() const override { return m_measuring; }
    void cancel() override;
    const Progress &progress() const { return m_progress; }

private:
    std::vector<ProductFormat> formats() const;
    std::optional<SpeedModel> model() const;
    void save();
    void layOver();

    SpeedPage *m_page;
    std::shared_ptr<const BenchReport> m_report; // null: not measured yet
    std::optional<BenchReport> m_overlay;        // a saved run
    QString m_overlayName;
    Progress m_progress;
    bool m_measuring = false;
};

} // namespace nibblescope
