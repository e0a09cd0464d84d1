// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/hdf5/reader.h"

#include <algorithm>
#include <array>

#include "core/base/checked.h"
#include "core/base/error.h"
#include "core/io/folder.h"
#include "core/io/hdf5/helper_process.h"
#include "core/io/hdf5/own_reader.h"
#include "core/io/shown.h"

namespace nibblescope {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::string_view signature = "\x89HDF\r\n\x1a\n";
constexpr std::array<std::string_view, 2> endings{".h5", ".hdf5"};

struct Dataset {
    std::string path;
    DType dtype = DType::F32;
    std::vector<std::uint64_t> dims;
    std::uint64_t preferred = 1;
};

class Hdf5Reader : public TensorReader {
public:
    Hdf5Reader(const fs::path &path, std::unique_ptr<Hdf5HelperProcess> helper)
        : m_file(path), m_helper(std::move(helper)) {}

    void add(Dataset dataset) { m_datasets.push_back(std::move(dataset)); }

    void readElements(std::size_t index, std::uint64_t first, std::uint64_t count,
                      std::span<std::byte> bytes) const override {
        const Dataset &dataset = m_datasets.at(index);
        if (bytes.size() != count * traits(dataset.dtype).bits / 8)
            throw std::logic_error("elements that do not fit the buffer");
        m_file.throwIfChanged();
        if (count > 0)
            m_helper->read(dataset.path, dataset.dtype, dataset.dims, first, count, bytes);
    }
    std::uint64_t preferredElements(std::size_t index) const override { return m_datasets.at(index).preferred; }

private:
    InputFile m_file;
    std::unique_ptr<Hdf5HelperProcess> m_helper;
    std::vector<Dataset> m_datasets;
};

// The helper read a hostile file: what it says is checked like the file itself.
void addTensor(const json &listed, Hdf5Reader &reader, Model &model) {
    const int dtype = listed.at("dtype").get<int>();
    if (dtype < 0 || static_cast<std::size_t>(dtype) >= allDTypes().size())
        throw std::runtime_error("an element type that does not exist");
    TensorInfo info;
    info.name = listed.at("name").get<std::string>();
    info.dtype = static_cast<DType>(dtype);
    info.shape = listed.at("shape").get<std::vector<std::uint64_t>>();
    const auto params = checkedProduct(info.shape);
    const auto bytes = params ? checkedMultiply(*params, traits(info.dtype).bits / 8) : std::nullopt;
    if (!bytes)
        throw std::runtime_error("a shape that no file can hold");
    info.params = *params;
    info.bytes = *bytes;
    info.layout = listed.at("in_out").get<bool>() ? Layout::InOut : Layout::OutIn;
    info.keepReason = listed.at("keep").get<std::string>();
    reader.add({listed.at("path").get<std::string>(), info.dtype, info.shape,
                std::max<std::uint64_t>(1, listed.at("preferred").get<std::uint64_t>())});
    model.tensors.push_back(std::move(info));
}

void addWarnings(const json &refused, const std::string &file, Model &model) {
    const std::size_t open = model.tensors.size();
    const std::string rest = open == 0   ? ""
                             : open == 1 ? " The other tensor is open."
                                         : " The other " + shownCount(open) + " tensors are open.";
    for (const json &object : refused)
        model.warnings.push_back(file + ": " + shown(object.at("path").get<std::string>()) + " " +
                                 object.at("what").get<std::string>() + "." + rest);
}

} // namespace

bool looksLikeHdf5(const InputFile &file) {
    std::array<char, signature.size()> bytes{};
    for (std::uint64_t place = 0; place + bytes.size() <= file.size(); place = place == 0 ? 512 : place * 2) {
        file.readAt(place, std::as_writable_bytes(std::span(bytes)));
        if (std::equal(bytes.begin(), bytes.end(), signature.begin()))
            return true;
        if (place > (std::uint64_t{1} << 40))
            break;
    }
    return false;
}

void openHdf5File(const fs::path &path, Model &model) {
    const std::string name = shownName(path);
    {
        const InputFile file(path);
        if (file.size() == 0)
            throw Error(Fault::Input, name + " is empty. Download it again.").inFile(path.string());
        if (!looksLikeHdf5(file))
            throw Error(Fault::Input, name + " is not an HDF5 file: its signature is missing.").inFile(path.string());
    }
    auto helper = std::make_unique<Hdf5HelperProcess>(path);
    const json listing = helper->list();
    try {
        if (listing.contains("own"))
            return openOwnFile(path, std::move(helper), listing, model);
        const auto reader = std::make_shared<Hdf5Reader>(path, std::move(helper));
        for (const json &listed : listing.at("tensors"))
            addTensor(listed, *reader, model);
        addWarnings(listing.at("refused"), name, model);
        model.reader = reader;
    } catch (const std::exception &error) {
        throw Error(Fault::Input, name + " cannot be read: it holds " + error.what() + ".").inFile(path.string());
    }
}

bool openHdf5Folder(const fs::path &folder, Model &model) {
    std::vector<std::string> names;
    for (const std::string_view ending : endings)
        for (std::string &name : filesIn(folder, ending))
            if (std::find(names.begin(), names.end(), name) == names.end())
                names.push_back(std::move(name));
    if (names.empty())
        return false;
    std::sort(names.begin(), names.end());
    for (const char *usual : {"model.h5", "model.weights.h5"})
        if (const auto found = std::find(names.begin(), names.end(), usual); found != names.end())
            std::rotate(names.begin(), found, found + 1);
    if (names.size() > 1) {
        std::string others = shown(names[1]);
        for (std::size_t i = 2; i < names.size(); ++i)
            others += ", " + shown(names[i]);
        model.warnings.push_back("Opened " + shown(names[0]) + "; " + shownName(folder) + " also holds " +
                                 shown(others) + ".");
    }
    openHdf5File(folder / names[0], model);
    return true;
}

} // namespace nibblescope
