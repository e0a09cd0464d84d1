// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/speed_presenter.h"

namespace nibblescope {

SpeedPresenter::SpeedPresenter(Session &session, QObject *parent)
    : Presenter(session, "speed", parent), m_page(new PageWidget(tr("Speed"))) {}

void SpeedPresenter::refresh() { m_page->setPlaceholder(tr("Not measured yet: press Measure (about 20 s).")); }

void SpeedPresenter::measure() {}

void SpeedPresenter::cancel() {}

} // namespace nibblescope
