// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/distribution_presenter.h"

#include "core/report/number_text.h"

namespace nibblescope {

DistributionPresenter::DistributionPresenter(Session &session, QObject *parent)
    : Presenter(session, "distribution", parent), m_page(new DistributionPage) {
    connectOptions(*m_page);
    connect(&session.selection(), &Selection::codeChanged, this, [this] {
        const auto code = Presenter::session().selection().code();
        m_page->setSelectedCode(code ? std::optional<unsigned>(static_cast<unsigned>(*code)) : std::nullopt);
    });
}

void DistributionPresenter::refresh() {
    if (!tensorIsThere(*m_page))
        return;
    const TensorLoader &loader = session().loader();
    const SharedView current = loader.current();
    const SharedView baseline = loader.baseline();
    DistributionOptions options;
    options.range = m_page->range();
    if (m_source.current.lock() == current && m_source.baseline.lock() == baseline && m_source.options == options) {
        if (!m_computing)
            m_page->setPending(loader.isPending());
        return;
    }
    m_source = {current, baseline, options};
    m_computing = true;
    session().runner().start(
        slot(), Queue::Interactive,
        [current, baseline, options, previous = m_data](const Work &work, const Post &) {
            return computeDistribution(*current, baseline.get(), options, work, previous.get());
        },
        JobHandlers<DistributionData>{[this](const std::shared_ptr<const DistributionData> &data) { show(data); },
                                      [this](const JobFailure &failure) {
                                          m_computing = false;
                                          m_page->setPlaceholder(QString::fromStdString(failure.text));
                                          Q_EMIT computingChanged();
                                      },
                                      {}});
    Q_EMIT computingChanged();
}

void DistributionPresenter::show(const std::shared_ptr<const DistributionData> &data) {
    m_computing = false;
    m_data = data;
    m_page->setPlaceholder({});
    m_page->setData(data);
    const SharedView baseline = m_source.baseline.lock();
    m_page->setReading(distributionReading(data->result, baseline ? &baseline->result : nullptr, data->outliers),
                       keptLinks(data->result));
    m_page->setSubject(QString::fromStdString(shortTensorName(data->result.info.name)));
    m_page->setPending(session().loader().isPending());
    Q_EMIT computingChanged();
}

bool DistributionPresenter::follow(const QString &link) {
    if (link != QLatin1String("range:full"))
        return false;
    nlohmann::ordered_json options = m_page->options();
    options["range"] = "full";
    session().setPageOptions(pageId(), options);
    return true;
}

} // namespace nibblescope
