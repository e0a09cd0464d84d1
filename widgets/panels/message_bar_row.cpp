// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/message_bar_row.h"

#include <algorithm>

#include <QEvent>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QPainter>
#include <QPushButton>
#include <QTextLayout>
#include <QTimer>
#include <QToolButton>

#include "widgets/theme/icons.h"
#include "widgets/theme/theme.h"

namespace nibblescope {
namespace {

constexpr int barHeight = 36;
constexpr int stripe = 4;
constexpr int iconLeft = 16;
constexpr int iconPixels = 16;
constexpr int textLeft = 42;

struct Look {
    UiColour ground;
    UiColour icon;
    const char *iconName;
};

Look lookOf(Severity severity) {
    switch (severity) {
    case Severity::Warning:
        return {UiColour::WarningGround, UiColour::WarningIcon, "warning"};
    case Severity::Error:
        return {UiColour::ErrorGround, UiColour::ErrorIcon, "error"};
    case Severity::Info:
        break;
    }
    return {UiColour::InfoGround, UiColour::InfoIcon, "info"};
}

QString withoutQuotes(QString text) { return text.remove(QLatin1Char('`')); }

// Back-quoted names in bold. `length` counts characters of the plain text.
QString htmlOf(const QString &text, qsizetype length) {
    QString html;
    bool bold = false;
    qsizetype used = 0;
    for (const QChar character : text) {
        if (character == QLatin1Char('`')) {
            html += bold ? QStringLiteral("</b>") : QStringLiteral("<b>");
            bold = !bold;
            continue;
        }
        if (used++ == length) {
            html += QChar(0x2026);
            break;
        }
        html += QString(character).toHtmlEscaped();
    }
    return bold ? html + QStringLiteral("</b>") : html;
}

} // namespace

MessageBar::MessageBar(Message message, int id, QWidget *parent)
    : QWidget(parent), m_message(std::move(message)), m_id(id), m_text(new QLabel), m_timer(new QTimer(this)) {
    auto *layout = new QHBoxLayout(this);
    layout->setContentsMargins(textLeft, 0, 6, 0);
    layout->setSpacing(8);
    m_text->setWordWrap(true);
    m_text->setTextFormat(Qt::RichText);
    m_text->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    m_text->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Ignored);
    layout->addWidget(m_text, 1);
    for (std::size_t i = 0; i < std::min<std::size_t>(m_message.actions.size(), 2); ++i) {
        const MessageAction &action = m_message.actions[i];
        auto *button = new QPushButton(action.text);
        button->setAutoDefault(false);
        layout->addWidget(button);
        connect(button, &QPushButton::clicked, this, [this, run = action.run] {
            const int own = m_id;
            Q_EMIT closed(own); // before the action: it may bring up the next message
            if (run)
                run();
        });
    }
    auto *close = new QToolButton;
    close->setIcon(themeIcon(QStringLiteral("close")));
    close->setIconSize(QSize(14, 14));
    close->setAutoRaise(true);
    close->setAccessibleName(tr("Close the message"));
    close->setToolTip(tr("Close"));
    layout->addWidget(close);
    connect(close, &QToolButton::clicked, this, [this] { Q_EMIT closed(m_id); });

    m_timer->setSingleShot(true);
    connect(m_timer, &QTimer::timeout, this, [this] {
        if (underMouse() || isAncestorOf(focusWidget()) || hasFocus())
            m_timer->start();
        else
            Q_EMIT closed(m_id);
    });
    setAccessibleName(plainText());
    setToolTip(plainText().toHtmlEscaped());
    applyTheme();
}

QString MessageBar::plainText() const { return withoutQuotes(m_message.text); }

void MessageBar::start(int infoMilliseconds) {
    if (m_message.severity == Severity::Info && !m_message.lasting)
        m_timer->start(infoMilliseconds);
}

void MessageBar::applyTheme() {
    const Theme theme = currentTheme();
    QPalette own = m_text->palette();
    own.setColor(QPalette::WindowText, theme.colour(UiColour::Text));
    if (own != m_text->palette())
        m_text->setPalette(own);
    if (m_text->font() != theme.font(FontRole::Body))
        m_text->setFont(theme.font(FontRole::Body));
    setFixedHeight(theme.scaled(barHeight));
    fitText();
}

void MessageBar::changeEvent(QEvent *event) {
    QWidget::changeEvent(event);
    if (event->type() == QEvent::PaletteChange || event->type() == QEvent::StyleChange)
        applyTheme();
}

void MessageBar::resizeEvent(QResizeEvent *event) {
    QWidget::resizeEvent(event);
    fitText();
}

// Two lines at most; bold names are wider, so the layout is measured in semibold.
void MessageBar::fitText() {
    const QString plain = plainText();
    QFont font = m_text->font();
    font.setWeight(QFont::DemiBold);
    const auto fits = [&](qsizetype length) {
        QTextLayout layout(length < plain.size() ? plain.left(length) + QChar(0x2026) : plain, font);
        layout.beginLayout();
        int lines = 0;
        for (QTextLine line = layout.createLine(); line.isValid(); line = layout.createLine()) {
            line.setLineWidth(std::max(40, m_text->width()));
            ++lines;
        }
        layout.endLayout();
        return lines <= 2;
    };
    qsizetype length = plain.size();
    if (m_text->width() > 0 && !fits(length)) {
        qsizetype low = 0;
        while (low < length) { // the longest beginning that fits
            const qsizetype middle = (low + length + 1) / 2;
            if (fits(middle))
                low = middle;
            else
                length = middle - 1;
        }
    }
    m_text->setText(htmlOf(m_message.text, length));
}

void MessageBar::paintEvent(QPaintEvent *) {
    const Theme theme = currentTheme();
    const Look look = lookOf(m_message.severity);
    QPainter painter(this);
    painter.fillRect(rect(), theme.colour(look.ground));
    painter.fillRect(QRect(0, 0, stripe, height()), theme.colour(look.icon));
    painter.fillRect(QRect(0, height() - 1, width(), 1), theme.colour(UiColour::Divider));
    painter.drawPixmap(iconLeft, (height() - iconPixels) / 2,
                       themePixmap(QLatin1String(look.iconName), iconPixels, look.icon, devicePixelRatioF()));
}

void MessageBar::enterEvent(QEnterEvent *event) {
    QWidget::enterEvent(event);
    if (m_timer->isActive())
        m_timer->start();
}

void MessageBar::leaveEvent(QEvent *event) {
    QWidget::leaveEvent(event);
    if (m_timer->isActive())
        m_timer->start();
}

void MessageBar::keyPressEvent(QKeyEvent *event) {
    if (event->key() == Qt::Key_Escape)
        Q_EMIT closed(m_id);
    else
        QWidget::keyPressEvent(event);
}

} // namespace nibblescope
