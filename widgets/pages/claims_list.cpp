// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/pages/claims_list.h"

#include <QGridLayout>
#include <QLabel>

#include "core/report/claims.h"
#include "widgets/panels/themed_label.h"
#include "widgets/theme/theme.h"

namespace nibblescope {
namespace {

constexpr int markColumn = 0;
constexpr int textColumn = 1;
constexpr int measuredColumn = 2;
constexpr int linkColumn = 3;

QString toText(const std::string &text) { return QString::fromStdString(text); }

ThemedLabel *label(const QString &text, FontRole font, UiColour colour) {
    auto *made = new ThemedLabel(text, font, colour);
    made->setTextFormat(Qt::PlainText);
    made->setWordWrap(true);
    made->setAlignment(Qt::AlignLeft | Qt::AlignTop);
    made->setTextInteractionFlags(Qt::TextSelectableByMouse);
    return made;
}

} // namespace

ClaimsList::ClaimsList(QWidget *parent) : QWidget(parent), m_grid(new QGridLayout(this)) {
    m_grid->setContentsMargins(0, 0, 0, 0);
    m_grid->setHorizontalSpacing(12);
    m_grid->setVerticalSpacing(2);
    m_grid->setColumnStretch(textColumn, 5);
    m_grid->setColumnStretch(measuredColumn, 3);
}

void ClaimsList::clear() {
    while (QLayoutItem *item = m_grid->takeAt(0)) {
        delete item->widget();
        delete item;
    }
}

QWidget *ClaimsList::linkTo(const std::string &page) {
    for (const auto &[id, name] : m_pages)
        if (id == toText(page)) {
            auto *link = new QLabel(QStringLiteral("<a href=\"page:%1\">%2</a>").arg(id, name.toHtmlEscaped()));
            link->setAlignment(Qt::AlignRight | Qt::AlignTop);
            link->setTextInteractionFlags(Qt::LinksAccessibleByMouse | Qt::LinksAccessibleByKeyboard);
            link->setToolTip(tr("Show it on the page %1").arg(name));
            link->setAccessibleName(link->toolTip());
            connect(link, &QLabel::linkActivated, this, &ClaimsList::linkActivated);
            return link;
        }
    return nullptr;
}

void ClaimsList::addTitle(const QString &text) {
    auto *title = label(text, FontRole::Title, UiColour::Text);
    title->setContentsMargins(0, m_grid->count() == 0 ? 0 : 12, 0, 4);
    m_grid->addWidget(title, m_grid->rowCount(), 0, 1, linkColumn + 1);
}

void ClaimsList::addClaim(const Claim &claim) {
    const int row = m_grid->rowCount();
    const bool open = claim.mark == ClaimMark::Open;
    const bool held = claim.mark == ClaimMark::Held;
    auto *mark = label(open   ? tr("· open")
                       : held ? tr("✓ held")
                              : tr("✗ not held"),
                       FontRole::Body,
                       open   ? UiColour::Text2
                       : held ? UiColour::Good
                              : UiColour::Error);
    mark->setWordWrap(false);
    mark->setToolTip(toText(std::string(displayName(claim.mark))));
    m_grid->addWidget(mark, row, markColumn);
    m_grid->addWidget(label(toText(claim.said), FontRole::Body, UiColour::Text), row, textColumn);
    auto *measured = label(toText(claim.measured), FontRole::Body, UiColour::Text);
    measured->setAlignment(Qt::AlignRight | Qt::AlignTop);
    m_grid->addWidget(measured, row, measuredColumn);
    if (QWidget *link = linkTo(claim.page))
        m_grid->addWidget(link, row, linkColumn);
    auto *reason = label(toText(claim.reason), FontRole::Small, UiColour::Text2);
    reason->setContentsMargins(0, 0, 0, 8);
    m_grid->addWidget(reason, row + 1, textColumn, 1, 3);
}

void ClaimsList::addAnswer(const Answer &answer) {
    const int row = m_grid->rowCount();
    m_grid->addWidget(label(toText(answer.question), FontRole::Title, UiColour::Text), row, 0, 1, linkColumn);
    if (QWidget *link = linkTo(answer.page))
        m_grid->addWidget(link, row, linkColumn);
    auto *text = label(toText(answer.answer), FontRole::Body, UiColour::Text);
    text->setContentsMargins(0, 0, 0, 8);
    m_grid->addWidget(text, row + 1, 0, 1, linkColumn + 1);
}

void ClaimsList::setClaims(const std::vector<Claim> &claims, const std::vector<Answer> &answers) {
    Shown next;
    for (const Claim &claim : claims)
        next.texts.push_back(claim.said + "|" + claim.measured + "|" + claim.reason);
    for (const Answer &answer : answers)
        next.texts.push_back(answer.answer);
    if (next == m_shown)
        return;
    m_shown = std::move(next);
    setUpdatesEnabled(false);
    m_grid->setEnabled(false); // laid out once
    clear();
    if (!claims.empty())
        addTitle(tr("Said, and measured here"));
    for (const Claim &claim : claims)
        addClaim(claim);
    if (!answers.empty())
        addTitle(tr("Questions that learners are asked"));
    for (const Answer &answer : answers)
        addAnswer(answer);
    m_grid->setEnabled(true);
    m_grid->invalidate();
    updateGeometry();
    setUpdatesEnabled(true);
}

} // namespace nibblescope
