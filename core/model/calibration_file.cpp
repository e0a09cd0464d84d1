// SPDX-License-Identifier: GPL-3.0-or-later
// The file of the statistics.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <unordered_map>

#include "core/base/error.h"
#include "core/io/atomic_file.h"
#include "core/io/hdf5/api.h"
#include "core/io/json_text.h"
#include "core/io/open.h"
#include "core/io/shown.h"
#include "core/model/calibration.h"

namespace nibblescope {
namespace {

using namespace hdf5;
using Json = nlohmann::ordered_json;

constexpr const char *headerName = "calibration";
constexpr const char *tokensName = "tokens";
constexpr const char *formatName = "nibblescope-calibration";
constexpr int formatVersion = 1;
constexpr std::uint64_t longestHeader = 1U << 16;
constexpr std::uint64_t firstBytes = 4096; // of each tensor, for the fingerprint

// FNV-1a, 64 bits.
class Fingerprint {
public:
    void add(std::span<const std::byte> bytes) {
        for (const std::byte byte : bytes)
            m_value = (m_value ^ std::to_integer<std::uint64_t>(byte)) * 1099511628211ULL;
    }
    void add(std::string_view text) { add(std::as_bytes(std::span(text.data(), text.size()))); }
    std::string text() const {
        std::array<char, 20> hex{};
        std::snprintf(hex.data(), hex.size(), "%016llx", static_cast<unsigned long long>(m_value));
        return hex.data();
    }

private:
    std::uint64_t m_value = 14695981039346656037ULL;
};

std::string_view withoutEnding(std::string_view tensor) {
    constexpr std::string_view ending = ".weight";
    if (tensor.size() > ending.size() && tensor.substr(tensor.size() - ending.size()) == ending)
        tensor.remove_suffix(ending.size());
    return tensor;
}

} // namespace

std::string inputOfTensor(std::string_view tensor) {
    std::string name(withoutEnding(tensor));
    for (const LinearKind kind : allLinears) {
        const std::string_view own = nameOf(kind);
        if (name.size() > own.size() && name.compare(name.size() - own.size(), own.size(), own) == 0)
            return name.substr(0, name.size() - own.size()) + std::string(nameOf(firstReader(inputOf(kind))));
    }
    return name;
}

std::string fingerprintOf(const Model &model) {
    std::vector<std::size_t> order(model.tensors.size());
    for (std::size_t i = 0; i < order.size(); ++i)
        order[i] = i;
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return model.tensors[a].name < model.tensors[b].name; });
    Fingerprint fingerprint;
    std::vector<std::byte> bytes;
    for (const std::size_t i : order) {
        const TensorInfo &info = model.tensors[i];
        fingerprint.add(info.name + " " + std::string(traits(info.dtype).name) + " " + shownShape(info.shape));
        if (traits(info.dtype).bits < 8)
            continue;
        const std::uint64_t width = traits(info.dtype).bits / 8;
        const std::uint64_t count = std::min(info.params, firstBytes / width);
        bytes.resize(count * width);
        if (count > 0)
            model.reader->readElements(i, 0, count, bytes);
        fingerprint.add(bytes);
    }
    return fingerprint.text();
}

class CalibrationWriter::Body {
public:
    Body(const std::filesystem::path &target, const CalibrationHeader &header, const TokenWindows &windows)
        : m_file(target) {
        Json json;
        json["format"] = formatName;
        json["version"] = formatVersion;
        json["model"] = header.model;
        json["fingerprint"] = header.fingerprint;
        json["context"] = header.context;
        json["windows"] = header.windows;
        json["positions"] = header.positions;
        json["vocabulary"] = header.vocabulary;
        const std::string text = json.dump(-1, ' ', true, Json::error_handler_t::replace);
        guarded([&] {
            const Handle access = fileAccess();
            m_hdf5 = Handle(H5Fcreate(m_file.temporaryPath().c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access), H5Fclose);
            // As bytes: readers of weights leave out texts.
            write(m_hdf5, headerName, H5T_STD_U8LE, H5T_NATIVE_UINT8, {text.size()}, text.data());
            if (windows.count > 0) // none where the inputs came from files
                write(m_hdf5, tokensName, H5T_STD_I32LE, H5T_NATIVE_INT32, {windows.count, windows.context},
                      windows.ids.data());
        });
    }
    ~Body() {
        const Scope scope;
        m_hdf5.reset();
    }

    void add(const std::string &name, const InputStatistics &statistics) {
        guarded([&] {
            const Handle group(H5Gcreate2(m_hdf5, name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
            const hsize_t n = statistics.cols;
            const auto numbers = [&](const char *dataset, const std::vector<double> &values,
                                     std::vector<hsize_t> dims) {
                write(group, dataset, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, dims, values.data());
            };
            numbers("gram", statistics.gram, {n, n});
            numbers("mean_abs", statistics.meanAbs, {n});
            numbers("max_abs", statistics.maxAbs, {n});
            const auto positions = static_cast<double>(statistics.positions);
            write(group, "positions", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, {1}, &positions);
        });
    }

    void commit() {
        guarded([&] { m_hdf5.close(); });
        m_file.commit();
    }

private:
    template <typename Action>
    void guarded(Action action) {
        const Scope scope;
        try {
            action();
        } catch (const CallFailed &failed) {
            throw Error(Fault::Machine, shownName(m_file.target()) + " was not written: " + failed.what() + ".")
                .inFile(m_file.target().string());
        }
    }

    static void write(hid_t parent, const char *name, hid_t stored, hid_t held, const std::vector<hsize_t> &dims,
                      const void *values) {
        const Handle space(H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr), H5Sclose);
        const Handle dataset(H5Dcreate2(parent, name, stored, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Dclose);
        checked(H5Dwrite(dataset, held, H5S_ALL, H5S_ALL, H5P_DEFAULT, values));
    }

    AtomicFile m_file;
    Handle m_hdf5;
};

CalibrationWriter::CalibrationWriter(const std::filesystem::path &target, const CalibrationHeader &header,
                                     const TokenWindows &windows)
    : m_body(std::make_unique<Body>(target, header, windows)) {}
CalibrationWriter::~CalibrationWriter() = default;
void CalibrationWriter::add(const std::string &name, const InputStatistics &statistics) {
    m_body->add(name, statistics);
}
void CalibrationWriter::commit() { m_body->commit(); }

// The HDF5 reader of weights does the reading, in its helper process: a calibration file may come from anywhere.
class CalibrationFile::Body {
public:
    explicit Body(const std::filesystem::path &path) : m_name(shownName(path)), m_model(open(path)) {
        for (std::size_t i = 0; i < m_model.tensors.size(); ++i)
            m_places.emplace(m_model.tensors[i].name, i);
        const auto place = m_places.find(headerName);
        if (place == m_places.end())
            throw notOurs();
        const TensorInfo &info = m_model.tensors[place->second];
        if (info.dtype != DType::U8 || info.params > longestHeader)
            throw notOurs();
        std::string text(info.params, '\0');
        m_model.reader->readElements(place->second, 0, info.params, std::as_writable_bytes(std::span(text)));
        const auto json = parseForeignJson(text);
        if (!json || !json->is_object() || json->value("format", "") != formatName)
            throw notOurs();
        if (json->value("version", 0) != formatVersion)
            throw Error(Fault::Input, m_name + " was written by a newer program than this one.");
        header.model = json->value("model", "");
        header.fingerprint = json->value("fingerprint", "");
        header.context = json->value("context", std::uint64_t{0});
        header.windows = json->value("windows", std::uint64_t{0});
        header.positions = json->value("positions", std::uint64_t{0});
        header.vocabulary = json->value("vocabulary", std::uint64_t{0});
    }

    bool has(const std::string &input) const { return m_places.count(input + "/gram") > 0; }
    std::uint64_t width(const std::string &input) const {
        return m_model.tensors[m_places.at(input + "/gram")].shape.front();
    }
    std::uint64_t inputs() const {
        std::uint64_t count = 0;
        for (const auto &[name, place] : m_places)
            count += name.size() > 5 && name.compare(name.size() - 5, 5, "/gram") == 0 ? 1 : 0;
        return count;
    }

    std::shared_ptr<const InputStatistics> read(const std::string &input) const {
        const std::lock_guard lock(m_mutex);
        if (m_last && m_lastName == input)
            return m_last;
        auto statistics = std::make_shared<InputStatistics>();
        const std::uint64_t n = width(input);
        statistics->cols = n;
        statistics->gram = numbers(input + "/gram", {n, n});
        statistics->meanAbs = numbers(input + "/mean_abs", {n});
        statistics->maxAbs = numbers(input + "/max_abs", {n});
        statistics->positions =
            static_cast<std::uint64_t>(std::clamp(numbers(input + "/positions", {1})[0], 0.0, 1e15));
        m_last = statistics;
        m_lastName = input;
        return statistics;
    }

    TokenWindows windows() const {
        const auto place = m_places.find(tokensName);
        if (place == m_places.end() || m_model.tensors[place->second].dtype != DType::I32 ||
            m_model.tensors[place->second].shape.size() != 2)
            throw Error(Fault::Input, m_name + " does not hold the text that it was made from.");
        const TensorInfo &info = m_model.tensors[place->second];
        TokenWindows windows;
        windows.count = info.shape[0];
        windows.context = info.shape[1];
        windows.ids.resize(info.params);
        m_model.reader->readElements(place->second, 0, info.params, std::as_writable_bytes(std::span(windows.ids)));
        if (windows.count == 0 || windows.context < 2)
            throw Error(Fault::Input, m_name + " holds no text.");
        for (const std::int32_t id : windows.ids)
            if (id < 0 || static_cast<std::uint64_t>(id) >= header.vocabulary)
                throw Error(Fault::Input, m_name + " is damaged: a token id in it is " + std::to_string(id) + ".");
        return windows;
    }

    Error otherModel(const std::string &what) const {
        return Error(Fault::Input,
                     m_name + " is a calibration of another model (" + shown(header.model) + "): " + what + ".");
    }

    CalibrationHeader header;

private:
    static Model open(const std::filesystem::path &path) { return openModel(path); }

    Error notOurs() const {
        return Error(Fault::Input, m_name + " is no calibration file: 'nibblescope-cli calibrate' writes them.");
    }

    std::vector<double> numbers(const std::string &name, const std::vector<std::uint64_t> &shape) const {
        const auto place = m_places.find(name);
        if (place == m_places.end() || m_model.tensors[place->second].dtype != DType::F64 ||
            m_model.tensors[place->second].shape != shape)
            throw Error(Fault::Input, m_name + " is damaged: " + shown(name) + " is not what it should be.");
        std::vector<double> values(m_model.tensors[place->second].params);
        m_model.reader->readElements(place->second, 0, values.size(), std::as_writable_bytes(std::span(values)));
        return values;
    }

    std::string m_name;
    Model m_model;
    std::unordered_map<std::string, std::size_t> m_places;
    mutable std::mutex m_mutex;
    mutable std::shared_ptr<const InputStatistics> m_last; // q, k and v share theirs
    mutable std::string m_lastName;
};

CalibrationFile::CalibrationFile(const std::filesystem::path &path, const Model &model,
                                 std::vector<std::string> &warnings)
    : m_body(std::make_unique<Body>(path)) {
    std::uint64_t matched = 0;
    std::string last;
    for (const TensorInfo &info : model.tensors) {
        const std::string input = inputOfTensor(info.name);
        if (info.shape.size() != 2 || !m_body->has(input))
            continue;
        if (m_body->width(input) != info.shape[1])
            throw m_body->otherModel(shown(info.name) + " has " + std::to_string(info.shape[1]) +
                                     " columns, the calibration " + std::to_string(m_body->width(input)));
        matched += input != last ? 1 : 0;
        last = input;
    }
    if (matched == 0 || m_body->inputs() > matched)
        throw m_body->otherModel("it has inputs that this model lacks");
    if (m_body->header.fingerprint != fingerprintOf(model))
        warnings.push_back(shownName(path) + " was made from other weights (" + shown(m_body->header.model) +
                           ") than the model's; its sizes fit.");
}

CalibrationFile::~CalibrationFile() = default;
const CalibrationHeader &CalibrationFile::header() const { return m_body->header; }
TokenWindows CalibrationFile::windows() const { return m_body->windows(); }

std::shared_ptr<const InputStatistics> CalibrationFile::statisticsFor(std::string_view tensor) const {
    const std::string input = inputOfTensor(tensor);
    if (!m_body->has(input))
        throw Error(Fault::Input, "The calibration has no statistics for " + shown(tensor) + ": exclude it.")
            .inTensor(std::string(tensor));
    return m_body->read(input);
}

} // namespace nibblescope
