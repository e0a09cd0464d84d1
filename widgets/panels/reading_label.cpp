// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/reading_label.h"

#include <algorithm>
#include <cmath>

#include <QEvent>
#include <QTextLayout>

#include "widgets/panels/themed_label.h"

namespace nibblescope {
namespace {

constexpr int lineHeight = 20;
constexpr int margin = 16;
constexpr int verticalPadding = 10;

} // namespace

ReadingLabel::ReadingLabel(QWidget *parent)
    : QWidget(parent), m_body(new ThemedLabel(FontRole::Reading, UiColour::Text, this)) {
    m_body->setWordWrap(true);
    m_body->setTextFormat(Qt::RichText);
    m_body->setAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    m_body->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard |
                                    Qt::LinksAccessibleByMouse | Qt::LinksAccessibleByKeyboard);
    connect(m_body, &QLabel::linkActivated, this, &ReadingLabel::linkActivated);
    setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Fixed);
    setFocusProxy(m_body);
    m_body->setAccessibleName(tr("Reading"));
}

void ReadingLabel::setReading(const QStringList &clauses, const std::vector<Link> &links) {
    m_clauses = clauses;
    m_links = links;
    m_pending = false;
    m_body->setRoles(FontRole::Reading, UiColour::Text);
    fit();
}

void ReadingLabel::setPending(bool pending) {
    if (pending == m_pending)
        return;
    m_pending = pending;
    m_body->setRoles(FontRole::Reading, pending ? UiColour::Text2 : UiColour::Text);
}

QString ReadingLabel::text() const { return m_clauses.join(QLatin1Char(' ')); }

QSize ReadingLabel::sizeHint() const { return {400, currentTheme().scaled(lines * lineHeight) + 2 * verticalPadding}; }
QSize ReadingLabel::minimumSizeHint() const { return {100, sizeHint().height()}; }

void ReadingLabel::resizeEvent(QResizeEvent *) {
    m_body->setGeometry(rect().adjusted(margin, 0, -margin, 0));
    fit();
}

void ReadingLabel::changeEvent(QEvent *event) {
    QWidget::changeEvent(event);
    if (event->type() == QEvent::FontChange || event->type() == QEvent::StyleChange) {
        updateGeometry();
        fit();
    }
}

int ReadingLabel::linesOf(const QString &text, int width) const {
    QTextLayout layout(text, currentTheme().font(FontRole::Reading));
    layout.beginLayout();
    int count = 0;
    for (QTextLine line = layout.createLine(); line.isValid(); line = layout.createLine()) {
        line.setLineWidth(width);
        ++count;
    }
    layout.endLayout();
    return count;
}

void ReadingLabel::fit() {
    const int width = std::max(1, m_body->width() - 2);
    QString linkText;
    QString linkHtml;
    for (const Link &link : m_links) {
        linkText += QLatin1Char(' ') + link.text;
        linkHtml += QStringLiteral(" <a href=\"%1\">%2</a>").arg(link.id.toHtmlEscaped(), link.text.toHtmlEscaped());
    }
    QString shown = m_clauses.value(0);
    for (qsizetype i = 1; i < m_clauses.size(); ++i) {
        const QString longer = shown + QLatin1Char(' ') + m_clauses[i];
        if (linesOf(longer + linkText, width) > lines)
            break;
        shown = longer;
    }
    m_shown = shown;
    // A first clause that is too long by itself is elided; the tooltip has the whole of it.
    while (linesOf(shown + linkText, width) > lines && shown.size() > 2) {
        const qsizetype blank = shown.lastIndexOf(QLatin1Char(' '), -3);
        shown = shown.left(blank > 0 ? blank : shown.size() - 2) + QChar(0x2026);
    }
    m_body->setText(shown.toHtmlEscaped() + linkHtml);
    m_body->setToolTip(text().toHtmlEscaped());
    m_body->setAccessibleDescription(text());
}

} // namespace nibblescope
