// SPDX-License-Identifier: GPL-3.0-or-later
// One plot as data. The core makes a Figure from result values; the window draws it with QCustomPlot and the report
// draws it as SVG, so that no plot is described twice. Colours are roles, resolved by the theme of whoever draws.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace nibblescope {

// The fixed series colours of the product, and the neutral ones.
enum class ColourRole {
    Weights,
    Fp16,
    Int8,
    Int4,
    Nf4,
    Fp4,
    Mxfp4, // series
    Text,
    Text2,
    Divider,
    Grid,
    Accent,
    Good,
    Error,
};

enum class LineStyle { None, Solid, Dashed, Dotted };
enum class MarkStyle { None, Square, Circle, CircleHollow, CircleHalf, Diamond, TriangleUp, TriangleDown };

struct Axis {
    std::string label; // with its unit: "SQNR (dB)"
    double lower = 0;
    double upper = 1;
    bool logarithmic = false;
    bool visible = true;
    // Empty: numeric ticks chosen by whoever draws. Otherwise exactly these.
    struct Tick {
        double at = 0;
        std::string label;
    };
    std::vector<Tick> ticks;
};

// Values at positions: a curve, a step outline, or bars, by `kind`.
struct Series {
    enum class Kind { Line, Step, Bars };
    Kind kind = Kind::Line;
    std::string name; // legend text; empty: no legend entry
    ColourRole colour = ColourRole::Weights;
    LineStyle line = LineStyle::Solid;
    MarkStyle mark = MarkStyle::None;
    double fillOpacity = 0; // 0: not filled, down to `base`
    bool hatched = false;   // hatched fill in place of a plain one
    double base = 0;        // where bars and fills stand
    double barWidth = 0;    // Bars: in units of x
    // Step: x holds n + 1 edges and y n values. Line, Bars: as many x as y (bar centres).
    std::vector<double> x;
    std::vector<double> y;
    // Bars: one opacity each where they differ (alternating bins); empty: fillOpacity for all.
    std::vector<double> opacities;
    // What the cursor says at point i: "w -0.162 ... -0.154\n141 weights (1.28 %)". Empty: x and y with axis labels.
    std::vector<std::string> readouts;
};

// A straight line or a short tick with an optional text, in data coordinates.
struct Mark {
    enum class Kind { VerticalLine, HorizontalLine, Text, Ring, Segment };
    Kind kind = Kind::VerticalLine;
    double x = 0;
    double y = 0;
    double x2 = 0; // Segment: its other end
    double y2 = 0;
    ColourRole colour = ColourRole::Text2;
    LineStyle line = LineStyle::Solid;
    double width = 1; // pixels
    double opacity = 1;
    std::string text;
    // Text anchors inside the plot area where x and y are fractions of it (0, 0 = left bottom) instead of data.
    bool fractional = false;
    enum class Align { Left, Centre, Right } align = Align::Left;
    std::string link; // a click on it emits this ("range:full", "tensor:NAME"); empty: not clickable
};

struct Band { // a shaded range of y (or x): "1.5 to 2 times, as said"
    double from = 0;
    double to = 0;
    bool vertical = false; // true: a range of x
    ColourRole colour = ColourRole::Text2;
    double opacity = 0.12;
    std::string text;
};

struct HeatMap {
    std::vector<std::string> columns;
    std::vector<std::string> rows;            // the first is drawn at the bottom
    std::vector<std::optional<double>> cells; // rows x columns; empty: hatched
    std::vector<std::string> texts;           // in the cells where they have room
    std::vector<std::string> links;           // per cell, as Mark::link
    std::string valueLabel;
    double lower = 0;
    double upper = 1;
    bool diverging = false;
    std::optional<std::size_t> selected;
    std::optional<std::size_t> worst;
};

struct StackedBar { // the memory page: one bar, parts from left to right
    struct Part {
        std::string name;
        double value = 0;
        ColourRole colour = ColourRole::Int4;
        double opacity = 1;
        bool hatched = false;
    };
    std::string name;
    std::vector<Part> parts;
    std::string endLabel;
};

// The figure's own data as a table: "show as table" and CSV. Numbers stay numbers until they are written.
struct FigureTable {
    std::vector<std::string> columns; // with units
    struct Cell {
        std::optional<double> number;
        std::string text; // used where there is no number
    };
    std::vector<std::vector<Cell>> rows;
};

struct Figure {
    std::string id; // "distribution.weights": file names of exports
    std::string title;
    Axis x;
    Axis y;
    std::vector<Series> series;
    std::vector<Mark> marks;
    std::vector<Band> bands;
    std::optional<HeatMap> heatMap;      // in place of series
    std::vector<StackedBar> stackedBars; // in place of series, first one on top
    std::string note;                    // small text at the title's right: "line: boundary, tick: level with its code"
    std::string badge;                   // "sample, 262,144 of 16.8 M"; empty when exact
    bool gridVertical = false;
    FigureTable table;
};

} // namespace nibblescope
