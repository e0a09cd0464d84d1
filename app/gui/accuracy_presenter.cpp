// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/accuracy_presenter.h"

#include <QFileDialog>
#include <QFileInfo>

#include "app/gui/main_window.h"
#include "app/session/claim_evidence.h"
#include "core/quant/method_parameters.h"
#include "core/quant/quantize.h"
#include "core/report/command_line.h"
#include "core/report/number_text.h"

namespace nibblescope {

namespace {

constexpr int updateMilliseconds = 100;
const QString topic = QStringLiteral("accuracy");

QString sentence(const std::string &text) { return QString::fromStdString(text); }

// The text that a model brings along.
QString heldOutBeside(const Model &model) {
    const QFileInfo info(QString::fromStdString(model.path.string()));
    const QString folder = info.isDir() ? info.filePath() : info.path();
    const QString file = folder + QStringLiteral("/heldout.txt");
    return QFileInfo::exists(file) ? QFileInfo(file).absoluteFilePath() : QString();
}

QString notPacked(const std::string &problem) {
    return AccuracyPresenter::tr("Not on the packed kernels: %1").arg(QString::fromStdString(problem));
}

// "heldout.txt", "heldout.txt on the packed kernels with INT8 activations".
QString measuredOn(const AccuracyPage &page) {
    return page.products() == Products::Blas
               ? page.textName()
               : AccuracyPresenter::tr("%1 on %2")
                     .arg(page.textName(), sentence(std::string(traits(page.products()).phrase)));
}

} // namespace

AccuracyPresenter::AccuracyPresenter(Session &session, QObject *parent)
    : Presenter(session, "accuracy", parent), m_page(new AccuracyPage) {
    connectOptions(*m_page);
    m_page->setPageNames({{QStringLiteral("distribution"), tr("Distribution")},
                          {QStringLiteral("bins"), tr("Bins")},
                          {QStringLiteral("layers"), tr("Layers")},
                          {QStringLiteral("memory"), tr("Memory")},
                          {QStringLiteral("speed"), tr("Speed")},
                          {QStringLiteral("accuracy"), tr("Accuracy")},
                          {QStringLiteral("activations"), tr("Activations")}});
    m_timer.setSingleShot(true);
    connect(&m_timer, &QTimer::timeout, this, &AccuracyPresenter::update);
    connect(m_page, &AccuracyPage::evaluateRequested, this, &AccuracyPresenter::evaluateCurrent);
    connect(m_page, &AccuracyPage::usualRequested, this, &AccuracyPresenter::evaluateUsual);
    connect(m_page, &AccuracyPage::cancelRequested, this, [this] { this->session().accuracy().stop(); });
    connect(m_page, &AccuracyPage::chooseTextRequested, this, &AccuracyPresenter::chooseText);
    connect(m_page, &AccuracyPage::forgetRequested, this, [this] { this->session().accuracy().forget(); });
    connect(&session.accuracy(), &Accuracy::ended, this, &AccuracyPresenter::ended);
    connect(&session.accuracy(), &Accuracy::warned, this, [this](const QString &text) {
        Q_EMIT messageRaised({Severity::Warning, text, {}, topic, false});
    });
    connect(&session, &Session::activationEvidenceChanged, this, [this] {
        if (!m_page->isHidden())
            refresh();
    });
    for (const auto signal : {&Accuracy::progressed, &Accuracy::resultsChanged, &Accuracy::abilityChanged})
        connect(&session.accuracy(), signal, this, [this] {
            if (!m_page->isHidden())
                refresh();
        });
}

void AccuracyPresenter::refresh() {
    if (!session().accuracy().isRunning()) {
        m_timer.stop();
        update();
    } else if (!m_timer.isActive()) {
        m_timer.start(updateMilliseconds);
    }
}

std::vector<AccuracyPage::Text> AccuracyPresenter::texts() const {
    std::vector<AccuracyPage::Text> texts;
    const QString beside = heldOutBeside(*session().model());
    if (!beside.isEmpty())
        texts.push_back({tr("heldout.txt"), beside});
    const QString sample = MainWindow::samplePath();
    if (!sample.isEmpty() && sample + QStringLiteral("/heldout.txt") != beside)
        texts.push_back({tr("the sample's text"), sample + QStringLiteral("/heldout.txt")});
    return texts;
}

TextSource AccuracyPresenter::text() const {
    TextSource text;
    text.path = m_page->textPath().toStdString();
    text.tokenIds = m_page->textPath().endsWith(QLatin1String(".npy"), Qt::CaseInsensitive);
    text.context = m_page->context();
    text.windows = m_page->windows();
    return text;
}

QString AccuracyPresenter::reasonNot() const {
    const ModelAbility *ability = session().accuracy().ability();
    if (ability == nullptr)
        return tr("The model is being looked at");
    if (!ability->notRun.empty())
        return sentence(ability->notRun);
    if (m_page->textPath().isEmpty())
        return tr("Choose a text first");
    if (!ability->noTokenizer.empty() && !text().tokenIds)
        return sentence(ability->noTokenizer);
    return {};
}

std::vector<Recipe> AccuracyPresenter::missingUsual() const {
    const auto known = session().accuracy().results(text(), session().setup().rule, m_page->products());
    std::vector<Recipe> missing = usualRecipes(session().calibration().file() != nullptr);
    std::erase_if(missing, [&](const Recipe &recipe) {
        const SharedAccuracy result = findResult(known, recipe);
        return (result && result->evaluation.complete()) || problemOf(recipe, m_page->products());
    });
    return missing;
}

void AccuracyPresenter::update() {
    const Session &state = session();
    if (!state.model())
        return;
    const Accuracy &accuracy = state.accuracy();
    if (state.isStored()) {
        m_page->setPlaceholder(tr("The original is not open: a quantized file alone has nothing to be compared with."));
        return;
    }
    if (accuracy.ability() == nullptr) {
        m_page->setPending(true);
        return;
    }
    m_page->setPlaceholder({});
    m_page->setTexts(texts());
    m_page->setSubject(QString::fromStdString(state.model()->name));
    m_page->setRunning(accuracy.isRunning(), accuracy.status().share);
    QString reason = reasonNot();
    if (reason.isEmpty() && state.recipe().format == Format::None)
        reason = tr("Choose a format first");
    if (const auto problem = problemOf(state.recipe(), m_page->products()); problem && reason.isEmpty())
        reason = notPacked(*problem);
    const QString recipe = QString::fromStdString(recipeText(state.recipe()));
    m_page->setPossible(reason, recipe, missingUsual().size());

    if (!m_page->textPath().isEmpty())
        session().accuracy().setText(text());
    AccuracyInput input = accuracyInput(state, text(), m_page->products());
    input.rank = m_page->rank();
    input.text = m_page->textName().toStdString();
    if (accuracy.isRunning() && accuracy.status().text == text() && accuracy.status().products == input.products)
        input.running = accuracy.status().running;
    if (!accuracy.isRunning()) {
        if (!state.run().isRunning())
            session().accuracy().measureSqnr(state.setup().rule);
        // Claims are judged by the weights alone, whatever the page shows.
        const ClaimEvidence evidence =
            claimEvidence(state, input.products == Products::Blas ? input : accuracyInput(state, text()));
        m_page->setClaims(claims(evidence), learnersAnswers(evidence));
    }
    if (!accuracy.ability()->notRun.empty()) {
        m_page->setReading({{"This model cannot be run here, so that its predictions cannot be compared."}});
        m_page->setHint(
            tr("%1\n\nLayers shows what each recipe does to its weights.").arg(sentence(accuracy.ability()->notRun)));
        return;
    }
    if (input.results.empty() && input.running.empty()) {
        m_page->setReading({{reason.isEmpty() ? "Not measured yet: press Evaluate." : "Not measured yet."}});
        m_page->setHint(!reason.isEmpty()
                            ? reason
                            : tr("Nothing measured on %1 yet.\n\nEvaluate runs the model with %2 beside the "
                                 "unquantized one and compares what they predict. The usual recipes are "
                                 "%3 runs in one job.")
                                  .arg(measuredOn(*m_page), recipe)
                                  .arg(missingUsual().size()));
        return;
    }
    m_page->setReading(accuracyReading(input));
    m_page->setInput(input);
}

void AccuracyPresenter::evaluate(const std::vector<Recipe> &recipes) {
    update();
    QString reason = reasonNot();
    if (reason.isEmpty() && session().isStored())
        reason = tr("The open file is quantized already: open the original");
    Accuracy::Request request;
    request.text = text();
    request.products = m_page->products();
    for (const Recipe &recipe : recipes) {
        if (const auto problem = problemOf(recipe))
            reason = QString::fromStdString(shortForm(recipe) + ": " + problem->reason);
        else if (const auto unpacked = problemOf(recipe, request.products))
            reason = notPacked(*unpacked);
        request.plans.push_back(session().planFor(recipe));
        if (needsCalibration(recipe) && !session().calibration().file())
            reason = QString::fromStdString(std::string(findMethod(recipe.method)->name) +
                                            " needs a calibration: Run > Calibrate... makes one");
    }
    request.prepare = session().calibration().preparation();
    request.calibration = session().calibration().file();
    if (!reason.isEmpty()) {
        if (!reason.endsWith(QLatin1Char('.')))
            reason += QLatin1Char('.');
        Q_EMIT messageRaised({Severity::Warning, reason, {}, topic, false});
        return;
    }
    session().accuracy().start(std::move(request));
    update();
    Q_EMIT computingChanged();
}

QString AccuracyPresenter::commandOptions() const {
    const TextSource source = text();
    std::string line = (source.tokenIds ? "--tokens " : "--text ") + shellQuoted(source.path.string());
    if (source.context != usualContext)
        line += " --context " + std::to_string(source.context);
    if (source.windows)
        line += " --windows " + std::to_string(*source.windows);
    if (m_page->products() != Products::Blas)
        line += " --products " + std::string(traits(m_page->products()).id);
    return QString::fromStdString(line);
}

void AccuracyPresenter::evaluateUsual() { evaluate(missingUsual()); }

void AccuracyPresenter::ended(const QString &problem, bool stopped) {
    if (!problem.isEmpty()) {
        Q_EMIT messageRaised({Severity::Error, problem, {}, topic, false});
    } else if (stopped) {
        const std::vector<AccuracyRunning> &running = session().accuracy().status().running;
        const AccuracyRunning &first = running.front();
        const std::size_t done = first.curve.empty() ? 0 : first.curve.back().windows;
        Q_EMIT messageRaised({Severity::Info,
                              tr("Stopped at %1 of %2 windows with %3. What was measured is kept.")
                                  .arg(done)
                                  .arg(first.planned)
                                  .arg(running.size() == 1 ? QString::fromStdString(recipeText(first.recipe))
                                                           : tr("%1 recipes").arg(running.size())),
                              {},
                              topic,
                              true});
    }
    refresh();
    Q_EMIT computingChanged();
}

void AccuracyPresenter::chooseText() {
    const QString start = m_page->textPath().isEmpty() ? QString::fromStdString(session().model()->path.string())
                                                       : QFileInfo(m_page->textPath()).path();
    const QString path = QFileDialog::getOpenFileName(m_page, tr("Text to Evaluate On"), start,
                                                      tr("Texts and token ids (*.txt *.md *.npy);;All files (*)"));
    if (path.isEmpty())
        return;
    auto options = m_page->options();
    options["text"] = path.toStdString();
    session().setPageOptions(pageId(), options);
}

} // namespace nibblescope
