// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/safetensors/header_parser.h"

#include <unordered_set>

#include <nlohmann/json.hpp>

#include "core/io/shown.h"

namespace nibblescope {
namespace {

using Json = nlohmann::json;

constexpr std::size_t deepest = 16;

// Reads the text byte by byte and counts, because events do not say where they come from.
class CountingIterator {
public:
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char *;
    using reference = const char &;

    CountingIterator(const char *at, const char **reached) : m_at(at), m_reached(reached) {}
    reference operator*() const { return *m_at; }
    CountingIterator &operator++() {
        ++m_at;
        *m_reached = m_at;
        return *this;
    }
    CountingIterator operator++(int) {
        CountingIterator before = *this;
        ++*this;
        return before;
    }
    bool operator==(const CountingIterator &other) const { return m_at == other.m_at; }
    bool operator!=(const CountingIterator &other) const { return m_at != other.m_at; }

private:
    const char *m_at;
    const char **m_reached;
};

// Depth 1 is the header's object, 2 a tensor's or the metadata, 3 shape and data_offsets.
class Events {
public:
    Events(ParsedHeader &result, const char *begin, const char *const *reached)
        : m_result(result), m_begin(begin), m_reached(reached) {}

    bool null() { return scalar("null"); }
    bool boolean(bool) { return scalar("true or false"); }
    bool number_integer(Json::number_integer_t) { return scalar("a negative number"); }
    bool number_float(Json::number_float_t, const Json::string_t &) {
        return scalar("a fraction or a number beyond 64 bits");
    }
    bool binary(Json::binary_t &) { return scalar("bytes"); }

    bool number_unsigned(Json::number_unsigned_t value) {
        if (inArray()) {
            m_numbers->push_back(value);
            return true;
        }
        return scalar("a number");
    }

    bool string(Json::string_t &text) {
        if (m_depth == 2 && m_inMetadata)
            return true;
        if (m_depth == 2 && m_key == "dtype") {
            entry().dtype = text;
            return true;
        }
        return scalar("text");
    }

    bool start_object(std::size_t) {
        if (!enter())
            return false;
        if (m_depth == 1)
            return true;
        if (m_depth == 2 && !m_inMetadata) {
            m_result.entries.push_back({m_name, {}, {}, {}});
            m_keys.clear();
            return true;
        }
        if (m_depth == 2)
            return true;
        return nested("an object");
    }

    bool end_object() {
        leave();
        return true;
    }

    bool start_array(std::size_t) {
        if (!enter())
            return false;
        if (m_depth == 1)
            return fail("it is a list, not an object");
        if (m_depth == 2) {
            if (!m_inMetadata)
                return fail("tensor " + shown(m_name) + " is described by a list, not by an object");
            m_result.oddMetadata = true;
            return true;
        }
        if (m_depth == 3 && !m_inMetadata && m_key == "shape") {
            m_numbers = &entry().shape.emplace();
            return true;
        }
        if (m_depth == 3 && !m_inMetadata && m_key == "data_offsets") {
            m_numbers = &entry().offsets.emplace();
            return true;
        }
        return nested("a list");
    }

    bool end_array() {
        if (m_depth == 3)
            m_numbers = nullptr;
        leave();
        return true;
    }

    bool key(Json::string_t &text) {
        if (m_depth == 1) {
            if (!m_names.insert(text).second)
                return fail("the name " + shown(text) + " stands twice");
            m_name = text;
            m_inMetadata = text == "__metadata__";
            m_keys.clear();
            return true;
        }
        if (m_depth == 2) {
            m_key = text;
            if (!m_keys.insert(text).second)
                return fail("the key " + shown(text) + " stands twice in " + shown(m_name));
        }
        return true;
    }

    bool parse_error(std::size_t position, const std::string &, const nlohmann::detail::exception &) {
        if (!m_result.problem)
            m_result.problem = HeaderProblem{"it is not valid JSON", position == 0 ? 0 : position - 1};
        return false;
    }

private:
    HeaderEntry &entry() { return m_result.entries.back(); }
    bool inArray() const { return m_depth == 3 && m_numbers != nullptr; }
    bool enter() { return ++m_depth <= deepest || fail("it is nested more than 16 deep"); }
    void leave() { --m_depth; }

    bool fail(std::string what) {
        const std::ptrdiff_t read = *m_reached - m_begin;
        m_result.problem = HeaderProblem{std::move(what), read <= 0 ? 0 : static_cast<std::uint64_t>(read) - 1};
        return false;
    }

    // Anything where the format wants something else. Keys that it does not know may hold what they like.
    bool unexpected(const char *what) {
        if (m_inMetadata) {
            m_result.oddMetadata = true;
            return true;
        }
        if (m_depth == 1)
            return fail("tensor " + shown(m_name) + " is described by " + what + ", not by an object");
        if (m_key == "dtype")
            return fail("dtype of " + shown(m_name) + " is " + what + ", not text");
        if (m_key == "shape" || m_key == "data_offsets")
            return fail(m_key + " of " + shown(m_name) + " holds " + what + ", not whole numbers from 0");
        return true;
    }
    bool scalar(const char *what) { return m_depth == 0 ? fail("it is no object") : unexpected(what); }
    bool nested(const char *what) { return unexpected(what); }

    ParsedHeader &m_result;
    const char *m_begin;
    const char *const *m_reached;
    std::size_t m_depth = 0;
    bool m_inMetadata = false;
    std::string m_name;
    std::string m_key;
    std::unordered_set<std::string> m_names;
    std::unordered_set<std::string> m_keys;
    std::vector<std::uint64_t> *m_numbers = nullptr;
};

} // namespace

ParsedHeader parseHeaderText(std::string_view text) {
    ParsedHeader result;
    const char *const end = text.data() + text.size();
    const char *reached = text.data();
    Events events(result, text.data(), &reached);
    const bool good =
        Json::sax_parse(CountingIterator(text.data(), &reached), CountingIterator(end, &reached), &events);
    if (!good && !result.problem)
        result.problem = HeaderProblem{"it is not valid JSON", 0};
    return result;
}

} // namespace nibblescope
