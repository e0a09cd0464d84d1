// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/empty_state.h"

#include <algorithm>
#include <cmath>

#include <QEvent>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QListView>
#include <QPainter>
#include <QPainterPath>
#include <QPushButton>
#include <QStandardItemModel>
#include <QStyledItemDelegate>
#include <QVBoxLayout>

#include "core/kernels/format.h"
#include "widgets/panels/themed_label.h"
#include "widgets/theme/icons.h"

namespace nibblescope {
namespace {

constexpr int frameMargin = 20;
constexpr int recentWidth = 440;
constexpr int recentRow = 34;
enum RecentRole { PathRole = Qt::UserRole, FolderRole, SizeRole, FoundRole };

// The picture of the product in one glance: a bell of weights, cut into the 16 bins of NF4, with its levels below.
class Bell : public QWidget {
public:
    explicit Bell(QWidget *parent = nullptr) : QWidget(parent) {
        setFixedSize(currentTheme().scaled(380), currentTheme().scaled(86));
    }

protected:
    void paintEvent(QPaintEvent *) override {
        const Theme theme = currentTheme();
        QPainter painter(this);
        painter.setRenderHint(QPainter::Antialiasing);
        const SortedLevels &levels = sortedLevels(Format::Nf4);
        const QColor colour = theme.colour(ColourRole::Nf4);
        const double ground = height() - 14;
        const double half = width() / 2.0 - 6;
        const auto xOf = [&](double at) { return width() / 2.0 + at * half / 1.05; };
        const auto yOf = [&](double at) { return ground - (ground - 4) * std::exp(-at * at * 3.4); };
        for (std::size_t bin = 0; bin < 16; ++bin) {
            const double from = bin == 0 ? -1.05 : static_cast<double>(levels.boundary.at(bin - 1));
            const double to = bin == 15 ? 1.05 : static_cast<double>(levels.boundary.at(bin));
            QPainterPath path(QPointF(xOf(from), ground));
            constexpr int steps = 12;
            for (int i = 0; i <= steps; ++i) {
                const double at = from + (to - from) * i / steps;
                path.lineTo(xOf(at), yOf(at));
            }
            path.lineTo(xOf(to), ground);
            QColor fill = colour;
            fill.setAlphaF(bin % 2 == 0 ? 0.38F : 0.80F);
            painter.fillPath(path, fill);
        }
        painter.setRenderHint(QPainter::Antialiasing, false);
        painter.setPen(theme.colour(UiColour::ControlEdge));
        painter.drawLine(QPointF(xOf(-1.08), ground), QPointF(xOf(1.08), ground));
        for (const float level : levels.level) {
            const QRectF tick(std::round(xOf(static_cast<double>(level))) - 1, ground + 3, 2, 8);
            painter.fillRect(tick, colour);
        }
    }
};

class RecentDelegate : public QStyledItemDelegate {
public:
    using QStyledItemDelegate::QStyledItemDelegate;

    void paint(QPainter *painter, const QStyleOptionViewItem &option, const QModelIndex &index) const override {
        const Theme theme = currentTheme();
        const bool found = index.data(FoundRole).toBool();
        const bool marked =
            option.state.testFlag(QStyle::State_MouseOver) ||
            (option.state.testFlag(QStyle::State_HasFocus) && option.state.testFlag(QStyle::State_Selected));
        painter->save();
        if (marked && found)
            painter->fillRect(option.rect, theme.colour(UiColour::Highlight));
        const UiColour strong = !found ? UiColour::DisabledText : marked ? UiColour::HighlightText : UiColour::Text;
        const UiColour weak = !found ? UiColour::DisabledText : marked ? UiColour::HighlightText : UiColour::Text2;
        const QString icon = index.data(FolderRole).toBool() ? QStringLiteral("folder") : QStringLiteral("file");
        const int pixels = 18;
        painter->drawPixmap(option.rect.left() + 8, option.rect.center().y() - pixels / 2,
                            themePixmap(icon, pixels, strong, painter->device()->devicePixelRatioF()));
        QRect text = option.rect.adjusted(34, 1, -6, -1);
        const QString size = found ? index.data(SizeRole).toString() : tr("not found");
        painter->setFont(theme.font(FontRole::Body));
        painter->setPen(theme.colour(weak));
        painter->drawText(text, Qt::AlignRight | Qt::AlignVCenter, size);
        text.setRight(text.right() - painter->fontMetrics().horizontalAdvance(size) - 12);
        painter->setFont(theme.font(FontRole::Title));
        painter->setPen(theme.colour(strong));
        const QRect upper = text.adjusted(0, 0, 0, -text.height() / 2);
        const QRect lower = text.adjusted(0, text.height() / 2, 0, 0);
        painter->drawText(upper, Qt::AlignLeft | Qt::AlignBottom,
                          painter->fontMetrics().elidedText(index.data().toString(), Qt::ElideMiddle, upper.width()));
        painter->setFont(theme.font(FontRole::Small));
        painter->setPen(theme.colour(weak));
        painter->drawText(
            lower, Qt::AlignLeft | Qt::AlignVCenter,
            painter->fontMetrics().elidedText(index.data(Qt::ToolTipRole).toString(), Qt::ElideMiddle, lower.width()));
        painter->restore();
    }

    QSize sizeHint(const QStyleOptionViewItem &, const QModelIndex &) const override {
        return {recentWidth, currentTheme().scaled(recentRow)};
    }
};

} // namespace

EmptyState::EmptyState(QWidget *parent) : QWidget(parent) {
    setAutoFillBackground(true);
    setBackgroundRole(QPalette::Base);
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(frameMargin + 12, frameMargin, frameMargin + 12, frameMargin);
    layout->setSpacing(0);
    layout->addStretch(2);
    layout->addWidget(new Bell, 0, Qt::AlignHCenter);
    layout->addSpacing(24);
    auto *title = new ThemedLabel(tr("See what 4 bits do to your weights"), FontRole::Large, UiColour::Text);
    title->setAlignment(Qt::AlignHCenter);
    layout->addWidget(title);
    layout->addSpacing(20);
    buildButtons();
    layout->addSpacing(20);
    auto *drop =
        new ThemedLabel(tr("or drop a file or folder anywhere on this window"), FontRole::Body, UiColour::Text);
    drop->setAlignment(Qt::AlignHCenter);
    layout->addWidget(drop);
    layout->addSpacing(4);
    m_formats = new ThemedLabel(tr("safetensors, shards with model.safetensors.index.json, model folders, HDF5 and "
                                   "Keras .h5"),
                                FontRole::Body, UiColour::Text2);
    m_formats->setAlignment(Qt::AlignHCenter);
    m_formats->setWordWrap(true);
    layout->addWidget(m_formats);
    layout->addSpacing(48);
    buildRecent();
    layout->addStretch(3);
}

void EmptyState::buildButtons() {
    const auto make = [this](const QString &text, const QString &icon, const QString &tip) {
        auto *button = new QPushButton(themeIcon(icon), QStringLiteral("  ") + text, this);
        button->setIconSize(QSize(18, 18));
        button->setToolTip(tip);
        return button;
    };
    m_sample = make(tr("Open &Sample Model"), QStringLiteral("sample"),
                    tr("A small language model that comes with the program"));
    m_sample->setIcon(themeIcon(QStringLiteral("sample"), UiColour::AccentText));
    m_file = make(tr("Open &File..."), QStringLiteral("file"), tr("One weights file (Ctrl+O)"));
    m_folder = make(tr("Open F&older..."), QStringLiteral("folder"), tr("A model folder (Ctrl+Shift+O)"));
    sizeButtons();
    m_sample->setDefault(true);
    for (QPushButton *button : {m_sample, m_file, m_folder})
        button->setAutoDefault(true); // Enter presses the one in focus
    auto *row = new QHBoxLayout;
    row->setSpacing(12);
    row->addStretch();
    row->addWidget(m_sample);
    row->addWidget(m_file);
    row->addWidget(m_folder);
    row->addStretch();
    static_cast<QVBoxLayout *>(layout())->addLayout(row);
    connect(m_sample, &QPushButton::clicked, this, &EmptyState::openSampleRequested);
    connect(m_file, &QPushButton::clicked, this, &EmptyState::openFileRequested);
    connect(m_folder, &QPushButton::clicked, this, &EmptyState::openFolderRequested);
    setFocusProxy(m_sample);
}

// Larger than other buttons; what they are to be is in the style sheet, which wins over a minimum height.
void EmptyState::sizeButtons() {
    const QString sheet = QStringLiteral("QPushButton { min-height: %1px; padding: 0 14px; } "
                                         "QPushButton:focus { min-height: %2px; padding: 0 13px; }")
                              .arg(currentTheme().scaled(32))
                              .arg(currentTheme().scaled(32) - 2);
    for (QPushButton *button : {m_sample, m_file, m_folder}) {
        if (button->styleSheet() != sheet)
            button->setStyleSheet(sheet);
    }
}

void EmptyState::changeEvent(QEvent *event) {
    QWidget::changeEvent(event);
    if (event->type() == QEvent::FontChange && m_folder)
        sizeButtons();
}

void EmptyState::buildRecent() {
    m_recent = new QWidget;
    m_recent->setFixedWidth(currentTheme().scaled(recentWidth));
    auto *column = new QVBoxLayout(m_recent);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(4);
    auto *head = new QHBoxLayout;
    head->addWidget(new ThemedLabel(tr("Recent"), FontRole::Title, UiColour::Text), 1);
    auto *clear =
        new ThemedLabel(QStringLiteral("<a href=\"clear\" style=\"text-decoration:none\">%1</a>").arg(tr("Clear")),
                        FontRole::Body, UiColour::Text);
    clear->setTextInteractionFlags(Qt::LinksAccessibleByMouse | Qt::LinksAccessibleByKeyboard);
    clear->setToolTip(tr("Forget these files"));
    connect(clear, &QLabel::linkActivated, this, &EmptyState::clearRecentRequested);
    head->addWidget(clear);
    column->addLayout(head);
    column->addWidget(new DividerLine(Qt::Horizontal));
    m_files = new QStandardItemModel(this);
    m_list = new QListView;
    m_list->setModel(m_files);
    m_list->setItemDelegate(new RecentDelegate(m_list));
    m_list->setFrameShape(QFrame::NoFrame);
    m_list->setMouseTracking(true);
    m_list->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_list->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_list->setAccessibleName(tr("Recent files"));
    m_list->installEventFilter(this);
    column->addWidget(m_list);
    column->addWidget(new ThemedLabel(tr("Nothing leaves this machine: Nibblescope opens no network connection."),
                                      FontRole::Small, UiColour::Text2));
    const auto open = [this](const QModelIndex &index) {
        if (index.data(FoundRole).toBool())
            Q_EMIT openRecentRequested(index.data(PathRole).toString());
    };
    connect(m_list, &QListView::clicked, this, open);
    static_cast<QVBoxLayout *>(layout())->addWidget(m_recent, 0, Qt::AlignHCenter);
    setRecentFiles({});
}

void EmptyState::setRecentFiles(const std::vector<RecentFile> &files) {
    m_files->clear();
    for (const RecentFile &file : files) {
        auto *item = new QStandardItem(file.name);
        item->setData(file.path, PathRole);
        item->setData(file.folder, Qt::ToolTipRole);
        item->setData(file.isFolder, FolderRole);
        item->setData(file.size, SizeRole);
        item->setData(file.found, FoundRole);
        item->setData(tr("%1 in %2, %3").arg(file.name, file.folder, file.found ? file.size : tr("not found")),
                      Qt::AccessibleTextRole);
        m_files->appendRow(item);
    }
    const int rows = std::min<int>(static_cast<int>(files.size()), 6);
    m_list->setFixedHeight(rows * currentTheme().scaled(recentRow) + 2);
    m_recent->setVisible(!files.empty());
}

void EmptyState::setFormats(const QString &formats) { m_formats->setText(formats); }

void EmptyState::setSampleAvailable(bool available) {
    m_sample->setVisible(available);
    m_sample->setDefault(available);
    m_file->setDefault(!available);
    setFocusProxy(available ? m_sample : m_file);
}

void EmptyState::focusDefault() { focusProxy()->setFocus(); }

bool EmptyState::eventFilter(QObject *watched, QEvent *event) {
    if (watched == m_list && event->type() == QEvent::KeyPress) {
        const int key = static_cast<QKeyEvent *>(event)->key();
        const QModelIndex index = m_list->currentIndex();
        if ((key == Qt::Key_Return || key == Qt::Key_Enter) && index.data(FoundRole).toBool()) {
            Q_EMIT openRecentRequested(index.data(PathRole).toString());
            return true;
        }
    }
    return QWidget::eventFilter(watched, event);
}

void EmptyState::paintEvent(QPaintEvent *) {
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    QPen pen(currentTheme().colour(UiColour::Divider), 1);
    pen.setDashPattern({6, 5});
    painter.setPen(pen);
    painter.drawRoundedRect(
        QRectF(rect()).adjusted(frameMargin + 0.5, frameMargin + 0.5, -frameMargin - 0.5, -frameMargin - 0.5), 4, 4);
}

DropOverlay::DropOverlay(QWidget *parent) : QWidget(parent) {
    setAttribute(Qt::WA_TransparentForMouseEvents);
    setAttribute(Qt::WA_NoSystemBackground);
    parent->installEventFilter(this);
    hide();
}

void DropOverlay::showFor(const QString &name) {
    m_text = tr("Drop to open %1").arg(name);
    setAccessibleName(m_text);
    setGeometry(parentWidget()->rect());
    raise();
    show();
    update();
}

bool DropOverlay::eventFilter(QObject *watched, QEvent *event) {
    if (watched == parentWidget() && event->type() == QEvent::Resize)
        setGeometry(parentWidget()->rect());
    return QWidget::eventFilter(watched, event);
}

void DropOverlay::paintEvent(QPaintEvent *) {
    const Theme theme = currentTheme();
    QPainter painter(this);
    QColor veil = theme.colour(UiColour::Window);
    veil.setAlphaF(0.55F);
    painter.fillRect(rect(), veil);
    painter.setRenderHint(QPainter::Antialiasing);
    const QColor accent = theme.colour(UiColour::Accent);
    painter.setPen(QPen(accent, 2));
    painter.drawRect(QRectF(rect()).adjusted(1, 1, -1, -1));
    painter.setFont(theme.font(FontRole::Reading));
    const int textWidth = painter.fontMetrics().horizontalAdvance(m_text);
    QRectF label(0, 0, textWidth + 40, theme.scaled(40));
    label.moveCenter(QRectF(rect()).center());
    painter.setPen(QPen(accent, 1));
    painter.setBrush(theme.colour(UiColour::Base));
    painter.drawRoundedRect(label, 3, 3);
    painter.setPen(theme.colour(UiColour::Text));
    painter.drawText(label, Qt::AlignCenter, m_text);
}

} // namespace nibblescope
