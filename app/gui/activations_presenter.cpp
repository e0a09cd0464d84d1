// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/activations_presenter.h"

#include <QDir>
#include <QFileDialog>
#include <QFileInfo>

#include <algorithm>

#include "app/gui/main_window.h"
#include "core/model/activation_kl.h"
#include "core/model/activation_source.h"
#include "core/report/command_line.h"
#include "core/report/figure_table.h"
#include "core/report/number_text.h"

namespace nibblescope {

namespace {

// A model beyond this size is run when it is asked for, not when the page is opened.
constexpr std::uint64_t smallModelParams = 64'000'000;

std::string windowsText(const TokenWindows &windows) {
    return countText(windows.count) + (windows.count == 1 ? " window of " : " windows of ") +
           countText(windows.context) + " tokens";
}

// No more tokens in a window than the model was made for.
TokenWindows windowsOf(const Llama &llama, TextSource source, std::vector<std::string> &warnings) {
    if (const auto limit = llama.config().contextLimit)
        source.context = std::min<std::size_t>(source.context, std::max<std::uint64_t>(2, *limit));
    return windowsFrom(llama, source, warnings);
}

} // namespace

bool ActivationsPresenter::Subject::sameTensor(const Subject &other) const {
    return set.lock() == other.set.lock() && weights.lock() == other.weights.lock() && tensor == other.tensor;
}

ActivationsPresenter::ActivationsPresenter(Session &session, QObject *parent)
    : Presenter(session, "activations", parent), m_page(new ActivationsPage) {
    connectOptions(*m_page);
    connect(m_page, &ActivationsPage::collectRequested, this, &ActivationsPresenter::collect);
    connect(m_page, &ActivationsPage::cancelRequested, this, &ActivationsPresenter::cancel);
    connect(m_page, &ActivationsPage::klRequested, this, &ActivationsPresenter::measureKl);
    connect(m_page, &ActivationsPage::textRequested, this, &ActivationsPresenter::chooseText);
    connect(m_page, &ActivationsPage::folderRequested, this, &ActivationsPresenter::chooseFolder);
}

void ActivationsPresenter::refresh() {
    if (!session().model())
        return;
    m_page->setUsualText(usualText());
    if (session().isStored()) {
        m_page->setCollecting(ActivationsPage::Collecting::Idle);
        m_page->setPlaceholder(tr("The original is not open: a quantized file alone is not run."));
        return;
    }
    updateSource();
    m_page->setKlProblem(m_page->source() != ActivationOrigin::Model
                             ? tr("KL needs the model's own inputs: choose Model on text")
                         : m_set ? QString()
                                 : tr("The inputs are not there yet"));
    if (!m_set) {
        showWithoutSet();
        return;
    }
    m_page->setPlaceholder({});
    measure();
    show();
}

// Sources -------------------------------------------------------------------------------------------------------------

QString ActivationsPresenter::usualText() const {
    const QFileInfo path(QString::fromStdString(session().model()->path.string()));
    const QDir own(path.isDir() ? path.filePath() : path.path());
    const QString name = QStringLiteral("heldout.txt");
    if (own.exists(name))
        return own.filePath(name);
    const QString sample = MainWindow::samplePath();
    return !sample.isEmpty() && QDir(sample).exists(name) ? QDir(sample).filePath(name) : QString();
}

ActivationsPresenter::Source ActivationsPresenter::wantedSource() const {
    Source source;
    source.model = session().model();
    source.origin = m_page->source();
    switch (source.origin) {
    case ActivationOrigin::Model: {
        const QString path = m_page->textPath().isEmpty() ? usualText() : m_page->textPath();
        source.text.path = path.toStdString();
        source.text.tokenIds = path.endsWith(QLatin1String(".npy"), Qt::CaseInsensitive);
        source.text.windows = m_page->windows();
        break;
    }
    case ActivationOrigin::Files:
        source.folder = m_page->folderPath().toStdString();
        break;
    case ActivationOrigin::Synthetic:
        source.synthetic = m_page->synthetic();
        if (const int tensor = session().loader().tensor(); tensor >= 0) {
            source.tensor = source.model->tensors[static_cast<std::size_t>(tensor)].name;
            source.synthetic.channels = session().loader().current()->weights->shape.cols;
        }
        break;
    }
    return source;
}

QString ActivationsPresenter::problemOfSource() const {
    switch (m_source->origin) {
    case ActivationOrigin::Model:
        return m_source->text.path.empty() ? tr("Choose a text that the model is run on.") : QString();
    case ActivationOrigin::Files:
        return m_source->folder.empty()
                   ? tr("Choose a folder with inputs that another program wrote: NAME.npy, float32 [tokens, in], "
                        "one a linear, named after its tensor.")
                   : QString();
    case ActivationOrigin::Synthetic:
        break;
    }
    if (m_source->tensor.empty())
        return tr("Choose a tensor in the tree (Ctrl+F)");
    return session().loader().current()->weights->shape.rows < 2
               ? tr("%1 is no matrix: nothing is multiplied with it.")
                     .arg(QString::fromStdString(shortTensorName(m_source->tensor)))
               : QString();
}

std::uint64_t ActivationsPresenter::weightCount() const {
    std::uint64_t params = 0;
    for (const TensorInfo &info : m_source->model->tensors)
        params += info.params;
    return params;
}

bool ActivationsPresenter::isSmall() const {
    return m_source->origin == ActivationOrigin::Synthetic || weightCount() <= smallModelParams;
}

void ActivationsPresenter::updateSource() {
    const Source wanted = wantedSource();
    if (m_source == wanted)
        return;
    // A generator's next numbers take the place of the last ones without a gap.
    const bool keeps = m_source && m_source->model == wanted.model && m_source->origin == wanted.origin &&
                       m_source->origin == ActivationOrigin::Synthetic;
    if (!keeps) {
        m_set.reset();
        m_kl.reset();
        m_costs.reset();
        m_curve.reset();
    }
    m_source = wanted;
    m_failure.clear();
    session().runner().drop(slot());
    session().runner().drop(slot() + QStringLiteral(".kl"));
    m_measuringKl = false;
    m_page->setKlRunning(false);
    m_collecting = false;
    if (problemOfSource().isEmpty() && isSmall())
        collect();
    else if (!problemOfSource().isEmpty())
        m_set.reset();
}

template <typename Body>
void ActivationsPresenter::startCollecting(Body body) {
    session().runner().start(
        slot(), Queue::Interactive,
        [body = std::move(body)](const Work &work, const Post &) {
            Work quiet = work;
            quiet.priority = Priority::Batch; // the pages themselves go first
            return body(quiet);
        },
        JobHandlers<ActivationSet>{[this](const std::shared_ptr<const ActivationSet> &set) { takeSet(set); },
                                   [this](const JobFailure &failure) { collectingFailed(failure); },
                                   [this](const Progress &progress) {
                                       if (progress.total > 0)
                                           m_page->setCollected(static_cast<double>(progress.done) /
                                                                static_cast<double>(progress.total));
                                   }});
}

void ActivationsPresenter::collect() {
    if (!m_source || m_collecting || !problemOfSource().isEmpty())
        return;
    m_collecting = true;
    m_failure.clear();
    switch (m_source->origin) {
    case ActivationOrigin::Model:
        startCollecting([model = m_source->model, text = m_source->text](const Work &work) {
            const Llama llama(*model);
            std::vector<std::string> warnings;
            const TokenWindows windows = windowsOf(llama, text, warnings);
            ActivationSet set = collectActivations(llama, windows, {}, work);
            set.description = text.path.filename().string() + ", " + windowsText(windows);
            set.warnings = std::move(warnings);
            return set;
        });
        break;
    case ActivationOrigin::Files:
        startCollecting([model = m_source->model, folder = m_source->folder](const Work &work) {
            return importActivations(*model, folder, {}, work);
        });
        break;
    case ActivationOrigin::Synthetic:
        startCollecting([options = m_source->synthetic, tensor = m_source->tensor,
                         weights = session().loader().current()->weights](const Work &work) {
            ActivationSet set;
            set.origin = ActivationOrigin::Synthetic;
            ActivationInput input;
            input.name = tensor;
            input.tensors = {tensor};
            input.sample = syntheticActivations(options);
            input.statistics = activationStatistics(input.sample, work);
            input.weightMax = columnMaxima(weights->weights, weights->shape);
            set.inputs.push_back(std::move(input));
            return set;
        });
        break;
    }
    if (m_source->origin != ActivationOrigin::Synthetic)
        m_page->setCollecting(ActivationsPage::Collecting::Running);
    Q_EMIT computingChanged();
}

void ActivationsPresenter::cancel() {
    session().runner().requestStop(slot());
    session().runner().requestStop(slot() + QStringLiteral(".kl"));
}

void ActivationsPresenter::takeSet(std::shared_ptr<const ActivationSet> set) {
    m_collecting = false;
    m_set = std::move(set);
    tellEvidence();
    m_page->setCollecting(ActivationsPage::Collecting::Idle);
    for (const std::string &warning : m_set->warnings)
        Q_EMIT messageRaised(
            {Severity::Warning, QString::fromStdString(warning), {}, QStringLiteral("activations"), false});
    refresh();
    Q_EMIT computingChanged();
}

// Made-up inputs are no evidence.
void ActivationsPresenter::tellEvidence() {
    if (m_set->origin != ActivationOrigin::Synthetic)
        session().setActivationEvidence(activationEvidence(*m_set, m_kl.get()));
}

void ActivationsPresenter::collectingFailed(const JobFailure &failure) {
    m_collecting = false;
    m_failure = failure.stopped() ? tr("Stopped: press Collect to begin again.") : QString::fromStdString(failure.text);
    if (!failure.stopped() && m_source->origin == ActivationOrigin::Model)
        m_failure += QLatin1Char('\n') +
                     tr("Imported shows inputs that another program wrote as NAME.npy; Synthetic makes some.");
    m_page->setCollecting(ActivationsPage::Collecting::Possible);
    refresh();
    Q_EMIT computingChanged();
}

void ActivationsPresenter::showWithoutSet() {
    const QString problem = problemOfSource();
    const bool possible = problem.isEmpty() && !m_collecting;
    if (!m_collecting)
        m_page->setCollecting(possible ? ActivationsPage::Collecting::Possible : ActivationsPage::Collecting::Idle);
    if (!problem.isEmpty())
        m_page->setPlaceholder(problem);
    else if (m_collecting)
        m_page->setPlaceholder(m_source->origin == ActivationOrigin::Files
                                   ? tr("Reading inputs...")
                                   : tr("Running the model to collect the inputs of its linears..."));
    else if (!m_failure.isEmpty())
        m_page->setPlaceholder(m_failure);
    else if (m_source->origin == ActivationOrigin::Files)
        m_page->setPlaceholder(tr("Press Collect: the files and all weights that read them are read once."));
    else
        m_page->setPlaceholder(tr("Press Collect: the model is run layer by layer and the inputs of its linears are "
                                  "looked at. With %1 million weights that takes a while.")
                                   .arg(weightCount() / 1'000'000));
}

// Costs ---------------------------------------------------------------------------------------------------------------

QString ActivationsPresenter::reasonWithout() {
    const int tensor = session().selection().tensor();
    if (tensor < 0)
        return tr("Choose a tensor in the tree (Ctrl+F)");
    const QString name =
        QString::fromStdString(shortTensorName(session().model()->tensors[static_cast<std::size_t>(tensor)].name));
    return m_set->origin == ActivationOrigin::Files
               ? tr("There is no file for %1.").arg(name)
               : tr("%1 is not one of the linears that were looked at: choose another bar or tensor.").arg(name);
}

void ActivationsPresenter::measure() {
    const int tensor = session().selection().tensor();
    const TensorLoader &loader = session().loader();
    if (tensor < 0 || !loader.current() || loader.tensor() != tensor || !loader.current()->weights)
        return;
    const std::string &name = session().model()->tensors[static_cast<std::size_t>(tensor)].name;
    const ActivationInput *input = m_set->find(name);
    if (input == nullptr || input->sample.channels != loader.current()->weights->shape.cols)
        return;
    Subject subject{m_set, loader.current()->weights, name, session().recipe()};
    if (problemOf(subject.recipe))
        return;
    if (!m_costSubject || !m_costSubject->sameTensor(subject) || !(m_costSubject->recipe == subject.recipe) ||
        m_costAlpha != m_page->alpha())
        measureCosts(subject);
    if (!m_curveSubject || !m_curveSubject->sameTensor(subject) || !(m_curveSubject->recipe == subject.recipe) ||
        !(m_curveQuant == m_page->quant()))
        measureCurve(subject);
}

void ActivationsPresenter::measureCosts(const Subject &subject) {
    if (!m_costSubject || !m_costSubject->sameTensor(subject))
        m_costs.reset();
    m_costSubject = subject;
    m_costAlpha = m_page->alpha();
    m_costing = true;
    const auto ended = [this] {
        m_costing = false;
        show();
        Q_EMIT computingChanged();
    };
    session().runner().start(
        slot() + QStringLiteral(".costs"), Queue::Interactive,
        [set = m_set, weights = session().loader().current()->weights, subject, alpha = m_costAlpha](const Work &work,
                                                                                                     const Post &) {
            const ActivationInput &input = *set->find(subject.tensor);
            return activationCosts(activationProblem(input.sample, input.statistics, weights->weights, weights->shape,
                                                     input.weightMax, subject.recipe),
                                   alpha, work);
        },
        JobHandlers<ActivationCosts>{[this, ended](const std::shared_ptr<const ActivationCosts> &costs) {
                                         m_costs = costs;
                                         ended();
                                     },
                                     [this, ended](const JobFailure &failure) {
                                         ended();
                                         if (!failure.stopped())
                                             Q_EMIT messageRaised({Severity::Error,
                                                                   QString::fromStdString(failure.text),
                                                                   {},
                                                                   QStringLiteral("activations"),
                                                                   false});
                                     },
                                     {}});
    Q_EMIT computingChanged();
}

void ActivationsPresenter::measureCurve(const Subject &subject) {
    m_curve.reset();
    m_curveSubject = subject;
    m_curveQuant = m_page->quant();
    m_curving = true;
    const auto ended = [this] {
        m_curving = false;
        show();
        Q_EMIT computingChanged();
    };
    session().runner().start(
        slot() + QStringLiteral(".curve"), Queue::Interactive,
        [set = m_set, weights = session().loader().current()->weights, subject, quant = m_curveQuant](const Work &work,
                                                                                                      const Post &) {
            Work quiet = work;
            quiet.priority = Priority::Batch; // the bars go first
            const ActivationInput &input = *set->find(subject.tensor);
            return smoothingCurve(activationProblem(input.sample, input.statistics, weights->weights, weights->shape,
                                                    input.weightMax, subject.recipe, usualProducts),
                                  quant, quiet);
        },
        JobHandlers<SmoothingCurve>{[this, ended](const std::shared_ptr<const SmoothingCurve> &curve) {
                                        m_curve = curve;
                                        ended();
                                    },
                                    [ended](const JobFailure &) { ended(); },
                                    {}});
    Q_EMIT computingChanged();
}

void ActivationsPresenter::measureKl() {
    if (m_measuringKl || !m_set || m_set->origin != ActivationOrigin::Model)
        return;
    m_measuringKl = true;
    m_kl.reset();
    m_page->setKlRunning(true);
    const auto model = m_source->model;
    const TextSource text = m_source->text;
    const KlOptions options{session().plan(), m_page->alpha(), false};
    const auto ended = [this] {
        m_measuringKl = false;
        m_page->setKlRunning(false);
        show();
        Q_EMIT computingChanged();
    };
    session().runner().start(
        slot() + QStringLiteral(".kl"), Queue::Batch,
        [this, model, text, options, set = m_set](const Work &work, const Post &post) {
            const Llama llama(*model);
            std::vector<std::string> warnings;
            const TokenWindows windows = windowsOf(llama, text, warnings);
            return klOfActivations(llama, windows, *set, options, work, [this, &post](const ActivationKl &partial) {
                auto shared = std::make_shared<const ActivationKl>(partial);
                post([this, shared] {
                    m_kl = shared;
                    show();
                });
            });
        },
        JobHandlers<ActivationKl>{[this, ended](const std::shared_ptr<const ActivationKl> &kl) {
                                      m_kl = kl;
                                      tellEvidence();
                                      ended();
                                  },
                                  [this, ended](const JobFailure &failure) {
                                      ended();
                                      if (!failure.stopped())
                                          Q_EMIT messageRaised({Severity::Error,
                                                                QString::fromStdString(failure.text),
                                                                {},
                                                                QStringLiteral("activations"),
                                                                false});
                                  },
                                  {}});
    Q_EMIT computingChanged();
}

// Showing -------------------------------------------------------------------------------------------------------------

void ActivationsPresenter::show() {
    if (!m_set || !session().model())
        return;
    ActivationsView view;
    view.set = m_set;
    view.quant = m_page->quant();
    view.alpha = m_page->alpha();
    view.order = m_page->order();
    view.effect = m_page->effect();
    view.recipe = session().recipe();
    view.kl = m_kl;
    const int tensor = session().selection().tensor();
    if (tensor >= 0)
        view.tensor = session().model()->tensors[static_cast<std::size_t>(tensor)].name;
    if (m_costSubject && m_costSubject->tensor == view.tensor)
        view.costs = m_costs;
    if (m_curveSubject && m_curveSubject->tensor == view.tensor)
        view.curve = m_curve;
    m_page->setSubject(QString::fromStdString(shortTensorName(view.tensor)));
    Reading reading = activationsReading(view);
    if (reading.clauses.empty())
        reading.clauses.push_back(reasonWithout().toStdString());
    m_page->setReading(reading);
    m_page->setPending(m_costing || m_collecting);
    m_page->setView(std::move(view), reasonWithout());
}

QString ActivationsPresenter::commands() const {
    if (!m_source || !problemOfSource().isEmpty() || m_source->origin == ActivationOrigin::Synthetic)
        return {};
    const std::string model = " " + shellQuoted(m_source->model->path.string());
    const std::string file = shellQuoted(m_source->model->name + ".calibration.h5");
    const std::string calibrate = "nibblescope-cli calibrate" + model;
    if (m_source->origin == ActivationOrigin::Files)
        return QString::fromStdString(calibrate + " --activations " + shellQuoted(m_source->folder.string()) +
                                      " --out " + file);
    const TextSource &source = m_source->text;
    std::string text = (source.tokenIds ? " --tokens " : " --text ") + shellQuoted(source.path.string());
    const ModelAbility *ability = session().accuracy().ability();
    if (ability != nullptr && ability->contextLimit && *ability->contextLimit < source.context)
        text += " --context " + std::to_string(std::max<std::uint64_t>(2, *ability->contextLimit));
    if (source.windows)
        text += " --windows " + std::to_string(*source.windows);
    const ActivationQuant quant = m_page->quant();
    const std::string evaluate = "nibblescope-cli evaluate" + model + " --activations " +
                                 std::string(idOf(quant.bits)) + " --activation-scales " +
                                 std::string(idOf(quant.scales)) + text;
    std::string lines = evaluate;
    if (m_kl && !m_kl->smoothed.empty()) // with the maxima of these very windows
        lines += "\n" + calibrate + text + " --out " + file + "\n" + evaluate + " --smooth " + csvNumber(m_kl->alpha) +
                 " --calibration " + file;
    return QString::fromStdString(lines);
}

void ActivationsPresenter::chooseText() {
    const QString path = QFileDialog::getOpenFileName(
        m_page->window(), tr("Text"), QFileInfo(QString::fromStdString(m_source->text.path.string())).path(),
        tr("Texts and token ids (*.txt *.md *.npy);;All files (*)"));
    if (!path.isEmpty())
        m_page->setTextPath(path);
}

void ActivationsPresenter::chooseFolder() {
    const QString path = QFileDialog::getExistingDirectory(m_page->window(), tr("Folder of Inputs"),
                                                           QString::fromStdString(session().model()->path.string()));
    if (!path.isEmpty())
        m_page->setFolderPath(path);
}

} // namespace nibblescope
