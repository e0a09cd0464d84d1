// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/help_texts.h"

#include <QCoreApplication>
#include <QTextBrowser>
#include <QVBoxLayout>
#include <QWidget>

#include "app/gui/actions.h"

namespace nibblescope {

namespace {

QString tr(const char *text) { return QCoreApplication::translate("Help", text); }

QString row(const QString &left, const QString &right) {
    return QStringLiteral("<tr><td style='padding:2px 18px 2px 0'><b>%1</b></td><td style='padding:2px 0'>%2</td></tr>")
        .arg(left.toHtmlEscaped(), right.toHtmlEscaped());
}

QString table(const QString &rows) { return QStringLiteral("<table>%1</table>").arg(rows); }

} // namespace

QString shortcutsHtml(const Actions &actions) {
    QString rows;
    for (std::size_t i = 0; i < static_cast<std::size_t>(ActionId::Count); ++i) {
        const QAction *action = actions[static_cast<ActionId>(i)];
        if (!action->shortcut().isEmpty())
            rows += row(action->shortcut().toString(QKeySequence::NativeText),
                        action->text().remove(QLatin1Char('&')).remove(QStringLiteral("...")));
    }
    rows += row(QStringLiteral("F6, Shift+F6"), tr("Next and previous region of the window"));
    rows += row(QStringLiteral("F7, F8, F9"), tr("Tensors, Recipe, Numbers"));
    const QString plots = row(QStringLiteral("← →"), tr("Cursor to the next bin; with Ctrl by ten")) +
                          row(QStringLiteral("↑ ↓"), tr("Cursor to another series")) +
                          row(QStringLiteral("+ −"), tr("Zoom; Shift and arrows pan, Home shows all")) +
                          row(QStringLiteral("Enter"), tr("As a click on what the cursor marks")) +
                          row(QStringLiteral("T"), tr("Table in place of the plot")) +
                          row(QStringLiteral("Ctrl+C"), tr("Copy the plot as PNG, SVG and CSV")) +
                          row(QStringLiteral("[ ]"), tr("Previous and next group")) +
                          row(tr("Wheel"), tr("Zoom; Shift: across only, Ctrl: up and down only")) +
                          row(tr("Drag"), tr("Left button pans, right button zooms into a box"));
    return QStringLiteral("<h3>%1</h3>%2<h3>%3</h3>%4").arg(tr("Window"), table(rows), tr("In a plot"), table(plots));
}

QString meaningsHtml() {
    const QString rows =
        row(tr("SQNR"), tr("10 log10(Σ w² / Σ (w − w′)²), in dB; higher is better. Over several tensors: one sum of "
                           "signal and one of error, never a mean of dB.")) +
        row(tr("Relative error"),
            tr("√(Σ (w − w′)² / Σ w²): the Frobenius norm of the error over that of the weights.")) +
        row(tr("MSE, RMSE"), tr("Mean of (w − w′)², and its root.")) +
        row(tr("Cosine"), tr("w · w′ / (‖w‖ ‖w′‖); near 1 it is shown as 1 − x.")) +
        row(tr("Max |error|"), tr("The largest |w − w′|.")) +
        row(tr("Clipped"), tr("Share of weights beyond an outer level by more than half of that end's step.")) +
        row(tr("Codes used"), tr("How many of the codes occur.")) +
        row(tr("Code entropy"), tr("−Σ p log2 p over the shares of the codes, in bit.")) +
        row(tr("bpw"), tr("Every bit that is stored for the tensor over its weights: codes, scales, zero-points, "
                          "second-level constants; a short last group costs a whole scale.")) +
        row(tr("Kurtosis"), tr("m4 / m2²: 3 for a normal distribution, more with heavy tails.")) +
        row(tr("Outlier channel"), tr("An input channel whose max |x| exceeds 6 times the median over the channels.")) +
        row(tr("Smoothing"),
            tr("x / s and w · s with s = max|x|^α / max|w|^(1 − α) for each channel (SmoothQuant): the "
               "product stays the same.")) +
        row(tr("Group"), tr("Weights that share one scale.")) +
        row(tr("Scale"), tr("What a level is multiplied with; rounded to its storage type before codes are chosen.")) +
        row(tr("Double quantization"), tr("The scales themselves as 8-bit codes in blocks of 256, with an offset.")) +
        row(tr("KL divergence"), tr("At each position Σ P ln(P / P′) over the vocabulary, P the unquantized model's "
                                    "next-token distribution and P′ the quantized one's; mean, median and 99th "
                                    "percentile over all predictions of a text, in nat. 0 is no change.")) +
        row(tr("Perplexity"),
            tr("exp of the mean −ln p of the tokens that follow. Its change is exp(d) − 1, d the mean "
               "difference of −ln p, paired by windows.")) +
        row(tr("Standard error"), tr("Windows as clusters: the standard deviation of the windows' means over √windows. "
                                     "What differs by less than two of them is not distinguishable.")) +
        row(tr("Top-1 agreement"), tr("Share of positions at which both models find the same token most probable.")) +
        row(tr("Output error"), tr("√(tr(E G E′) / tr(W G W′)): of a matrix's outputs on the calibration text, E the "
                                   "error of its weights and G = X′X of its inputs."));
    return table(rows) + QStringLiteral("<p>%1</p>")
                             .arg(tr("All sums go over the finite weights. ≈ marks numbers of a sample. w is a weight, "
                                     "w′ what its code decodes to."));
}

QString aboutHtml() {
    return QStringLiteral("<h2>Nibblescope %1</h2><p>%2</p><p>%3</p><p>%4</p>")
        .arg(QCoreApplication::applicationVersion(),
             tr("Shows what 4-bit quantization does to a neural network's weights, and writes the quantized files that "
                "other tools load."),
             tr("Free software under the GNU General Public License, version 3 or later. Plots are drawn on "
                "QCustomPlot (GPL), files are read with the HDF5 library, the window is Qt %1.")
                 .arg(QString::fromLatin1(qVersion())),
             tr("Nothing leaves this machine: Nibblescope opens no network connection."));
}

void showHelp(QWidget *parent, const QString &title, const QString &html) {
    auto *window = new QWidget(parent, Qt::Dialog);
    window->setAttribute(Qt::WA_DeleteOnClose);
    window->setWindowTitle(title);
    window->resize(620, 560);
    auto *layout = new QVBoxLayout(window);
    layout->setContentsMargins(12, 12, 12, 12);
    auto *text = new QTextBrowser;
    text->setHtml(html);
    text->setOpenExternalLinks(true);
    text->setFrameShape(QFrame::NoFrame);
    layout->addWidget(text);
    window->show();
}

} // namespace nibblescope
