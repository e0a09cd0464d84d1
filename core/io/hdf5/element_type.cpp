// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/hdf5/element_type.h"

#include <array>

namespace nibblescope::hdf5 {
namespace {

struct FloatFields {
    std::size_t size;
    std::size_t exponentBits;
    std::size_t mantissaBits;
    std::size_t bias;
    DType dtype;
};

constexpr std::array knownFloats{
    FloatFields{8, 11, 52, 1023, DType::F64}, FloatFields{4, 8, 23, 127, DType::F32},
    FloatFields{2, 5, 10, 15, DType::F16},    FloatFields{2, 8, 7, 127, DType::BF16},
    FloatFields{1, 4, 3, 7, DType::F8E4M3},   FloatFields{1, 5, 2, 15, DType::F8E5M2},
};

struct IntegerType {
    std::size_t size;
    bool isSigned;
    DType dtype;
};

constexpr std::array knownIntegers{
    IntegerType{1, true, DType::I8},   IntegerType{1, false, DType::U8},  IntegerType{2, true, DType::I16},
    IntegerType{2, false, DType::U16}, IntegerType{4, true, DType::I32},  IntegerType{4, false, DType::U32},
    IntegerType{8, true, DType::I64},  IntegerType{8, false, DType::U64},
};

std::variant<DType, std::string> floatType(hid_t type) {
    std::size_t sign = 0;
    std::size_t exponent = 0;
    std::size_t exponentBits = 0;
    std::size_t mantissa = 0;
    std::size_t mantissaBits = 0;
    checked(H5Tget_fields(type, &sign, &exponent, &exponentBits, &mantissa, &mantissaBits));
    const std::size_t size = H5Tget_size(type);
    for (const FloatFields &known : knownFloats)
        if (known.size == size && known.exponentBits == exponentBits && known.mantissaBits == mantissaBits &&
            known.bias == H5Tget_ebias(type) && mantissa == 0 && exponent == mantissaBits &&
            sign == mantissaBits + exponentBits)
            return known.dtype;
    return "a floating point type of " + std::to_string(size * 8) + " bits that is not one of IEEE's";
}

std::variant<DType, std::string> integerType(hid_t type) {
    const std::size_t size = H5Tget_size(type);
    for (const IntegerType &known : knownIntegers)
        if (known.size == size && known.isSigned == (H5Tget_sign(type) == H5T_SGN_2))
            return known.dtype;
    return "an integer of " + std::to_string(size) + " bytes";
}

hid_t nativeType(DType dtype) {
    switch (dtype) {
    case DType::F64:
        return H5T_IEEE_F64LE;
    case DType::F32:
        return H5T_IEEE_F32LE;
    case DType::I8:
        return H5T_STD_I8LE;
    case DType::U8:
        return H5T_STD_U8LE;
    case DType::I16:
        return H5T_STD_I16LE;
    case DType::U16:
        return H5T_STD_U16LE;
    case DType::I32:
        return H5T_STD_I32LE;
    case DType::U32:
        return H5T_STD_U32LE;
    case DType::I64:
        return H5T_STD_I64LE;
    case DType::U64:
        return H5T_STD_U64LE;
    default:
        return -1;
    }
}

} // namespace

std::variant<DType, std::string> elementType(hid_t type) {
    switch (H5Tget_class(type)) {
    case H5T_FLOAT:
    case H5T_INTEGER: {
        const H5T_order_t order = H5Tget_order(type);
        if (order != H5T_ORDER_LE && order != H5T_ORDER_BE && H5Tget_size(type) > 1)
            return std::string("a number of unusual byte order");
        return H5Tget_class(type) == H5T_FLOAT ? floatType(type) : integerType(type);
    }
    case H5T_OPAQUE: // Keras' bfloat16
        if (H5Tget_size(type) == 2)
            return DType::BF16;
        return "opaque bytes, " + std::to_string(H5Tget_size(type)) + " each";
    case H5T_STRING:
        return std::string("text");
    case H5T_BITFIELD:
        return std::string("bit fields");
    case H5T_COMPOUND:
        return std::string("a compound type (complex numbers are one)");
    case H5T_REFERENCE:
        return std::string("references");
    case H5T_ENUM:
        return std::string("an enumeration (truth values are one)");
    case H5T_VLEN:
        return std::string("lists of any length");
    case H5T_ARRAY:
        return std::string("arrays");
    default:
        return std::string("a type that is not known");
    }
}

Handle memoryType(hid_t fileType, DType dtype) {
    if (const hid_t native = nativeType(dtype); native >= 0)
        return {H5Tcopy(native), H5Tclose};
    Handle type(H5Tcopy(fileType), H5Tclose);
    if (H5Tget_class(type) == H5T_FLOAT)
        checked(H5Tset_order(type, H5T_ORDER_LE));
    return type;
}

Handle halfType() {
    Handle type(H5Tcopy(H5T_IEEE_F32LE), H5Tclose);
    checked(H5Tset_fields(type, 15, 10, 5, 0, 10));
    checked(H5Tset_size(type, 2));
    checked(H5Tset_ebias(type, 15));
    return type;
}

bool hasStoredType(DType dtype) { return dtype == DType::F16 || nativeType(dtype) >= 0; }

Handle storedType(DType dtype) {
    if (dtype == DType::F16)
        return halfType();
    if (const hid_t native = nativeType(dtype); native >= 0)
        return {H5Tcopy(native), H5Tclose};
    return {H5Tcopy(traits(dtype).bits == 16 ? H5T_STD_U16LE : H5T_STD_U8LE), H5Tclose};
}

} // namespace nibblescope::hdf5
