// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/pdf_report.h"

#include <QCoreApplication>
#include <QFileInfo>
#include <QPainter>
#include <QPdfWriter>
#include <QSaveFile>

#include <algorithm>
#include <vector>

#include "core/base/error.h"
#include "core/report/figures_accuracy.h"
#include "core/report/figures_layers.h"
#include "core/report/number_text.h"
#include "widgets/plots/plot_export.h"
#include "widgets/theme/draw_number.h"
#include "widgets/theme/theme.h"

namespace nibblescope {

namespace {

// All lengths are in units of 1/96 inch.
constexpr double unitsPerInch = 96;
constexpr int dotsPerInch = 1200;
constexpr double marginMm = 16;
constexpr double gap = 10;
constexpr double barsHeight = 235;

QString tr(const char *text) { return QCoreApplication::translate("PdfReport", text); }

QString toText(const std::string &text) { return QString::fromStdString(text); }

struct Column {
    QString title;
    double share = 1; // of the width
    bool number = false;
};

// Text, figures and tables from top to bottom, over as many pages as they need.
class Flow {
public:
    Flow(QPdfWriter &writer, const QString &footer) : m_writer(writer), m_footer(footer), m_painter(&writer) {
        const double scale = dotsPerInch / unitsPerInch;
        m_painter.scale(scale, scale);
        m_width = writer.width() / scale;
        m_height = writer.height() / scale - 20;
        drawFooter();
    }
    bool isActive() const { return m_painter.isActive(); }
    double width() const { return m_width; }

    // A heading never stands alone at the foot of a page: `below` is the height of what belongs to it.
    void heading(const QString &text, double below = 40, FontRole role = FontRole::Reading) {
        space(role == FontRole::Large ? 0 : 8);
        room(24 + below);
        paragraph(text, role, UiColour::Text);
    }

    void paragraph(const QString &text, FontRole role = FontRole::Body, UiColour colour = UiColour::Text) {
        if (text.isEmpty())
            return;
        m_painter.setFont(m_theme.font(role));
        m_painter.setPen(m_theme.colour(colour));
        const QRectF bounds =
            m_painter.boundingRect(QRectF(0, 0, m_width, 10000), Qt::TextWordWrap | Qt::AlignLeft, text);
        room(bounds.height());
        m_painter.drawText(QRectF(0, m_y, m_width, bounds.height() + 1), Qt::TextWordWrap | Qt::AlignLeft, text);
        m_y += bounds.height() + 4;
    }

    void figure(const Figure &figure, double height) {
        room(height);
        paintFigure(m_painter, QRectF(0, m_y, m_width, height), figure, m_theme);
        m_y += height + gap;
    }

    void table(const std::vector<Column> &columns, const std::vector<std::vector<QString>> &rows) {
        constexpr double rowHeight = 17;
        room(3 * rowHeight);
        drawRow(columns, {}, rowHeight, true);
        for (const auto &row : rows) {
            if (m_y + rowHeight > m_height) {
                newPage();
                drawRow(columns, {}, rowHeight, true);
            }
            drawRow(columns, row, rowHeight, false);
        }
        space(gap);
    }

    void space(double height) { m_y += m_y > 0 ? height : 0; }

private:
    void room(double height) {
        if (m_y > 0 && m_y + height > m_height)
            newPage();
    }
    void newPage() {
        m_writer.newPage();
        m_y = 0;
        drawFooter();
    }
    void drawFooter() {
        m_painter.setFont(m_theme.font(FontRole::Small));
        m_painter.setPen(m_theme.colour(UiColour::Text2));
        const QRectF line(0, m_height + 4, m_width, 16);
        m_painter.drawText(line, Qt::AlignLeft | Qt::AlignVCenter, m_footer);
        m_painter.drawText(line, Qt::AlignRight | Qt::AlignVCenter, QString::number(++m_page));
    }
    void drawRow(const std::vector<Column> &columns, const std::vector<QString> &row, double height, bool header) {
        double shares = 0;
        for (const Column &column : columns)
            shares += column.share;
        double x = 0;
        m_painter.setFont(m_theme.font(header ? FontRole::Title : FontRole::Body));
        m_painter.setPen(m_theme.colour(UiColour::Text));
        for (std::size_t i = 0; i < columns.size(); ++i) {
            const double width = m_width * columns[i].share / shares;
            const QRectF cell(x, m_y, width - 8, height);
            const QString text = header ? columns[i].title : row[i];
            const QString shown = m_painter.fontMetrics().elidedText(text, i == 0 ? Qt::ElideMiddle : Qt::ElideRight,
                                                                     static_cast<int>(cell.width()));
            if (columns[i].number && !header)
                drawNumber(m_painter, cell, shown);
            else
                m_painter.drawText(cell, Qt::AlignVCenter | (columns[i].number ? Qt::AlignRight : Qt::AlignLeft),
                                   shown);
            x += width;
        }
        m_y += height;
        m_painter.fillRect(QRectF(0, m_y - 0.5, m_width, 0.5),
                           m_theme.colour(header ? UiColour::ControlEdge : UiColour::Grid));
    }

    QPdfWriter &m_writer;
    QString m_footer;
    QPainter m_painter;
    const Theme m_theme = Theme::light();
    double m_width = 0;
    double m_height = 0;
    double m_y = 0;
    int m_page = 0;
};

void drawTotals(Flow &flow, const Report &report) {
    const ModelTotals &totals = report.totals;
    const auto add = [](std::vector<std::vector<QString>> &rows, const QString &name, const std::string &value) {
        rows.push_back({name, toText(value)});
    };
    std::vector<std::vector<QString>> rows;
    add(rows, tr("Tensors"), countText(totals.tensors) + ", " + countText(totals.quantizedTensors) + " quantized");
    add(rows, tr("Parameters"), countText(totals.params) + ", " + countText(totals.quantizedParams) + " quantized");
    add(rows, tr("Stored in the source"), bytesText(static_cast<double>(totals.bytes)));
    if (totals.metrics)
        add(rows, tr("SQNR, all quantized tensors together"), withUnit(sqnrText(totals.metrics->sqnrDb), "dB"));
    if (totals.bpw)
        add(rows, tr("Bits per weight, quantized tensors"), bpwText(*totals.bpw));
    if (totals.modelBpw)
        add(rows, tr("Bits per weight, whole model"), bpwText(*totals.modelBpw));
    flow.table({{tr("Total"), 3}, {tr("Value"), 4}}, rows);
}

void drawLayers(Flow &flow, const Report &report) {
    if (report.plan.recipe.format == Format::None)
        return;
    flow.heading(tr("Layers"), 40 + barsHeight);
    flow.paragraph(toText(report.layersReading.text()));
    LayersInput input;
    input.results = report.results;
    input.recipe = shortForm(report.plan.recipe);
    input.format = report.plan.recipe.format;
    flow.figure(layersFigure(input), barsHeight);
    if (const auto map = layersHeatMap(input)) {
        const double rows = map->heatMap ? static_cast<double>(map->heatMap->rows.size()) : 8;
        flow.figure(*map, std::clamp(90 + 26 * rows, 180.0, 560.0));
    }
}

void drawWorst(Flow &flow, const Report &report) {
    if (report.histograms.empty())
        return;
    flow.heading(report.plan.recipe.format == Format::None ? tr("Tensors of highest kurtosis")
                                                           : tr("The worst tensors"));
    for (const DistributionData &data : report.histograms) {
        flow.paragraph(toText(distributionReading(data.result, nullptr, data.outliers).text()), FontRole::Title);
        flow.figure(weightsFigure(data), 240);
        if (data.current)
            flow.figure(errorFigure(data), 170);
    }
}

void drawMemory(Flow &flow, const Report &report) {
    flow.heading(tr("Memory"), 40 + barsHeight);
    flow.paragraph(toText(report.memoryReading.text()));
    if (!report.memoryBars.empty())
        flow.figure(memoryFigure(report.memoryBars, report.deviceGiB), barsHeight);
    std::vector<std::vector<QString>> parts;
    for (const MemoryPartRow &row : report.memoryParts)
        parts.push_back({toText(row.part), toText(bytesText(static_cast<double>(row.bytes))),
                         row.bpw ? toText(bpwText(*row.bpw)) : QStringLiteral("–"), toText(percentText(row.share)),
                         toText(row.from)});
    if (!parts.empty())
        flow.table({{tr("Part"), 1.9},
                    {tr("Bytes"), 0.9, true},
                    {tr("bpw"), 0.8, true},
                    {tr("Share"), 0.8, true},
                    {tr("Where it comes from"), 4}},
                   parts);
    std::vector<std::vector<QString>> rules;
    for (const SaidRule &rule : report.rules)
        rules.push_back(
            {toText(rule.said), toText(rule.trueHere), rule.holds ? tr("yes") : tr("no"), toText(rule.why)});
    if (!rules.empty())
        flow.table({{tr("Said"), 2.5}, {tr("True here"), 1.1, true}, {tr("Holds"), 0.6}, {tr("Why"), 5}}, rules);
}

void drawAccuracy(Flow &flow, const Report &report) {
    if (report.accuracy && !report.accuracy->results.empty()) {
        const AccuracyInput &input = *report.accuracy;
        flow.heading(tr("Accuracy"), 40 + barsHeight);
        flow.paragraph(toText(accuracyReading(input).text()));
        flow.figure(paretoFigure(input), barsHeight);
        std::vector<std::vector<QString>> rows;
        for (const AccuracyRow &row : accuracyRows(input))
            rows.push_back({toText(row.name), toText(row.bpw), toText(row.kl), toText(row.perplexity),
                            toText(row.change), toText(row.top1), toText(row.sqnr)});
        flow.table({{tr("Recipe"), 2.6},
                    {tr("bpw"), 0.8, true},
                    {tr("KL × 10³"), 1.6, true},
                    {tr("Perplexity"), 1.1, true},
                    {tr("Change"), 1.8, true},
                    {tr("Top-1"), 0.9, true},
                    {tr("SQNR (dB)"), 1, true}},
                   rows);
    }
    if (report.accuracy && !report.accuracy->others.empty()) {
        flow.paragraph(tr("On the packed kernels"), FontRole::Title);
        std::vector<std::vector<QString>> rows;
        for (const ProductsRow &row : productsRows(*report.accuracy))
            rows.push_back({toText(row.recipe), toText(row.products), toText(row.kl), toText(row.cost)});
        flow.table({{tr("Recipe"), 2}, {tr("Products"), 4}, {tr("KL × 10³"), 1.6, true}, {tr("Over F32"), 1.6, true}},
                   rows);
    }
    if (!report.claims.empty())
        flow.heading(tr("Said, and measured here"));
    for (const Claim &claim : report.claims) {
        const char *mark = claim.mark == ClaimMark::Held ? "✓ " : claim.mark == ClaimMark::NotHeld ? "✗ " : "· ";
        flow.paragraph(QString::fromUtf8(mark) + toText(claim.said + " " + claim.measured), FontRole::Title);
        flow.paragraph(toText(claim.reason), FontRole::Small, UiColour::Text2);
    }
    if (!report.answers.empty())
        flow.heading(tr("Questions that learners are asked"));
    for (const Answer &answer : report.answers) {
        flow.paragraph(toText(answer.question), FontRole::Title);
        flow.paragraph(toText(answer.answer));
    }
}

void drawTensors(Flow &flow, const Report &report) {
    flow.heading(tr("Tensors"));
    std::vector<std::vector<QString>> rows;
    for (const TensorResult &result : report.results) {
        const bool measured = result.metrics.has_value();
        rows.push_back(
            {toText(shortTensorName(result.info.name)), toText(shortCount(result.info.params)),
             result.quantized ? toText(bpwText(result.bpw)) : tr("kept"),
             measured ? toText(sqnrText(result.metrics->sqnrDb, result.metrics->exact())) : QStringLiteral("–"),
             measured && result.metrics->relativeError ? toText(percentText(*result.metrics->relativeError))
                                                       : QStringLiteral("–"),
             result.statistics.kurtosis ? toText(fixedText(*result.statistics.kurtosis, 2)) : QStringLiteral("–")});
    }
    flow.table({{tr("Name"), 4.4},
                {tr("Params"), 1, true},
                {tr("bpw"), 1, true},
                {tr("SQNR (dB)"), 1.2, true},
                {tr("Rel. error"), 1.2, true},
                {tr("Kurtosis"), 1.1, true}},
               rows);
}

} // namespace

void writePdf(const Report &report, const QString &path) {
    const auto fail = [&path](const QString &why) {
        throw Error(Fault::Machine, "`" + QFileInfo(path).fileName().toStdString() +
                                        "` was not written: " + why.toStdString() + ". An old file is unchanged.");
    };
    QSaveFile file(path);
    if (!file.open(QIODevice::WriteOnly))
        fail(file.errorString());
    const QString recipe =
        report.plan.recipe.format == Format::None ? tr("statistics") : toText(shortForm(report.plan.recipe));
    const QString title = tr("%1, %2").arg(toText(report.name), recipe);
    {
        QPdfWriter writer(&file);
        writer.setResolution(dotsPerInch);
        writer.setPageSize(QPageSize(QPageSize::A4));
        writer.setPageMargins(QMarginsF(marginMm, marginMm, marginMm, marginMm), QPageLayout::Millimeter);
        writer.setTitle(title);
        writer.setCreator(QStringLiteral("Nibblescope " NIBBLESCOPE_VERSION));
        Flow flow(writer, tr("Nibblescope %1, %2").arg(QStringLiteral(NIBBLESCOPE_VERSION), toText(report.date)));
        if (!flow.isActive())
            fail(tr("it cannot be drawn"));
        flow.heading(title, 40, FontRole::Large);
        flow.paragraph(toText(report.path), FontRole::Small, UiColour::Text2);
        flow.paragraph(toText(report.commandLine), FontRole::Mono, UiColour::Text2);
        for (const std::string &warning : report.warnings)
            flow.paragraph(QStringLiteral("! ") + toText(warning), FontRole::Body, UiColour::Error);
        flow.space(gap);
        drawTotals(flow, report);
        drawLayers(flow, report);
        drawMemory(flow, report);
        drawWorst(flow, report);
        drawAccuracy(flow, report);
        drawTensors(flow, report);
    }
    if (!file.commit())
        fail(file.errorString());
}

} // namespace nibblescope
