// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/sample_figures.h"
#include "widgets/plots/chart.h"
#include "widgets/plots/figure_table_model.h"
#include "widgets/plots/figure_view.h"
#include "widgets/plots/plot_splitter.h"
#include "widgets/plots/plot_view.h"

#include <QAccessible>
#include <QApplication>
#include <QClipboard>
#include <QMenu>
#include <QMimeData>
#include <QSignalSpy>
#include <QTableView>
#include <QtTest>

#include <cmath>
#include <limits>

namespace nibblescope {

class PlotViewTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase() { applyTheme(*qApp, Theme::light()); }
    void oddFigures_data();
    void oddFigures();
    void manyPointsAreFast();
    void themeChangesTheGround();
    void keysMoveTheCursor();
    void keysZoomAndPan();
    void neverFarBeyondTheData();
    void wheelZoomsOneAxis();
    void dragPansAndDoubleClickResets();
    void rightDragZoomsRightClickAsks();
    void clicksFollowLinks();
    void hoverSaysWhatIsThere();
    void sampleBecomesExactWithoutAJump();
    void zoomStaysForTheSameFigure();
    void tableTakesItsPlace();
    void copyOffersThreeKinds();
    void screenReadersHearTheCursor();
    void leftEdgesAlign();
    void placeholderWithoutFigure();

private:
    static std::unique_ptr<PlotView> shown(const Figure &figure);
    static Chart *chartOf(PlotView &view) { return view.findChild<Chart *>(); }
};

namespace {

Figure curve(std::vector<double> x, std::vector<double> y) {
    Figure figure;
    figure.id = "test.curve";
    figure.title = "A curve";
    figure.x.label = "weight";
    figure.y.label = "count";
    figure.x.lower = 0;
    figure.x.upper = 10;
    figure.y.lower = 0;
    figure.y.upper = 100;
    Series series;
    series.name = "one";
    series.x = std::move(x);
    series.y = std::move(y);
    figure.series = {series};
    return figure;
}

std::shared_ptr<const Figure> shared(const Figure &figure) { return std::make_shared<const Figure>(figure); }

QPoint toPoint(double x, double y) { return {qRound(x), qRound(y)}; }

void wheel(QWidget *widget, QPoint at, int delta, Qt::KeyboardModifiers modifiers = Qt::NoModifier) {
    QWheelEvent event(QPointF(at), QPointF(widget->mapToGlobal(at)), QPoint(), QPoint(0, delta), Qt::NoButton,
                      modifiers, Qt::NoScrollPhase, false);
    QApplication::sendEvent(widget, &event);
}

void drag(QWidget *widget, Qt::MouseButton button, QPoint from, QPoint to) {
    QTest::mousePress(widget, button, Qt::NoModifier, from);
    for (int i = 1; i <= 5; ++i) {
        const QPoint at = from + (to - from) * i / 5;
        QMouseEvent move(QEvent::MouseMove, QPointF(at), QPointF(widget->mapToGlobal(at)), Qt::NoButton, button,
                         Qt::NoModifier);
        QApplication::sendEvent(widget, &move);
    }
    QTest::mouseRelease(widget, button, Qt::NoModifier, to);
}

} // namespace

std::unique_ptr<PlotView> PlotViewTest::shown(const Figure &figure) {
    auto view = std::make_unique<PlotView>();
    view->setFigure(shared(figure));
    view->resize(600, 300);
    view->show();
    view->setFocus();
    QTest::qWait(20);
    return view;
}

void PlotViewTest::oddFigures_data() {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const double inf = std::numeric_limits<double>::infinity();
    QTest::addColumn<int>("kind");
    QTest::addColumn<QList<double>>("x");
    QTest::addColumn<QList<double>>("y");
    QTest::addColumn<bool>("logarithmic");
    const std::pair<const char *, int> kinds[] = {{"line", 0}, {"step", 1}, {"bars", 2}};
    for (const auto &entry : kinds) {
        const auto row = [&entry](const char *name) -> QTestData & {
            return QTest::addRow("%s, %s", entry.first, name) << entry.second;
        };
        row("none") << QList<double>{} << QList<double>{} << false;
        row("one") << QList<double>{1, 2} << QList<double>{3} << false;
        row("not finite") << QList<double>{0, 1, 2, nan, 4} << QList<double>{nan, inf, -inf, 2} << false;
        row("log with zeros") << QList<double>{0, 1, 2, 3, 4} << QList<double>{0, 10, 0, 1000} << true;
        row("constant") << QList<double>{1, 1, 1, 1} << QList<double>{5, 5, 5} << false;
        row("outlier") << QList<double>{0, 1, 2, 3} << QList<double>{1, 1e300, -1e300} << false;
        row("lengths differ") << QList<double>{0, 1} << QList<double>{1, 2, 3, 4, 5} << false;
    }
}

void PlotViewTest::oddFigures() {
    QFETCH(int, kind);
    QFETCH(QList<double>, x);
    QFETCH(QList<double>, y);
    QFETCH(bool, logarithmic);
    Figure figure = curve({x.begin(), x.end()}, {y.begin(), y.end()});
    figure.y.logarithmic = logarithmic;
    figure.series[0].kind = static_cast<Series::Kind>(kind);
    figure.series[0].fillOpacity = 0.3;
    figure.series[0].barWidth = 0.8;
    figure.series[0].mark = MarkStyle::Diamond;
    const auto ranges = {std::pair{0.0, 100.0}, std::pair{5.0, 5.0},
                         std::pair{std::numeric_limits<double>::quiet_NaN(), 1.0}, std::pair{10.0, -10.0}};
    for (const auto &range : ranges) {
        figure.y.lower = range.first;
        figure.y.upper = range.second;
        const auto view = shown(figure);
        view->zoomBy(0.5);
        for (const int key : {Qt::Key_Right, Qt::Key_Left, Qt::Key_Down, Qt::Key_End})
            QTest::keyClick(chartOf(*view), static_cast<Qt::Key>(key));
        QVERIFY(!view->grab().isNull());
        const FigureView seen = view->visibleRanges();
        QVERIFY(std::isfinite(seen.yLower) && std::isfinite(seen.yUpper) && seen.yUpper > seen.yLower);
        QVERIFY(!exported(figure, PlotFormat::Svg, view->exportOptions()).isEmpty());
    }
}

void PlotViewTest::manyPointsAreFast() {
    std::vector<double> x;
    std::vector<double> y;
    for (int i = 0; i < 200000; ++i) {
        x.push_back(i / 20000.0);
        y.push_back(50 + 40 * std::sin(i * 0.7) * std::cos(i * 0.001));
    }
    for (const FigureTheme theme : {FigureTheme::Light, FigureTheme::HighContrastLight}) {
        const auto view = shown(curve(x, y));
        view->setTheme(Theme::of(theme));
        QElapsedTimer timer;
        timer.start();
        QVERIFY(!view->grab().isNull());
        QVERIFY2(timer.elapsed() < 2000, qPrintable(QString::number(timer.elapsed())));
    }
}

void PlotViewTest::themeChangesTheGround() {
    const auto view = shown(curve({0, 10}, {0, 100}));
    QCOMPARE(view->grab().toImage().pixelColor(300, 297), QColor(Qt::white));
    applyTheme(*qApp, Theme::of(FigureTheme::Dark));
    QTest::qWait(20);
    QCOMPARE(view->grab().toImage().pixelColor(300, 296), QColor(QStringLiteral("#16191D")));
    applyTheme(*qApp, Theme::light());
    QTest::qWait(20);
    QCOMPARE(view->grab().toImage().pixelColor(300, 296), QColor(Qt::white));
}

void PlotViewTest::keysMoveTheCursor() {
    Figure figure = curve({1, 2, 3, 4, 5, 6, 7, 8, 9, 9.5, 9.7, 9.9}, {10, 20, 30, 40, 50, 60, 70, 80, 90, 91, 92, 93});
    figure.series.push_back(figure.series[0]);
    figure.series[1].name = "two";
    const auto view = shown(figure);
    QSignalSpy moved(view.get(), &PlotView::cursorMoved);
    QSignalSpy text(view.get(), &PlotView::cursorText);
    QTest::keyClick(chartOf(*view), Qt::Key_Right);
    QCOMPARE(moved.takeLast(), (QVariantList{0, 0}));
    QTest::keyClick(chartOf(*view), Qt::Key_Right);
    QCOMPARE(moved.takeLast(), (QVariantList{0, 1}));
    QCOMPARE(text.takeLast().first().toString(), QStringLiteral("one: weight: 2"));
    QCOMPARE(view->readout(), QStringLiteral("one\nweight: 2\ncount: 20"));
    QTest::keyClick(chartOf(*view), Qt::Key_Right, Qt::ControlModifier);
    QCOMPARE(moved.takeLast(), (QVariantList{0, 11}));
    QTest::keyClick(chartOf(*view), Qt::Key_Down);
    QCOMPARE(moved.takeLast(), (QVariantList{1, 11}));
    QTest::keyClick(chartOf(*view), Qt::Key_Left);
    QCOMPARE(moved.takeLast(), (QVariantList{1, 10}));
    QTest::keyClick(chartOf(*view), Qt::Key_Up);
    QCOMPARE(moved.takeLast(), (QVariantList{0, 10}));
    view->setCursor(-1, -1);
    QCOMPARE(moved.takeLast(), (QVariantList{-1, -1}));
    QVERIFY(view->readout().isEmpty());
}

void PlotViewTest::keysZoomAndPan() {
    const auto view = shown(curve({0, 10}, {0, 100}));
    const FigureView before = view->visibleRanges();
    QTest::keyClick(chartOf(*view), Qt::Key_Plus);
    const FigureView closer = view->visibleRanges();
    QVERIFY(closer.xUpper - closer.xLower < before.xUpper - before.xLower);
    QVERIFY(view->isZoomed());
    QTest::keyClick(chartOf(*view), Qt::Key_Right, Qt::ShiftModifier);
    QVERIFY(view->visibleRanges().xLower > closer.xLower);
    QTest::keyClick(chartOf(*view), Qt::Key_Up, Qt::ShiftModifier);
    QVERIFY(view->visibleRanges().yLower > closer.yLower);
    QTest::keyClick(chartOf(*view), Qt::Key_Home);
    QVERIFY(view->visibleRanges() == before);
    QVERIFY(!view->isZoomed());
}

void PlotViewTest::neverFarBeyondTheData() {
    const auto view = shown(curve({0, 10}, {0, 100}));
    for (int i = 0; i < 30; ++i)
        QTest::keyClick(chartOf(*view), Qt::Key_Minus);
    const FigureView seen = view->visibleRanges();
    QCOMPARE(seen.xLower, -1.0);
    QCOMPARE(seen.xUpper, 11.0);
    QCOMPARE(seen.yUpper, 110.0);
    for (int i = 0; i < 40; ++i)
        QTest::keyClick(chartOf(*view), Qt::Key_Plus);
    for (int i = 0; i < 40; ++i)
        QTest::keyClick(chartOf(*view), Qt::Key_Left, Qt::ShiftModifier);
    QVERIFY(view->visibleRanges().xLower >= -1);
}

void PlotViewTest::wheelZoomsOneAxis() {
    const auto view = shown(curve({0, 10}, {0, 100}));
    const FigureView before = view->visibleRanges();
    wheel(chartOf(*view), {300, 150}, 120, Qt::ShiftModifier);
    QVERIFY(view->visibleRanges().xUpper < before.xUpper);
    QCOMPARE(view->visibleRanges().yUpper, before.yUpper);
    view->resetZoom();
    wheel(chartOf(*view), {300, 150}, 120, Qt::ControlModifier);
    QCOMPARE(view->visibleRanges().xUpper, before.xUpper);
    QVERIFY(view->visibleRanges().yUpper < before.yUpper);
    view->resetZoom();
    wheel(chartOf(*view), {300, 150}, 120);
    QVERIFY(view->visibleRanges().xUpper < before.xUpper && view->visibleRanges().yUpper < before.yUpper);
}

void PlotViewTest::dragPansAndDoubleClickResets() {
    const auto view = shown(curve({0, 10}, {0, 100}));
    const FigureView before = view->visibleRanges();
    view->zoomBy(0.5);
    const FigureView closer = view->visibleRanges();
    drag(chartOf(*view), Qt::LeftButton, {300, 150}, {200, 150});
    QVERIFY(view->visibleRanges().xLower > closer.xLower);
    QTest::mouseDClick(chartOf(*view), Qt::LeftButton, Qt::NoModifier, {300, 150});
    QVERIFY(view->visibleRanges() == before);
}

void PlotViewTest::rightDragZoomsRightClickAsks() {
    const auto view = shown(curve({0, 10}, {0, 100}));
    Chart *chart = chartOf(*view);
    QSignalSpy menu(chart, &Chart::menuRequested);
    disconnect(chart, &Chart::menuRequested, view.get(), nullptr);
    const Box plot = chart->layoutOfFigure().plot;
    drag(chart, Qt::RightButton, toPoint(plot.x + plot.width / 4, plot.y + 20),
         toPoint(plot.x + plot.width / 2, plot.bottom() - 20));
    QVERIFY(std::abs(view->visibleRanges().xLower - 2.5) < 0.05);
    QVERIFY(std::abs(view->visibleRanges().xUpper - 5) < 0.05);
    QVERIFY(menu.isEmpty());
    QTest::mouseClick(chart, Qt::RightButton, Qt::NoModifier, {300, 150});
    QCOMPARE(menu.size(), 1);
    const auto entries = view->contextMenu()->actions();
    QVERIFY(entries.size() >= 4);
}

void PlotViewTest::clicksFollowLinks() {
    const auto view = shown(samples::heatMap());
    Chart *chart = chartOf(*view);
    QSignalSpy once(view.get(), &PlotView::linkActivated);
    QSignalSpy twice(view.get(), &PlotView::linkDoubleClicked);
    const Box cell = chart->layoutOfFigure().cell(*view->figure()->heatMap, 1, 2);
    const QPoint at = toPoint(cell.x + cell.width / 2, cell.y + cell.height / 2);
    QTest::mouseClick(chart, Qt::LeftButton, Qt::NoModifier, at);
    QCOMPARE(once.takeLast().first().toString(), QStringLiteral("tensor:9"));
    QTest::mouseDClick(chart, Qt::LeftButton, Qt::NoModifier, at);
    QCOMPARE(twice.takeLast().first().toString(), QStringLiteral("tensor:9"));
    view->setCursor(0, 3);
    once.clear();
    QTest::keyClick(chart, Qt::Key_Return);
    QCOMPARE(once.takeLast().first().toString(), QStringLiteral("tensor:3"));
    QTest::keyClick(chart, Qt::Key_Up); // rows count from below
    QVERIFY(view->readout().startsWith(QStringLiteral("layer 1 self_attn.o_proj")));

    const auto histogram = shown(samples::histogram());
    QSignalSpy full(histogram.get(), &PlotView::linkActivated);
    const Box plot = chartOf(*histogram)->layoutOfFigure().plot;
    QTest::mouseClick(chartOf(*histogram), Qt::LeftButton, Qt::NoModifier, toPoint(plot.x + 12, plot.bottom() - 7));
    QCOMPARE(full.takeLast().first().toString(), QStringLiteral("range:full"));
}

void PlotViewTest::hoverSaysWhatIsThere() {
    const auto view = shown(samples::shares());
    Chart *chart = chartOf(*view);
    QSignalSpy text(view.get(), &PlotView::cursorText);
    const FigureLayout &layout = chart->layoutOfFigure();
    const QPoint at = toPoint(layout.x.toPixel(2.79), layout.y.toPixel(3));
    QTest::mouseMove(chart, at);
    QMouseEvent move(QEvent::MouseMove, QPointF(at), QPointF(chart->mapToGlobal(at)), Qt::NoButton, Qt::NoButton,
                     Qt::NoModifier);
    QApplication::sendEvent(chart, &move);
    QVERIFY(!text.isEmpty());
    QVERIFY(text.last().first().toString().startsWith(QStringLiteral("weights: code: 2.79")));
    QEvent leave(QEvent::Leave);
    QApplication::sendEvent(chart, &leave);
    QVERIFY(text.last().first().toString().isEmpty());
}

void PlotViewTest::sampleBecomesExactWithoutAJump() {
    Figure sample = curve({0, 10}, {0, 100});
    sample.badge = "sample \u00B7 262,144 of 16.8 M";
    const auto view = shown(sample);
    const FigureView before = view->visibleRanges();
    Figure exact = curve({0, 10}, {0, 100});
    exact.y.upper = 101.5;
    exact.x.upper = 9.9;
    view->setFigure(shared(exact));
    QVERIFY(view->visibleRanges() == before);
    exact.y.upper = 140;
    sample.y.upper = 100;
    view->setFigure(shared(sample));
    view->setFigure(shared(exact));
    QCOMPARE(view->visibleRanges().yUpper, 140.0);
}

void PlotViewTest::zoomStaysForTheSameFigure() {
    const auto view = shown(curve({0, 10}, {0, 100}));
    view->zoomBy(0.5);
    const FigureView closer = view->visibleRanges();
    view->setFigure(shared(curve({0, 10}, {3, 90})));
    QVERIFY(view->visibleRanges() == closer);
    Figure other = curve({0, 10}, {0, 100});
    other.id = "test.other";
    view->setFigure(shared(other));
    QCOMPARE(view->visibleRanges().xUpper, 10.0);
}

void PlotViewTest::tableTakesItsPlace() {
    const auto view = shown(curve({1, 2, 3}, {30, 10, 20}));
    QSignalSpy changed(view.get(), &PlotView::tableShownChanged);
    QTest::keyClick(chartOf(*view), Qt::Key_T);
    QVERIFY(view->isTableShown());
    auto *table = view->findChild<QTableView *>();
    QVERIFY(table && table->isVisible());
    QCOMPARE(table->model()->rowCount(), 3);
    table->sortByColumn(2, Qt::AscendingOrder);
    QCOMPARE(table->model()->index(0, 2).data().toString(), QStringLiteral("10"));
    table->sortByColumn(2, Qt::DescendingOrder);
    QCOMPARE(table->model()->index(0, 2).data().toString(), QStringLiteral("30"));
    QVERIFY(table->hasFocus());
    QTest::keyClick(table, Qt::Key_T);
    QVERIFY(!view->isTableShown());
    QVERIFY(chartOf(*view)->hasFocus());
    QCOMPARE(changed.size(), 2);
}

void PlotViewTest::copyOffersThreeKinds() {
    const auto view = shown(curve({1, 2, 3}, {30, 10, 20}));
    QTest::keyClick(chartOf(*view), Qt::Key_C, Qt::ControlModifier);
    const QMimeData *data = QApplication::clipboard()->mimeData();
    QVERIFY(data->hasFormat(QStringLiteral("image/png")));
    QVERIFY(data->hasFormat(QStringLiteral("image/svg+xml")));
    QVERIFY(data->hasFormat(QStringLiteral("text/csv")));
    QVERIFY(data->hasImage());
    QVERIFY(data->text().startsWith(QStringLiteral("series,weight,count")));
}

void PlotViewTest::screenReadersHearTheCursor() {
    QAccessible::setActive(true);
    const auto view = shown(curve({1, 2, 3}, {30, 10, 20}));
    view->setReading(QStringLiteral("NF4 64 keeps 20.75 dB."));
    view->setSubject(QStringLiteral("layers.0.mlp.down_proj"));
    QAccessibleInterface *heard = QAccessible::queryAccessibleInterface(chartOf(*view));
    QVERIFY(heard);
    QCOMPARE(heard->role(), QAccessible::Chart);
    QCOMPARE(heard->text(QAccessible::Name), QStringLiteral("A curve of layers.0.mlp.down_proj"));
    QCOMPARE(heard->text(QAccessible::Description), QStringLiteral("NF4 64 keeps 20.75 dB."));
    view->setCursor(0, 2);
    QCOMPARE(heard->text(QAccessible::Value), QStringLiteral("one\nweight: 3\ncount: 20"));
    QAccessible::setActive(false);
}

void PlotViewTest::leftEdgesAlign() {
    PlotSplitter splitter(Qt::Vertical);
    PlotView *top = splitter.addPlot(58);
    PlotView *bottom = splitter.addPlot(42);
    Figure wide = curve({0, 10}, {0, 100000});
    wide.y.upper = 100000;
    top->setFigure(shared(wide));
    bottom->setFigure(shared(curve({0, 10}, {0, 100})));
    splitter.resize(600, 500);
    splitter.show();
    QTRY_VERIFY(chartOf(*bottom)->layoutOfFigure().plot.x > 0);
    QTRY_COMPARE(chartOf(*top)->layoutOfFigure().plot.x, chartOf(*bottom)->layoutOfFigure().plot.x);
    QVERIFY(top->height() > bottom->height());
    QVERIFY(splitter.savedSizes().isEmpty());
}

void PlotViewTest::placeholderWithoutFigure() {
    PlotView view;
    view.setPlaceholder(QStringLiteral("Choose a tensor in the tree (Ctrl+F)"));
    view.resize(400, 200);
    view.show();
    QTest::keyClick(view.findChild<Chart *>(), Qt::Key_Right);
    wheel(view.findChild<Chart *>(), {200, 100}, 120);
    QVERIFY(!view.grab().isNull());
    QVERIFY(!view.isZoomed());
    view.setTableShown(true);
    QVERIFY(view.isTableShown());
}

} // namespace nibblescope

QTEST_MAIN(nibblescope::PlotViewTest)
#include "plot_view_test.moc"
