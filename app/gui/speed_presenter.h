// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/gui/presenter.h"

namespace nibblescope {

class SpeedPresenter : public Presenter {
    Q_OBJECT
public:
    explicit SpeedPresenter(Session &session, QObject *parent = nullptr);

    PageWidget &page() override { return *m_page; }
    void refresh() override;
    bool isComputing() const override { return m_measuring; }
    void measure();
    void cancel();

private:
    PageWidget *m_page;
    bool m_measuring = false;
};

} // namespace nibblescope
