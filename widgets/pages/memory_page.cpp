// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/pages/memory_page.h"

#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QRegularExpression>
#include <QToolBar>
#include <QVBoxLayout>

#include "core/report/number_text.h"
#include "widgets/pages/fitted_table.h"
#include "widgets/panels/themed_label.h"
#include "widgets/plots/plot_view.h"

namespace nibblescope {

namespace {

constexpr std::uint64_t mostContext = 1ULL << 30;
constexpr int barsHeight = 268;

// "4096", "4,096", "32k"; nullopt: not a number of tokens.
std::optional<std::uint64_t> countFrom(const QString &text) {
    static const QRegularExpression pattern(QStringLiteral("^\\s*([0-9][0-9,  ]*)\\s*([kK]?)\\s*$"));
    const auto match = pattern.match(text);
    if (!match.hasMatch())
        return std::nullopt;
    QString digits = match.captured(1);
    digits.remove(QRegularExpression(QStringLiteral("[^0-9]")));
    const std::uint64_t number = digits.toULongLong() * (match.captured(2).isEmpty() ? 1 : 1024);
    return number >= 1 && number <= mostContext ? std::optional(number) : std::nullopt;
}

std::optional<double> gibFrom(QString text) {
    text.remove(QStringLiteral("GiB"), Qt::CaseInsensitive);
    bool ok = false;
    const double gib = text.trimmed().toDouble(&ok);
    return ok && gib > 0 && gib < 1e6 ? std::optional(gib) : std::nullopt;
}

QString gibText(double gib) { return QStringLiteral("%1 GiB").arg(gib); }

QLabel *makeTitle(const QString &text) { return new ThemedLabel(text, FontRole::Title, UiColour::Text); }

} // namespace

MemoryPage::MemoryPage(QWidget *parent) : PageWidget(tr("Memory"), parent) {
    buildBar();
    auto *content = new QWidget;
    content->setBackgroundRole(QPalette::Base);
    auto *layout = new QVBoxLayout(content);
    layout->setContentsMargins(0, 0, 0, 8);
    layout->setSpacing(6);
    m_bars = adopt(new PlotView);
    m_bars->setMinimumHeight(barsHeight);
    m_bars->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Expanding);
    layout->addWidget(m_bars, 1);
    auto *tables = new QVBoxLayout;
    tables->setContentsMargins(16, 0, 16, 0);
    tables->setSpacing(6);
    m_partsTitle = makeTitle(tr("Parts"));
    m_parts = new FittedTable(tr("Parts"), {{tr("Part")},
                                            {tr("Bytes"), true},
                                            {tr("bpw"), true},
                                            {tr("Share"), true},
                                            {tr("Where it comes from"), false, true, true}});
    m_rules = new FittedTable(tr("Said, and true here"),
                              {{tr("Said")}, {tr("True here"), true}, {tr("Holds")}, {tr("Why"), false, true, true}});
    tables->addWidget(m_partsTitle);
    tables->addWidget(m_parts);
    tables->addSpacing(6);
    tables->addWidget(makeTitle(tr("Said, and true here")));
    tables->addWidget(m_rules);
    layout->addLayout(tables);
    addScrolled(content);
}

QComboBox *MemoryPage::addCombo(const QString &label, const QStringList &items, const QString &tip, bool editable) {
    addLabel(label);
    auto *combo = new QComboBox;
    combo->setEditable(editable);
    combo->setInsertPolicy(QComboBox::NoInsert);
    combo->addItems(items);
    combo->setToolTip(tip);
    combo->setAccessibleName(label);
    combo->setSizeAdjustPolicy(QComboBox::AdjustToContents);
    bar().addWidget(combo);
    if (editable)
        connect(combo->lineEdit(), &QLineEdit::editingFinished, this, [this] { edited(); });
    connect(combo, &QComboBox::activated, this, [this] { edited(); });
    return combo;
}

void MemoryPage::buildBar() {
    m_context = addCombo(tr("Context"),
                         {QStringLiteral("512"), QStringLiteral("2k"), QStringLiteral("4k"), QStringLiteral("8k"),
                          QStringLiteral("16k"), QStringLiteral("32k"), QStringLiteral("64k"), QStringLiteral("128k")},
                         tr("Tokens that the KV cache holds"), true);
    const auto choose = [this] { m_chosenContext = countFrom(m_context->currentText()); };
    connect(m_context, &QComboBox::activated, this, choose, Qt::DirectConnection);
    m_batch = addCombo(tr("Batch"), {QStringLiteral("1"), QStringLiteral("4"), QStringLiteral("16")},
                       tr("Sequences at once"), true);
    QStringList types;
    for (const CacheType type : allCacheTypes)
        types.append(QString::fromUtf8(displayName(type).data()));
    m_cacheType = addCombo(tr("Cache type"), types, tr("How one number of the KV cache is stored"), false);
    QStringList devices;
    for (const double gib : {2.0, 4.0, 8.0, 12.0, 16.0, 24.0, 48.0, 80.0})
        devices.append(gibText(gib));
    m_device = addCombo(tr("Device"), devices, tr("Memory that all of it has to fit into"), true);
    finishBar();
}

MemoryOptions MemoryPage::memoryOptions() const {
    MemoryOptions options;
    options.context = m_chosenContext;
    options.batch = countFrom(m_batch->currentText()).value_or(1);
    options.cacheType = allCacheTypes[static_cast<std::size_t>(std::max(0, m_cacheType->currentIndex()))];
    return options;
}

double MemoryPage::deviceGiB() const { return gibFrom(m_device->currentText()).value_or(2); }

nlohmann::ordered_json MemoryPage::options() const {
    const MemoryOptions chosen = memoryOptions();
    nlohmann::ordered_json json;
    if (const auto typed = countFrom(m_context->currentText());
        m_chosenContext || (m_context->lineEdit()->isModified() && typed))
        json["context"] = typed.value_or(chosen.context.value_or(4096));
    json["batch"] = chosen.batch;
    json["cache_type"] = std::string(idOf(chosen.cacheType));
    json["device_gib"] = deviceGiB();
    return json;
}

void MemoryPage::setOptions(const nlohmann::ordered_json &options) {
    m_chosenContext.reset();
    if (const auto context = options.find("context"); context != options.end() && context->is_number_unsigned())
        m_chosenContext = context->get<std::uint64_t>();
    if (m_chosenContext)
        m_context->setEditText(QString::number(*m_chosenContext));
    m_context->lineEdit()->setModified(false);
    m_batch->setEditText(QString::number(options.value("batch", std::uint64_t{1})));
    const auto type = cacheTypeFromId(options.value("cache_type", std::string("f16")));
    for (std::size_t i = 0; i < allCacheTypes.size(); ++i)
        if (type == allCacheTypes[i])
            m_cacheType->setCurrentIndex(static_cast<int>(i));
    m_device->setEditText(gibText(options.value("device_gib", 2.0)));
}

void MemoryPage::setContent(const Content &content) {
    for (QComboBox *combo : {m_context, m_batch, m_cacheType}) {
        combo->setEnabled(content.cacheReason.isEmpty());
        if (!content.cacheReason.isEmpty())
            combo->setToolTip(content.cacheReason);
    }
    if (!m_chosenContext && !m_context->lineEdit()->hasFocus())
        m_context->setEditText(content.context == 0 ? QString() : QString::number(content.context));
    show(m_bars, memoryFigure(content.bars, deviceGiB()));
    m_partsTitle->setText(tr("Parts, %1").arg(content.recipe));
    std::vector<std::vector<FittedTable::Cell>> parts;
    int sum = -1;
    for (const MemoryPartRow &row : content.parts) {
        if (row.total)
            sum = static_cast<int>(parts.size());
        const QString exact = tr("%1 bytes").arg(QString::fromStdString(countText(row.bytes)));
        parts.push_back(
            {{QString::fromStdString(row.part), {}, 0},
             {row.bytes == 0 ? QStringLiteral("0") : QString::fromStdString(bytesText(static_cast<double>(row.bytes))),
              exact, 0},
             {row.bpw ? QString::fromStdString(bpwText(*row.bpw)) : QStringLiteral("–"), {}, 0},
             {row.bytes == 0 ? QStringLiteral("0") : QString::fromStdString(percentText(row.share)), {}, 0},
             {QString::fromStdString(row.from), {}, 0}});
    }
    m_parts->setRows(parts, sum);
    std::vector<std::vector<FittedTable::Cell>> rules;
    for (const SaidRule &rule : content.rules)
        rules.push_back({{QString::fromStdString(rule.said), {}, 0},
                         {QString::fromStdString(rule.trueHere), {}, 0},
                         {rule.holds ? tr("yes") : tr("no"), {}, rule.holds ? 1 : -1},
                         {QString::fromStdString(rule.why), {}, 0}});
    m_rules->setRows(rules);
}

} // namespace nibblescope
