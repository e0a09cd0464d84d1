// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/tokenizer.h"

#include "core/base/error.h"
#include "core/io/folder.h"
#include "core/io/json_text.h"
#include "core/io/shown.h"

namespace nibblescope {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t largestText = 1ULL << 30;

fs::path llama2cFile(const fs::path &folder) {
    for (const std::string &name : filesIn(folder, ".bin"))
        if (name == "tokenizer.bin" || (name.size() > 7 && name.compare(0, 3, "tok") == 0 &&
                                        name.find_first_not_of("0123456789", 3) == name.size() - 4))
            return folder / name;
    return {};
}

} // namespace

std::unique_ptr<Tokenizer> openTokenizer(const Model &model, std::uint64_t vocabulary) {
    std::error_code none;
    const fs::path folder = fs::is_directory(model.path, none) ? model.path : fs::absolute(model.path).parent_path();
    std::unique_ptr<Tokenizer> tokenizer;
    fs::path file;
    if (fs::exists(folder / "tokenizer.json", none))
        tokenizer = jsonTokenizer(file = folder / "tokenizer.json");
    else if (fs::exists(folder / "tokenizer.model", none))
        tokenizer = sentencePieceTokenizer(file = folder / "tokenizer.model");
    else if (file = llama2cFile(folder); !file.empty())
        tokenizer = llama2cTokenizer(file);
    if (tokenizer && tokenizer->size() > vocabulary)
        throw Error(Fault::Input, shownName(file) + " does not fit the model: it has " + shownCount(tokenizer->size()) +
                                      " ids, the model " + shownCount(vocabulary) + ".")
            .inFile(file.string());
    return tokenizer;
}

std::string readText(const fs::path &path, std::vector<std::string> &warnings) {
    std::string text = readSmallFile(path, largestText);
    std::string valid = validUtf8(text);
    if (valid != text)
        warnings.push_back(shownName(path) + " is not all UTF-8: each byte that is not was taken as U+FFFD.");
    return valid;
}

} // namespace nibblescope
