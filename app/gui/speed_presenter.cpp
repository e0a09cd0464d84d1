// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/speed_presenter.h"

#include <algorithm>

namespace nibblescope {

namespace {

constexpr std::uint32_t usualGroupSize = 64;

// The bar of a recipe; nullopt: products with it are not timed.
std::optional<ProductFormat> productOf(const Recipe &recipe, std::uint32_t groupSize) {
    if (recipe.format == Format::None)
        return std::nullopt;
    ProductFormat product;
    product.id = std::string(traits(recipe.format).id);
    const auto known = benchFormats();
    if (std::find(known.begin(), known.end(), product.id) == known.end())
        return std::nullopt;
    if (recipe.format != Format::Int8)
        product.groupSize =
            traits(recipe.format).fixedGroupSize != 0 ? traits(recipe.format).fixedGroupSize : groupSize;
    return product;
}

std::uint32_t groupSizeOf(const Recipe &recipe) {
    return recipe.groupSize.kind == GroupSize::Kind::Count ? recipe.groupSize.count : usualGroupSize;
}

std::string nameOf(const Recipe &recipe) {
    const auto product = productOf(recipe, groupSizeOf(recipe));
    if (!product)
        return {};
    KernelTiming timing;
    timing.format = product->id;
    timing.groupSize = product->groupSize;
    return displayFormat(timing);
}

} // namespace

SpeedPresenter::SpeedPresenter(Session &session, QObject *parent)
    : Presenter(session, "speed", parent), m_page(new SpeedPage) {
    connectOptions(*m_page);
    connect(m_page, &SpeedPage::measureRequested, this, &SpeedPresenter::measure);
    connect(m_page, &SpeedPage::cancelRequested, this, &SpeedPresenter::cancel);
}

// FP32, FP16, INT8, INT4 and NF4, and what the recipe and the baseline name besides.
std::vector<ProductFormat> SpeedPresenter::formats() const {
    const std::uint32_t groupSize = groupSizeOf(session().recipe());
    std::vector<ProductFormat> formats{{"fp32", std::nullopt, false},
                                       {"fp16", std::nullopt, false},
                                       {"int8", std::nullopt, false},
                                       {"int4", groupSize, false},
                                       {"nf4", groupSize, false}};
    const auto add = [&formats](const Recipe &recipe) {
        const auto product = productOf(recipe, groupSizeOf(recipe));
        if (product && std::find(formats.begin(), formats.end(), *product) == formats.end())
            formats.push_back(*product);
    };
    if (session().baseline())
        add(*session().baseline());
    add(session().recipe());
    return formats;
}

void SpeedPresenter::refresh() {
    const int tensor = session().selection().tensor();
    std::optional<MatrixShape> shape;
    if (tensor >= 0)
        shape = session().described()[static_cast<std::size_t>(tensor)].shape;
    m_page->setTensor(shape);
    m_page->setThreads(session().runner().threads());
    SpeedReadingInput reading;
    reading.report = m_report.get();
    reading.recipe = nameOf(session().recipe());
    if (session().baseline())
        reading.baseline = nameOf(*session().baseline());
    if (!m_report) {
        m_page->setPlaceholder(m_measuring ? tr("Measuring: other work waits, so that it does not disturb the times.")
                                           : QString::fromStdString(speedReading(reading).text()));
        return;
    }
    m_page->setPlaceholder({});
    m_page->setReport({*m_report, reading.recipe});
    m_page->setReading(speedReading(reading));
    m_page->setPending(m_measuring);
}

void SpeedPresenter::measure() {
    if (m_measuring)
        return;
    KernelRequest request = m_page->request();
    request.formats = formats();
    request.isas = {session().runner().kernels().isa};
    m_measuring = true;
    m_progress = {};
    m_page->setMeasuring(true);
    const auto ended = [this] {
        m_measuring = false;
        m_page->setMeasuring(false);
        refresh();
        Q_EMIT computingChanged();
    };
    session().runner().start(
        slot(), Queue::Batch,
        [request](const Work &work, const Post &) { return measureKernels(request, work.stop, work.progress); },
        JobHandlers<BenchReport>{
            [this, ended](const std::shared_ptr<const BenchReport> &report) {
                m_report = report;
                session().setSpeed(report);
                ended();
            },
            [this, ended](const JobFailure &failure) {
                ended();
                if (!failure.stopped())
                    Q_EMIT messageRaised(
                        {Severity::Error, QString::fromStdString(failure.text), {}, QStringLiteral("speed"), false});
            },
            [this](const Progress &progress) {
                m_progress = progress;
                if (progress.total > 0)
                    m_page->setProgress(static_cast<double>(progress.done) / static_cast<double>(progress.total));
            }});
    refresh();
    Q_EMIT computingChanged();
}

void SpeedPresenter::cancel() { session().runner().requestStop(slot()); }

} // namespace nibblescope
