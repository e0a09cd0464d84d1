// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/tensor_panel.h"

#include <algorithm>

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QKeyEvent>
#include <QLineEdit>
#include <QMenu>
#include <QStackedLayout>
#include <QTimer>
#include <QToolButton>
#include <QVBoxLayout>

#include <nlohmann/json.hpp>

#include "core/report/number_text.h"
#include "widgets/panels/tensor_tree_view.h"
#include "widgets/panels/themed_label.h"
#include "widgets/panels/which_tensors_panel.h"
#include "widgets/theme/icons.h"

namespace nibblescope {
namespace {

constexpr int stateVersion = 1;
constexpr int filterMilliseconds = 120;

} // namespace

TensorPanel::TensorPanel(QWidget *parent) : QWidget(parent), m_model(new TensorTreeModel(this)) {
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    buildSearch();
    m_which = new WhichTensorsPanel;
    m_which->hide();
    layout->addWidget(m_which);
    buildTree();
    buildFooter();
    setMinimumWidth(260);

    connect(m_model, &TensorTreeModel::quantizeToggled, this, &TensorPanel::quantizeToggled);
    connect(m_model, &QAbstractItemModel::modelReset, this, &TensorPanel::updateFooter);
    connect(m_which, &WhichTensorsPanel::ruleEdited, this, &TensorPanel::ruleEdited);
    connect(m_which, &WhichTensorsPanel::closeRequested, this, [this] { showWhichTensors(false); });
    updateEmpty();
}

void TensorPanel::buildSearch() {
    auto *row = new QWidget;
    auto *layout = new QHBoxLayout(row);
    layout->setContentsMargins(8, 5, 8, 5);
    layout->setSpacing(6);
    m_search = new QLineEdit;
    m_search->setPlaceholderText(tr("Filter: name, glob, or  kurt>5  sqnr<20"));
    m_search->setAccessibleName(tr("Filter of the tensors"));
    m_search->setAccessibleDescription(
        tr("Part of a name, a glob, and comparisons of kurt, sqnr, bpw, params, rows, cols, or type:bf16"));
    m_search->addAction(themeIcon(QStringLiteral("search"), UiColour::Text2), QLineEdit::LeadingPosition);
    m_search->setClearButtonEnabled(true);
    m_search->installEventFilter(this);
    auto *typing = new QTimer(this);
    typing->setSingleShot(true);
    typing->setInterval(filterMilliseconds);
    connect(m_search, &QLineEdit::textChanged, typing, qOverload<>(&QTimer::start));
    connect(typing, &QTimer::timeout, this, &TensorPanel::applyFilter);

    m_funnel = new QToolButton;
    m_funnel->setIcon(themeIcon(QStringLiteral("funnel")));
    m_funnel->setIconSize(QSize(16, 16));
    m_funnel->setProperty("framed", true);
    m_funnel->setPopupMode(QToolButton::InstantPopup);
    m_funnel->setAccessibleName(tr("Which rows are shown"));
    m_funnel->setToolTip(tr("Quantized only, with warnings, group by module"));
    auto *menu = new QMenu(m_funnel);
    const auto add = [&](const QString &text, bool on) {
        QAction *action = menu->addAction(text);
        action->setCheckable(true);
        action->setChecked(on);
        connect(action, &QAction::toggled, this, &TensorPanel::applyShow);
        return action;
    };
    m_quantizedOnly = add(tr("&Quantized Only"), false);
    m_warningsOnly = add(tr("With &Warnings"), false);
    menu->addSeparator();
    m_grouped = add(tr("&Group by Module"), true);
    m_funnel->setMenu(menu);
    layout->addWidget(m_search, 1);
    layout->addWidget(m_funnel);
    static_cast<QVBoxLayout *>(this->layout())->addWidget(row);
}

void TensorPanel::buildTree() {
    m_tree = new TensorTreeView(m_model);
    m_tree->setContextMenuPolicy(Qt::CustomContextMenu);
    m_empty = new ThemedLabel(tr("No model open"), FontRole::Body, UiColour::Text2, m_tree->viewport());
    m_empty->move(12, 9);
    connect(m_tree, &TensorTreeView::tensorsSelected, this, &TensorPanel::selectionChanged);
    connect(m_tree, &TensorTreeView::tensorActivated, this, &TensorPanel::activated);
    connect(m_tree, &TensorTreeView::toggleRequested, this, &TensorPanel::toggleSelected);
    connect(m_tree, &TensorTreeView::columnsChanged, this, &TensorPanel::stateChanged);
    connect(m_tree, &QWidget::customContextMenuRequested, this, &TensorPanel::showContextMenu);
    static_cast<QVBoxLayout *>(layout())->addWidget(m_tree, 1);
    setFocusProxy(m_tree);
}

void TensorPanel::buildFooter() {
    m_footer = new ThemedLabel(FontRole::Small, UiColour::Text2);
    m_footer->setContentsMargins(8, 4, 8, 4);
    m_footer->setMinimumHeight(24);
    m_footer->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_footer->setFocusPolicy(Qt::NoFocus);
    m_footer->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Fixed);
    static_cast<QVBoxLayout *>(layout())->addWidget(m_footer);
}

void TensorPanel::setTensors(std::vector<TensorResult> described) {
    std::vector<TensorInfo> infos;
    for (const TensorResult &result : described)
        infos.push_back(result.info);
    m_search->clear();
    m_model->setFilter({});
    m_tree->select({}, -1);
    m_model->setTensors(std::move(described));
    m_tree->startModel();
    m_which->setTensors(std::move(infos));
    updateEmpty();
    updateFooter();
}

void TensorPanel::setDescriptions(std::vector<TensorResult> described, const SelectionRule &rule) {
    m_rule = rule;
    m_model->setRule(rule);
    m_which->setRule(rule);
    m_model->setDescriptions(std::move(described));
    updateFooter();
}

void TensorPanel::setResult(int tensor, const TensorResult &result) { m_model->setResult(tensor, result); }

void TensorPanel::forgetResults() { m_model->forgetResults(); }

void TensorPanel::setBaseline(const QString &shortForm, std::vector<std::optional<double>> sqnrDb) {
    m_model->setBaseline(shortForm, std::move(sqnrDb));
}

void TensorPanel::setReadOnly(bool readOnly, const QString &reason) {
    m_readOnly = readOnly;
    m_model->setStored(readOnly);
    m_which->setEnabled(!readOnly);
    m_which->setToolTip(readOnly ? reason : QString());
}

void TensorPanel::setSelection(const std::vector<int> &tensors, int current) { m_tree->select(tensors, current); }

int TensorPanel::currentTensor() const { return m_tree->currentTensor(); }

std::vector<int> TensorPanel::selectedTensors() const { return m_tree->selectedTensors(); }

int TensorPanel::neighbour(int tensor, int step) const {
    const std::vector<int> &order = m_model->visibleOrder();
    const auto at = std::find(order.begin(), order.end(), tensor);
    if (at == order.end())
        return order.empty() ? -1 : step > 0 ? order.front() : order.back();
    const auto next = (at - order.begin()) + step;
    return next < 0 || next >= static_cast<std::ptrdiff_t>(order.size()) ? -1 : order[static_cast<std::size_t>(next)];
}

void TensorPanel::focusSearch() {
    m_search->setFocus(Qt::ShortcutFocusReason);
    m_search->selectAll();
}

void TensorPanel::showWhichTensors(bool show) {
    m_which->setVisible(show);
    if (show)
        m_which->focusFirst();
    else
        m_tree->setFocus();
}

void TensorPanel::applyFilter() {
    const TensorFilter filter(m_search->text());
    m_search->setProperty("invalid", !filter.problem().isEmpty());
    m_search->setToolTip(filter.problem());
    m_search->style()->unpolish(m_search);
    m_search->style()->polish(m_search);
    m_model->setFilter(filter);
    m_tree->setFiltered(!filter.empty());
    updateEmpty();
}

void TensorPanel::applyShow() {
    m_model->setShow({m_quantizedOnly->isChecked(), m_warningsOnly->isChecked(), m_grouped->isChecked()});
    const bool fewer = m_quantizedOnly->isChecked() || m_warningsOnly->isChecked();
    m_funnel->setCheckable(fewer); // a checked look says that rows are left out
    m_funnel->setChecked(fewer);
    updateEmpty();
    Q_EMIT stateChanged();
}

void TensorPanel::updateEmpty() {
    const bool none = m_model->tensorCount() == 0;
    m_empty->setText(none ? tr("No model open") : tr("No tensor matches"));
    m_empty->setVisible(m_model->visibleTensors() == 0);
    m_empty->adjustSize();
    m_search->setEnabled(!none);
    m_funnel->setEnabled(!none);
}

void TensorPanel::updateFooter() {
    if (m_model->tensorCount() == 0) {
        m_footer->clear();
        return;
    }
    std::uint64_t quantized = 0;
    std::uint64_t params = 0;
    for (const int tensor : m_model->visibleOrder()) {
        quantized += m_model->described(tensor).quantized ? 1 : 0;
        params += m_model->described(tensor).info.params;
    }
    const int visible = m_model->visibleTensors();
    const QString count = QString::fromStdString(countText(static_cast<std::uint64_t>(visible)));
    const QString tensors =
        visible < m_model->tensorCount()
            ? tr("%1 of %2 tensors")
                  .arg(count, QString::fromStdString(countText(static_cast<std::uint64_t>(m_model->tensorCount()))))
        : visible == 1 ? tr("1 tensor")
                       : tr("%1 tensors").arg(count);
    const QString head = tr("%1 · %2 quantized").arg(tensors, QString::fromStdString(countText(quantized)));
    const QString whole = tr("%1 · %2 parameters").arg(head, QString::fromStdString(countText(params)));
    const bool room = m_footer->fontMetrics().horizontalAdvance(whole) + 16 <= m_footer->width();
    const int width = m_footer->width() - 16;
    m_footer->setText(room ? whole : m_footer->fontMetrics().elidedText(head, Qt::ElideRight, width));
    m_footer->setToolTip(whole);
}

void TensorPanel::resizeEvent(QResizeEvent *event) {
    QWidget::resizeEvent(event);
    updateFooter();
}

bool TensorPanel::eventFilter(QObject *watched, QEvent *event) {
    if (watched != m_search || event->type() != QEvent::KeyPress)
        return QWidget::eventFilter(watched, event);
    const int key = static_cast<QKeyEvent *>(event)->key();
    if (key == Qt::Key_Escape) {
        m_search->clear();
        return true;
    }
    if (key == Qt::Key_Down || key == Qt::Key_Return || key == Qt::Key_Enter) {
        applyFilter();
        m_tree->setFocus();
        const std::vector<int> &order = m_model->visibleOrder();
        if (!order.empty() && !m_model->indexOf(currentTensor()).isValid()) {
            m_tree->select({order.front()}, order.front());
            Q_EMIT selectionChanged({order.front()}, order.front());
        }
        return true;
    }
    return false;
}

// Space: what the current row becomes, all selected rows become.
void TensorPanel::toggleSelected() {
    const QModelIndex current = m_tree->currentIndex().siblingAtColumn(TensorTreeModel::Name);
    if (!current.isValid() || m_readOnly)
        return;
    const bool quantize = current.data(Qt::CheckStateRole).toInt() == Qt::Unchecked;
    if (current.data(TensorTreeModel::TensorRole).toInt() < 0 || selectedTensors().size() <= 1) {
        m_model->setData(current, quantize ? Qt::Checked : Qt::Unchecked, Qt::CheckStateRole);
        return;
    }
    std::vector<int> changed;
    for (const int tensor : selectedTensors()) {
        const TensorResult &described = m_model->described(tensor);
        if (described.quantized != quantize && canBeQuantized(described.info))
            changed.push_back(tensor);
    }
    if (!changed.empty())
        Q_EMIT quantizeToggled(changed, quantize);
}

void TensorPanel::showContextMenu(const QPoint &position) {
    const QModelIndex index = m_tree->indexAt(position).siblingAtColumn(TensorTreeModel::Name);
    if (!index.isValid())
        return;
    const int tensor = index.data(TensorTreeModel::TensorRole).toInt();
    std::vector<int> tensors = m_model->tensorsUnder(index);
    if (tensor >= 0 && selectedTensors().size() > 1)
        tensors = selectedTensors();

    QMenu menu(this);
    const bool quantized = index.data(Qt::CheckStateRole).toInt() != Qt::Unchecked;
    QAction *quantize = menu.addAction(quantized ? tr("&Keep Unquantized") : tr("&Quantize"));
    quantize->setShortcut(Qt::Key_Space);
    quantize->setEnabled(!m_readOnly && index.data(Qt::CheckStateRole).isValid());
    connect(quantize, &QAction::triggered, this, &TensorPanel::toggleSelected);
    menu.addSeparator();
    std::vector<int> matrices;
    std::copy_if(tensors.begin(), tensors.end(), std::back_inserter(matrices), [this](int i) {
        return m_model->described(i).info.shape.size() >= 2 && traits(m_model->described(i).info.dtype).decodable;
    });
    const auto addLayout = [&](const QString &text, Layout layout) {
        QAction *action = menu.addAction(text);
        action->setCheckable(true);
        action->setChecked(!matrices.empty() && std::all_of(matrices.begin(), matrices.end(), [&](int i) {
            return m_model->described(i).layout == layout;
        }));
        action->setEnabled(!m_readOnly && !matrices.empty());
        connect(action, &QAction::triggered, this, [this, matrices, layout] { Q_EMIT layoutChosen(matrices, layout); });
    };
    addLayout(tr("Read as [&out, in]"), Layout::OutIn);
    addLayout(tr("Read as [&in, out]"), Layout::InOut);
    menu.addSeparator();
    connect(menu.addAction(themeIcon(QStringLiteral("copy")), tr("&Copy Name")), &QAction::triggered, this, [&] {
        QStringList names;
        for (const int i : tensors)
            names << QString::fromStdString(m_model->described(i).info.name);
        QApplication::clipboard()->setText(names.join(QLatin1Char('\n')));
        Q_EMIT copyNameRequested(names);
    });
    QAction *command = menu.addAction(tr("Copy as Command &Line"));
    command->setEnabled(tensor >= 0);
    connect(command, &QAction::triggered, this, [this, tensor] { Q_EMIT copyCommandRequested(tensor); });
    QAction *exported = menu.addAction(themeIcon(QStringLiteral("export")),
                                       tensors.size() == 1 ? tr("&Export Tensor...") : tr("&Export Tensors..."));
    connect(exported, &QAction::triggered, this, [this, tensors] { Q_EMIT exportRequested(tensors); });
    menu.exec(m_tree->viewport()->mapToGlobal(position));
}

QByteArray TensorPanel::saveState() const {
    nlohmann::ordered_json state;
    state["version"] = stateVersion;
    state["hidden"] = m_tree->unwantedColumns();
    state["sort"] = m_tree->header()->sortIndicatorSection();
    state["descending"] = m_tree->header()->sortIndicatorOrder() == Qt::DescendingOrder;
    state["quantized_only"] = m_quantizedOnly->isChecked();
    state["warnings_only"] = m_warningsOnly->isChecked();
    state["grouped"] = m_grouped->isChecked();
    return QByteArray::fromStdString(state.dump());
}

// A state that is damaged or of another version changes nothing.
bool TensorPanel::restoreState(const QByteArray &bytes) {
    const auto state = nlohmann::ordered_json::parse(bytes.begin(), bytes.end(), nullptr, false);
    std::set<int> hidden;
    int sort = -1;
    bool descending = false;
    TensorTreeModel::Show show;
    try {
        if (state.at("version").get<int>() != stateVersion)
            return false;
        hidden = state.at("hidden").get<std::set<int>>();
        sort = state.at("sort").get<int>();
        descending = state.at("descending").get<bool>();
        show = {state.at("quantized_only").get<bool>(), state.at("warnings_only").get<bool>(),
                state.at("grouped").get<bool>()};
    } catch (const nlohmann::json::exception &) {
        return false;
    }
    for (int column = TensorTreeModel::Shape; column < TensorTreeModel::ColumnCount; ++column)
        m_tree->setColumnWanted(column, hidden.count(column) == 0);
    m_tree->header()->setSortIndicator(sort >= -1 && sort < TensorTreeModel::ColumnCount ? sort : -1,
                                       descending ? Qt::DescendingOrder : Qt::AscendingOrder);
    m_quantizedOnly->setChecked(show.quantizedOnly);
    m_warningsOnly->setChecked(show.warningsOnly);
    m_grouped->setChecked(show.grouped);
    return true;
}

} // namespace nibblescope
