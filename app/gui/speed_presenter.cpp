// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/speed_presenter.h"

#include <QFileDialog>
#include <QFileInfo>
#include <QSaveFile>
#include <QSettings>

#include <algorithm>

#include "core/base/error.h"
#include "core/base/version.h"

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
    connect(m_page, &SpeedPage::saveRequested, this, &SpeedPresenter::save);
    connect(m_page, &SpeedPage::overlayRequested, this, &SpeedPresenter::layOver);
    connect(m_page, &SpeedPage::overlayCleared, this, [this] {
        m_overlay.reset();
        refresh();
    });
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
    m_page->setMachine(session().runner().threads(), supportedIsas(), session().runner().kernels().isa);
    SpeedReadingInput reading;
    reading.report = m_report.get();
    reading.recipe = nameOf(session().recipe());
    if (session().baseline())
        reading.baseline = nameOf(*session().baseline());
    SpeedInput input;
    if (m_report)
        input.report = *m_report;
    input.current = reading.recipe;
    input.overlay = m_overlay;
    input.overlayName = m_overlayName.toStdString();
    input.model = model();
    m_page->setReport(std::move(input));
    m_page->setReading(speedReading(reading));
    m_page->setPending(m_measuring);
}

void SpeedPresenter::measure() {
    if (m_measuring)
        return;
    KernelRequest request = m_page->request();
    request.formats = formats();
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

// What a token reads: the matrices that the recipe quantizes, and what else is stored but the rows of an embedding that
// is not the head too.
std::optional<SpeedModel> SpeedPresenter::model() const {
    if (!session().model())
        return std::nullopt;
    const auto &tensors = session().described();
    const auto named = [](const TensorResult &tensor, const char *part) {
        return QString::fromStdString(tensor.info.name).contains(QLatin1String(part), Qt::CaseInsensitive);
    };
    const bool ownHead = std::any_of(tensors.begin(), tensors.end(), [&](const TensorResult &tensor) {
        return named(tensor, "lm_head") || named(tensor, "output.weight");
    });
    SpeedModel model;
    model.name = QFileInfo(QString::fromStdString(session().model()->path.string())).fileName().toStdString();
    for (const TensorResult &tensor : tensors) {
        const bool embedding = named(tensor, "embed") || named(tensor, "wte.") || named(tensor, "wpe.");
        if (tensor.quantized)
            model.weights += tensor.info.params;
        else if (!embedding || (!ownHead && !named(tensor, "wpe.") && !named(tensor, "position")))
            model.otherBytes += tensor.info.bytes;
    }
    return model.weights == 0 ? std::nullopt : std::optional(model);
}

void SpeedPresenter::save() {
    if (!m_report)
        return;
    const QString folder = QSettings().value(QStringLiteral("speed/folder")).toString();
    const QString path = QFileDialog::getSaveFileName(
        m_page, tr("Save Run"),
        folder + QStringLiteral("/speed-%1.json").arg(QString::fromStdString(m_report->date).left(10)),
        tr("Measurements (*.json)"));
    if (path.isEmpty())
        return;
    QSettings().setValue(QStringLiteral("speed/folder"), QFileInfo(path).absolutePath());
    nlohmann::ordered_json json;
    json["nibblescope"] = version();
    json.update(toJson(*m_report));
    QSaveFile file(path);
    const std::string text = json.dump(2) + "\n";
    const auto size = static_cast<qint64>(text.size());
    const bool written = file.open(QIODevice::WriteOnly) && file.write(text.data(), size) == size && file.commit();
    Q_EMIT messageRaised({written ? Severity::Info : Severity::Error,
                          written ? tr("The run is saved in %1.").arg(path)
                                  : tr("%1 cannot be written: %2.").arg(path, file.errorString()),
                          {},
                          QStringLiteral("speed"),
                          false});
}

// Also what `nibblescope-cli bench --json` has printed.
void SpeedPresenter::layOver() {
    const QString path = QFileDialog::getOpenFileName(m_page, tr("Lay Over a Saved Run"),
                                                      QSettings().value(QStringLiteral("speed/folder")).toString(),
                                                      tr("Measurements (*.json);;All files (*)"));
    if (path.isEmpty())
        return;
    const auto refuse = [this](const QString &why) {
        Q_EMIT messageRaised({Severity::Error, why, {}, QStringLiteral("speed"), false});
    };
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly)) {
        refuse(tr("%1 cannot be read: %2.").arg(path, file.errorString()));
        return;
    }
    const QByteArray text = file.readAll();
    const auto json = nlohmann::ordered_json::parse(text.begin(), text.end(), nullptr, false);
    if (json.is_discarded()) {
        refuse(tr("%1 is no measurement: it is not JSON.").arg(path));
        return;
    }
    try {
        m_overlay = benchReportFromJson(json);
        m_overlayName = QFileInfo(path).completeBaseName();
    } catch (const Error &error) {
        refuse(QString::fromStdString(error.what()));
    }
    refresh();
}

void SpeedPresenter::cancel() { session().runner().requestStop(slot()); }

} // namespace nibblescope
