// What this processor and its operating system allow.
#pragma once

namespace retort {

bool processor_has_avx2();
// AVX-512 F, BW, VL and VNNI, beside AVX2.
bool processor_has_avx512();
// SSE4.2, which holds the instruction for CRC32C.
bool processor_has_crc32c();
// VPCLMULQDQ on registers of AVX-512: products of polynomials over two elements.
bool processor_has_wide_products();

}  // namespace retort
