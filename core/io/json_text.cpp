// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/json_text.h"

#include <array>

#include "core/base/error.h"
#include "core/io/input_file.h"
#include "core/io/shown.h"

namespace nibblescope {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t deepest = 100;
constexpr std::uint64_t configLimit = 16U << 20;

// Calls `outside(i)` for each place outside strings; it returns how many bytes it has dealt with.
template <typename Outside>
void walkOutsideStrings(std::string_view text, Outside outside) {
    bool inside = false;
    for (std::size_t i = 0; i < text.size();) {
        if (inside) {
            inside = text[i] != '"';
            i += text[i] == '\\' ? 2 : 1;
        } else if (text[i] == '"') {
            inside = true;
            ++i;
        } else {
            i += outside(i);
        }
    }
}

bool tooDeep(std::string_view text) {
    std::size_t depth = 0;
    bool deep = false;
    walkOutsideStrings(text, [&](std::size_t i) {
        if (text[i] == '[' || text[i] == '{')
            deep = ++depth > deepest || deep;
        else if ((text[i] == ']' || text[i] == '}') && depth > 0)
            --depth;
        return std::size_t{1};
    });
    return deep;
}

std::string withoutBareNumbers(std::string_view text) {
    constexpr std::array<std::string_view, 3> words{"NaN", "-Infinity", "Infinity"};
    std::string result(text);
    std::vector<std::pair<std::size_t, std::size_t>> found;
    walkOutsideStrings(text, [&](std::size_t i) {
        for (const std::string_view word : words)
            if (text.substr(i, word.size()) == word) {
                found.emplace_back(i, word.size());
                return word.size();
            }
        return std::size_t{1};
    });
    for (auto place = found.rbegin(); place != found.rend(); ++place)
        result.replace(place->first, place->second, "null");
    return result;
}

void removeNulls(Json &json) {
    if (json.is_object()) {
        for (auto it = json.begin(); it != json.end();)
            it = it->is_null() ? json.erase(it) : std::next(it);
    }
    if (json.is_structured())
        for (Json &member : json)
            removeNulls(member);
}

} // namespace

std::optional<Json> parseForeignJson(std::string_view text) {
    if (tooDeep(text))
        return std::nullopt;
    Json json = Json::parse(withoutBareNumbers(text), nullptr, false);
    return json.is_discarded() ? std::nullopt : std::optional(std::move(json));
}

std::string readSmallFile(const std::filesystem::path &path, std::uint64_t limit) {
    const InputFile file(path);
    if (file.size() > limit)
        throw Error(Fault::Input, file.name() + " has " + shownBytes(file.size()) + ", more than such a file can need.")
            .inFile(path.string());
    return file.head(static_cast<std::size_t>(file.size()));
}

std::optional<Json> readModelConfig(const std::filesystem::path &folder, std::vector<std::string> &warnings) {
    const std::filesystem::path path = folder / "config.json";
    std::error_code none;
    if (!std::filesystem::exists(path, none))
        return std::nullopt;
    try {
        std::optional<Json> config = parseForeignJson(readSmallFile(path, configLimit));
        if (config && config->is_object()) {
            removeNulls(*config);
            return config;
        }
        warnings.push_back("config.json is not valid JSON: it was passed over, and the model's geometry is not known.");
    } catch (const Error &error) {
        warnings.push_back(std::string(error.what()) + " It was passed over, and the model's geometry is not known.");
    }
    return std::nullopt;
}

} // namespace nibblescope
