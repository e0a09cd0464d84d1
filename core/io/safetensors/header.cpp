// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/safetensors/header.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/base/checked.h"
#include "core/base/error.h"
#include "core/io/safetensors/header_parser.h"
#include "core/io/shown.h"

static_assert(std::endian::native == std::endian::little, "the formats are little-endian and read as they are");

namespace nibblescope {
namespace {

constexpr std::uint64_t lengthBytes = 8;

Error faulty(const InputFile &file, const std::string &what) {
    return Error(Fault::Input, file.name() + what).inFile(file.path().string());
}

Error cutShort(const InputFile &file, const std::string &what, std::uint64_t end) {
    return faulty(file, " is cut short: " + what + " should end at byte " + shownCount(end) + ", the file ends at " +
                            shownCount(file.size()) + ". Download it again.")
        .atByte(file.size());
}

// What people have instead of the weights when a download went wrong.
Error notSafetensors(const InputFile &file, const std::string &why) {
    const std::string head = file.head(64);
    if (head.starts_with("version https://git-lfs"))
        return faulty(file, " is a Git LFS pointer, not the weights. Fetch them with \"git lfs pull\".");
    if (head.starts_with("<!") || head.starts_with("<html"))
        return faulty(file, " is a web page, not a safetensors file. Download the file itself.");
    return faulty(file, " is not a safetensors file: " + why);
}

std::uint64_t readHeaderLength(const InputFile &file) {
    std::uint64_t length = 0;
    file.readAt(0, std::as_writable_bytes(std::span(&length, 1)));
    return length;
}

// The JSON without the spaces after it.
std::string readHeaderText(const InputFile &file) {
    if (file.size() == 0)
        throw faulty(file, " is empty. Download it again.");
    if (file.size() < lengthBytes + 2)
        throw notSafetensors(file, "it has only " + shownBytes(file.size()) + ".");
    const std::uint64_t length = readHeaderLength(file);
    const std::uint64_t rest = file.size() - lengthBytes;
    const std::string says = "its header says " + shownBytes(length) + ", ";
    if (length > rest && (length > safetensorsHeaderLimit || file.head(lengthBytes + 1).back() != '{'))
        throw notSafetensors(file, says + "the file has " + shownBytes(file.size()) + ".");
    if (length > safetensorsHeaderLimit)
        throw notSafetensors(file, says + "the format allows 100 MB.");
    if (length > rest)
        throw cutShort(file, "its header", lengthBytes + length);
    std::string text(static_cast<std::size_t>(length), '\0');
    file.readAt(lengthBytes, std::as_writable_bytes(std::span(text)));
    if (text.empty() || text.front() != '{')
        throw notSafetensors(file, "its header does not begin with \"{\" (byte 8).");
    text.resize(text.find_last_not_of(' ') + 1);
    return text;
}

Error badHeader(const InputFile &file, const std::string &what, std::uint64_t byte) {
    return faulty(file, " has a damaged header: " + what + " (byte " + shownCount(byte) + ").").atByte(byte);
}

void checkBytes(const InputFile &file, const std::string &text) {
    const auto odd = std::find_if(text.begin(), text.end(), [](char byte) {
        return static_cast<unsigned char>(byte) < 0x20 && byte != '\n' && byte != '\r' && byte != '\t';
    });
    const std::size_t end = text.find_last_of('}') + 1; // 0 where there is none
    const auto place = static_cast<std::uint64_t>(odd - text.begin());
    if (odd != text.end() && (end == 0 || place < end))
        throw badHeader(file, "it holds a control character, number " + std::to_string(static_cast<int>(*odd)),
                        lengthBytes + place);
    if (end == 0 || end == text.size())
        return;
    throw badHeader(file, "it is padded with something other than spaces", lengthBytes + end);
}

struct Span {
    std::uint64_t begin;
    std::uint64_t end;
    SafetensorsEntry entry;
    bool known; // the element type is one that we know
};

Error badTensor(const InputFile &file, const std::string &name, const std::string &what) {
    return faulty(file, " has a damaged header: tensor " + shown(name) + " " + what).inTensor(name);
}

Span checkedSpan(const InputFile &file, HeaderEntry &&parsed, std::uint64_t dataBegin,
                 std::vector<std::string> &warnings) {
    const std::string name = parsed.name;
    for (const auto &[present, key] :
         {std::pair(parsed.dtype.has_value(), "dtype"), std::pair(parsed.shape.has_value(), "shape"),
          std::pair(parsed.offsets.has_value(), "data_offsets")})
        if (!present)
            throw badTensor(file, name, std::string("has no ") + key + ".");
    const auto &offsets = *parsed.offsets;
    if (offsets.size() != 2)
        throw badTensor(file, name, "has " + std::to_string(offsets.size()) + " data_offsets, not 2.");
    const auto begin = checkedAdd(dataBegin, offsets[0]);
    const auto end = checkedAdd(dataBegin, offsets[1]);
    if (offsets[1] < offsets[0] || !begin || !end)
        throw badTensor(file, name,
                        "has data_offsets [" + shownCount(offsets[0]) + ", " + shownCount(offsets[1]) +
                            "], which end before they begin.");
    Span span{*begin, *end, {}, true};
    span.entry.begin = *begin;
    TensorInfo &info = span.entry.info;
    info.name = std::move(parsed.name);
    info.shape = std::move(*parsed.shape);
    info.bytes = offsets[1] - offsets[0];
    const auto dtype = dtypeFromName(*parsed.dtype);
    if (!dtype) {
        warnings.push_back(file.name() + ": " + shown(name) + " was left out: its element type " +
                           shown(*parsed.dtype) + " is not known.");
        span.known = false;
        return span;
    }
    info.dtype = *dtype;
    const auto params = checkedProduct(info.shape);
    const auto bits = params ? checkedMultiply(*params, traits(*dtype).bits) : std::nullopt;
    if (!bits)
        throw badTensor(file, name, "has the shape " + shownShape(info.shape) + ", more than any file can hold.");
    info.params = *params;
    if (*bits % 8 != 0 || *bits / 8 != info.bytes)
        throw badTensor(file, name,
                        "of shape " + shownShape(info.shape) + " and type " + *parsed.dtype + " takes " +
                            shownCount(*bits / 8) + " bytes, its place in the file (byte " + shownCount(span.begin) +
                            " to " + shownCount(span.end) + ") holds " + shownCount(info.bytes) + ".");
    return span;
}

// No holes, no overlaps, nothing after the last tensor.
void checkPlaces(const InputFile &file, const std::vector<Span> &spans, std::uint64_t dataBegin) {
    std::uint64_t reached = dataBegin;
    const Span *previous = nullptr;
    for (const Span &span : spans) {
        const std::string name = shown(span.entry.info.name);
        if (span.begin < reached)
            throw faulty(file, " has a damaged header: " + name + " begins at byte " + shownCount(span.begin) +
                                   ", inside " + shown(previous->entry.info.name) + ", which ends at " +
                                   shownCount(reached) + ".")
                .inTensor(span.entry.info.name)
                .atByte(span.begin);
        if (span.begin > reached)
            throw faulty(file, " has a damaged header: bytes " + shownCount(reached) + " to " + shownCount(span.begin) +
                                   " before " + name + " belong to no tensor.")
                .inTensor(span.entry.info.name)
                .atByte(reached);
        reached = span.end;
        previous = &span;
    }
    if (previous != nullptr && reached > file.size())
        throw cutShort(file, shown(previous->entry.info.name), reached).inTensor(previous->entry.info.name);
    if (reached < file.size())
        throw faulty(file, " holds " + shownBytes(file.size() - reached) + " that belong to no tensor, from byte " +
                               shownCount(reached) + " on.")
            .atByte(reached);
}

} // namespace

SafetensorsHeader readSafetensorsHeader(const InputFile &file) {
    const std::uint64_t dataBegin =
        file.size() < lengthBytes ? 0 : checkedAdd(lengthBytes, readHeaderLength(file)).value_or(0);
    const std::string text = readHeaderText(file);
    checkBytes(file, text);
    ParsedHeader parsed = parseHeaderText(text);
    if (parsed.problem)
        throw badHeader(file, parsed.problem->what, lengthBytes + parsed.problem->byte);
    SafetensorsHeader header;
    if (parsed.oddMetadata)
        header.warnings.push_back(file.name() + ": __metadata__ holds something other than texts, which the format "
                                                "does not allow; it was passed over.");
    std::vector<Span> spans;
    spans.reserve(parsed.entries.size());
    for (HeaderEntry &entry : parsed.entries)
        spans.push_back(checkedSpan(file, std::move(entry), dataBegin, header.warnings));
    std::stable_sort(spans.begin(), spans.end(), [](const Span &a, const Span &b) {
        return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
    });
    checkPlaces(file, spans, dataBegin);
    for (Span &span : spans)
        if (span.known)
            header.entries.push_back(std::move(span.entry));
    return header;
}

bool looksLikeSafetensors(const InputFile &file) {
    const std::string head = file.head(lengthBytes + 1);
    return head.size() == lengthBytes + 1 && head.back() == '{' && readHeaderLength(file) <= safetensorsHeaderLimit;
}

} // namespace nibblescope
