// SPDX-License-Identifier: GPL-3.0-or-later
// The pieces that sections of the HTML report are made of; for report_*.cpp only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/report/report.h"

namespace nibblescope::html {

std::string escaped(std::string_view text);
std::string element(const char *tag, std::string_view text, const char *attributes = "");
std::string svgFigure(const Figure &figure, double height, const std::string &about);

class Table {
public:
    struct Column {
        std::string title;
        bool number = false;
    };
    explicit Table(std::vector<Column> columns);
    void row(const std::vector<std::string> &cells, const char *kind = "");
    std::string finish() const { return m_html + "</tbody></table></div>\n"; }

private:
    std::vector<Column> m_columns;
    std::string m_html;
};

// Empty where nothing was run and no claim is judged.
std::string accuracySection(const Report &report);

} // namespace nibblescope::html
