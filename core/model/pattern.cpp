// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/pattern.h"

#include "core/base/error.h"
#include "core/io/shown.h"

#ifdef NIBBLESCOPE_HAVE_PCRE2
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#endif

namespace nibblescope {

#ifdef NIBBLESCOPE_HAVE_PCRE2

struct Pattern::Code {
    pcre2_code *code = nullptr;
    ~Code() { pcre2_code_free(code); }
};

bool Pattern::available() { return true; }

Pattern::Pattern(const std::string &expression) {
    int problem = 0;
    PCRE2_SIZE place = 0;
    auto compiled = std::make_shared<Code>();
    compiled->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(),
                                   PCRE2_UTF | PCRE2_UCP, &problem, &place, nullptr);
    if (compiled->code == nullptr)
        throw Error(Fault::Input, "The tokenizer's pattern '" + shown(expression) + "' is not understood at place " +
                                      std::to_string(place) + ".");
    pcre2_jit_compile(compiled->code, PCRE2_JIT_COMPLETE); // faster; matching works without it too
    m_code = std::move(compiled);
}

std::vector<std::pair<std::size_t, std::size_t>> Pattern::findAll(std::string_view text) const {
    struct Freer {
        void operator()(pcre2_match_data *data) const { pcre2_match_data_free(data); }
    };
    const std::unique_ptr<pcre2_match_data, Freer> data(pcre2_match_data_create_from_pattern(m_code->code, nullptr));
    std::vector<std::pair<std::size_t, std::size_t>> places;
    std::size_t at = 0;
    while (at < text.size()) {
        const int result = pcre2_match(m_code->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at,
                                       PCRE2_NO_UTF_CHECK, data.get(), nullptr);
        if (result == PCRE2_ERROR_NOMATCH)
            break;
        if (result < 0)
            throw Error(Fault::Input, "The tokenizer's pattern could not be matched within its limits.");
        const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(data.get());
        if (ends[1] > ends[0])
            places.emplace_back(ends[0], ends[1]);
        at = ends[1];
        if (ends[1] <= ends[0]) // an empty match: go on behind the next character
            do
                ++at;
            while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U);
    }
    return places;
}

#else

struct Pattern::Code {};

bool Pattern::available() { return false; }

Pattern::Pattern(const std::string & /*expression*/) {
    throw Error(Fault::Machine, "This program was built without libpcre2, which the patterns of tokenizer.json need: "
                                "give token ids with --tokens, or build it with libpcre2-dev installed.");
}

std::vector<std::pair<std::size_t, std::size_t>> Pattern::findAll(std::string_view /*text*/) const { return {}; }

#endif

} // namespace nibblescope
