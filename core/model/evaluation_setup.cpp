// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/evaluation_setup.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/io/shown.h"
#include "core/model/awq.h"
#include "core/model/recipe_edit.h"
#include "core/model/token_ids.h"
#include "core/model/tokenizer.h"

namespace nibblescope {
namespace {

TokenWindows cut(const std::vector<std::int64_t> &ids, const TextSource &source, WindowOptions options) {
    if (!source.fromEnd || !source.windows)
        return cutIntoWindows(ids, options);
    options.windows.reset();
    TokenWindows windows = cutIntoWindows(ids, options);
    const std::size_t dropped = windows.count - std::min(windows.count, *source.windows);
    windows.ids.erase(windows.ids.begin(),
                      windows.ids.begin() + static_cast<std::ptrdiff_t>(dropped * windows.context));
    windows.count -= dropped;
    return windows;
}

} // namespace

TokenWindows windowsFrom(const Llama &llama, const TextSource &source, std::vector<std::string> &warnings) {
    const LlamaConfig &config = llama.config();
    std::unique_ptr<Tokenizer> tokenizer;
    try {
        tokenizer = openTokenizer(llama.model(), config.vocabulary);
    } catch (const Error &error) {
        if (!source.tokenIds)
            throw;
        warnings.push_back(std::string(error.what()) +
                           " It is not needed for token ids; BOS is taken from config.json.");
    }
    WindowOptions options;
    options.context = source.context;
    options.windows = source.windows;
    options.vocabulary = config.vocabulary;
    options.bos = tokenizer ? tokenizer->bos() : config.bos;
    if (config.contextLimit && options.context > *config.contextLimit)
        warnings.push_back("The context of " + std::to_string(options.context) + " is beyond the " +
                           std::to_string(*config.contextLimit) + " positions that the model was made for.");
    if (source.tokenIds)
        return cut(readTokenIds(source.path), source, options);
    if (!tokenizer)
        throw Error(Fault::Input,
                    shownName(llama.model().path) +
                        " has no tokenizer (tokenizer.json, tokenizer.model or tok*.bin) for --text: give "
                        "ids with --tokens.");
    return cut(tokenizer->encode(readText(source.path, warnings), warnings), source, options);
}

std::unique_ptr<const WeightEdit> editFrom(const Llama &llama, const ModelPlan &plan,
                                           std::vector<std::string> &warnings, const Work &work) {
    if (plan.recipe.format == Format::None)
        return nullptr;
    if (plan.recipe.method != "awq")
        return std::make_unique<const RecipeEdit>(llama.model(), plan);
    auto edit = std::make_unique<const AwqEdit>(llama, plan, work);
    warnings.insert(warnings.end(), edit->remarks().begin(), edit->remarks().end());
    return edit;
}

} // namespace nibblescope
