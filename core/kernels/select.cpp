// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <cstdlib>
#include <string>

#include "core/base/error.h"
#include "core/kernels/cpu_features.h"
#include "core/kernels/isa_tables.h"
#include "core/kernels/kernels.h"
#include "core/kernels/quantize_by_parts.h"

namespace nibblescope {

namespace {

struct IsaRow {
    Isa isa;
    std::string_view id;
    std::string_view name;
    bool (*supported)(const CpuFeatures &features);
    // Puts what it does better over the table of the set before it.
    void (*fill)(Kernels &table, const CpuFeatures &features);
};

#if defined(__x86_64__)
void fillAvx2(Kernels &table, const CpuFeatures &) {
    fillAvx2Convert(table);
    fillAvx2Reduce(table);
    fillAvx2Encode(table);
    fillAvx2Clip(table);
    composeQuantize<Isa::Avx2>(table);
}
void fillAvx512(Kernels &table, const CpuFeatures &) {
    fillAvx512Convert(table);
    fillAvx512Reduce(table);
    fillAvx512Counts(table);
    fillAvx512Encode(table);
    fillAvx512Clip(table);
    composeQuantize<Isa::Avx512>(table);
    fillAvx512Quantize(table);
}
void fillAvx512Vnni(Kernels &, const CpuFeatures &) {} // dot products matter to products.h only
constexpr auto avx2 = fillAvx2;
constexpr auto avx512 = fillAvx512;
constexpr auto avx512Vnni = fillAvx512Vnni;
#else
constexpr auto avx2 = nullptr;
constexpr auto avx512 = nullptr;
constexpr auto avx512Vnni = nullptr;
#endif
#if defined(__aarch64__)
void fillNeon(Kernels &table, const CpuFeatures &) {
    fillNeonConvert(table);
    fillNeonReduce(table);
    fillNeonEncode(table);
    fillNeonClip(table);
    composeQuantize<Isa::Neon>(table);
}
constexpr auto neon = fillNeon;
#else
constexpr auto neon = nullptr;
#endif

constexpr IsaRow rows[] = {
    {Isa::Scalar, "scalar", "Scalar", [](const CpuFeatures &) { return true; }, nullptr},
    {Isa::Avx2, "avx2", "AVX2", [](const CpuFeatures &f) { return f.avx2; }, avx2},
    {Isa::Avx512, "avx512", "AVX-512", [](const CpuFeatures &f) { return f.avx512; }, avx512},
    {Isa::Avx512Vnni, "avx512vnni", "AVX-512 VNNI", [](const CpuFeatures &f) { return f.avx512vnni; }, avx512Vnni},
    {Isa::Neon, "neon", "NEON", [](const CpuFeatures &f) { return f.neon; }, neon},
};

const IsaRow &rowOf(Isa isa) {
    return *std::find_if(std::begin(rows), std::end(rows), [isa](const IsaRow &row) { return row.isa == isa; });
}

// All tables that this machine can run, lowest first: each begins as a copy of the one before it.
std::vector<Kernels> makeTables() {
    const CpuFeatures features = cpuFeatures();
    std::vector<Kernels> tables = {scalarKernels()};
    for (const IsaRow &row : rows) {
        if (row.fill == nullptr || !row.supported(features))
            continue;
        Kernels table = tables.back();
        row.fill(table, features);
        table.isa = row.isa;
        tables.push_back(table);
    }
    return tables;
}

const std::vector<Kernels> &tables() {
    static const std::vector<Kernels> made = makeTables();
    return made;
}

std::string supportedList() {
    std::string list;
    for (const Isa isa : supportedIsas())
        list.append(list.empty() ? "" : ", ").append(idOf(isa));
    return list;
}

} // namespace

std::string_view idOf(Isa isa) { return rowOf(isa).id; }
std::string_view displayName(Isa isa) { return rowOf(isa).name; }

std::optional<Isa> isaFromId(std::string_view id) {
    const auto row = std::find_if(std::begin(rows), std::end(rows), [id](const IsaRow &r) { return r.id == id; });
    return row == std::end(rows) ? std::nullopt : std::optional(row->isa);
}

std::vector<Isa> supportedIsas() {
    std::vector<Isa> isas;
    for (const Kernels &table : tables())
        isas.push_back(table.isa);
    return isas;
}

const Kernels &kernelsFor(Isa isa) {
    const auto &all = tables();
    const auto found = std::find_if(all.begin(), all.end(), [isa](const Kernels &table) { return table.isa == isa; });
    if (found == all.end())
        throw Error(Fault::Call, "this machine cannot run the instruction set " + std::string(idOf(isa)) + "; it has " +
                                     supportedList());
    return *found;
}

const Kernels &selectKernels() {
    const char *const wanted = std::getenv("NIBBLESCOPE_ISA");
    if (wanted == nullptr || *wanted == '\0')
        return tables().back();
    const auto isa = isaFromId(wanted);
    if (!isa)
        throw Error(Fault::Call, "NIBBLESCOPE_ISA is \"" + std::string(wanted) +
                                     "\", which is no instruction set; this machine has " + supportedList());
    const auto supported = supportedIsas();
    if (std::find(supported.begin(), supported.end(), *isa) == supported.end())
        throw Error(Fault::Call, "NIBBLESCOPE_ISA is \"" + std::string(wanted) +
                                     "\", which this machine cannot run; it has " + supportedList());
    return kernelsFor(*isa);
}

} // namespace nibblescope
