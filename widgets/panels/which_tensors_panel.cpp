// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/which_tensors_panel.h"

#include <algorithm>

#include <QGridLayout>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLineEdit>
#include <QRegularExpression>
#include <QTimer>
#include <QToolButton>

#include "widgets/panels/themed_label.h"
#include "widgets/theme/icons.h"

namespace nibblescope {
namespace {

constexpr int typingMilliseconds = 250;

std::vector<std::string> globsIn(const QString &text) {
    std::vector<std::string> globs;
    for (const QString &glob : text.split(QRegularExpression(QStringLiteral("[,\\s]+")), Qt::SkipEmptyParts))
        globs.push_back(glob.toStdString());
    return globs;
}

QString joined(const std::vector<std::string> &globs) {
    QStringList list;
    for (const std::string &glob : globs)
        list << QString::fromStdString(glob);
    return list.join(QStringLiteral(", "));
}

} // namespace

WhichTensorsPanel::WhichTensorsPanel(QWidget *parent)
    : QFrame(parent), m_include(new QLineEdit), m_exclude(new QLineEdit),
      m_count(new ThemedLabel(FontRole::Body, UiColour::Text)),
      m_byHand(new ThemedLabel(FontRole::Small, UiColour::Text2)), m_typing(new QTimer(this)) {
    auto *title = new ThemedLabel(tr("Which tensors are quantized"), FontRole::Title, UiColour::Text);
    auto *close = new QToolButton;
    close->setIcon(themeIcon(QStringLiteral("close")));
    close->setIconSize(QSize(14, 14));
    close->setAccessibleName(tr("Close"));
    close->setToolTip(tr("Close (Esc)"));
    const std::string_view words = defaultRuleInWords();
    auto *rule = new ThemedLabel(QString::fromUtf8(words.data(), static_cast<qsizetype>(words.size())), FontRole::Body,
                                 UiColour::Text2);
    rule->setWordWrap(true);
    rule->setTextInteractionFlags(Qt::TextSelectableByMouse);

    m_include->setPlaceholderText(tr("quantize these too:  *embed_tokens*"));
    m_include->setAccessibleDescription(tr("Globs of names that are quantized although the rule keeps them"));
    m_include->setToolTip(tr("Globs on whole names, parted by commas: * any characters, ? one, [...] a set"));
    m_exclude->setPlaceholderText(tr("keep these:  *.0.*, *v_proj*"));
    m_exclude->setAccessibleDescription(tr("Globs of names that are kept although the rule quantizes them"));
    m_exclude->setToolTip(m_include->toolTip());
    m_byHand->setTextInteractionFlags(Qt::LinksAccessibleByMouse | Qt::LinksAccessibleByKeyboard);

    auto *include = new QLabel(tr("&Include"));
    include->setBuddy(m_include);
    auto *exclude = new QLabel(tr("E&xclude"));
    exclude->setBuddy(m_exclude);
    auto *grid = new QGridLayout(this);
    grid->setContentsMargins(8, 6, 8, 8);
    grid->setHorizontalSpacing(8);
    grid->setVerticalSpacing(6);
    auto *head = new QHBoxLayout;
    head->addWidget(title, 1);
    head->addWidget(close);
    grid->addLayout(head, 0, 0, 1, 2);
    grid->addWidget(rule, 1, 0, 1, 2);
    grid->addWidget(include, 2, 0);
    grid->addWidget(m_include, 2, 1);
    grid->addWidget(exclude, 3, 0);
    grid->addWidget(m_exclude, 3, 1);
    grid->addWidget(m_count, 4, 0, 1, 2);
    grid->addWidget(m_byHand, 5, 0, 1, 2);
    grid->setColumnStretch(1, 1);

    m_typing->setSingleShot(true);
    m_typing->setInterval(typingMilliseconds);
    connect(m_typing, &QTimer::timeout, this, &WhichTensorsPanel::submit);
    for (QLineEdit *edit : {m_include, m_exclude}) {
        connect(edit, &QLineEdit::textEdited, this, [this] {
            updateCount();
            m_typing->start();
        });
        connect(edit, &QLineEdit::editingFinished, this, &WhichTensorsPanel::submit);
    }
    connect(close, &QToolButton::clicked, this, &WhichTensorsPanel::closeRequested);
    connect(m_byHand, &QLabel::linkActivated, this, [this] {
        SelectionRule cleared = typedRule();
        cleared.overrides.clear();
        setRule(cleared);
        Q_EMIT ruleEdited(cleared);
    });
    updateCount();
}

void WhichTensorsPanel::setTensors(std::vector<TensorInfo> tensors) {
    m_tensors = std::move(tensors);
    updateCount();
}

void WhichTensorsPanel::setRule(const SelectionRule &rule) {
    m_rule = rule;
    m_typing->stop();
    if (globsIn(m_include->text()) != rule.include)
        m_include->setText(joined(rule.include));
    if (globsIn(m_exclude->text()) != rule.exclude)
        m_exclude->setText(joined(rule.exclude));
    updateCount();
}

void WhichTensorsPanel::focusFirst() { m_include->setFocus(Qt::ShortcutFocusReason); }

void WhichTensorsPanel::keyPressEvent(QKeyEvent *event) {
    if (event->key() == Qt::Key_Escape)
        Q_EMIT closeRequested();
    else
        QFrame::keyPressEvent(event);
}

SelectionRule WhichTensorsPanel::typedRule() const {
    SelectionRule rule = m_rule;
    rule.include = globsIn(m_include->text());
    rule.exclude = globsIn(m_exclude->text());
    return rule;
}

void WhichTensorsPanel::updateCount() {
    const SelectionRule rule = typedRule();
    const auto quantized = std::count_if(m_tensors.begin(), m_tensors.end(),
                                         [&](const TensorInfo &info) { return !keptReason(info, rule); });
    QString text = tr("%1 of %2 tensors quantized").arg(quantized).arg(m_tensors.size());
    for (const auto &globs : {rule.include, rule.exclude}) {
        for (const std::string &glob : globs) {
            const bool matched = std::any_of(m_tensors.begin(), m_tensors.end(),
                                             [&](const TensorInfo &info) { return globMatches(glob, info.name); });
            if (!matched && !m_tensors.empty()) {
                text += tr(" · no name matches %1").arg(QString::fromStdString(glob));
                break;
            }
        }
    }
    m_count->setText(text);
    const std::size_t byHand = rule.overrides.size();
    m_byHand->setVisible(byHand != 0);
    m_byHand->setText(byHand == 1
                          ? tr("1 tensor was decided by hand. <a href=\"clear\">Back to the rule</a>")
                          : tr("%1 tensors were decided by hand. <a href=\"clear\">Back to the rule</a>").arg(byHand));
}

void WhichTensorsPanel::submit() {
    m_typing->stop();
    const SelectionRule rule = typedRule();
    if (rule == m_rule)
        return;
    m_rule = rule;
    Q_EMIT ruleEdited(rule);
}

} // namespace nibblescope
