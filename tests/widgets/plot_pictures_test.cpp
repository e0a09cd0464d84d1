// SPDX-License-Identifier: GPL-3.0-or-later
// Draws every kind of figure in every theme, at the sizes of the pages and at small ones. Set NIBBLESCOPE_PICTURES to a
// folder to look at what is drawn.
#include "core/report/svg_writer.h"
#include "tests/support/sample_figures.h"
#include "widgets/plots/plot_splitter.h"
#include "widgets/plots/plot_view.h"
#include "widgets/theme/theme.h"

#include <QApplication>
#include <QDir>
#include <QtTest>

namespace nibblescope {

class PlotPicturesTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void themes_data();
    void themes();
    void smallSizes();

private:
    static void keep(QWidget &widget, const QString &name);
};

void PlotPicturesTest::keep(QWidget &widget, const QString &name) {
    const QString folder = qEnvironmentVariable("NIBBLESCOPE_PICTURES");
    const QImage image = widget.grab().toImage();
    QVERIFY(!image.isNull());
    if (!folder.isEmpty())
        QVERIFY(QDir().mkpath(folder) && image.save(QDir(folder).filePath(name)));
}

void PlotPicturesTest::themes_data() {
    QTest::addColumn<int>("theme");
    QTest::newRow("light") << static_cast<int>(FigureTheme::Light);
    QTest::newRow("dark") << static_cast<int>(FigureTheme::Dark);
    QTest::newRow("contrast-light") << static_cast<int>(FigureTheme::HighContrastLight);
    QTest::newRow("contrast-dark") << static_cast<int>(FigureTheme::HighContrastDark);
}

void PlotPicturesTest::themes() {
    QFETCH(int, theme);
    const Theme look = Theme::of(static_cast<FigureTheme>(theme));
    applyTheme(*qApp, look);
    const QString name = QString::fromLatin1(QTest::currentDataTag());
    const std::vector<std::vector<Figure>> pages{{samples::histogram(), samples::errors()},
                                                 {samples::density(), samples::layers()},
                                                 {samples::heatMap(), samples::layers()},
                                                 {samples::memory(), samples::speed(), samples::speedUp()}};
    int number = 0;
    for (const std::vector<Figure> &page : pages) {
        PlotSplitter splitter(Qt::Vertical);
        for (const Figure &figure : page)
            splitter.addPlot(1)->setFigure(std::make_shared<const Figure>(figure));
        splitter.resize(724, 680);
        splitter.show();
        splitter.plots().front()->setCursor(0, 44);
        QTest::qWait(60);
        keep(splitter, QStringLiteral("%1-%2.png").arg(name).arg(++number));
    }
    PlotSplitter beside(Qt::Horizontal);
    beside.addPlot(1)->setFigure(std::make_shared<const Figure>(samples::shares()));
    beside.addPlot(1)->setFigure(std::make_shared<const Figure>(samples::sweep()));
    beside.resize(724, 190);
    beside.show();
    QTest::qWait(60);
    keep(beside, QStringLiteral("%1-5.png").arg(name));
}

void PlotPicturesTest::smallSizes() {
    for (const int textSize : {100, 200}) {
        applyTheme(*qApp, Theme::of(FigureTheme::Light, textSize));
        for (const Figure &figure : samples::all()) {
            PlotView view;
            view.setFigure(std::make_shared<const Figure>(figure));
            view.resize(340, 200);
            view.show();
            QTest::qWait(20);
            keep(view, QStringLiteral("small-%1-%2.png").arg(textSize).arg(QString::fromStdString(figure.id)));
            view.resize(1, 1);
            QTest::qWait(5);
        }
    }
}

} // namespace nibblescope

QTEST_MAIN(nibblescope::PlotPicturesTest)
#include "plot_pictures_test.moc"
