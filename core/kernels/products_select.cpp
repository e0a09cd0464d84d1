// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>

#include "core/kernels/cpu_features.h"
#include "core/kernels/products.h"
#include "core/kernels/products_tables.h"

namespace nibblescope {

namespace {

std::vector<ProductKernels> makeTables() {
    std::vector<ProductKernels> tables;
    for (const Isa isa : supportedIsas()) {
        ProductKernels table = tables.empty() ? scalarProducts() : tables.back();
        table.isa = isa;
#if defined(__x86_64__)
        if (isa == Isa::Avx2)
            fillAvx2Products(table);
        if (isa == Isa::Avx512)
            fillAvx512Products(table);
        if (isa == Isa::Avx512Vnni)
            fillAvx512VnniProducts(table);
#elif defined(__aarch64__)
        if (isa == Isa::Neon)
            fillNeonProducts(table);
        if (isa == Isa::Neon && cpuFeatures().dotprod)
            fillNeonDotProducts(table);
#endif
        tables.push_back(table);
    }
    return tables;
}

} // namespace

const ProductKernels &productsFor(Isa isa) {
    static const std::vector<ProductKernels> tables = makeTables();
    const Isa supported = kernelsFor(isa).isa; // throws what an unsupported one deserves
    return *std::find_if(tables.begin(), tables.end(),
                         [supported](const ProductKernels &table) { return table.isa == supported; });
}

} // namespace nibblescope
