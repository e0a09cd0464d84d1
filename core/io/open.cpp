// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/open.h"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "core/base/error.h"
#include "core/io/folder.h"
#include "core/io/hdf5/reader.h"
#include "core/io/json_text.h"
#include "core/io/safetensors/header.h"
#include "core/io/safetensors/reader.h"
#include "core/io/shown.h"

namespace nibblescope {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 1> safetensorsEndings{".safetensors"};

constexpr std::array<std::string_view, 2> hdf5Endings{".h5", ".hdf5"};

constexpr std::array readers{
    ReaderTraits{"safetensors", "safetensors", safetensorsEndings, looksLikeSafetensors, openSafetensorsFile,
                 openSafetensorsFolder},
    ReaderTraits{"hdf5", "HDF5", hdf5Endings, looksLikeHdf5, openHdf5File, openHdf5Folder},
};

constexpr std::string_view indexEnding = ".safetensors.index.json";

// The absolute path without "." and "..", so that it has a last part to name the model after.
fs::path plainPath(const fs::path &path) {
    std::error_code error;
    fs::path plain = fs::absolute(path, error).lexically_normal();
    if (!plain.has_filename())
        plain = plain.parent_path();
    return error || plain.empty() ? path : plain;
}

std::string modelName(const fs::path &path, bool folder) {
    const std::string name = validUtf8(path.filename().string());
    if (folder)
        return name;
    for (const std::string_view ending : {std::string_view(".weights.h5"), indexEnding})
        if (hasEnding(name, ending) && name.size() > ending.size())
            return name.substr(0, name.size() - ending.size());
    for (const ReaderTraits &reader : readers)
        for (const std::string_view ending : reader.endings)
            if (hasEnding(name, ending) && name.size() > ending.size())
                return name.substr(0, name.size() - ending.size());
    return name;
}

const ReaderTraits &readerOf(const InputFile &file) {
    for (const ReaderTraits &reader : readers)
        if (reader.recognises(file))
            return reader;
    // What the name promises decides who says what is wrong.
    for (const ReaderTraits &reader : readers)
        for (const std::string_view ending : reader.endings)
            if (hasEnding(file.name(), ending))
                return reader;
    throw Error(Fault::Input, file.name() + " is not a weights file. What can be opened: " + knownEndings() + ".")
        .inFile(file.path().string());
}

void openFolder(const fs::path &path, Model &model) {
    for (const ReaderTraits &reader : readers)
        if (reader.openFolder(path, model)) {
            model.format = reader.id;
            return;
        }
    throw Error(Fault::Input, "No weights found in " + shownName(path) + ". Looked for " + knownEndings() + ".")
        .inFile(path.string());
}

void openFile(const fs::path &path, Model &model) {
    if (hasEnding(path.filename().string(), indexEnding)) {
        openSafetensorsIndex(path, model);
        model.format = readers.front().id;
        return;
    }
    const ReaderTraits &reader = readerOf(InputFile(path));
    reader.openFile(path, model);
    if (model.format.empty())
        model.format = reader.id;
}

// The last but one part of "transformer.h.0.attn.c_attn.weight".
std::string_view moduleOf(std::string_view name) {
    const std::size_t last = name.rfind('.');
    if (last == std::string_view::npos)
        return {};
    const std::string_view path = name.substr(0, last);
    return path.substr(path.rfind('.') + 1);
}

// GPT-2 stores its Conv1D modules as [in, out].
void applyGpt2Layout(Model &model) {
    if (!model.config)
        return;
    const auto type = model.config->find("model_type");
    if (type == model.config->end() || !type->is_string() || *type != "gpt2")
        return;
    constexpr std::array<std::string_view, 4> modules{"c_attn", "c_fc", "c_proj", "q_attn"};
    for (TensorInfo &info : model.tensors)
        if (info.shape.size() == 2 && std::find(modules.begin(), modules.end(), moduleOf(info.name)) != modules.end())
            info.layout = Layout::InOut;
}

// F8 weights with scales of their own: the stored values are not the weights.
void keepScaledF8(Model &model) {
    std::size_t count = 0;
    std::string example;
    std::unordered_set<std::string_view> names;
    for (const TensorInfo &info : model.tensors)
        names.insert(info.name);
    for (TensorInfo &info : model.tensors) {
        if (info.dtype != DType::F8E4M3 && info.dtype != DType::F8E5M2)
            continue;
        for (const char *ending : {"_scale", "_scale_inv"}) {
            const std::string companion = info.name + ending;
            if (names.find(companion) == names.end())
                continue;
            info.keepReason = "its scales lie beside it in " + companion;
            if (count++ == 0)
                example = shown(info.name) + " with " + shown(companion);
            break;
        }
    }
    if (count > 0)
        model.warnings.push_back(shownCount(count) + (count == 1 ? " F8 tensor has" : " F8 tensors have") +
                                 " scales beside " + (count == 1 ? "it: " : "them, such as ") + example +
                                 ". Numbers are those of the stored values; such tensors are kept unless included.");
}

// The first thing that was refused, without the file's name before it, or what was looked for.
std::string whyEmpty(const Model &model) {
    if (model.warnings.empty())
        return model.format == "hdf5" ? "there is no dataset of numbers in it." : "its header lists no tensors.";
    const std::string &first = model.warnings.front();
    const std::string file = shownName(model.path) + ": ";
    const std::size_t others = model.warnings.size() - 1;
    return first.substr(first.starts_with(file) ? file.size() : 0) +
           (others == 0 ? "" : " (There are " + shownCount(others) + " more warnings.)");
}

} // namespace

std::span<const ReaderTraits> allReaders() { return readers; }

std::string knownEndings() {
    std::string text;
    for (const ReaderTraits &reader : readers)
        for (const std::string_view ending : reader.endings)
            text += (text.empty() ? "*" : ", *") + std::string(ending);
    return text;
}

Model openModel(const fs::path &path) {
    const fs::path plain = plainPath(path);
    std::error_code none;
    const bool folder = fs::is_directory(plain, none);
    Model model;
    model.path = path;
    model.name = modelName(plain, folder);
    if (folder)
        openFolder(plain, model);
    else
        openFile(plain, model);
    if (model.tensors.empty())
        throw Error(Fault::Input, shownName(plain) + " holds no weights: " + whyEmpty(model)).inFile(path.string());
    model.config = readModelConfig(folder ? plain : plain.parent_path(), model.warnings);
    applyGpt2Layout(model);
    keepScaledF8(model);
    return model;
}

} // namespace nibblescope
