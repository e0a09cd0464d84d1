// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/pages/accuracy_page.h"

#include <QComboBox>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QToolBar>
#include <QVBoxLayout>

#include <algorithm>

#include "widgets/pages/claims_list.h"
#include "widgets/pages/fitted_table.h"
#include "widgets/panels/segmented_control.h"
#include "widgets/panels/themed_label.h"
#include "widgets/theme/icons.h"
#include "widgets/theme/theme.h"

namespace nibblescope {

namespace {

constexpr int paretoHeight = 290;
constexpr int curveHeight = 180;
constexpr int hintHeight = 150;
constexpr int fieldWidth = 72;
constexpr int usualWindows = 64;
constexpr std::size_t usualContextTokens = 256;
constexpr int mostContext = 1 << 20;
constexpr const char *rankIds[] = {"kl", "perplexity", "sqnr"};

QString toText(const std::string &text) { return QString::fromStdString(text); }

} // namespace

AccuracyPage::AccuracyPage(QWidget *parent) : PageWidget(tr("Accuracy"), parent) {
    buildBar();
    body().addLayout(inMargins(buildHead()));
    m_content = buildContent();
    addScrolled(m_content, Qt::ScrollBarAlwaysOff);
}

void AccuracyPage::buildBar() {
    m_text = addCombo(tr("Text"), {}, tr("What the model is run on: a text that it was not trained on"), false);
    m_text->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    m_text->setMinimumContentsLength(15);
    connect(m_text, &QComboBox::activated, this, &AccuracyPage::chooseText);
    m_context = addCombo(tr("Context"),
                         {QStringLiteral("128"), QStringLiteral("256"), QStringLiteral("512"), QStringLiteral("1024")},
                         tr("Tokens in a window; windows do not overlap and each begins anew"), true);
    m_context->setMaximumWidth(fieldWidth);
    m_context->setEditText(QString::number(usualContextTokens));
    m_windows =
        addCombo(tr("Windows"),
                 {QStringLiteral("16"), QStringLiteral("32"), QStringLiteral("64"), QStringLiteral("128"), tr("All")},
                 tr("How many windows of the text are run: more take longer and narrow the standard errors, as "
                    "1/√n"),
                 true);
    m_windows->setMaximumWidth(fieldWidth);
    m_windows->setEditText(QString::number(usualWindows));
    m_evaluate = new QPushButton(themeIcon(QStringLiteral("run")), tr("Evaluate"));
    m_evaluate->setAutoDefault(false);
    ends().addWidget(m_evaluate);
    connect(m_evaluate, &QPushButton::clicked, this, [this] {
        if (m_running)
            Q_EMIT cancelRequested();
        else
            Q_EMIT evaluateRequested();
    });
    finishBar();
}

// The row between the bar and the plots.
QToolBar *AccuracyPage::buildHead() {
    m_rank = new SegmentedControl({tr("KL"), tr("Perplexity"), tr("SQNR")});
    m_rank->setAccessibleName(tr("Rank by"));
    m_rank->setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Fixed);
    m_rank->button(0)->setToolTip(
        tr("KL divergence: how far the quantized model's next-token distribution P' lies from "
           "the original's P, the mean of Σ P ln(P / P'); 0 is no change"));
    m_rank->button(1)->setToolTip(
        tr("exp of the mean −ln p of the tokens that follow; the plot shows its rise over the "
           "unquantized model's"));
    m_rank->button(2)->setToolTip(tr("10 log₁₀(Σw² / Σ(w − w')²) of the weights: needs no text, and does not see what "
                                     "the model does with them"));
    connect(m_rank, &SegmentedControl::chosen, this, [this] { edited(); });
    QStringList products;
    for (const ProductsTraits &one : allProducts())
        products.append(toText(std::string(one.name)));
    m_products = makeCombo(
        tr("Products"), products,
        tr("What quantized linears are multiplied with. F32 products: the weights alone. Packed: the kernels that the "
           "Speed page times, with F32 activations, or with INT8 ones (a scale a token, and 8-bit levels), whose own "
           "rounding then counts"),
        false);
    m_products->setObjectName(QStringLiteral("products"));
    connect(m_products, &QComboBox::activated, this, [this] { edited(); });
    m_forget = new QPushButton(tr("Forget results"));
    m_forget->setToolTip(tr("Forget what was measured on this model, on all texts"));
    m_usual = new QPushButton(tr("Evaluate the usual"));
    for (QPushButton *button : {m_forget, m_usual}) {
        button->setAutoDefault(false);
    }
    connect(m_forget, &QPushButton::clicked, this, &AccuracyPage::forgetRequested);
    connect(m_usual, &QPushButton::clicked, this, &AccuracyPage::usualRequested);
    auto *label = new QLabel(tr("Rank by"));
    label->setContentsMargins(0, 0, 2, 0);
    QToolBar *const row = makeRow();
    row->addWidget(label);
    row->addWidget(m_rank);
    row->addWidget(m_products);
    addGap(*row);
    row->addWidget(m_forget);
    row->addWidget(m_usual);
    return row;
}

QWidget *AccuracyPage::buildContent() {
    auto *content = new QWidget;
    content->setBackgroundRole(QPalette::Base);
    auto *layout = new QVBoxLayout(content);
    layout->setContentsMargins(0, 0, 0, 8);
    layout->setSpacing(6);
    m_hint = new ThemedLabel(FontRole::Body, UiColour::Text2);
    m_hint->setAlignment(Qt::AlignCenter);
    m_hint->setWordWrap(true);
    m_hint->setContentsMargins(48, 24, 48, 24);
    m_hint->setMinimumHeight(hintHeight);
    m_hint->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    layout->addWidget(m_hint);
    m_pareto = adopt(new PlotView);
    m_curve = adopt(new PlotView);
    m_pareto->setFixedHeight(currentTheme().scaled(paretoHeight));
    m_curve->setFixedHeight(currentTheme().scaled(curveHeight));
    layout->addWidget(m_pareto);
    auto *table = new QVBoxLayout;
    table->setContentsMargins(16, 0, 16, 0);
    table->setSpacing(6);
    m_title = new ThemedLabel(FontRole::Title, UiColour::Text);
    m_table = new FittedTable(tr("Recipes tried"), {{tr("Recipe"), false, true},
                                                    {tr("bpw"), true},
                                                    {tr("KL × 10³"), true},
                                                    {tr("Perplexity"), true},
                                                    {tr("Change"), true},
                                                    {tr("Median"), true},
                                                    {tr("99 %"), true},
                                                    {tr("Top-1"), true},
                                                    {tr("SQNR"), true}});
    const std::pair<int, QString> tips[] = {
        {1, tr("Bits a weight over the quantized tensors, all constants counted")},
        {2, tr("Mean over all predictions of Σ P ln(P / P'), natural logarithm, with its standard error (standard "
               "deviation of the windows' means / √windows), in thousandths of a nat. Lower is better")},
        {3, tr("exp of the mean −ln p of the token that follows. Lower is better")},
        {4, tr("Of perplexity against the unquantized model: exp(d) − 1, d the mean difference of −ln p, paired by "
               "windows, with its standard error")},
        {5, tr("Median of the KL over all predictions, in thousandths of a nat")},
        {6, tr("99th percentile of the KL over all predictions, in thousandths of a nat: the bad surprises")},
        {7, tr("Share of positions at which both models find the same token most probable")},
        {8, tr("10 log₁₀(Σw² / Σ(w − w')²) over all linears together, in dB. Higher is better for the weights")}};
    for (const auto &[column, tip] : tips)
        m_table->horizontalHeaderItem(column)->setToolTip(tip);
    const auto take = [this](int row) {
        if (row > 0 && static_cast<std::size_t>(row) < m_rows.size() && m_rows[static_cast<std::size_t>(row)].recipe)
            Q_EMIT linkActivated(QStringLiteral("recipe:") +
                                 toText(toJson(*m_rows[static_cast<std::size_t>(row)].recipe).dump()));
    };
    connect(m_table, &QTableWidget::cellClicked, this, take);
    connect(m_table, &QTableWidget::cellActivated, this, take);
    table->addWidget(m_title);
    table->addWidget(m_table);
    layout->addLayout(table);
    layout->addWidget(m_curve);
    m_teaching = new QWidget;
    auto *below = new QVBoxLayout(m_teaching);
    below->setContentsMargins(16, 4, 16, 0);
    below->setSpacing(4);
    below->addWidget(new ThemedLabel(tr("What these measurements teach"), FontRole::Title, UiColour::Text));
    m_lessons = new ThemedLabel(FontRole::Body, UiColour::Text);
    m_lessons->setWordWrap(true);
    m_lessons->setTextFormat(Qt::PlainText);
    m_lessons->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    below->addWidget(m_lessons);
    layout->addWidget(m_teaching);
    m_claims = new ClaimsList;
    connect(m_claims, &ClaimsList::linkActivated, this, &AccuracyPage::linkActivated);
    auto *claims = new QVBoxLayout;
    claims->setContentsMargins(16, 10, 16, 0);
    claims->addWidget(m_claims);
    layout->addLayout(claims);
    layout->addStretch(1);
    return content;
}

// The text -----------------------------------------------------------------------------------------------------------

void AccuracyPage::setTexts(std::vector<Text> texts) {
    m_texts = std::move(texts);
    const auto known =
        std::any_of(m_texts.begin(), m_texts.end(), [this](const Text &text) { return text.path == m_chosenText; });
    if (!m_chosenText.isEmpty() && !known)
        m_texts.push_back({QFileInfo(m_chosenText).fileName(), m_chosenText});
    m_text->clear();
    for (const Text &text : m_texts) {
        m_text->addItem(text.name);
        m_text->setItemData(m_text->count() - 1, text.path, Qt::ToolTipRole);
        if (text.path == m_chosenText)
            m_text->setCurrentIndex(m_text->count() - 1);
    }
    m_text->addItem(m_texts.empty() ? tr("Choose a file...") : tr("Another file..."));
    if (m_chosenText.isEmpty())
        m_text->setCurrentIndex(0);
}

void AccuracyPage::chooseText(int row) {
    if (static_cast<std::size_t>(row) >= m_texts.size()) {
        setTexts(m_texts); // "Another file..." is no choice yet
        Q_EMIT chooseTextRequested();
        return;
    }
    m_chosenText = row == 0 ? QString() : m_texts[static_cast<std::size_t>(row)].path;
    edited();
}

QString AccuracyPage::textPath() const {
    if (!m_chosenText.isEmpty())
        return m_chosenText;
    return m_texts.empty() ? QString() : m_texts.front().path;
}

QString AccuracyPage::textName() const {
    const auto found =
        std::find_if(m_texts.begin(), m_texts.end(), [this](const Text &text) { return text.path == textPath(); });
    return found == m_texts.end() ? QFileInfo(textPath()).fileName() : found->name;
}

std::size_t AccuracyPage::context() const {
    const int typed = m_context->currentText().toInt();
    return typed < 2 ? usualContextTokens : static_cast<std::size_t>(std::min(typed, mostContext));
}

std::optional<std::size_t> AccuracyPage::windows() const {
    bool number = false;
    const int typed = m_windows->currentText().toInt(&number);
    return number && typed > 0 ? std::optional(static_cast<std::size_t>(typed)) : std::nullopt;
}

Products AccuracyPage::products() const {
    return allProducts()[static_cast<std::size_t>(std::max(0, m_products->currentIndex()))].products;
}

AccuracyRank AccuracyPage::rank() const { return static_cast<AccuracyRank>(std::max(0, m_rank->current())); }

nlohmann::ordered_json AccuracyPage::options() const {
    nlohmann::ordered_json json;
    if (!m_chosenText.isEmpty())
        json["text"] = m_chosenText.toStdString();
    json["context"] = context();
    if (const auto count = windows())
        json["windows"] = *count;
    else
        json["windows"] = "all";
    json["rank"] = rankIds[static_cast<std::size_t>(rank())];
    if (products() != Products::Blas)
        json["products"] = traits(products()).id;
    return json;
}

void AccuracyPage::setOptions(const nlohmann::ordered_json &options) {
    const auto text = options.find("text");
    m_chosenText = text != options.end() && text->is_string() ? toText(text->get<std::string>()) : QString();
    setTexts(m_texts);
    const auto number = [&options](const char *key, std::size_t usual) {
        const auto found = options.find(key);
        return found != options.end() && found->is_number_integer() && *found > 0 ? found->get<std::size_t>() : usual;
    };
    m_context->setEditText(QString::number(number("context", usualContextTokens)));
    const auto windows = options.find("windows");
    const bool all = windows != options.end() && *windows == "all";
    m_windows->setEditText(all ? tr("All") : QString::number(number("windows", usualWindows)));
    const auto rank = options.find("rank");
    int chosen = 0;
    for (int i = 0; i < 3; ++i)
        if (rank != options.end() && *rank == rankIds[i])
            chosen = i;
    m_rank->setCurrent(chosen);
    const auto products = options.find("products");
    const auto known = products != options.end() && products->is_string() ? productsFromId(products->get<std::string>())
                                                                          : std::nullopt;
    m_products->setCurrentIndex(static_cast<int>(known.value_or(Products::Blas)));
}

// What is shown ------------------------------------------------------------------------------------------------------

void AccuracyPage::setRunning(bool running, double share) {
    if (m_running != running) {
        m_running = running;
        m_evaluate->setIcon(themeIcon(running ? QStringLiteral("stop") : QStringLiteral("run")));
    }
    m_evaluate->setText(running ? tr("Cancel, %1 %").arg(qRound(100 * share)) : tr("Evaluate"));
    for (QWidget *field : {static_cast<QWidget *>(m_text), static_cast<QWidget *>(m_context),
                           static_cast<QWidget *>(m_windows), static_cast<QWidget *>(m_products)})
        field->setEnabled(!running);
}

void AccuracyPage::setPossible(const QString &reason, const QString &recipe, std::size_t usual) {
    m_evaluate->setEnabled(m_running || reason.isEmpty());
    m_evaluate->setToolTip(m_running           ? tr("Stop; what was measured is kept (Ctrl+.)")
                           : !reason.isEmpty() ? reason
                                               : tr("Run %1 beside the unquantized model (Ctrl+Shift+R)").arg(recipe));
    m_usual->setEnabled(!m_running && reason.isEmpty() && usual > 0);
    m_usual->setToolTip(m_running           ? tr("Something is being evaluated")
                        : !reason.isEmpty() ? reason
                        : usual == 0
                            ? tr("All of them are measured")
                            : tr("%1 recipes from one scale a tensor to groups of 32, each run beside the unquantized "
                                 "model")
                                  .arg(usual));
}

void AccuracyPage::setHint(const QString &hint) {
    m_hint->setText(hint);
    m_hint->setVisible(!hint.isEmpty());
    if (!hint.isEmpty())
        for (QWidget *part : {static_cast<QWidget *>(m_pareto), static_cast<QWidget *>(m_curve),
                              static_cast<QWidget *>(m_title), static_cast<QWidget *>(m_table), m_teaching})
            part->hide();
    m_forget->setEnabled(hint.isEmpty());
}

QString AccuracyPage::hint() const { return m_hint->isHidden() ? QString() : m_hint->text(); }

// While something runs this is called many times a second: what did not change is left alone, and the long page is laid
// out once.
void AccuracyPage::setInput(const AccuracyInput &input) {
    m_content->layout()->setEnabled(false);
    setHint({});
    const bool any = !input.results.empty();
    const bool same = any && m_pareto->isVisibleTo(m_content) && m_input.results == input.results &&
                      m_input.others == input.others && m_input.rank == input.rank &&
                      m_input.current == input.current && m_input.baseline == input.baseline &&
                      m_input.text == input.text;
    m_pareto->setVisible(any);
    m_title->setVisible(any);
    m_table->setVisible(any);
    if (any && !same)
        show(m_pareto, paretoFigure(input));
    const auto curve = accuracyCurve(input);
    m_curve->setVisible(curve.has_value());
    placeCurve(!input.running.empty());
    if (curve)
        show(m_curve, *curve);
    if (!same) {
        m_input = input;
        fillTable(input);
        QStringList lessons;
        for (const std::string &lesson : accuracyLessons(input))
            lessons.append(QStringLiteral("•  ") + toText(lesson));
        m_lessons->setText(lessons.join(QLatin1Char('\n')));
    }
    m_teaching->setVisible(!m_lessons->text().isEmpty());
    m_content->layout()->setEnabled(true);
    m_content->layout()->activate();
}

// What runs is looked at first; later it stands below the table.
void AccuracyPage::placeCurve(bool first) {
    auto *layout = static_cast<QVBoxLayout *>(m_content->layout());
    const bool isFirst = layout->indexOf(m_curve) < layout->indexOf(m_pareto);
    if (first == isFirst)
        return;
    layout->removeWidget(m_curve);
    layout->insertWidget(layout->indexOf(first ? m_pareto : m_teaching), m_curve);
}

void AccuracyPage::setPageNames(std::vector<std::pair<QString, QString>> names) {
    m_claims->setPageNames(std::move(names));
}

void AccuracyPage::setClaims(const std::vector<Claim> &claims, const std::vector<Answer> &answers) {
    m_claims->setClaims(claims, answers);
}

void AccuracyPage::fillTable(const AccuracyInput &input) {
    std::vector<AccuracyRow> shown = accuracyRows(input);
    if (shown == m_rows)
        return;
    m_rows = std::move(shown);
    if (!input.results.empty()) {
        const Evaluation &evaluation = input.results.front()->evaluation;
        m_title->setText(tr("Recipes tried on %1, %2 windows of %3 tokens")
                             .arg(toText(input.text))
                             .arg(evaluation.plannedWindows)
                             .arg(evaluation.context) +
                         toText(productsSuffix(input)));
    }
    std::vector<std::vector<FittedTable::Cell>> cells;
    int bold = -1;
    for (const AccuracyRow &row : m_rows) {
        if (row.current)
            bold = static_cast<int>(cells.size());
        QStringList tip;
        if (row.recipe)
            tip.append(tr("Click: take this recipe"));
        if (row.onFront)
            tip.append(tr("On the Pareto front: nothing here is better with as few bits"));
        if (!row.remark.empty())
            tip.append(toText(row.remark));
        const QString name = toText(row.name) + (row.baseline ? tr(" (baseline)") : QString());
        std::vector<FittedTable::Cell> line{{name, (QStringList(name) + tip).join(QLatin1Char('\n')), 0}};
        for (const std::string *cell :
             {&row.bpw, &row.kl, &row.perplexity, &row.change, &row.klMedian, &row.klP99, &row.top1, &row.sqnr})
            line.push_back({toText(*cell), {}, 0});
        cells.push_back(std::move(line));
    }
    m_table->setRows(cells, bold);
}

} // namespace nibblescope
