// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/axis_ticks.h"
#include "core/report/clip_shapes.h"
#include "core/report/figure_draw.h"
#include "core/report/figure_table.h"
#include "core/report/svg_canvas.h"
#include "core/report/svg_writer.h"
#include "tests/support/sample_figures.h"

#include <QXmlStreamReader>
#include <QtTest>

#include <cmath>
#include <limits>

namespace nibblescope {

class SvgWriterTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void wellFormed_data();
    void wellFormed();
    void textIsEscaped();
    void nothingIsNotFinite();
    void ticks();
    void tickTexts();
    void labelsKeepTheirDistance();
    void shapesAreCut();
    void mirroredAxisOpensAGap();
    void csv();
    void csvOfAFigureWithoutTable();

private:
    static QByteArray bytes(const Figure &figure, double width, double height, double scale = 1);
};

QByteArray SvgWriterTest::bytes(const Figure &figure, double width, double height, double scale) {
    SvgOptions options;
    options.width = width;
    options.height = height;
    options.scale = scale;
    return QByteArray::fromStdString(toSvg(figure, options));
}

void SvgWriterTest::wellFormed_data() {
    QTest::addColumn<int>("number");
    QTest::addColumn<double>("width");
    QTest::addColumn<double>("height");
    int number = 0;
    for (const Figure &figure : samples::all()) {
        QTest::addRow("%s", figure.id.c_str()) << number << 692.0 << 300.0;
        QTest::addRow("%s, tiny", figure.id.c_str()) << number << 40.0 << 20.0;
        ++number;
    }
}

void SvgWriterTest::wellFormed() {
    QFETCH(int, number);
    QFETCH(double, width);
    QFETCH(double, height);
    for (const double scale : {1.0, 2.0}) {
        const QByteArray svg = bytes(samples::all().at(static_cast<std::size_t>(number)), width, height, scale);
        QXmlStreamReader reader(svg);
        while (!reader.atEnd())
            reader.readNext();
        QVERIFY2(!reader.hasError(), qPrintable(reader.errorString()));
        QVERIFY(!svg.contains("nan") && !svg.contains("inf"));
        QVERIFY(!svg.contains("<image") && !svg.contains("<script") && !svg.contains("clipPath"));
        QVERIFY(svg.contains("Inter, 'DejaVu Sans', sans-serif"));
    }
}

void SvgWriterTest::textIsEscaped() {
    QCOMPARE(xmlEscaped("a<b>&\"c'\x01\n"), std::string("a&lt;b&gt;&amp;&quot;c&#39; "));
    QCOMPARE(xmlEscaped("\xFF\xC3"), std::string("\uFFFD\uFFFD"));
    QCOMPARE(xmlEscaped("\xED\xA0\x80 \xC0\xAF"), std::string("\uFFFD\uFFFD\uFFFD \uFFFD\uFFFD"));
    QCOMPARE(xmlEscaped("20.75\u00A0dB \u2212 \u03C3"), std::string("20.75\u00A0dB \u2212 \u03C3"));
    Figure figure = samples::layers();
    const std::string hostile = "</text><script>alert(1)</script>";
    figure.title = hostile;
    figure.x.label = hostile;
    figure.note = hostile;
    figure.series[0].name = hostile;
    figure.marks[0].text = hostile;
    figure.id = "\"><script>";
    const QByteArray svg = bytes(figure, 1200, 400);
    QVERIFY(!svg.contains("<script"));
    QXmlStreamReader reader(svg);
    while (!reader.atEnd())
        reader.readNext();
    QVERIFY(!reader.hasError());
}

void SvgWriterTest::nothingIsNotFinite() {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const double inf = std::numeric_limits<double>::infinity();
    Figure figure;
    figure.x.lower = nan;
    figure.y.upper = inf;
    for (const auto kind : {Series::Kind::Line, Series::Kind::Step, Series::Kind::Bars}) {
        Series series;
        series.kind = kind;
        series.name = "odd";
        series.fillOpacity = 0.5;
        series.mark = MarkStyle::Circle;
        series.base = nan;
        series.barWidth = nan;
        series.x = {0, nan, 1, inf, 2, 1e308};
        series.y = {nan, 1, inf, -inf, 1e308};
        figure.series.push_back(series);
    }
    for (const auto kind : {Mark::Kind::VerticalLine, Mark::Kind::HorizontalLine, Mark::Kind::Text, Mark::Kind::Ring,
                            Mark::Kind::Segment, Mark::Kind::Frame}) {
        Mark mark;
        mark.kind = kind;
        mark.x = nan;
        mark.y = inf;
        mark.x2 = nan;
        mark.text = "odd";
        figure.marks.push_back(mark);
    }
    Band band;
    band.from = nan;
    band.to = inf;
    band.text = "odd";
    figure.bands.push_back(band);
    for (const bool logarithmic : {false, true}) {
        figure.y.logarithmic = logarithmic;
        const QByteArray svg = bytes(figure, 400, 200);
        QVERIFY(!svg.contains("nan") && !svg.contains("\"inf") && !svg.contains("e+"));
    }
}

void SvgWriterTest::ticks() {
    const auto labels = [](const Axis &axis, double lower, double upper, int most) {
        QStringList texts;
        for (const Axis::Tick &tick : numericTicks(axis, lower, upper, most))
            texts << QString::fromStdString(tick.label);
        return texts.join(QLatin1Char(' '));
    };
    const Axis plain;
    QCOMPARE(labels(plain, -0.505, 0.505, 11),
             QStringLiteral("\u22120.5 \u22120.4 \u22120.3 \u22120.2 \u22120.1 0.0 0.1 0.2 0.3 0.4 0.5"));
    QCOMPARE(labels(plain, 0, 1400, 8), QStringLiteral("0 200 400 600 800 1,000 1,200 1,400"));
    QCOMPARE(labels(plain, 17, 23.5, 4), QStringLiteral("18 20 22"));
    Axis whole;
    whole.integral = true;
    QCOMPARE(labels(whole, 0.3, 3.7, 11), QStringLiteral("1 2 3"));
    Axis percent;
    percent.tickSuffix = "\u00A0%";
    QCOMPARE(labels(percent, 0, 15, 4), QStringLiteral("0\u00A0% 5\u00A0% 10\u00A0% 15\u00A0%"));
    Axis log;
    log.logarithmic = true;
    QCOMPARE(labels(log, 0.5, 20000, 8), QStringLiteral("1 10 100 1,000 10,000"));
    QVERIFY(numericTicks(log, 0, 10, 5).empty());
    QVERIFY(numericTicks(plain, 1, 1, 5).empty());
    QVERIFY(numericTicks(plain, 0, std::numeric_limits<double>::infinity(), 5).empty());
    for (const double upper : {1e-9, 3e-7, 0.02, 1.0, 77.0, 1e5, 3e8, 1e15}) {
        for (int most = 2; most < 12; ++most) {
            const auto some = numericTicks(plain, 0, upper, most);
            QVERIFY(static_cast<int>(some.size()) <= most && !some.empty());
        }
    }
}

void SvgWriterTest::tickTexts() {
    QCOMPARE(tickLabel(-0.0, 1), std::string("0.0"));
    QCOMPARE(tickLabel(-1e-12, 2), std::string("0.00"));
    QCOMPARE(tickLabel(1234567, 0), std::string("1.235\u00A0M"));
    QCOMPARE(tickLabel(2e9, 0), std::string("2\u00A0G"));
    QCOMPARE(tickLabel(-5e-7, 7), std::string("\u22125e\u22127"));
}

void SvgWriterTest::labelsKeepTheirDistance() {
    const SvgCanvas canvas;
    for (const Figure &figure : samples::all()) {
        for (const double width : {240.0, 340.0, 692.0, 1100.0}) {
            const FigureLayout layout = layoutFigure(figure, ownView(figure), {0, 0, width, 260}, 1, canvas);
            if (figure.heatMap)
                continue;
            QVERIFY(layout.xTicks.size() <= 16);
            for (std::size_t i = 1; i < layout.xTicks.size(); ++i) {
                const double halves = (canvas.textWidth(layout.xTicks[i].label, 11, false) +
                                       canvas.textWidth(layout.xTicks[i - 1].label, 11, false)) /
                                      2;
                QVERIFY(layout.xTicks[i].pixel - layout.xTicks[i - 1].pixel - halves >= 5.5);
            }
        }
    }
}

void SvgWriterTest::shapesAreCut() {
    const Box clip{0, 0, 10, 10};
    const std::vector<Point> line{{-5, 5}, {5, 5}, {5, 20}, {8, 20}, {8, 5}};
    const auto parts = clippedLine(line, clip);
    QCOMPARE(parts.size(), std::size_t{2});
    QCOMPARE(parts[0].size(), std::size_t{3});
    QCOMPARE(parts[0].front().x, 0.0);
    QCOMPARE(parts[0].back().y, 10.0);
    QCOMPARE(parts[1].front().y, 10.0);
    QVERIFY(clippedLine(std::vector<Point>{{-5, -5}, {20, -5}}, clip).empty());
    const auto square = clippedPolygon(std::vector<Point>{{-5, -5}, {15, -5}, {15, 5}, {-5, 5}}, clip);
    QCOMPARE(square.size(), std::size_t{4});
    for (const Point &corner : square)
        QVERIFY(clip.contains(corner));
    QVERIFY(clippedPolygon(std::vector<Point>{{20, 20}, {30, 20}, {30, 30}}, clip).empty());
    // Nothing is drawn above the plot, though the histogram goes beyond it.
    Figure figure = samples::histogram();
    figure.y.upper = 50;
    const SvgCanvas measure;
    const FigureLayout layout = layoutFigure(figure, ownView(figure), {0, 0, 692, 300}, 1, measure);
    SvgCanvas canvas;
    canvas.pushClip(layout.plot);
    canvas.rectangle({0, -100, 692, 500}, Fill{{0, 0, 0}, 1, false}, std::nullopt, 0);
    canvas.popClip();
    QVERIFY(QByteArray::fromStdString(canvas.elements())
                .contains("y=\"" + QByteArray::fromStdString(svgNumber(layout.plot.y)) + "\""));
}

void SvgWriterTest::mirroredAxisOpensAGap() {
    const SvgCanvas canvas;
    const Figure figure = samples::density();
    const FigureLayout layout = layoutFigure(figure, ownView(figure), {0, 0, 700, 300}, 1, canvas);
    QCOMPARE(layout.y.toPixel(0, 1), layout.strip.y);
    QCOMPARE(layout.y.toPixel(0, -1), layout.strip.bottom());
    QCOMPARE(layout.y.toPixel(1.3), layout.plot.y);
    QCOMPARE(layout.y.toPixel(-1.3), layout.plot.bottom());
    for (const double value : {-1.1, -0.3, 0.4, 1.2})
        QVERIFY(std::abs(layout.y.toValue(layout.y.toPixel(value)) - value) < 1e-9);
}

void SvgWriterTest::csv() {
    FigureTable table;
    table.columns = {"name", "SQNR (dB)"};
    table.rows = {{{std::nullopt, "a \"b\", c"}, {20.75, ""}},
                  {{std::nullopt, "=HYPERLINK(1)"}, {-1.0 / 3, ""}},
                  {{std::nullopt, "\u22128"}, {std::nullopt, ""}},
                  {{std::nullopt, "x"}, {std::numeric_limits<double>::quiet_NaN(), ""}}};
    QCOMPARE(
        QByteArray::fromStdString(toCsv(table)),
        QByteArray(
            "name,SQNR (dB)\r\n\"a \"\"b\"\", c\",20.75\r\n'=HYPERLINK(1),-0.3333333333333333\r\n-8,\r\nx,nan\r\n"));
    for (const double value : {0.1, 1e-300, 123456789.123, -2.5e20})
        QCOMPARE(QByteArray::fromStdString(csvNumber(value)).toDouble(), value);
}

void SvgWriterTest::csvOfAFigureWithoutTable() {
    const FigureTable table = tableOf(samples::errors());
    QCOMPARE(table.columns.size(), std::size_t{4});
    QCOMPARE(table.rows.size(), std::size_t{262});
    QCOMPARE(tableOf(samples::heatMap()).rows.size(), std::size_t{35});
    QCOMPARE(tableOf(samples::memory()).rows.size(), std::size_t{20});
    QCOMPARE(tableOf(samples::sweep()).columns.size(), std::size_t{3});
}

} // namespace nibblescope

QTEST_GUILESS_MAIN(nibblescope::SvgWriterTest)
#include "svg_writer_test.moc"
