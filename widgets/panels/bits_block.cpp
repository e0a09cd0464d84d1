// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/bits_block.h"

#include <array>
#include <cmath>
#include <vector>

#include <QHBoxLayout>
#include <QPainter>
#include <QVBoxLayout>

#include "core/report/number_text.h"
#include "widgets/panels/tensor_delegate.h"
#include "widgets/panels/themed_label.h"

namespace nibblescope {
namespace {

constexpr int margin = 12;
constexpr int barHeight = 8;
constexpr int swatch = 8;
constexpr int swatchGap = 4;
constexpr int entryGap = 8;
constexpr int appliesGap = 8;

struct Part {
    QString name;
    double bpw;
    double opacity; // of the format's colour: one ramp
};

std::vector<Part> partsOf(const BitsBlock::Content &content) {
    const auto share = [&](std::uint64_t bits) {
        return static_cast<double>(bits) / static_cast<double>(content.weights);
    };
    const std::array<Part, 4> all = {Part{BitsBlock::tr("codes"), share(content.bits.codes), 1.0},
                                     Part{BitsBlock::tr("scales"), share(content.bits.scales), 0.6},
                                     Part{BitsBlock::tr("zero-points"), share(content.bits.zeroPoints), 0.45},
                                     Part{BitsBlock::tr("second level"), share(content.bits.secondLevel), 0.3}};
    std::vector<Part> parts;
    if (content.weights != 0) {
        for (const Part &part : all) {
            if (part.bpw > 0)
                parts.push_back(part);
        }
    }
    return parts;
}

QColor partColour(Format format, double opacity) {
    QColor colour = currentTheme().colour(formatLook(format).colour);
    colour.setAlphaF(static_cast<float>(opacity));
    return colour;
}

// "codes 4.000  scales 0.257", each with a swatch; wraps into a second row where there are four of them.
class Legend : public QWidget {
public:
    using QWidget::QWidget;
    void setParts(Format format, std::vector<Part> parts) {
        m_format = format;
        m_parts = std::move(parts);
        QStringList texts;
        for (const Part &part : m_parts)
            texts << textOf(part);
        setAccessibleName(texts.join(QStringLiteral(", ")));
        setToolTip(texts.join(QLatin1Char('\n')));
        updateGeometry();
        update();
    }
    QSize sizeHint() const override { return {100, currentTheme().scaled(15)}; }
    QSize minimumSizeHint() const override { return {50, sizeHint().height()}; }

protected:
    void paintEvent(QPaintEvent *) override {
        const Theme theme = currentTheme();
        QPainter painter(this);
        painter.setFont(theme.font(FontRole::Small));
        const QFontMetrics metrics = painter.fontMetrics();
        const auto widthOf = [&](bool withNames) {
            int width = 0;
            for (const Part &part : m_parts)
                width +=
                    swatch + swatchGap + metrics.horizontalAdvance(withNames ? textOf(part) : shortOf(part)) + entryGap;
            return width - entryGap;
        };
        const bool names = widthOf(true) <= width();
        int x = 0;
        for (const Part &part : m_parts) {
            const QString text = names ? textOf(part) : shortOf(part);
            painter.fillRect(QRect(x, (height() - swatch) / 2, swatch, swatch), partColour(m_format, part.opacity));
            x += swatch + swatchGap;
            painter.setPen(theme.colour(UiColour::Text2));
            painter.drawText(QRect(x, 0, width() - x, height()), Qt::AlignLeft | Qt::AlignVCenter, text);
            x += metrics.horizontalAdvance(text) + entryGap;
        }
    }

private:
    static QString number(const Part &part) { return QString::fromStdString(fixedText(part.bpw, 3)); }
    static QString textOf(const Part &part) { return part.name + QLatin1Char(' ') + number(part); }
    static QString shortOf(const Part &part) {
        static const std::array<std::pair<const char *, const char *>, 2> shorter = {
            {{"zero-points", "zeros"}, {"second level", "2nd"}}};
        for (const auto &[name, brief] : shorter) {
            if (part.name == QLatin1String(name))
                return QLatin1String(brief) + QLatin1Char(' ') + number(part);
        }
        return textOf(part);
    }

    Format m_format = Format::None;
    std::vector<Part> m_parts;
};

} // namespace

class BitsBlock::Bar : public QWidget {
public:
    explicit Bar(const BitsBlock &block) : m_block(block) { setFixedHeight(barHeight); }

protected:
    void paintEvent(QPaintEvent *) override {
        QPainter painter(this);
        const std::vector<Part> parts = partsOf(m_block.m_content);
        const double all = m_block.bitsPerWeight();
        if (parts.empty()) {
            painter.fillRect(rect(), currentTheme().colour(UiColour::Divider));
            return;
        }
        double from = 0;
        for (const Part &part : parts) {
            const int left = static_cast<int>(std::lround(from / all * width()));
            from += part.bpw;
            const int right = static_cast<int>(std::lround(from / all * width()));
            const int gap = right < width() ? 1 : 0; // a second cue beside the shade
            painter.fillRect(QRect(left, 0, std::max(1, right - left - gap), height()),
                             partColour(m_block.m_content.format, part.opacity));
        }
    }

private:
    const BitsBlock &m_block;
};

BitsBlock::BitsBlock(QWidget *parent)
    : QWidget(parent), m_bpw(new ThemedLabel(FontRole::Large, UiColour::Text)),
      m_over(new ThemedLabel(FontRole::Body, UiColour::Text)),
      m_difference(new ThemedLabel(FontRole::Body, UiColour::Text2)), m_bar(new Bar(*this)), m_legend(new Legend),
      m_tensor(new ThemedLabel(FontRole::Small, UiColour::Text2)),
      m_applies(new ThemedLabel(FontRole::Body, UiColour::Text)),
      m_which(new ThemedLabel(FontRole::Body, UiColour::Accent)),
      m_help(new ThemedLabel(FontRole::Small, UiColour::Text2)) {
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(margin, 5, margin, 6);
    layout->setSpacing(0);
    auto *head = new QHBoxLayout;
    head->setSpacing(6);
    head->addWidget(m_bpw, 0, Qt::AlignBaseline);
    head->addWidget(m_over, 1, Qt::AlignBaseline);
    head->addWidget(m_difference, 0, Qt::AlignBaseline);
    layout->addLayout(head);
    layout->addSpacing(3);
    layout->addWidget(m_bar);
    layout->addSpacing(3);
    layout->addWidget(m_legend);
    layout->addWidget(m_tensor);
    layout->addSpacing(2);
    auto *applies = new QHBoxLayout;
    applies->setSpacing(appliesGap);
    applies->addWidget(m_applies, 1);
    applies->addWidget(m_which);
    layout->addLayout(applies);
    layout->addSpacing(2);
    layout->addWidget(m_help);

    m_which->setText(
        QStringLiteral("<a href=\"which\" style=\"text-decoration:none\">%1</a>").arg(tr("Which tensors...")));
    m_which->setTextInteractionFlags(Qt::LinksAccessibleByMouse | Qt::LinksAccessibleByKeyboard);
    m_which->setToolTip(tr("The rule that chooses them, and globs over it"));
    connect(m_which, &QLabel::linkActivated, this, &BitsBlock::whichTensorsRequested);
    m_help->setWordWrap(true);
    m_help->setAlignment(Qt::AlignLeft | Qt::AlignTop);
    m_tensor->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    m_over->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    m_applies->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    setHelp({});
}

double BitsBlock::bitsPerWeight() const {
    return m_content.weights == 0
               ? 0
               : static_cast<double>(m_content.bits.total()) / static_cast<double>(m_content.weights);
}

void BitsBlock::setContent(const Content &content) {
    m_content = content;
    const bool some = content.weights != 0 && content.format != Format::None;
    m_bpw->setText(some ? QString::fromStdString(bpwText(bitsPerWeight())) : QStringLiteral("–"));
    m_over->setText(content.format == Format::None ? tr("bpw: statistics only")
                    : content.quantized == 1       ? tr("bpw over 1 tensor")
                                                   : tr("bpw over %1 tensors").arg(content.quantized));
    m_difference->setVisible(some && content.baselineBpw.has_value());
    if (some && content.baselineBpw) {
        m_difference->setText(QString::fromStdString(differenceText(bitsPerWeight() - *content.baselineBpw, 3)));
        m_difference->setToolTip(
            tr("against %1: %2 bpw").arg(content.baseline, QString::fromStdString(bpwText(*content.baselineBpw))));
    }
    static_cast<Legend *>(m_legend)->setParts(content.format, partsOf(content));
    fitTensor();
    fitApplies();
    m_which->setVisible(!content.stored);
    m_bar->update();
}

// The name gives way, not the numbers.
void BitsBlock::fitTensor() {
    const QString name = m_content.tensor;
    const QString rest = QStringLiteral(": ") + m_content.tensorBits;
    const QString whole = name.isEmpty() ? QString() : name + rest;
    const QFontMetrics metrics(currentTheme().font(FontRole::Small));
    const int room = width() - 2 * margin - metrics.horizontalAdvance(rest);
    m_tensor->setText(name.isEmpty() ? QString() : fittingName(name, room, metrics) + rest);
    m_tensor->setToolTip(whole);
    m_tensor->setAccessibleName(whole);
}

// Beside the link there is not always room for the verb.
void BitsBlock::fitApplies() {
    const QString brief = tr("%1 of %2 tensors").arg(m_content.quantized).arg(m_content.tensors);
    const QString whole = (m_content.stored ? tr("Stored: %1") : tr("Applies to %1")).arg(brief);
    const QFontMetrics metrics(currentTheme().font(FontRole::Body));
    const int link = m_content.stored ? 0 : m_which->sizeHint().width();
    m_applies->setText(metrics.horizontalAdvance(whole) <= width() - 2 * margin - link - appliesGap ? whole : brief);
    m_applies->setToolTip(whole);
}

void BitsBlock::resizeEvent(QResizeEvent *event) {
    QWidget::resizeEvent(event);
    fitTensor();
    fitApplies();
}

// Another text size: two lines are higher, and less of a name fits.
void BitsBlock::changeEvent(QEvent *event) {
    QWidget::changeEvent(event);
    if (event->type() == QEvent::StyleChange || event->type() == QEvent::FontChange) {
        fitHelp();
        fitTensor();
        fitApplies();
        m_legend->updateGeometry();
    }
}

void BitsBlock::fitHelp() {
    m_help->setFixedHeight(2 * QFontMetrics(currentTheme().font(FontRole::Small)).lineSpacing());
}

void BitsBlock::setHelp(const QString &text, bool wrong) {
    m_help->setRoles(FontRole::Small, wrong ? UiColour::Error : UiColour::Text2);
    fitHelp();
    m_help->setText(text);
    m_help->setToolTip(text);
}

QString BitsBlock::help() const { return m_help->text(); }

} // namespace nibblescope
