// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/figures_accuracy.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <limits>
#include <map>

#include "core/report/figure_colours.h"
#include "core/report/figure_pieces.h"
#include "core/report/number_text.h"

namespace nibblescope {
namespace {

// Texts are placed for a plot of about this size; whoever draws leaves out those that would still cover another.
constexpr double plotWidth = 600;
constexpr double plotHeight = 210;
constexpr double characterWidth = 5.9;
constexpr double lineHeight = 14;
constexpr double beside = 9; // from a point to its name
constexpr double farOff = 3; // times the range of the others: named at the edge

struct Shown {
    SharedAccuracy result;
    double x = 0;
    double y = 0;
    double error = 0; // one standard error
};

Shown shownOf(const SharedAccuracy &result, AccuracyRank rank) {
    Shown shown{result, result->bpw, 0, 0};
    switch (rank) {
    case AccuracyRank::Kl:
        shown.y = result->evaluation.comparison->kl.mean;
        shown.error = result->evaluation.comparison->kl.standardError.value_or(0);
        break;
    case AccuracyRank::Perplexity: {
        const Estimate change = perplexityChange(*result);
        shown.y = 100 * change.mean;
        shown.error = 100 * change.standardError.value_or(0);
        break;
    }
    case AccuracyRank::Sqnr:
        shown.y = result->sqnrDb.value_or(0);
        break;
    }
    return shown;
}

std::string valueOf(const Shown &shown, AccuracyRank rank) {
    switch (rank) {
    case AccuracyRank::Kl:
        return heldText("KL " + estimateText(shown.result->evaluation.comparison->kl));
    case AccuracyRank::Perplexity:
        return heldText("perplexity ") + changeText(perplexityChange(*shown.result));
    case AccuracyRank::Sqnr:
        break;
    }
    return withUnit(sqnrText(shown.result->sqnrDb), "dB");
}

std::string readoutOf(const AccuracyResult &result) {
    const Comparison &comparison = *result.evaluation.comparison;
    return shortForm(result.recipe) + "\n" + bpwText(result.bpw) + " bpw · KL " + estimateText(comparison.kl) +
           "\nperplexity " + fixedText(result.evaluation.perplexity, 3) + ", " + changeText(perplexityChange(result)) +
           "\ntop-1 " + percentText(comparison.top1Agreement) + " · SQNR " + sqnrText(result.sqnrDb) + " dB";
}

std::string linkOf(const AccuracyResult &result) { return "recipe:" + toJson(result.recipe).dump(); }

// The 8-bit ones apart where there are others.
void setAside(std::vector<Shown> &points, std::vector<Shown> &right, std::vector<Shown> &above, AccuracyRank rank) {
    const auto narrow = [](const Shown &shown) { return traits(shown.result->recipe.format).codeBits == 4; };
    const auto fours = std::count_if(points.begin(), points.end(), narrow);
    if (fours > 0) {
        std::copy_if(points.begin(), points.end(), std::back_inserter(right), std::not_fn(narrow));
        std::erase_if(points, std::not_fn(narrow));
    }
    if (rank == AccuracyRank::Sqnr)
        return;
    // One far above all others, then the next.
    while (points.size() > 2) {
        std::sort(points.begin(), points.end(), [](const Shown &a, const Shown &b) { return a.y < b.y; });
        if (points.back().y <= farOff * std::max(points[points.size() - 2].y, 1e-12))
            break;
        above.push_back(points.back());
        points.pop_back();
    }
}

void fit(Figure &figure, const std::vector<Shown> &points, AccuracyRank rank) {
    double left = points.front().x;
    double right = left;
    double low = points.front().y - points.front().error;
    double high = low;
    for (const Shown &point : points) {
        left = std::min(left, point.x);
        right = std::max(right, point.x);
        low = std::min(low, point.y - point.error);
        high = std::max(high, point.y + point.error);
    }
    const double aside = std::max(0.06 * (right - left), 0.03);
    figure.x.lower = left - aside;
    figure.x.upper = right + 2.2 * aside; // room for names
    const double margin = std::max(0.08 * (high - low), std::max(1e-9, 0.02 * std::abs(high)));
    figure.y.lower = rank != AccuracyRank::Sqnr && low >= 0 && low < 0.6 * high ? 0 : low - margin;
    figure.y.upper = high + margin;
}

// One series a format, so that each has its mark and its entry in the legend.
void addPoints(Figure &figure, const std::vector<Shown> &points, const AccuracyInput &input) {
    std::map<Format, Series> series;
    for (const Shown &point : points) {
        const Format format = point.result->recipe.format;
        Series &of = series[format];
        of.name = std::string(traits(format).shortName);
        of.colour = formatLook(format).colour;
        of.mark = formatLook(format).mark;
        of.line = LineStyle::None;
        if (point.result->recipe == input.current)
            of.selected.push_back(of.x.size());
        of.x.push_back(point.x);
        of.y.push_back(point.y);
        of.readouts.push_back(readoutOf(*point.result));
        of.links.push_back(linkOf(*point.result));
    }
    for (auto &[format, of] : series)
        figure.series.push_back(std::move(of));
}

void addErrors(Figure &figure, const std::vector<Shown> &points) {
    const double cap = 0.004 * (figure.x.upper - figure.x.lower);
    for (const Shown &point : points) {
        if (!(point.error > 0))
            continue;
        Mark whisker;
        whisker.kind = Mark::Kind::Segment;
        whisker.colour = formatLook(point.result->recipe.format).colour;
        whisker.x = whisker.x2 = point.x;
        whisker.y = point.y - point.error;
        whisker.y2 = point.y + point.error;
        figure.marks.push_back(whisker);
        for (const double end : {whisker.y, whisker.y2}) {
            Mark line = whisker;
            line.x -= cap;
            line.x2 += cap;
            line.y = line.y2 = end;
            figure.marks.push_back(line);
        }
    }
}

// Stairs: what can be had with at most so many bits.
void addFront(Figure &figure, const std::vector<Shown> &points, AccuracyRank rank) {
    std::vector<SharedAccuracy> results;
    for (const Shown &point : points)
        results.push_back(point.result);
    Series stairs;
    stairs.kind = Series::Kind::Step;
    stairs.name = "Pareto front";
    stairs.colour = ColourRole::Text2;
    stairs.line = LineStyle::Dashed;
    for (const SharedAccuracy &result : paretoFront(results, rank)) {
        const Shown place = shownOf(result, rank);
        if (!stairs.x.empty() && place.x <= stairs.x.back())
            continue;
        stairs.x.push_back(place.x);
        stairs.y.push_back(place.y);
    }
    stairs.x.push_back(figure.x.upper);
    figure.series.insert(figure.series.begin(), std::move(stairs));
}

struct Room {
    double left, top, right, bottom;
    bool meets(const Room &other) const {
        return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
    }
};

// Names the points, the important ones first; one that finds no free place is left to the cursor.
class Names {
public:
    Names(Figure &figure, const std::vector<Shown> &points) : m_figure(figure) {
        for (const Shown &point : points) {
            const auto [x, y] = pixel(point);
            m_taken.push_back({x - 5, y - 5, x + 5, y + 5});
        }
    }

    void add(const Shown &point, bool bold) {
        const std::string text = shortForm(point.result->recipe);
        const double width = characterWidth * (bold ? 1.08 : 1) * static_cast<double>(text.size()) + 4;
        const auto [x, y] = pixel(point);
        for (const double dy : {0.0, -13.0, 13.0, -22.0, 22.0})
            for (const bool left : {false, true}) {
                const double from = left ? x - beside - width : x + beside;
                const Room room{from, y + dy - lineHeight / 2, from + width, y + dy + lineHeight / 2};
                if (room.left < 0 || room.right > plotWidth || room.top < 0 || room.bottom > plotHeight)
                    continue;
                if (std::any_of(m_taken.begin(), m_taken.end(),
                                [&room](const Room &other) { return room.meets(other); }))
                    continue;
                m_taken.push_back(room);
                place(point, text, left ? x - beside : x + beside, y + dy, left, bold);
                return;
            }
    }

private:
    std::pair<double, double> pixel(const Shown &point) const {
        return {plotWidth * (point.x - m_figure.x.lower) / (m_figure.x.upper - m_figure.x.lower),
                plotHeight * (m_figure.y.upper - point.y) / (m_figure.y.upper - m_figure.y.lower)};
    }

    void place(const Shown &point, const std::string &text, double x, double y, bool left, bool bold) {
        Mark mark;
        mark.kind = Mark::Kind::Text;
        mark.x = m_figure.x.lower + x / plotWidth * (m_figure.x.upper - m_figure.x.lower);
        mark.y = m_figure.y.upper - y / plotHeight * (m_figure.y.upper - m_figure.y.lower);
        mark.align = left ? Mark::Align::Right : Mark::Align::Left;
        mark.colour = ColourRole::Text;
        mark.text = text;
        mark.bold = bold;
        mark.link = linkOf(*point.result);
        m_figure.marks.push_back(mark);
    }

    Figure &m_figure;
    std::vector<Room> m_taken;
};

void addNames(Figure &figure, const std::vector<Shown> &points, const AccuracyInput &input) {
    Names names(figure, points);
    std::vector<SharedAccuracy> results;
    for (const Shown &point : points)
        results.push_back(point.result);
    const std::vector<SharedAccuracy> front = paretoFront(results, input.rank);
    const auto urgency = [&](const Shown &point) {
        if (point.result->recipe == input.current)
            return 0;
        if (input.baseline && point.result->recipe == *input.baseline)
            return 1;
        return std::find(front.begin(), front.end(), point.result) != front.end() ? 2 : 3;
    };
    for (int level = 0; level <= 3; ++level)
        for (const Shown &point : points)
            if (urgency(point) == level)
                names.add(point, level == 0);
}

void addEdges(Figure &figure, const std::vector<Shown> &right, const std::vector<Shown> &above, AccuracyRank rank) {
    double y = rank == AccuracyRank::Sqnr ? 0.98 : 0.03;
    for (const Shown &point : right) {
        figure.marks.push_back(cornerText(shortForm(point.result->recipe) + ", " + bpwText(point.x) +
                                              " bpw: " + valueOf(point, rank) + " ▸",
                                          0.995, y, Mark::Align::Right, linkOf(*point.result)));
        y += rank == AccuracyRank::Sqnr ? -0.08 : 0.08;
    }
    y = 0.98;
    for (const Shown &point : above) {
        figure.marks.push_back(cornerText("▴ " + shortForm(point.result->recipe) + ", " + bpwText(point.x) +
                                              " bpw: " + valueOf(point, rank),
                                          0.005, y, Mark::Align::Left, linkOf(*point.result)));
        y -= 0.08;
    }
}

struct Curve {
    std::string name;
    ColourRole colour = ColourRole::Weights;
    LineStyle line = LineStyle::Solid;
    const std::vector<AccuracyPoint> *points = nullptr;
};

Estimate valueOf(const AccuracyPoint &point, AccuracyRank rank) {
    if (rank != AccuracyRank::Perplexity)
        return point.kl;
    Estimate change = perplexityChange(point.nllDifference);
    change.mean *= 100;
    if (change.standardError)
        *change.standardError *= 100;
    return change;
}

std::string curveReadout(const Curve &curve, const AccuracyPoint &point, AccuracyRank rank) {
    const Estimate change = perplexityChange(point.nllDifference);
    return curve.name + "\n" + countText(point.windows) + " windows: " +
           (rank == AccuracyRank::Perplexity ? "perplexity " + changeText(change) : "KL " + estimateText(point.kl));
}

// Above this many curves have no bands and are named where they end: a legend would leave no room for them.
constexpr std::size_t mostWithLegend = 4;

void addCurve(Figure &figure, const Curve &curve, AccuracyRank rank, bool many) {
    Series mean;
    if (!many)
        mean.name = curve.name;
    mean.colour = curve.colour;
    mean.line = curve.line;
    Series band; // along the upper edge and back along the lower
    band.colour = curve.colour;
    band.line = LineStyle::None;
    band.fillOpacity = 0.16;
    std::vector<double> lower;
    for (const AccuracyPoint &point : *curve.points) {
        const Estimate value = valueOf(point, rank);
        const double error = value.standardError.value_or(0);
        mean.x.push_back(static_cast<double>(point.windows));
        mean.y.push_back(value.mean);
        mean.readouts.push_back(curveReadout(curve, point, rank));
        band.y.push_back(value.mean + error);
        lower.push_back(value.mean - error);
    }
    band.x = mean.x;
    band.x.insert(band.x.end(), mean.x.rbegin(), mean.x.rend());
    band.y.insert(band.y.end(), lower.rbegin(), lower.rend());
    band.base = lower.front();
    if (mean.x.size() == 1)
        mean.mark = MarkStyle::Circle;
    if (mean.x.size() > 1 && !many)
        figure.series.push_back(std::move(band));
    figure.series.push_back(std::move(mean));
}

std::vector<Curve> curvesOf(const AccuracyInput &input) {
    std::vector<Curve> curves;
    for (const AccuracyRunning &running : input.running) {
        const bool own = input.running.size() == 1 || running.recipe == input.current;
        if (!running.curve.empty())
            curves.push_back({shortForm(running.recipe), formatLook(running.recipe.format).colour,
                              own ? LineStyle::Solid : LineStyle::Dotted, &running.curve});
    }
    if (!input.running.empty())
        return curves;
    const auto add = [&](const Recipe &recipe, const char *suffix, LineStyle line) {
        const SharedAccuracy result = findResult(input.results, recipe);
        if (result && !result->curve.empty())
            curves.push_back({shortForm(recipe) + suffix, formatLook(recipe.format).colour, line, &result->curve});
    };
    if (input.baseline && !(*input.baseline == input.current))
        add(*input.baseline, ", baseline", LineStyle::Dashed);
    add(input.current, "", LineStyle::Solid);
    return curves;
}

// The first windows scatter widely: the axis fits what comes after the first quarter.
void fitCurve(Figure &figure, const std::vector<Curve> &curves, AccuracyRank rank) {
    bool first = true;
    for (const Curve &curve : curves) {
        const std::size_t from = curve.points->size() / 4;
        for (std::size_t i = from; i < curve.points->size(); ++i) {
            const Estimate value = valueOf((*curve.points)[i], rank);
            const double error = value.standardError.value_or(0.1 * std::abs(value.mean));
            figure.y.lower = first ? value.mean - error : std::min(figure.y.lower, value.mean - error);
            figure.y.upper = first ? value.mean + error : std::max(figure.y.upper, value.mean + error);
            first = false;
        }
    }
    const double margin = std::max(0.15 * (figure.y.upper - figure.y.lower), 1e-12);
    figure.y.lower -= margin;
    figure.y.upper += margin;
}

// KL of many recipes spans decades.
void fitCurvesToDecades(Figure &figure, const std::vector<Curve> &curves) {
    double lower = std::numeric_limits<double>::infinity();
    double upper = 0;
    for (const Curve &curve : curves)
        for (std::size_t i = curve.points->size() / 4; i < curve.points->size(); ++i) {
            const double kl = (*curve.points)[i].kl.mean;
            if (kl > 0)
                lower = std::min(lower, kl);
            upper = std::max(upper, kl);
        }
    if (!(lower <= upper))
        return;
    figure.y.logarithmic = true;
    figure.y.lower = lower / 1.3;
    figure.y.upper = upper * 1.3;
}

// Names behind the ends of curves, those that do not run into one another: the solid one's first, then from below.
void nameEnds(Figure &figure, std::vector<Curve> curves, AccuracyRank rank) {
    constexpr double height = 0.055; // of a name, as a share of the axis
    const auto place = [&](double y) {
        const Axis &axis = figure.y;
        return axis.logarithmic ? std::log(y / axis.lower) / std::log(axis.upper / axis.lower)
                                : (y - axis.lower) / (axis.upper - axis.lower);
    };
    const auto endOf = [rank](const Curve &curve) { return valueOf(curve.points->back(), rank).mean; };
    std::stable_sort(curves.begin(), curves.end(), [&](const Curve &a, const Curve &b) {
        const bool solidA = a.line == LineStyle::Solid;
        const bool solidB = b.line == LineStyle::Solid;
        return solidA != solidB ? solidA : endOf(a) < endOf(b);
    });
    std::vector<double> taken;
    for (const Curve &curve : curves) {
        const double y = place(endOf(curve));
        const auto close = [y](double other) { return std::abs(other - y) < height; };
        if (!(y >= 0 && y <= 1) || std::any_of(taken.begin(), taken.end(), close))
            continue;
        taken.push_back(y);
        Mark name;
        name.kind = Mark::Kind::Text;
        name.x = static_cast<double>(curve.points->back().windows) + 0.008 * figure.x.upper;
        name.y = endOf(curve);
        name.colour = curve.colour;
        name.text = curve.name;
        name.bold = curve.line == LineStyle::Solid;
        figure.marks.push_back(std::move(name));
    }
    figure.x.upper *= 1.22; // room for the last ones
}

} // namespace

Figure paretoFigure(const AccuracyInput &input) {
    Figure figure;
    figure.id = "accuracy.pareto";
    figure.x.label = "bits per weight";
    figure.y.label = rankLabel(input.rank);
    figure.title = "Bits against " +
                   std::string(input.rank == AccuracyRank::Kl           ? "KL divergence"
                               : input.rank == AccuracyRank::Perplexity ? "rise of perplexity"
                                                                        : "SQNR") +
                   productsSuffix(input);
    figure.gridVertical = true;
    figure.table = accuracyTable(input);
    std::vector<Shown> points;
    for (const SharedAccuracy &result : input.results)
        if (input.rank != AccuracyRank::Sqnr || result->sqnrDb)
            points.push_back(shownOf(result, input.rank));
    if (points.empty())
        return figure;
    std::vector<Shown> right;
    std::vector<Shown> above;
    setAside(points, right, above, input.rank);
    std::sort(points.begin(), points.end(), [](const Shown &a, const Shown &b) { return a.x < b.x; });
    fit(figure, points, input.rank);
    addFront(figure, points, input.rank);
    addPoints(figure, points, input);
    addErrors(figure, points);
    addNames(figure, points, input);
    addEdges(figure, right, above, input.rank);
    return figure;
}

std::optional<Figure> accuracyCurve(const AccuracyInput &input) {
    const std::vector<Curve> curves = curvesOf(input);
    if (curves.empty())
        return std::nullopt;
    const AccuracyRank rank = input.rank == AccuracyRank::Perplexity ? AccuracyRank::Perplexity : AccuracyRank::Kl;
    Figure figure;
    figure.id = "accuracy.curve";
    figure.title = rank == AccuracyRank::Kl ? "Mean KL over the windows" : "Rise of perplexity over the windows";
    figure.title += productsSuffix(input);
    figure.x.label = "windows of " + input.text;
    figure.x.integral = true;
    figure.y.label = rankLabel(rank);
    figure.gridVertical = true;
    double last = 2;
    for (const Curve &curve : curves)
        last = std::max(last, static_cast<double>(curve.points->back().windows));
    for (const AccuracyRunning &running : input.running)
        last = std::max(last, static_cast<double>(running.planned));
    figure.x.lower = 0;
    figure.x.upper = last;
    const bool many = curves.size() > mostWithLegend;
    fitCurve(figure, curves, rank);
    if (many && rank == AccuracyRank::Kl)
        fitCurvesToDecades(figure, curves);
    if (many)
        nameEnds(figure, curves, rank);
    figure.note = many ? "" : "band: one standard error";
    figure.table.columns = {"recipe", "windows", figure.y.label, "standard error"};
    for (const Curve &curve : curves) {
        addCurve(figure, curve, rank, many);
        for (const AccuracyPoint &point : *curve.points) {
            const Estimate value = valueOf(point, rank);
            figure.table.rows.push_back({textCell(curve.name), numberCell(static_cast<double>(point.windows)),
                                         numberCell(value.mean), numberCell(value.standardError)});
        }
    }
    return figure;
}

} // namespace nibblescope
