// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/safetensors/writer.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <stdexcept>
#include <string_view>
#include <unordered_set>

#include <nlohmann/json.hpp>

#include "core/base/checked.h"
#include "core/base/error.h"
#include "core/io/safetensors/header.h"
#include "core/io/shown.h"

namespace nibblescope {
namespace {

std::uint64_t bytesOf(const DeclaredTensor &tensor) {
    const auto params = checkedProduct(tensor.shape);
    const auto bits = params ? checkedMultiply(*params, traits(tensor.dtype).bits) : std::nullopt;
    if (!bits || *bits % 8 != 0)
        throw Error(Fault::Input, shown(tensor.name) + " of shape " + shownShape(tensor.shape) +
                                      " cannot be written to a safetensors file.")
            .inTensor(tensor.name);
    return *bits / 8;
}

std::vector<std::size_t> sortedOrder(const std::vector<DeclaredTensor> &tensors) {
    std::vector<std::size_t> order(tensors.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&tensors](std::size_t a, std::size_t b) {
        return tensors[a].dtype != tensors[b].dtype ? tensors[a].dtype > tensors[b].dtype
                                                    : tensors[a].name < tensors[b].name;
    });
    return order;
}

} // namespace

SafetensorsWriter::Layout SafetensorsWriter::layOut(const std::filesystem::path &target,
                                                    const std::vector<DeclaredTensor> &tensors) {
    Layout layout;
    layout.order = sortedOrder(tensors);
    std::uint64_t end = 0;
    std::string text = R"({"__metadata__":{"format":"pt"})";
    std::unordered_set<std::string_view> names{"__metadata__"};
    for (const std::size_t i : layout.order) {
        const DeclaredTensor &tensor = tensors[i];
        if (!names.insert(tensor.name).second)
            throw Error(Fault::Input, "two tensors cannot both be named " + shown(tensor.name) + " in one file.")
                .inTensor(tensor.name);
        const std::uint64_t begin = end;
        end = checkedAdd(end, bytesOf(tensor)).value_or(UINT64_MAX);
        text += "," + nlohmann::ordered_json(tensor.name).dump() + ":" +
                nlohmann::ordered_json{
                    {"dtype", traits(tensor.dtype).name}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}}
                    .dump();
    }
    text += "}";
    text.resize((text.size() + 7) / 8 * 8, ' ');
    const std::uint64_t length = text.size();
    const auto fileBytes = checkedAdd(end, length + sizeof length);
    if (length > safetensorsHeaderLimit || !fileBytes || end == UINT64_MAX)
        throw Error(Fault::Input,
                    shownName(target) + " was not written: the tensors are more than the format can hold.");
    layout.head.resize(sizeof length);
    std::memcpy(layout.head.data(), &length, sizeof length);
    layout.head += text;
    layout.fileBytes = *fileBytes;
    return layout;
}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path &target, const std::vector<DeclaredTensor> &tensors)
    : SafetensorsWriter(target, layOut(target, tensors)) {}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path &target, Layout layout)
    : m_order(std::move(layout.order)), m_fileBytes(layout.fileBytes), m_rest(layout.fileBytes - layout.head.size()),
      m_file(target, layout.fileBytes) {
    m_file.write(std::as_bytes(std::span(layout.head)));
}

void SafetensorsWriter::write(std::span<const std::byte> bytes) {
    if (bytes.size() > m_rest)
        throw std::logic_error("more bytes than were declared");
    m_file.write(bytes);
    m_rest -= bytes.size();
}

void SafetensorsWriter::commit() {
    if (m_rest != 0)
        throw std::logic_error("fewer bytes than were declared");
    m_file.commit();
}

} // namespace nibblescope
