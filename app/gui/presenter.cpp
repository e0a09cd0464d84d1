// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/presenter.h"

#include "core/report/number_text.h"

namespace nibblescope {

void Presenter::connectOptions(PageWidget &page) {
    page.setOptions(m_session.pageOptions(m_pageId));
    connect(&page, &PageWidget::optionsEdited, this,
            [this](const nlohmann::ordered_json &options) { m_session.setPageOptions(m_pageId, options); });
    connect(&m_session, &Session::pageOptionsChanged, this, [this, &page](const std::string &changed) {
        if (changed == m_pageId && page.options() != m_session.pageOptions(m_pageId))
            page.setOptions(m_session.pageOptions(m_pageId));
    });
}

bool Presenter::tensorIsThere(PageWidget &page) {
    const Selection &selection = m_session.selection();
    const int tensor = selection.tensor();
    // These pages show one tensor: where several are selected, the last clicked.
    page.setNote(selection.many() ? tr("1 of %1 selected").arg(selection.tensors().size()) : QString());
    if (!m_session.model() || tensor < 0) {
        page.setPlaceholder(tr("Choose a tensor in the tree (Ctrl+F)"));
        return false;
    }
    const TensorInfo &info = m_session.model()->tensors[static_cast<std::size_t>(tensor)];
    const QString name = QString::fromStdString(shortTensorName(info.name));
    if (info.params == 0) {
        page.setPlaceholder(tr("%1 is empty: it has no weights.").arg(name));
        return false;
    }
    if (!traits(info.dtype).decodable) {
        page.setPlaceholder(tr("%1: %2 tensor, shown in the tree, not quantized.")
                                .arg(name, QString::fromUtf8(traits(info.dtype).name.data())));
        return false;
    }
    const TensorLoader &loader = m_session.loader();
    if (loader.failure()) {
        page.setPlaceholder(QString::fromStdString(loader.failure()->text));
        return false;
    }
    if (!loader.current() || loader.tensor() != tensor) {
        page.setPending(true);
        return false;
    }
    page.setPlaceholder({});
    if (loader.isPending())
        page.setPending(true);
    return true;
}

std::vector<ReadingLabel::Link> Presenter::keptLinks(const TensorResult &result) const {
    if (result.quantized || m_session.isStored() || !canBeQuantized(result.info) ||
        m_session.recipe().format == Format::None)
        return {};
    return {{tr("Quantize it anyway"), QStringLiteral("quantize")}};
}

} // namespace nibblescope
