// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/pages/activations_page.h"

#include <QComboBox>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QSignalBlocker>
#include <QSpinBox>
#include <QToolBar>
#include <QToolButton>
#include <QVBoxLayout>

#include <array>
#include <cmath>

#include "core/report/number_text.h"
#include "widgets/panels/segmented_control.h"
#include "widgets/panels/stop_slider.h"
#include "widgets/plots/plot_splitter.h"
#include "widgets/theme/icons.h"
#include "widgets/theme/theme.h"

namespace nibblescope {

namespace {

constexpr int sideMargin = 16;
constexpr int sliderWidth = 170;
constexpr int leastHeight = 520; // of the four plots
constexpr int longestFileName = 22;
constexpr std::uint64_t usualWindows = 4;
constexpr int mostWindows = 512;
constexpr int mostOutliers = 4096;
constexpr int mostMagnitude = 10'000;

constexpr std::array<const char *, 3> sourceIds{"model", "files", "synthetic"};
constexpr std::array<const char *, 3> quantityIds{"kurtosis", "range", "outliers"};

SegmentedControl *makeChoice(const QStringList &choices, const QString &name, const QStringList &tips) {
    auto *control = new SegmentedControl(choices);
    control->setAccessibleName(name);
    control->setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Fixed);
    for (int i = 0; i < tips.size(); ++i)
        control->button(i)->setToolTip(tips[i]);
    return control;
}

QSpinBox *makeNumber(int least, int most, int value, const QString &name, const QString &tip) {
    auto *box = new QSpinBox;
    box->setRange(least, most);
    box->setValue(value);
    box->setAccessibleName(name);
    box->setToolTip(tip);
    box->setKeyboardTracking(false);
    return box;
}

QPushButton *makeButton(const QString &text, const QString &tip) {
    auto *button = new QPushButton(text);
    button->setAutoDefault(false);
    button->setToolTip(tip);
    return button;
}

// A plot with controls of its own above it.
QWidget *withControls(const QList<QWidget *> &controls, PlotView *plot) {
    auto *part = new QWidget;
    auto *layout = new QVBoxLayout(part);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(2);
    auto *line = new QHBoxLayout;
    line->setContentsMargins(sideMargin, 4, 4, 0);
    line->setSpacing(6);
    for (QWidget *control : controls)
        line->addWidget(control);
    line->addStretch(1);
    layout->addLayout(line);
    layout->addWidget(plot, 1);
    return part;
}

QString shortFileName(const QString &path) {
    const QString name = QFileInfo(path).fileName();
    return name.size() <= longestFileName ? name : name.left(longestFileName - 1) + QChar(0x2026);
}

} // namespace

ActivationsPage::ActivationsPage(QWidget *parent) : PageWidget(tr("Activations"), parent) {
    buildBar();
    // The second row of controls stays in sight with a placeholder: it says where inputs come from.
    static_cast<QVBoxLayout *>(layout())->insertLayout(2, inMargins(makeInputRow()));
    auto *splitter = new PlotSplitter(Qt::Vertical);
    auto *upper = new PlotSplitter(Qt::Horizontal);
    m_channels = adopt(upper->addPlot(60));
    upper->addPart(makeInputs(), 40);
    auto *lower = new PlotSplitter(Qt::Horizontal);
    lower->addPart(makeCosts(), 52);
    m_smoothing = adopt(lower->addPlot(48));
    splitter->addPart(upper, 48);
    splitter->addPart(lower, 52);
    // Small windows and large texts scroll in place of squeezing the plots.
    m_plots = splitter;
    addScrolled(splitter);
    giveRoom();
    showSource();
    showAlpha();
}

void ActivationsPage::giveRoom() { m_plots->setMinimumSize(1, currentTheme().scaled(leastHeight)); }

void ActivationsPage::changeEvent(QEvent *event) {
    PageWidget::changeEvent(event);
    if (event->type() == QEvent::FontChange || event->type() == QEvent::StyleChange)
        giveRoom();
}

void ActivationsPage::buildBar() {
    m_source = new QComboBox;
    m_source->addItems({tr("Model on text"), tr("Imported"), tr("Synthetic")});
    m_source->setAccessibleName(tr("Inputs"));
    m_source->setToolTip(tr("Where the inputs of the linears come from: the model run on a text, NAME.npy files that "
                            "another program wrote, or a generator"));
    bar().addWidget(m_source);
    m_bits = makeChoice({QStringLiteral("INT8"), QStringLiteral("INT4")}, tr("Bits of activations"),
                        {tr("Codes −127 ... 127: x' = s · clamp(rint(x / s)), s = max |x| / 127"),
                         tr("Codes −7 ... 7: x' = s · clamp(rint(x / s)), s = max |x| / 7")});
    bar().addWidget(m_bits);
    addLabel(tr("per"));
    m_scales = makeChoice({tr("Tensor"), tr("Token"), tr("Channel")}, tr("Values that share a scale"),
                          {tr("One scale for all tokens and channels"),
                           tr("A scale for each token, made while the model runs"),
                           tr("A scale for each channel: shows what outlier channels cost. No integer product can use "
                              "it, for its scales stand inside the sum")});
    m_scales->setCurrent(1);
    bar().addWidget(m_scales);
    m_order = makeChoice({tr("In order"), tr("Sorted")}, tr("Order of the channels"),
                         {tr("Channels as they stand in the tensor"), tr("Channels by max |x|, falling")});
    bar().addWidget(m_order);
    connect(m_source, &QComboBox::activated, this, [this] {
        showSource();
        edited();
    });
    for (SegmentedControl *control : {m_bits, m_scales, m_order})
        connect(control, &SegmentedControl::chosen, this, [this] {
            redraw();
            edited();
        });
    finishBar();
}

QToolBar *ActivationsPage::makeInputRow() {
    QToolBar *const row = makeRow();
    row->addWidget(makeSmoothing());
    addGap(*row);
    m_sourceActions[0] = row->addWidget(makeModelControls());
    m_folder =
        makeButton(tr("Choose folder..."), tr("NAME.npy, float32 [tokens, in], one a linear, named after its tensor"));
    connect(m_folder, &QPushButton::clicked, this, &ActivationsPage::folderRequested);
    m_sourceActions[1] = row->addWidget(m_folder);
    m_sourceActions[2] = row->addWidget(makeSyntheticControls());
    m_collect = makeButton(tr("Collect"), tr("Run the model on the text, or read the files"));
    m_collectAction = row->addWidget(m_collect);
    m_collectAction->setVisible(false);
    connect(m_collect, &QPushButton::clicked, this, [this] {
        if (m_collecting == Collecting::Running)
            Q_EMIT cancelRequested();
        else
            Q_EMIT collectRequested();
    });
    return row;
}

QWidget *ActivationsPage::makeSmoothing() {
    auto *controls = new QWidget;
    auto *line = new QHBoxLayout(controls);
    line->setContentsMargins(0, 0, 0, 0);
    line->setSpacing(6);
    auto *label = new QLabel(tr("Smoothing α"));
    const QString tip = tr("SmoothQuant: x / s and w · s with s = max|x|^α / max|w|^(1 − α) for each channel; the "
                           "product stays the same");
    label->setToolTip(tip);
    QStringList stops;
    for (int i = 0; i <= smoothingSteps; ++i)
        stops.append(i == 0                ? QStringLiteral("0")
                     : i == smoothingSteps ? QStringLiteral("1")
                                           : QString::number(i / static_cast<double>(smoothingSteps)));
    m_alpha = new StopSlider(stops, {0, smoothingSteps / 2, smoothingSteps});
    m_alpha->setFixedWidth(sliderWidth);
    m_alpha->setStop(smoothingSteps / 2);
    m_alpha->setAccessibleName(tr("Smoothing alpha"));
    m_alpha->setToolTip(tip);
    label->setBuddy(m_alpha);
    m_alphaText = new QLabel;
    m_alphaText->setMinimumWidth(30);
    m_best = makeButton(tr("Best"), tr("The α with the least error of the output, of those drawn below"));
    m_best->setEnabled(false);
    for (QWidget *control : std::initializer_list<QWidget *>{label, m_alpha, m_alphaText, m_best})
        line->addWidget(control);
    connect(m_alpha, &StopSlider::stopChosen, this, [this] {
        showAlpha();
        redraw();
        edited();
    });
    connect(m_best, &QPushButton::clicked, this, [this] {
        if (m_view.curve)
            choose(QStringLiteral("alpha:%1").arg(m_view.curve->best().alpha));
    });
    return controls;
}

QWidget *ActivationsPage::makeModelControls() {
    auto *controls = new QWidget;
    auto *line = new QHBoxLayout(controls);
    line->setContentsMargins(0, 0, 0, 0);
    line->setSpacing(6);
    m_text = makeButton(tr("Choose text..."), tr("The text that the model is run on"));
    m_windows = makeNumber(1, mostWindows, static_cast<int>(usualWindows), tr("Windows"),
                           tr("The first windows of the text, 256 tokens each, are run"));
    m_windows->setSuffix(tr(" windows"));
    line->addWidget(m_text);
    line->addWidget(m_windows);
    connect(m_text, &QPushButton::clicked, this, &ActivationsPage::textRequested);
    connect(m_windows, &QSpinBox::valueChanged, this, [this] { edited(); });
    return controls;
}

QWidget *ActivationsPage::makeSyntheticControls() {
    auto *controls = new QWidget;
    auto *line = new QHBoxLayout(controls);
    line->setContentsMargins(0, 0, 0, 0);
    line->setSpacing(6);
    const SyntheticActivations usual;
    m_outliers = makeNumber(0, mostOutliers, static_cast<int>(usual.outliers), tr("Outlier channels"),
                            tr("Channels that are larger than the others in every token, evenly spread"));
    m_outliers->setSuffix(tr(" outliers"));
    m_magnitude = makeNumber(1, mostMagnitude, static_cast<int>(usual.magnitude), tr("Magnitude"),
                             tr("How many times larger: x ~ N(0, 1) elsewhere, N(0, 1) times this there"));
    m_magnitude->setPrefix(QStringLiteral("× "));
    m_seed = makeNumber(1, 9999, static_cast<int>(usual.seed), tr("Seed"), tr("Another seed, other numbers"));
    m_seed->setPrefix(tr("seed "));
    for (QSpinBox *box : {m_outliers, m_magnitude, m_seed}) {
        line->addWidget(box);
        connect(box, &QSpinBox::valueChanged, this, [this] { edited(); });
    }
    return controls;
}

QWidget *ActivationsPage::makeInputs() {
    m_quantity =
        makeChoice({tr("Kurtosis"), tr("Range"), tr("Outliers")}, tr("Quantity of the inputs"),
                   {tr("m4 / m2² over all numbers of the input: 3 for a normal"),
                    tr("The largest |x|, and the median over the channels of their largest"),
                    tr("Channels whose max |x| exceeds 6 times the median over the channels. At the cursor, too: "
                       "those that hold any |x| ≥ 6.0, which LLM.int8() takes out of the integer product")});
    m_inputs = adopt(new PlotView);
    connect(m_quantity, &SegmentedControl::chosen, this, [this] {
        redraw();
        edited();
    });
    return withControls({m_quantity}, m_inputs);
}

QWidget *ActivationsPage::makeCosts() {
    m_effect = makeChoice({tr("Output"), tr("KL")}, tr("Effect of rounding"),
                          {tr("Relative error of this linear's output: √(Σ(y' − y)² / Σy²), weights F32"),
                           tr("Mean KL divergence of the model's next-token distribution to the unquantized one, all "
                              "linears in the layers, weights F32")});
    m_kl = makeButton(tr("Measure KL"), QString());
    m_costs = adopt(new PlotView);
    connect(m_effect, &SegmentedControl::chosen, this, [this] {
        redraw();
        edited();
    });
    connect(m_kl, &QPushButton::clicked, this, [this] {
        if (m_kl->property("running").toBool()) {
            Q_EMIT cancelRequested();
            return;
        }
        m_effect->setCurrent(1);
        redraw();
        edited();
        Q_EMIT klRequested();
    });
    setKlProblem({});
    setKlRunning(false);
    return withControls({m_effect, m_kl}, m_costs);
}

// What the controls hold ----------------------------------------------------------------------------------------------

ActivationOrigin ActivationsPage::source() const {
    return static_cast<ActivationOrigin>(std::max(0, m_source->currentIndex()));
}

ActivationQuant ActivationsPage::quant() const {
    return {m_bits->current() == 0 ? ActivationBits::Int8 : ActivationBits::Int4,
            static_cast<ActivationScales>(m_scales->current())};
}

double ActivationsPage::alpha() const { return m_alpha->value() / static_cast<double>(smoothingSteps); }

ChannelOrder ActivationsPage::order() const {
    return m_order->current() == 0 ? ChannelOrder::ModelOrder : ChannelOrder::LargestFirst;
}

InputQuantity ActivationsPage::quantity() const { return static_cast<InputQuantity>(m_quantity->current()); }

ActivationEffect ActivationsPage::effect() const {
    return m_effect->current() == 0 ? ActivationEffect::Output : ActivationEffect::Kl;
}

std::uint64_t ActivationsPage::windows() const { return static_cast<std::uint64_t>(m_windows->value()); }

SyntheticActivations ActivationsPage::synthetic() const {
    SyntheticActivations options;
    options.outliers = static_cast<std::uint64_t>(m_outliers->value());
    options.magnitude = m_magnitude->value();
    options.seed = static_cast<std::uint64_t>(m_seed->value());
    return options;
}

void ActivationsPage::setTextPath(const QString &path) {
    m_textPath = path;
    showSource();
    edited();
}

void ActivationsPage::setFolderPath(const QString &path) {
    m_folderPath = path;
    showSource();
    edited();
}

nlohmann::ordered_json ActivationsPage::options() const {
    const SyntheticActivations made = synthetic();
    nlohmann::ordered_json json;
    json["source"] = sourceIds[static_cast<std::size_t>(source())];
    json["bits"] = idOf(quant().bits);
    json["scales"] = idOf(quant().scales);
    json["alpha"] = alpha();
    json["order"] = m_order->current() == 0 ? "model" : "largest-first";
    json["inputs"] = quantityIds[static_cast<std::size_t>(quantity())];
    json["effect"] = m_effect->current() == 0 ? "output" : "kl";
    json["windows"] = windows();
    json["outliers"] = made.outliers;
    json["magnitude"] = made.magnitude;
    json["seed"] = made.seed;
    if (!m_textPath.isEmpty())
        json["text"] = m_textPath.toStdString();
    if (!m_folderPath.isEmpty())
        json["folder"] = m_folderPath.toStdString();
    return json;
}

void ActivationsPage::setOptions(const nlohmann::ordered_json &options) {
    const auto text = [&options](const char *key, const char *usual) {
        const auto found = options.find(key);
        return found != options.end() && found->is_string() ? found->get<std::string>() : std::string(usual);
    };
    const auto number = [&options](const char *key, double usual) {
        const auto found = options.find(key);
        return found != options.end() && found->is_number() ? found->get<double>() : usual;
    };
    const std::string source = text("source", "model");
    for (std::size_t i = 0; i < sourceIds.size(); ++i)
        if (source == sourceIds[i])
            m_source->setCurrentIndex(static_cast<int>(i));
    m_bits->setCurrent(text("bits", "int8") == "int4" ? 1 : 0);
    m_scales->setCurrent(
        static_cast<int>(activationScalesFromId(text("scales", "token")).value_or(ActivationScales::Token)));
    m_order->setCurrent(text("order", "model") == "largest-first" ? 1 : 0);
    const std::string quantity = text("inputs", "kurtosis");
    for (std::size_t i = 0; i < quantityIds.size(); ++i)
        if (quantity == quantityIds[i])
            m_quantity->setCurrent(static_cast<int>(i));
    m_effect->setCurrent(text("effect", "output") == "kl" ? 1 : 0);
    m_alpha->setStop(static_cast<int>(std::lround(std::clamp(number("alpha", 0.5), 0.0, 1.0) * smoothingSteps)));
    const SyntheticActivations usual;
    const auto set = [&number](QSpinBox *box, const char *key, double value) {
        const QSignalBlocker blocker(box);
        box->setValue(static_cast<int>(std::clamp(number(key, value), 0.0, 1e6)));
    };
    set(m_windows, "windows", static_cast<double>(usualWindows));
    set(m_outliers, "outliers", static_cast<double>(usual.outliers));
    set(m_magnitude, "magnitude", usual.magnitude);
    set(m_seed, "seed", static_cast<double>(usual.seed));
    m_textPath = QString::fromStdString(text("text", ""));
    m_folderPath = QString::fromStdString(text("folder", ""));
    showSource();
    showAlpha();
    redraw();
}

bool ActivationsPage::choose(const QString &link) {
    if (link.startsWith(QLatin1String("alpha:"))) {
        m_alpha->setStop(static_cast<int>(std::lround(link.mid(6).toDouble() * smoothingSteps)));
        showAlpha();
    } else if (link.startsWith(QLatin1String("activations:"))) {
        const QStringList parts = link.mid(12).split(QLatin1Char(' '));
        const auto bits = activationBitsFromId(parts.first().toStdString());
        const auto scales = activationScalesFromId(parts.last().toStdString());
        if (!bits || !scales)
            return false;
        m_bits->setCurrent(*bits == ActivationBits::Int8 ? 0 : 1);
        m_scales->setCurrent(static_cast<int>(*scales));
    } else {
        return false;
    }
    redraw();
    edited();
    return true;
}

// What is shown -------------------------------------------------------------------------------------------------------

void ActivationsPage::showSource() {
    for (std::size_t i = 0; i < m_sourceActions.size(); ++i)
        m_sourceActions[i]->setVisible(static_cast<int>(i) == m_source->currentIndex());
    const QString text = m_textPath.isEmpty() ? m_usualText : m_textPath;
    m_text->setText(text.isEmpty() ? tr("Choose text...") : shortFileName(text));
    m_text->setToolTip(text.isEmpty() ? tr("The text that the model is run on")
                                      : tr("The model is run on %1. Choose another").arg(text));
    m_folder->setText(m_folderPath.isEmpty() ? tr("Choose folder...") : shortFileName(m_folderPath));
}

void ActivationsPage::showAlpha() { m_alphaText->setText(QString::fromStdString(fixedText(alpha(), 2))); }

void ActivationsPage::setView(ActivationsView view, const QString &reason) {
    m_view = std::move(view);
    m_reason = reason;
    redraw();
}

void ActivationsPage::setUsualText(const QString &name) {
    m_usualText = name;
    showSource();
}

void ActivationsPage::redraw() {
    if (!m_view.set)
        return;
    ActivationsView view = m_view;
    view.quant = quant();
    view.alpha = alpha();
    view.order = order();
    view.quantity = quantity();
    view.effect = effect();
    if (view.curve && !(view.curve->quant == view.quant))
        view.curve = nullptr;
    m_best->setEnabled(view.curve != nullptr);
    show(m_inputs, inputsFigure(view));
    const auto draw = [](PlotView *plot, bool there, const QString &otherwise, auto figure) {
        if (there) {
            show(plot, figure());
        } else {
            plot->setFigure(nullptr);
            plot->setPlaceholder(otherwise);
        }
    };
    const bool known = view.input() != nullptr;
    const QString wait = known ? tr("Measuring...") : m_reason;
    draw(m_channels, known, m_reason, [&] { return channelsFigure(view); });
    draw(m_smoothing, known && view.curve, wait, [&] { return smoothingFigure(view); });
    if (view.effect == ActivationEffect::Kl)
        draw(m_costs, view.kl != nullptr, tr("Measure KL runs the whole model with rounded activations."),
             [&] { return costsFigure(view); });
    else
        draw(m_costs, known && view.costs, wait, [&] { return costsFigure(view); });
}

void ActivationsPage::setCollecting(Collecting state) {
    m_collecting = state;
    m_collectAction->setVisible(state != Collecting::Idle);
    m_collect->setText(state == Collecting::Running ? tr("Cancel") : tr("Collect"));
}

void ActivationsPage::setCollected(double share) {
    if (m_collecting == Collecting::Running)
        m_collect->setText(tr("Cancel, %1 %").arg(qRound(100 * share)));
}

void ActivationsPage::setKlRunning(bool running) {
    m_kl->setProperty("running", running);
    m_kl->setText(running ? tr("Cancel") : tr("Measure KL"));
}

void ActivationsPage::setKlProblem(const QString &reason) {
    m_kl->setEnabled(reason.isEmpty());
    m_kl->setToolTip(reason.isEmpty() ? tr("Run the model with rounded activations, six ways, on these windows")
                                      : reason);
}

} // namespace nibblescope
