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

private:
    void update();

    LayersPage *m_page;
    QTimer m_timer; // results come faster than anybody looks
};

} // namespace nibblescope
