#include "kernels/processor.h"

#if defined(_MSC_VER) && !defined(__clang__)
#include <immintrin.h>
#include <intrin.h>
#endif

namespace retort {

#if defined(_MSC_VER) && !defined(__clang__) && defined(_M_X64)

namespace {

struct Registers {
  int values[4];
  bool has(int index, int bit) const { return ((values[index] >> bit) & 1) != 0; }
};

Registers identify(int leaf) {
  Registers registers{};
  __cpuidex(registers.values, leaf, 0);
  return registers;
}

// Whether the system saves these states: bits of XCR0.
bool system_saves(unsigned long long states) { return identify(1).has(2, 27) && (_xgetbv(0) & states) == states; }

}  // namespace

bool processor_has_avx2() { return identify(0).values[0] >= 7 && system_saves(6) && identify(1).has(2, 12) && identify(1).has(2, 29) && identify(7).has(1, 5); }

bool processor_has_avx512() {
  if (!processor_has_avx2() || !system_saves(0xE6)) return false;
  const Registers features = identify(7);
  return features.has(1, 16) && features.has(1, 30) && features.has(1, 31) && features.has(2, 11);
}

bool processor_has_crc32c() { return identify(1).has(2, 20); }
bool processor_has_wide_products() { return processor_has_avx512() && identify(7).has(2, 10); }

#elif defined(__x86_64__)

// Every processor with AVX2 and FMA converts float16 too.
bool processor_has_avx2() { return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0; }

bool processor_has_avx512() {
  return processor_has_avx2() && __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
         __builtin_cpu_supports("avx512vnni") != 0;
}

bool processor_has_crc32c() { return __builtin_cpu_supports("sse4.2") != 0; }
bool processor_has_wide_products() { return processor_has_avx512() && __builtin_cpu_supports("vpclmulqdq") != 0; }

#else

bool processor_has_avx2() { return false; }
bool processor_has_avx512() { return false; }
bool processor_has_crc32c() { return false; }
bool processor_has_wide_products() { return false; }

#endif

}  // namespace retort
