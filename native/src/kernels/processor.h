// What this processor and its operating system allow.
#pragma once

namespace retort {

bool processor_has_avx2();
// AVX-512 F, BW, VL and VNNI, beside AVX2.
bool processor_has_avx512();

}  // namespace retort
