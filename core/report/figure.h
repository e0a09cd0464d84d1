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
// Tick: a small hollow box as wide as a bar, for a second value of each bar.
enum class MarkStyle { None, Square, Circle, CircleHollow, CircleHalf, Diamond, TriangleUp, TriangleDown, Tick };

struct Axis {
    std::string label; // with its unit: "SQNR (dB)"
    double lower = 0;
    double upper = 1;
    bool logarithmic = false;
    bool visible = true;
    bool integral = false;  // ticks at whole numbers only
    std::string tickSuffix; // after each numeric tick: "\u00A0%"
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
    // Lines after the second one are set in text2.
    std::vector<std::string> readouts;
    std::vector<std::string> links;    // a click on point i emits this ("tensor:NAME", "code:7"), as Mark::link
    std::vector<std::size_t> selected; // points, bins or bars framed in the text colour
};

// A straight line or a short tick with an optional text (lines parted by "\n"), in data coordinates. All texts have a
// halo of the ground's colour. Frame: from x to x2 over the whole height, around what is selected.
struct Mark {
    enum class Kind { VerticalLine, HorizontalLine, Text, Ring, Segment, Frame };
    Kind kind = Kind::VerticalLine;
    double x = 0;
    double y = 0;
    double x2 = 0; // Segment: its other end; Frame: its right edge
    double y2 = 0;
    ColourRole colour = ColourRole::Text2;
    LineStyle line = LineStyle::Solid;
    double width = 1; // pixels
    double opacity = 1;
    std::string text;
    bool bold = false;
    std::string legend; // its entry in the legend: "line: all tensors together, 20.79 dB"
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
    std::vector<std::string> columns; // "self_attn.q_proj": the part before the last dot stands above its columns
    std::vector<std::string> rows;    // the first is drawn at the bottom
    std::vector<std::optional<double>> cells; // rows x columns; empty: hatched
    std::vector<std::string> texts;           // in the cells where they have room
    std::vector<std::string> links;           // per cell, as Mark::link
    std::string valueLabel;                   // quantity and unit, for readouts: "SQNR (dB)"
    double lower = 0;
    double upper = 1;
    std::string lowerText; // at the ends of the scale bar: "worse 19.88", "21.29 better"; empty: the numbers
    std::string upperText;
    bool diverging = false;
    bool reversed = false; // low values are bright (where low is good)
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
    std::string endLabel;      // "1,016 KiB\n32.000 bpw, + 320 KiB cache": lines after the first are small, in text2
    std::string readout;       // of the cursor; empty: name and parts
    bool selected = false;     // name in bold with a bar at its left
    std::optional<double> low; // whisker from low to high, about the bar's end
    std::optional<double> high;
    std::optional<double> reference; // a dashed tick across the bar: what was expected
    std::string link;                // a click on it emits this, as Mark::link
};

// Levels of a codebook on the x axis, in a strip of fixed height.
struct LevelStrip {
    struct Level {
        double at = 0;
        std::string text;           // its code; empty: none
        std::optional<double> from; // a bar behind the tick
        std::optional<double> to;
        bool hollow = false; // no weight can reach it
        bool selected = false;
        std::string readout;
        std::string link;
    };
    struct Row {
        std::string name; // small, left of the strip
        ColourRole colour = ColourRole::Nf4;
        std::vector<Level> levels;
    };
    // Below: under the tick labels of x. Middle: in a gap of the plot along y = 0, for mirrored densities (values
    // below 0 hang under the gap; the labels of the y axis then show magnitudes).
    enum class Place { Below, Middle } place = Place::Below;
    bool staggered = false; // every second level of a row is drawn half a row lower (no texts then)
    std::vector<Row> rows;  // Middle: the first is above the line
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
    std::vector<StackedBar> stackedBars; // in place of series, first one on top; x is then the value's axis
    std::optional<LevelStrip> levels;
    std::string note;  // small text at the title's right: "line: boundary, tick: level with its code"
    std::string badge; // "sample, 262,144 of 16.8 M"; empty when exact
    bool gridVertical = false;
    FigureTable table;
};

} // namespace nibblescope
