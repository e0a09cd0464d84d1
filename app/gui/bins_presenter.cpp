// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/bins_presenter.h"

#include <QTimer>

#include <algorithm>

#include "core/report/number_text.h"
#include "widgets/pages/group_panel.h"

namespace nibblescope {

namespace {

// A table of more weights than this helps nobody.
constexpr std::uint64_t mostTableRows = 65'536;
constexpr std::uint64_t sampleAbove = 1'048'576;
constexpr std::uint64_t sampleWeights = 262'144;

// Whole rows that together hold about `sampleWeights`, evenly spread.
std::shared_ptr<const WeightMatrix> thinned(const std::shared_ptr<const WeightMatrix> &whole) {
    if (whole->shape.size() <= sampleAbove)
        return whole;
    auto part = std::make_shared<WeightMatrix>();
    const std::uint64_t cols = whole->shape.cols;
    const std::uint64_t rows =
        std::clamp<std::uint64_t>(sampleWeights / std::max<std::uint64_t>(1, cols), 1, whole->shape.rows);
    part->shape = {rows, cols};
    part->sourceWeights = whole->sourceWeights;
    for (std::uint64_t i = 0; i < rows; ++i) {
        const std::uint64_t row = i * whole->shape.rows / rows;
        part->rowOrigin.push_back(row);
        const auto first = whole->weights.begin() + static_cast<std::ptrdiff_t>(row * cols);
        part->weights.insert(part->weights.end(), first, first + static_cast<std::ptrdiff_t>(cols));
    }
    return part;
}

} // namespace

BinsPresenter::BinsPresenter(Session &session, QObject *parent)
    : Presenter(session, "bins", parent), m_page(new BinsPage) {
    connectOptions(*m_page);
    GroupPanel &group = m_page->group();
    connect(&group, &GroupPanel::groupChosen, this,
            [this](quint64 chosen) { Presenter::session().selection().selectGroup(chosen); });
    connect(&group, &GroupPanel::worstRequested, this, &BinsPresenter::findWorst);
    connect(&group, &GroupPanel::codeChosen, this,
            [this](unsigned code) { Presenter::session().selection().selectCode(static_cast<int>(code)); });
    connect(&session.selection(), &Selection::groupChanged, this, &BinsPresenter::showGroup);
    connect(&session.selection(), &Selection::codeChanged, this, [this] {
        const auto code = Presenter::session().selection().code();
        m_page->setSelectedCode(code ? std::optional<unsigned>(static_cast<unsigned>(*code)) : std::nullopt);
    });
}

std::optional<Recipe> BinsPresenter::comparedRecipe(const Recipe &recipe) const {
    if (recipe.format == Format::None)
        return std::nullopt;
    const auto chosen = m_page->comparison();
    if (!chosen)
        return defaultComparison(recipe, session().baseline());
    if (*chosen == Format::None)
        return std::nullopt;
    if (const auto &baseline = session().baseline(); baseline && baseline->format == *chosen)
        return baseline;
    Recipe compared = recipe;
    compared.format = *chosen;
    return problemOf(compared) ? defaultRecipe(*chosen) : compared;
}

void BinsPresenter::refresh() {
    if (!tensorIsThere(*m_page))
        return;
    const SharedView view = session().loader().current();
    BinsOptions options;
    options.scale = m_page->scale();
    const auto compared = comparedRecipe(view->result.recipe);
    if (m_source.current.lock() != view || m_source.compared != compared || !(m_source.options == options)) {
        m_source = {view, compared, options};
        compute(view);
    } else if (!m_computing) {
        m_page->setPending(session().loader().isPending());
        sweep();
    }
}

void BinsPresenter::compute(const SharedView &view) {
    m_computing = true;
    SharedView other;
    if (const SharedView baseline = session().loader().baseline();
        baseline && m_source.compared && baseline->result.recipe == *m_source.compared)
        other = baseline;
    session().runner().start(
        slot(), Queue::Interactive,
        [view, other, compared = m_source.compared, options = m_source.options](const Work &work, const Post &) {
            if (!compared || other)
                return computeBins(*view, compared ? other.get() : nullptr, options, work);
            const TensorView made = makeView(view->result.info, view->result.layout, view->weights, *compared, work);
            return computeBins(*view, &made, options, work);
        },
        JobHandlers<BinsData>{[this](const std::shared_ptr<const BinsData> &data) {
                                  m_computing = false;
                                  m_data = data;
                                  m_page->setPlaceholder({});
                                  m_page->setData(data);
                                  showReading();
                                  computed();
                              },
                              [this](const JobFailure &failure) {
                                  m_computing = false;
                                  m_page->setPlaceholder(QString::fromStdString(failure.text));
                                  computed();
                              },
                              {}});
    Q_EMIT computingChanged();
}

// The table of the group and the sweep come behind the plots: on the screen, and for the workers.
void BinsPresenter::computed() {
    m_restDue = true;
    const auto showRest = [this] {
        m_restDue = false;
        showGroup();
        refresh();
        Q_EMIT computingChanged();
    };
    // Plots are drawn when the loop has turned once, and come to the screen before it has turned twice.
    QTimer::singleShot(0, this, [this, showRest] { QTimer::singleShot(0, this, showRest); });
    Q_EMIT computingChanged();
}

// A sweep serves every recipe whose point it holds and that shares what it does not vary.
bool BinsPresenter::sweepCovers(const SharedView &view) const {
    if (m_sweepSource.weights.lock() != view->weights)
        return false;
    Recipe base = m_sweepSource.base;
    base.format = view->result.recipe.format;
    if (m_sweeping)
        return base == view->result.recipe;
    base.groupSize = view->result.recipe.groupSize;
    return m_sweep && base == view->result.recipe && findPoint(*m_sweep, view->result.recipe) != nullptr;
}

void BinsPresenter::sweep() {
    const SharedView view = session().loader().current();
    const Recipe recipe = view->result.recipe;
    if (recipe.format == Format::None || view->result.sample)
        return;
    if (sweepCovers(view)) {
        if (m_sweep) {
            m_page->setSweep(m_sweep, recipe);
            showReading();
        }
        return;
    }
    m_sweepSource = {view->weights, recipe};
    m_sweep.reset();
    m_sweeping = true;
    m_page->setSweep(nullptr, recipe);
    session().runner().start(
        slot() + QStringLiteral(".sweep"), Queue::Interactive,
        [weights = view->weights, recipe, this](const Work &work, const Post &post) {
            Work quiet = work;
            quiet.priority = Priority::Batch; // the pages themselves go first
            const auto part = thinned(weights);
            return sweepGroupSizes(part->weights, part->shape, part->sample(), recipe, quiet,
                                   [this, &post, recipe](const Sweep &partial) {
                                       auto shared = std::make_shared<const Sweep>(partial);
                                       post([this, shared, recipe] { m_page->setSweep(shared, recipe); });
                                   });
        },
        JobHandlers<Sweep>{[this](const std::shared_ptr<const Sweep> &result) {
                               m_sweeping = false;
                               m_sweep = result;
                               const SharedView &now = session().loader().current();
                               m_page->setSweep(result, now ? now->result.recipe : session().recipe());
                               showReading();
                               Q_EMIT computingChanged();
                           },
                           [this](const JobFailure &) {
                               m_sweeping = false;
                               Q_EMIT computingChanged();
                           },
                           {}});
}

void BinsPresenter::showReading() {
    if (!m_data)
        return;
    const SharedView &now = session().loader().current();
    const bool fits = m_sweep && now && m_sweepSource.weights.lock() == now->weights;
    m_page->setReading(binsReading(m_data->result, fits ? m_sweep.get() : nullptr), keptLinks(m_data->result));
    m_page->setSubject(QString::fromStdString(shortTensorName(m_data->result.info.name)));
    m_page->setPending(session().loader().isPending());
}

void BinsPresenter::showGroup() {
    const SharedView held = m_source.current.lock();
    if (!m_data || !held || !held->quantized)
        return;
    const TensorView &view = *held;
    const GroupGrid &grid = view.quantized->grid;
    const std::uint64_t groups = grid.groups();
    const std::uint64_t group = std::min(session().selection().group().value_or(0), groups == 0 ? 0 : groups - 1);
    if (grid.groupSize > mostTableRows)
        m_page->group().setNote(tr("This group holds %1 weights: too many for a table. Choose a smaller group size.")
                                    .arg(QString::fromStdString(countText(grid.length(group)))),
                                groups, group);
    else
        m_page->group().setTable(groupTable(view, group), view.result.recipe.format);
    const auto code = session().selection().code();
    m_page->group().setSelectedCode(code ? std::optional<unsigned>(static_cast<unsigned>(*code)) : std::nullopt);
}

void BinsPresenter::stepGroup(int step) {
    if (!m_data || m_data->groups == 0)
        return;
    const auto present = static_cast<std::int64_t>(session().selection().group().value_or(0));
    const auto last = static_cast<std::int64_t>(m_data->groups) - 1;
    session().selection().selectGroup(static_cast<std::uint64_t>(std::clamp<std::int64_t>(present + step, 0, last)));
}

void BinsPresenter::findWorst() {
    const SharedView view = m_source.current.lock();
    if (!view || !view->quantized)
        return;
    session().runner().start(
        slot() + QStringLiteral(".worst"), Queue::Interactive,
        [view](const Work &work, const Post &) { return worstGroup(*view, work); },
        JobHandlers<std::uint64_t>{
            [this](const std::shared_ptr<const std::uint64_t> &group) { session().selection().selectGroup(*group); },
            {},
            {}});
}

} // namespace nibblescope
