// SPDX-License-Identifier: GPL-3.0-or-later
// A regular expression over UTF-8, by libpcre2: pre-tokenizers need \p{L} and lookahead.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nibblescope {

class Pattern {
public:
    // Throws Error{Fault::Input} for an expression that is not valid, Error{Fault::Machine} where the program was built
    // without libpcre2.
    explicit Pattern(const std::string &expression);

    // Places [begin, end) of all matches from left to right, none of them empty, none overlapping.
    std::vector<std::pair<std::size_t, std::size_t>> findAll(std::string_view text) const;

    // Whether the program was built with libpcre2.
    static bool available();

private:
    struct Code;
    std::shared_ptr<const Code> m_code;
};

} // namespace nibblescope
