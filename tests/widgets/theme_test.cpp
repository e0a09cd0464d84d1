// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/theme/draw_number.h"
#include "widgets/theme/icons.h"
#include "widgets/theme/theme.h"

#include <QApplication>
#include <QCheckBox>
#include <QComboBox>
#include <QLineEdit>
#include <QPainter>
#include <QPushButton>
#include <QSpinBox>
#include <QtTest>

#include <vector>

namespace nibblescope {

class ThemeTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase() { applyTheme(*qApp, Theme::light()); }
    void systemFollowsLightness();
    void textHasContrast_data();
    void textHasContrast();
    void seriesHaveContrast_data();
    void seriesHaveContrast();
    void viridisTextHasContrast();
    void paletteAndSheetFollowTheTheme();
    void controlsAre26High();
    void textSizeScales();
    void everyIconIsDrawnInTheTextColour();
    void digitsAreOfEqualWidth();
    void pointsStandUnderEachOther();
};

namespace {

Rgb toRgb(const QColor &colour) {
    return {static_cast<std::uint8_t>(colour.red()), static_cast<std::uint8_t>(colour.green()),
            static_cast<std::uint8_t>(colour.blue())};
}

void themeRows() {
    QTest::addColumn<int>("theme");
    QTest::newRow("light") << static_cast<int>(FigureTheme::Light);
    QTest::newRow("dark") << static_cast<int>(FigureTheme::Dark);
    QTest::newRow("high contrast light") << static_cast<int>(FigureTheme::HighContrastLight);
    QTest::newRow("high contrast dark") << static_cast<int>(FigureTheme::HighContrastDark);
}

QImage drawn(const QString &number, int decimals) {
    QImage image(100, 20, QImage::Format_RGB32);
    image.fill(Qt::white);
    QPainter painter(&image);
    painter.setFont(Theme::light().font(FontRole::Body));
    drawNumber(painter, QRectF(0, 0, 100, 20), number, decimals);
    return image;
}

int rightmostInk(const QImage &image) {
    for (int x = image.width() - 1; x >= 0; --x) {
        for (int y = 0; y < image.height(); ++y) {
            if (image.pixelColor(x, y).lightness() < 200)
                return x;
        }
    }
    return -1;
}

} // namespace

void ThemeTest::systemFollowsLightness() {
    QPalette dark;
    dark.setColor(QPalette::Window, Qt::black);
    dark.setColor(QPalette::WindowText, Qt::white);
    QPalette light;
    light.setColor(QPalette::Window, Qt::white);
    light.setColor(QPalette::WindowText, Qt::black);
    QVERIFY(Theme(ThemeChoice::System, 100, dark).dark());
    QVERIFY(!Theme(ThemeChoice::System, 100, light).dark());
    QVERIFY(!Theme(ThemeChoice::Light, 100, dark).dark());
    QVERIFY(Theme(ThemeChoice::HighContrast, 100, dark).dark());
    QVERIFY(Theme(ThemeChoice::HighContrast, 100, light).highContrast());
}

void ThemeTest::textHasContrast_data() { themeRows(); }
void ThemeTest::textHasContrast() {
    QFETCH(int, theme);
    const Theme look = Theme::of(static_cast<FigureTheme>(theme));
    const auto ratio = [&look](UiColour one, UiColour other) {
        return contrast(toRgb(look.colour(one)), toRgb(look.colour(other)));
    };
    for (const UiColour ground :
         {UiColour::Base, UiColour::Window, UiColour::AlternateBase, UiColour::Bar, UiColour::Title,
          UiColour::InfoGround, UiColour::WarningGround, UiColour::ErrorGround}) {
        QVERIFY(ratio(UiColour::Text, ground) >= 7);
        QVERIFY(ratio(UiColour::Text2, ground) >= 4.5);
    }
    QVERIFY(ratio(UiColour::HighlightText, UiColour::Highlight) >= 4.5);
    QVERIFY(ratio(UiColour::AccentText, UiColour::Accent) >= 4.5);
    QVERIFY(ratio(UiColour::Good, UiColour::Base) >= 4.5);
    QVERIFY(ratio(UiColour::Error, UiColour::Base) >= 4.5);
    QVERIFY(ratio(UiColour::ControlEdge, UiColour::Window) >= 3);
    QVERIFY(ratio(UiColour::InfoIcon, UiColour::InfoGround) >= 5);
    QVERIFY(ratio(UiColour::WarningIcon, UiColour::WarningGround) >= 5);
    QVERIFY(ratio(UiColour::ErrorIcon, UiColour::ErrorGround) >= 5);
}

void ThemeTest::seriesHaveContrast_data() { themeRows(); }
void ThemeTest::seriesHaveContrast() {
    QFETCH(int, theme);
    const auto look = static_cast<FigureTheme>(theme);
    for (const Format format : {Format::None, Format::Int4, Format::Int4Max, Format::Int4Asym, Format::Nf4, Format::Fp4,
                                Format::Mxfp4, Format::Int8})
        QVERIFY(contrast(figureColour(formatLook(format).colour, look), figureGround(look)) >= 3);
    QVERIFY(contrast(figureColour(ColourRole::Fp16, look), figureGround(look)) >= 3);
    // No two formats share hue, mark and line.
    std::vector<std::tuple<ColourRole, MarkStyle, LineStyle>> seen;
    for (int i = 0; i < static_cast<int>(formatCount); ++i) {
        const FormatLook one = formatLook(static_cast<Format>(i));
        const std::tuple key{one.colour, one.mark, one.line};
        QVERIFY(std::find(seen.begin(), seen.end(), key) == seen.end());
        seen.push_back(key);
    }
}

void ThemeTest::viridisTextHasContrast() {
    QCOMPARE(hexText(viridis(0)), std::string("#440154"));
    QCOMPARE(hexText(viridis(0.5)), std::string("#21918C"));
    QCOMPARE(hexText(viridis(1)), std::string("#FDE725"));
    QCOMPARE(hexText(viridis(-3)), std::string("#440154"));
    QCOMPARE(hexText(diverging(0.5, FigureTheme::Dark)), std::string("#2A2F36"));
    for (int i = 0; i <= 1000; ++i) {
        const Rgb ground = viridis(i / 1000.0);
        QVERIFY2(contrast(textOn(ground), ground) >= 4.5, qPrintable(QString::number(i)));
    }
}

void ThemeTest::paletteAndSheetFollowTheTheme() {
    const Theme dark = Theme::of(FigureTheme::Dark, 125);
    applyTheme(*qApp, dark);
    QVERIFY(currentTheme() == dark);
    QCOMPARE(QApplication::palette().color(QPalette::Base), QColor(QStringLiteral("#16191D")));
    const QString sheet = qApp->styleSheet();
    QVERIFY(sheet.contains(QLatin1String("#6fa8f5")));
    QVERIFY2(!sheet.contains(QLatin1Char('@')), "a name in the style sheet has no value");
    applyTheme(*qApp, Theme::light());
    QCOMPARE(QApplication::palette().color(QPalette::Base), QColor(Qt::white));
}

void ThemeTest::controlsAre26High() {
    QPushButton button(QStringLiteral("Measure"));
    QComboBox combo;
    combo.addItem(QStringLiteral("NF4"));
    QLineEdit edit;
    QSpinBox spin;
    for (QWidget *control : std::initializer_list<QWidget *>{&button, &combo, &edit, &spin}) {
        control->ensurePolished();
        QCOMPARE(control->sizeHint().height(), 26);
    }
    QCheckBox box(QStringLiteral("Log"));
    box.ensurePolished();
    QVERIFY(box.sizeHint().height() >= 24);
}

void ThemeTest::textSizeScales() {
    QCOMPARE(Theme::of(FigureTheme::Light, 200).font(FontRole::Reading).pixelSize(), 30);
    QCOMPARE(Theme::of(FigureTheme::Light, 100).font(FontRole::Small).pixelSize(), 11);
    QCOMPARE(Theme::of(FigureTheme::Light, 500).textSize(), 200);
    QVERIFY(Theme::light().font(FontRole::Title).weight() >= QFont::DemiBold);
}

void ThemeTest::everyIconIsDrawnInTheTextColour() {
    const QStringList names{QStringLiteral("open"),    QStringLiteral("export"),       QStringLiteral("report"),
                            QStringLiteral("undo"),    QStringLiteral("redo"),         QStringLiteral("back"),
                            QStringLiteral("forward"), QStringLiteral("run"),          QStringLiteral("stop"),
                            QStringLiteral("pin"),     QStringLiteral("swap"),         QStringLiteral("theme"),
                            QStringLiteral("table"),   QStringLiteral("share"),        QStringLiteral("funnel"),
                            QStringLiteral("search"),  QStringLiteral("close"),        QStringLiteral("float"),
                            QStringLiteral("info"),    QStringLiteral("warning"),      QStringLiteral("error"),
                            QStringLiteral("folder"),  QStringLiteral("file"),         QStringLiteral("sample"),
                            QStringLiteral("copy"),    QStringLiteral("chevron-down"), QStringLiteral("chevron-up"),
                            QStringLiteral("check"),   QStringLiteral("chevron-left"), QStringLiteral("chevron-right"),
                            QStringLiteral("plot"),    QStringLiteral("reset")};
    for (const FigureTheme look : {FigureTheme::Light, FigureTheme::Dark}) {
        applyTheme(*qApp, Theme::of(look));
        for (const QString &name : names) {
            const QIcon icon = themeIcon(name);
            QVERIFY2(!icon.isNull(), qPrintable(name));
            const QImage image = icon.pixmap(QSize(40, 40)).toImage();
            QCOMPARE(image.size(), QSize(40, 40));
            bool found = false;
            for (int y = 0; y < 40; ++y) {
                for (int x = 0; x < 40; ++x) {
                    const QColor colour = image.pixelColor(x, y);
                    if (colour.alpha() == 255)
                        found = found || colour.rgb() == currentTheme().colour(UiColour::Text).rgb();
                }
            }
            QVERIFY2(found, qPrintable(name));
        }
    }
    applyTheme(*qApp, Theme::light());
    QVERIFY(!applicationIcon().pixmap(64, 64).isNull());
}

void ThemeTest::digitsAreOfEqualWidth() {
    const QFontMetricsF metrics(Theme::light().font(FontRole::Body));
    QCOMPARE(numberWidth(QStringLiteral("111.1"), metrics), numberWidth(QStringLiteral("444.4"), metrics));
}

void ThemeTest::pointsStandUnderEachOther() {
    const int full = rightmostInk(drawn(QStringLiteral("20.75"), 2));
    const int shorter = rightmostInk(drawn(QStringLiteral("20"), 2));
    const int plain = rightmostInk(drawn(QStringLiteral("20"), -1));
    QVERIFY(full > 95);
    QVERIFY(plain > 95);
    QVERIFY(shorter < full - 12);
}

} // namespace nibblescope

QTEST_MAIN(nibblescope::ThemeTest)
#include "theme_test.moc"
