// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/sample_figures.h"
#include "widgets/plots/plot_export.h"
#include "widgets/theme/theme.h"

#include <QApplication>
#include <QImage>
#include <QXmlStreamReader>
#include <QtTest>

namespace nibblescope {

class PlotExportTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void everyFormat_data();
    void everyFormat();
    void darkOnlyIfAsked();
};

void PlotExportTest::everyFormat_data() {
    QTest::addColumn<int>("number");
    int number = 0;
    for (const Figure &figure : samples::all())
        QTest::newRow(figure.id.c_str()) << number++;
}

void PlotExportTest::everyFormat() {
    QFETCH(int, number);
    const Figure figure = samples::all().at(static_cast<std::size_t>(number));
    const PlotExport options;

    const QByteArray png = exported(figure, PlotFormat::Png, options);
    const QImage image = QImage::fromData(png, "PNG");
    QCOMPARE(image.size(), QSize(1209, 756)); // 160 x 100 mm at 192 dpi
    QVERIFY(std::abs(image.dotsPerMeterX() * 0.0254 - 192) < 0.5);
    QCOMPARE(image.pixelColor(2, 2), QColor(Qt::white));

    const QByteArray svg = exported(figure, PlotFormat::Svg, options);
    QXmlStreamReader reader(svg);
    int texts = 0;
    while (!reader.atEnd()) {
        if (reader.readNext() != QXmlStreamReader::StartElement)
            continue;
        QVERIFY(reader.name() != QLatin1String("image"));
        texts += reader.name() == QLatin1String("text") ? 1 : 0;
        if (reader.name() == QLatin1String("svg"))
            QCOMPARE(reader.attributes().value(QLatin1String("width")), QLatin1String("160mm"));
    }
    QVERIFY2(!reader.hasError(), qPrintable(reader.errorString()));
    QVERIFY(texts > 3);

    const QByteArray pdf = exported(figure, PlotFormat::Pdf, options);
    QVERIFY(pdf.startsWith("%PDF"));
    QVERIFY2(!pdf.contains("/Subtype /Image"), "a raster image in the PDF");
    // 160 x 100 mm are 453.5 x 283.5 points.
    QVERIFY2(pdf.contains("/MediaBox [0 0 453") || pdf.contains("/MediaBox [0 0 454"), "the page has another size");

    const QByteArray csv = exported(figure, PlotFormat::Csv, options);
    QVERIFY(csv.count("\r\n") > 2);
    QVERIFY(!csv.contains("\u2212"));
}

void PlotExportTest::darkOnlyIfAsked() {
    applyTheme(*qApp, Theme::of(FigureTheme::Dark));
    PlotExport options;
    QCOMPARE(QImage::fromData(exported(samples::errors(), PlotFormat::Png, options)).pixelColor(2, 2),
             QColor(Qt::white));
    options.theme = currentTheme();
    QCOMPARE(QImage::fromData(exported(samples::errors(), PlotFormat::Png, options)).pixelColor(2, 2),
             QColor(QStringLiteral("#16191D")));
    QVERIFY(exported(samples::errors(), PlotFormat::Svg, options).contains("#16191D"));
}

} // namespace nibblescope

QTEST_MAIN(nibblescope::PlotExportTest)
#include "plot_export_test.moc"
