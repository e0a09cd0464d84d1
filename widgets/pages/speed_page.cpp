// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/pages/speed_page.h"

#include <QAbstractItemView>
#include <QAction>
#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QPushButton>
#include <QRegularExpression>
#include <QToolBar>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

#include "core/report/number_text.h"
#include "widgets/pages/fitted_table.h"
#include "widgets/panels/segmented_control.h"
#include "widgets/panels/themed_label.h"
#include "widgets/theme/icons.h"
#include "widgets/theme/theme.h"

namespace nibblescope {

namespace {

constexpr int plotHeight = 300;
constexpr int besidesBars = 90; // of a plot's height
constexpr int labelledBar = 30; // with two lines at its end
constexpr int plainBar = 20;
constexpr const char *referenceIds[] = {"int8", "fp16", "fp32"};
constexpr const char *viewIds[] = {"times", "roofline", "errors", "tokens"};
constexpr const char *kernelIds[] = {"product", "quantize", "dequantize"};
constexpr const char *threadIds[] = {"1", "all", "both"};
constexpr const char *cacheIds[] = {"cold", "warm", "both"};
constexpr std::uint64_t mostSide = 1U << 17;
constexpr std::uint32_t mostBatch = 1024;

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

// "1, 32": each once, in rising order; nothing usable: 1.
std::vector<std::uint32_t> batchesFrom(const QString &text) {
    std::vector<std::uint32_t> batches;
    for (const QString &part : text.split(QRegularExpression(QStringLiteral("[^0-9]+")), Qt::SkipEmptyParts))
        batches.push_back(std::clamp<std::uint32_t>(part.toUInt(), 1, mostBatch));
    std::sort(batches.begin(), batches.end());
    batches.erase(std::unique(batches.begin(), batches.end()), batches.end());
    return batches.empty() ? std::vector<std::uint32_t>{1} : batches;
}

QString batchesText(const std::vector<std::uint32_t> &batches) {
    QStringList parts;
    for (const std::uint32_t batch : batches)
        parts.append(QString::number(batch));
    return parts.join(QStringLiteral(", "));
}

template <std::size_t count>
int indexOf(const char *const (&ids)[count], const std::string &id, int otherwise) {
    for (std::size_t i = 0; i < count; ++i)
        if (id == ids[i])
            return static_cast<int>(i);
    return otherwise;
}

} // namespace

SpeedPage::SpeedPage(QWidget *parent) : PageWidget(tr("Speed"), parent) {
    buildBar();
    body().addWidget(buildChoices());
    buildBody();
    redraw();
}

// Every change of a choice is one of the page's options.
QComboBox *SpeedPage::makeChoice(const QString &label, const QStringList &items, const QString &tip, bool editable) {
    QComboBox *box = makeCombo(label, items, tip, editable);
    box->setSizeAdjustPolicy(QComboBox::AdjustToContents);
    if (!editable)
        connect(box, &QComboBox::activated, this, [this] { edited(); });
    return box;
}

void SpeedPage::buildBar() {
    const auto combo = [this](const QString &label, const QStringList &items, const QString &tip, bool editable) {
        addLabel(label);
        QComboBox *const box = makeChoice(label, items, tip, editable);
        bar().addWidget(box);
        return box;
    };
    m_shape = combo(tr("Shape"), {tr("this tensor"), QStringLiteral("4096 × 4096"), QStringLiteral("11008 × 4096")}, {},
                    true);
    m_cache =
        combo(tr("Cache"), {tr("Cold"), tr("Warm"), tr("Both")},
              tr("Cold: weights come from memory, in turn over many copies. Warm: one copy, again and again"), false);
    m_threads = combo(tr("Threads"), {QStringLiteral("1"), tr("All"), tr("Both")},
                      tr("One thread, as many as there are processors, or both side by side"), false);
    m_threads->setCurrentIndex(1);
    m_batch = combo(tr("Batch"), {QStringLiteral("1"), QStringLiteral("8"), QStringLiteral("1, 32")},
                    tr("Vectors that are multiplied at once; several numbers are measured side by side"), true);
    m_batch->setMaximumWidth(72);
    m_measure = new QPushButton(themeIcon(QStringLiteral("run")), tr("Measure"));
    m_measure->setAutoDefault(false);
    m_measure->setToolTip(tr("Time the kernels on this machine, about 20 s (Ctrl+M)"));
    ends().addWidget(m_measure);
    connect(m_measure, &QPushButton::clicked, this, [this] {
        if (m_measuring)
            Q_EMIT cancelRequested();
        else
            Q_EMIT measureRequested();
    });
    finishBar();
}

// What is measured besides, and how it is looked at.
QWidget *SpeedPage::buildChoices() {
    auto *choices = new QWidget;
    auto *row = new QHBoxLayout(choices);
    row->setContentsMargins(16, 2, 16, 6);
    row->setSpacing(4);
    m_view = new SegmentedControl({tr("Times"), tr("Roofline"), tr("Errors"), tr("Tokens/s")});
    m_view->setAccessibleName(tr("View"));
    m_view->setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Fixed);
    m_view->button(1)->setToolTip(tr("Products between what memory and what arithmetic allow"));
    m_view->button(2)->setToolTip(tr("Of each product against FP64"));
    m_view->button(3)->setToolTip(tr("What the whole model would reach at these speeds"));
    connect(m_view, &SegmentedControl::chosen, this, [this] {
        showView();
        edited();
    });
    const auto add = [row](const QString &label, QWidget *control) {
        auto *text = new QLabel(label);
        text->setContentsMargins(4, 0, 2, 0);
        row->addWidget(text);
        row->addWidget(control);
    };
    row->addWidget(m_view);
    m_reference = makeChoice(tr("Over"), {QStringLiteral("INT8"), QStringLiteral("FP16"), QStringLiteral("FP32")},
                             tr("What speed-ups are over"), false);
    connect(m_reference, &QComboBox::activated, this, [this] { redraw(); });
    add(tr("Over"), m_reference);
    row->addStretch();
    m_kernel =
        makeChoice(tr("Kernel"), {tr("Product"), tr("Quantize"), tr("Dequantize")}, tr("What Measure times"), false);
    add(tr("Kernel"), m_kernel);
    m_isa = makeChoice(tr("Instructions"), {tr("Best"), tr("All")},
                       tr("The set that the program uses, all that this machine has, or one"), false);
    m_isa->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    m_isa->setMinimumContentsLength(4);
    m_isa->view()->setMinimumWidth(140);
    add(tr("Set"), m_isa);
    auto *runs = new QToolButton;
    runs->setText(tr("Runs"));
    runs->setProperty("framed", true);
    runs->setToolTip(tr("Save this run, or lay a saved one over it"));
    runs->setFocusPolicy(Qt::StrongFocus);
    auto *menu = new QMenu(runs);
    m_save = menu->addAction(tr("&Save Run (JSON)..."), this, &SpeedPage::saveRequested);
    menu->addAction(tr("&Lay Over a Saved Run..."), this, &SpeedPage::overlayRequested);
    m_clearOverlay = menu->addAction(tr("&Take Saved Run Away"), this, &SpeedPage::overlayCleared);
    runs->setMenu(menu);
    runs->setPopupMode(QToolButton::InstantPopup);
    row->addWidget(runs);
    return choices;
}

void SpeedPage::buildBody() {
    auto *content = new QWidget;
    content->setBackgroundRole(QPalette::Base);
    auto *layout = new QVBoxLayout(content);
    layout->setContentsMargins(0, 0, 0, 8);
    layout->setSpacing(6);
    for (PlotView **plot : {&m_times, &m_ratio, &m_roofline, &m_errors, &m_tokens}) {
        *plot = adopt(new PlotView);
        (*plot)->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Ignored);
        (*plot)->setPlaceholder(tr("Press Measure"));
        layout->addWidget(*plot, *plot == m_times ? 5 : 4);
    }
    for (PlotView *plot : {m_roofline, m_errors, m_tokens})
        plot->setMinimumHeight(plotHeight);
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
    addScrolled(content);
}

void SpeedPage::setTensor(std::optional<MatrixShape> shape) {
    m_tensor = shape;
    m_shape->setToolTip(shape ? tr("This tensor is %1; type other rows and columns").arg(shapeText(*shape))
                              : tr("Rows and columns of the matrix; type others"));
}

void SpeedPage::setMachine(unsigned threads, std::vector<Isa> isas, Isa chosen) {
    m_allThreads = std::max(1U, threads);
    m_isa->setItemData(0, tr("What the program uses: %1").arg(QString::fromUtf8(displayName(chosen).data())),
                       Qt::ToolTipRole);
    m_isa->setItemData(0, static_cast<int>(chosen));
    if (isas == m_isas)
        return;
    m_isas = std::move(isas);
    while (m_isa->count() > 2)
        m_isa->removeItem(2);
    for (const Isa isa : m_isas)
        m_isa->addItem(QString::fromUtf8(displayName(isa).data()), static_cast<int>(isa));
}

void SpeedPage::setMeasuring(bool measuring) {
    m_measuring = measuring;
    m_measure->setText(measuring ? tr("Cancel") : tr("Measure"));
    m_measure->setIcon(themeIcon(measuring ? QStringLiteral("stop") : QStringLiteral("run")));
    for (PlotView *plot : plots())
        plot->setPlaceholder(measuring ? tr("Measuring: other work waits, so that it does not disturb the times.")
                                       : tr("Press Measure"));
}

void SpeedPage::setProgress(double share) {
    if (m_measuring)
        m_measure->setText(tr("Cancel, %1 %").arg(qRound(100 * share)));
}

KernelRequest SpeedPage::request() const {
    KernelRequest request;
    constexpr Operation kernels[] = {Operation::Matvec, Operation::Quantize, Operation::Dequantize};
    request.operation = kernels[std::clamp(m_kernel->currentIndex(), 0, 2)];
    MatrixShape shape{request.rows, request.cols};
    if (m_shape->currentText() == m_shape->itemText(0))
        shape = m_tensor.value_or(shape);
    else
        shape = shapeFrom(m_shape->currentText()).value_or(shape);
    request.rows = shape.rows;
    request.cols = shape.cols;
    request.caches.clear();
    if (m_cache->currentIndex() != 1)
        request.caches.push_back(CacheState::Cold);
    if (m_cache->currentIndex() != 0)
        request.caches.push_back(CacheState::Warm);
    request.threads.clear();
    if (m_threads->currentIndex() != 1 || m_allThreads == 1)
        request.threads.push_back(1);
    if (m_threads->currentIndex() != 0 && m_allThreads != 1)
        request.threads.push_back(m_allThreads);
    request.batches = batchesFrom(m_batch->currentText());
    if (m_isa->currentIndex() == 1)
        request.isas = m_isas;
    else
        request.isas = {static_cast<Isa>(m_isa->currentData().toInt())};
    return request;
}

nlohmann::ordered_json SpeedPage::options() const {
    nlohmann::ordered_json json;
    if (m_shape->currentText() != m_shape->itemText(0))
        if (const auto shape = shapeFrom(m_shape->currentText()))
            json["shape"] = {shape->rows, shape->cols};
    json["cache"] = cacheIds[std::max(0, m_cache->currentIndex())];
    json["threads"] = threadIds[std::max(0, m_threads->currentIndex())];
    json["batch"] = request().batches;
    json["kernel"] = kernelIds[std::max(0, m_kernel->currentIndex())];
    json["view"] = viewIds[std::max(0, m_view->current())];
    json["over"] = referenceIds[std::max(0, m_reference->currentIndex())];
    if (m_isa->currentIndex() == 1)
        json["isa"] = "all";
    else if (m_isa->currentIndex() > 1)
        json["isa"] = idOf(static_cast<Isa>(m_isa->currentData().toInt()));
    return json;
}

void SpeedPage::setOptions(const nlohmann::ordered_json &options) {
    const auto shape = options.find("shape");
    if (shape != options.end() && shape->is_array() && shape->size() == 2 && (*shape)[0].is_number_unsigned() &&
        (*shape)[1].is_number_unsigned())
        m_shape->setEditText(shapeText({(*shape)[0].get<std::uint64_t>(), (*shape)[1].get<std::uint64_t>()}));
    else
        m_shape->setCurrentIndex(0);
    m_cache->setCurrentIndex(indexOf(cacheIds, options.value("cache", std::string("cold")), 0));
    m_threads->setCurrentIndex(indexOf(threadIds, options.value("threads", std::string("all")), 1));
    std::vector<std::uint32_t> batches;
    if (const auto batch = options.find("batch"); batch != options.end() && batch->is_array()) {
        for (const auto &one : *batch)
            if (one.is_number_unsigned())
                batches.push_back(one.get<std::uint32_t>());
    } else if (batch != options.end() && batch->is_number_unsigned()) { // of earlier sessions
        batches.push_back(batch->get<std::uint32_t>());
    }
    m_batch->setEditText(batchesText(batches.empty() ? std::vector<std::uint32_t>{1} : batches));
    m_kernel->setCurrentIndex(indexOf(kernelIds, options.value("kernel", std::string("product")), 0));
    m_view->setCurrent(indexOf(viewIds, options.value("view", std::string("times")), 0));
    m_reference->setCurrentIndex(indexOf(referenceIds, options.value("over", std::string("int8")), 0));
    const std::string isa = options.value("isa", std::string());
    m_isa->setCurrentIndex(isa == "all" ? 1 : 0);
    if (const auto one = isaFromId(isa))
        m_isa->setCurrentIndex(std::max(0, m_isa->findData(static_cast<int>(*one))));
    redraw();
}

void SpeedPage::setReport(SpeedInput input) {
    m_input = std::move(input);
    redraw();
}

void SpeedPage::redraw() {
    m_save->setEnabled(!m_input.report.results.empty());
    m_clearOverlay->setEnabled(m_input.overlay.has_value());
    m_table->setVisible(!m_input.report.results.empty());
    m_notes->setVisible(!m_input.report.results.empty());
    if (m_input.report.results.empty()) {
        showView();
        return;
    }
    m_input.reference = referenceIds[std::max(0, m_reference->currentIndex())];
    show(m_times, speedFigure(m_input));
    show(m_ratio, speedUpFigure(m_input));
    show(m_roofline, rooflineFigure(m_input));
    show(m_errors, errorsFigure(m_input));
    show(m_tokens, tokensFigure(m_input));
    fillTable();
    QStringList lines{toText(machineText(m_input.report))};
    if (m_input.overlay)
        lines.append(tr("Laid over: %1, %2").arg(toText(m_input.overlayName), toText(machineText(*m_input.overlay))));
    for (const std::string &note : speedNotes(m_input.report))
        lines.append(toText(note));
    m_notes->setText(lines.join(QLatin1Char('\n')));
    showView();
}

// One view at a time, the table always below; quantizing has times alone.
void SpeedPage::showView() {
    const auto view = static_cast<View>(std::max(0, m_view->current()));
    const bool measured = !m_input.report.results.empty();
    m_times->setVisible(view == View::Times);
    m_ratio->setVisible(view == View::Times && measured && !m_ratio->figure()->stackedBars.empty());
    m_roofline->setVisible(view == View::Roofline);
    m_errors->setVisible(view == View::Errors);
    m_tokens->setVisible(view == View::Tokens);
    m_reference->setEnabled(view == View::Times);
    if (!measured)
        return;
    const auto fit = [](PlotView *plot, int each, int least) {
        const auto bars = static_cast<int>(plot->figure()->stackedBars.size());
        plot->setMinimumHeight(std::max(least, currentTheme().scaled(besidesBars + bars * each)));
    };
    fit(m_times, labelledBar, 0);
    fit(m_ratio, plainBar, 0);
    fit(m_tokens, labelledBar, plotHeight);
    m_errors->setMinimumHeight(
        std::max(plotHeight,
                 currentTheme().scaled(besidesBars + static_cast<int>(m_errors->figure()->series.size()) * plainBar)));
}

void SpeedPage::fillTable() {
    const BenchReport &report = m_input.report;
    m_table->horizontalHeaderItem(6)->setText(tr("vs %1").arg(m_reference->currentText()));
    std::vector<std::vector<FittedTable::Cell>> rows;
    for (const KernelTiming &timing : report.results) {
        const KernelTiming *over = counterpartOf(timing, m_input.reference, report);
        const QString ratio = over == nullptr || timing.medianSeconds <= 0
                                  ? QStringLiteral("–")
                                  : toText(fixedText(over->medianSeconds / timing.medianSeconds, 2));
        rows.push_back({{toText(timingName(timing, report)), {}, 0},
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
