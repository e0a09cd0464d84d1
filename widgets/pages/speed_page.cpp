// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/pages/speed_page.h"

#include <QComboBox>
#include <QLineEdit>
#include <QPushButton>
#include <QRegularExpression>
#include <QScrollArea>
#include <QToolBar>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

#include "core/report/number_text.h"
#include "widgets/pages/fitted_table.h"
#include "widgets/panels/segmented_control.h"
#include "widgets/panels/themed_label.h"
#include "widgets/theme/icons.h"

namespace nibblescope {

namespace {

constexpr int timesHeight = 220;
constexpr int ratioHeight = 170;
constexpr std::uint64_t mostSide = 1U << 17;
constexpr int mostBatch = 64;

QString toText(const std::string &text) { return QString::fromStdString(text); }

// "4096 x 11008", "4096 × 4096".
std::optional<MatrixShape> shapeFrom(const QString &text) {
    static const QRegularExpression pattern(QStringLiteral("(\\d+)\\s*[x×*]\\s*(\\d+)"));
    const auto match = pattern.match(text);
    if (!match.hasMatch())
        return std::nullopt;
    const MatrixShape shape{match.captured(1).toULongLong(), match.captured(2).toULongLong()};
    const auto usable = [](std::uint64_t side) { return side >= 16 && side <= mostSide; };
    return usable(shape.rows) && usable(shape.cols) ? std::optional(shape) : std::nullopt;
}

QString shapeText(MatrixShape shape) { return QStringLiteral("%1 × %2").arg(shape.rows).arg(shape.cols); }

QString microseconds(double seconds) {
    const double us = seconds * 1e6;
    return toText(us >= 1000 ? countText(static_cast<std::uint64_t>(std::llround(us))) : valueText(us));
}

} // namespace

SpeedPage::SpeedPage(QWidget *parent) : PageWidget(tr("Speed"), parent) {
    buildBar();
    auto *content = new QWidget;
    content->setBackgroundRole(QPalette::Base);
    auto *layout = new QVBoxLayout(content);
    layout->setContentsMargins(0, 0, 0, 8);
    layout->setSpacing(6);
    m_times = adopt(new PlotView);
    for (PlotView *plot : {m_times, m_ratio = adopt(new PlotView)})
        plot->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Ignored);
    m_times->setMinimumHeight(timesHeight);
    m_ratio->setMinimumHeight(ratioHeight);
    layout->addWidget(m_times, 5);
    layout->addWidget(m_ratio, 4);
    auto *below = new QVBoxLayout;
    below->setContentsMargins(16, 0, 16, 0);
    below->setSpacing(8);
    m_table = new FittedTable(tr("Times"), {{tr("Format")},
                                            {tr("Median"), true},
                                            {tr("Quartiles"), true},
                                            {tr("Bytes read"), true},
                                            {tr("Bandwidth"), true},
                                            {tr("Share"), true},
                                            {tr("vs INT8"), true},
                                            {tr("Max rel. error"), true, true}});
    m_notes = new ThemedLabel(FontRole::Small, UiColour::Text2);
    m_notes->setWordWrap(true);
    m_notes->setTextInteractionFlags(Qt::TextSelectableByMouse);
    below->addWidget(m_table);
    below->addWidget(m_notes);
    layout->addLayout(below);
    m_scroll = new QScrollArea;
    m_scroll->setWidgetResizable(true);
    m_scroll->setFrameShape(QFrame::NoFrame);
    m_scroll->setWidget(content);
    body().addWidget(m_scroll);
}

void SpeedPage::buildBar() {
    m_shape = addCombo(tr("Shape"), {tr("this tensor"), QStringLiteral("4096 × 4096"), QStringLiteral("11008 × 4096")},
                       {}, true);
    m_cache = addCombo(tr("Cache"), {tr("Cold"), tr("Warm")},
                       tr("Cold: weights come from memory, in turn over many copies. Warm: one copy, again and again"),
                       false);
    connect(m_cache, &QComboBox::activated, this, [this] { edited(); });
    for (QComboBox *box : {m_shape, m_cache})
        box->setSizeAdjustPolicy(QComboBox::AdjustToContents);
    addLabel(tr("Threads"));
    m_threads = new SegmentedControl({QStringLiteral("1"), tr("All")});
    m_threads->setAccessibleName(tr("Threads"));
    m_threads->setCurrent(1);
    m_threads->setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Fixed);
    bar().addWidget(m_threads);
    connect(m_threads, &SegmentedControl::chosen, this, [this] { edited(); });
    m_batch = addCombo(tr("Batch"), {QStringLiteral("1"), QStringLiteral("8"), QStringLiteral("32")},
                       tr("Vectors that are multiplied at once"), true);
    m_batch->setSizeAdjustPolicy(QComboBox::AdjustToContents);
    m_batch->setMaximumWidth(64);
    m_measure = new QPushButton(themeIcon(QStringLiteral("run")), tr("Measure"));
    m_measure->setAutoDefault(false);
    m_measure->setToolTip(tr("Time the products on this machine, about 20 s (Ctrl+M)"));
    ends().addWidget(m_measure);
    connect(m_measure, &QPushButton::clicked, this, [this] {
        if (m_measuring)
            Q_EMIT cancelRequested();
        else
            Q_EMIT measureRequested();
    });
    finishBar();
}

void SpeedPage::setTensor(std::optional<MatrixShape> shape) {
    m_tensor = shape;
    m_shape->setToolTip(shape ? tr("This tensor is %1; type other rows and columns").arg(shapeText(*shape))
                              : tr("Rows and columns of the matrix; type others"));
}

void SpeedPage::setThreads(unsigned all) { m_allThreads = std::max(1U, all); }

void SpeedPage::setMeasuring(bool measuring) {
    m_measuring = measuring;
    m_measure->setText(measuring ? tr("Cancel") : tr("Measure"));
    m_measure->setIcon(themeIcon(measuring ? QStringLiteral("stop") : QStringLiteral("run")));
}

void SpeedPage::setProgress(double share) {
    if (m_measuring)
        m_measure->setText(tr("Cancel, %1 %").arg(qRound(100 * share)));
}

KernelRequest SpeedPage::request() const {
    KernelRequest request;
    MatrixShape shape{request.rows, request.cols};
    if (m_shape->currentText() == m_shape->itemText(0))
        shape = m_tensor.value_or(shape);
    else
        shape = shapeFrom(m_shape->currentText()).value_or(shape);
    request.rows = shape.rows;
    request.cols = shape.cols;
    request.caches = {m_cache->currentIndex() == 1 ? CacheState::Warm : CacheState::Cold};
    request.threads = {m_threads->current() == 0 ? 1 : m_allThreads};
    request.batches = {static_cast<std::uint32_t>(std::clamp(m_batch->currentText().toInt(), 1, mostBatch))};
    return request;
}

nlohmann::ordered_json SpeedPage::options() const {
    nlohmann::ordered_json json;
    if (m_shape->currentText() != m_shape->itemText(0))
        if (const auto shape = shapeFrom(m_shape->currentText()))
            json["shape"] = {shape->rows, shape->cols};
    json["cache"] = m_cache->currentIndex() == 1 ? "warm" : "cold";
    json["threads"] = m_threads->current() == 0 ? "1" : "all";
    json["batch"] = request().batches.front();
    return json;
}

void SpeedPage::setOptions(const nlohmann::ordered_json &options) {
    const auto shape = options.find("shape");
    if (shape != options.end() && shape->is_array() && shape->size() == 2 && (*shape)[0].is_number_unsigned() &&
        (*shape)[1].is_number_unsigned())
        m_shape->setEditText(shapeText({(*shape)[0].get<std::uint64_t>(), (*shape)[1].get<std::uint64_t>()}));
    else
        m_shape->setCurrentIndex(0);
    m_cache->setCurrentIndex(options.value("cache", std::string("cold")) == "warm" ? 1 : 0);
    m_threads->setCurrent(options.value("threads", std::string("all")) == "1" ? 0 : 1);
    m_batch->setEditText(QString::number(options.value("batch", 1)));
}

void SpeedPage::setReport(const SpeedInput &input) {
    show(m_times, speedFigure(input));
    show(m_ratio, speedUpFigure(input));
    fillTable(input.report);
    QStringList lines{toText(machineText(input.report))};
    for (const std::string &note : speedNotes(input.report))
        lines.append(toText(note));
    m_notes->setText(lines.join(QLatin1Char('\n')));
}

void SpeedPage::fillTable(const BenchReport &report) {
    const auto int8 = std::find_if(report.results.begin(), report.results.end(),
                                   [](const KernelTiming &timing) { return timing.format == "int8"; });
    std::vector<std::vector<FittedTable::Cell>> rows;
    for (const KernelTiming &timing : report.results) {
        const QString ratio = int8 == report.results.end() || timing.medianSeconds <= 0
                                  ? QStringLiteral("–")
                                  : toText(fixedText(int8->medianSeconds / timing.medianSeconds, 2));
        rows.push_back({{toText(displayFormat(timing)), {}, 0},
                        {tr("%1 µs").arg(microseconds(timing.medianSeconds)), {}, 0},
                        {tr("%1–%2 µs").arg(microseconds(timing.q25Seconds), microseconds(timing.q75Seconds)), {}, 0},
                        {toText(bytesText(static_cast<double>(timing.bytes))), {}, 0},
                        {toText(bandwidthText(timing.gbPerSecond() * 1e9)), tr("1 GB/s is 10⁹ bytes a second"), 0},
                        {toText(percentText(timing.share, 2)),
                         tr("Of the read bandwidth with as many threads, measured just before"), 0},
                        {ratio, {}, 0},
                        {timing.maxRelativeError ? toText(valueText(*timing.maxRelativeError)) : QStringLiteral("–"),
                         tr("max |error| / max |y| against FP64 with the same dequantized weights"), 0}});
    }
    m_table->setRows(rows);
}

} // namespace nibblescope
