// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/gui/presenter.h"
#include "widgets/pages/memory_page.h"

namespace nibblescope {

class MemoryPresenter : public Presenter {
    Q_OBJECT
public:
    explicit MemoryPresenter(Session &session, QObject *parent = nullptr);

    PageWidget &page() override { return *m_page; }
    void refresh() override;

private:
    MemoryPage *m_page;
};

} // namespace nibblescope
