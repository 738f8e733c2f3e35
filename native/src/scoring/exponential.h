// exp(x) for x ≤ 0 from + − × and bit operations only: the compiler vectorises a loop over it, and every machine gets the same bits
// (the C library's exp differs between systems in the last place). Relative error below 3e-16, checked by a test.
//
// x = n·ln 2 + r with |r| ≤ ln 2 / 2 (ln 2 in two parts, Cody and Waite 1980), exp(r) by its Taylor series to r^13 (rest < 4e-18),
// times 2^n built from bits. Below −708, where 2^n would leave the normal numbers, the result is 0.
#pragma once

#include <bit>
#include <cstdint>

// One function per instruction set, chosen at load. No fused multiply-add in either, so both give the same bits. (The choice is made before the thread
// sanitizer has started, which it does not survive.)
#if !defined(__SANITIZE_THREAD__) && defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__)
#define RETORT_VECTOR_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define RETORT_VECTOR_CLONES
#endif

namespace retort {

inline double exponential(double x) {
  constexpr double smallest = -708.0;
  constexpr double log2_e = 0x1.71547652b82fep0;
  constexpr double ln2_high = 0x1.62e42fefa0000p-1;
  constexpr double ln2_low = 0x1.cf79abc9e3b3ap-40;
  // Adding 1.5·2^52 leaves the nearest integer in the low bits of the sum.
  constexpr double round_to_integer = 0x1.8p52;

  const double clamped = x < smallest ? smallest : x;
  const double shifted = clamped * log2_e + round_to_integer;
  const double n = shifted - round_to_integer;
  const double r = (clamped - n * ln2_high) - n * ln2_low;
  double sum = 1.0 / 6227020800.0;
  sum = sum * r + 1.0 / 479001600.0;
  sum = sum * r + 1.0 / 39916800.0;
  sum = sum * r + 1.0 / 3628800.0;
  sum = sum * r + 1.0 / 362880.0;
  sum = sum * r + 1.0 / 40320.0;
  sum = sum * r + 1.0 / 5040.0;
  sum = sum * r + 1.0 / 720.0;
  sum = sum * r + 1.0 / 120.0;
  sum = sum * r + 1.0 / 24.0;
  sum = sum * r + 1.0 / 6.0;
  sum = sum * r + 0.5;
  sum = sum * r + 1.0;
  sum = sum * r + 1.0;
  const double power = std::bit_cast<double>((std::bit_cast<std::uint64_t>(shifted) + 1023u) << 52);
  return x < smallest ? 0.0 : sum * power;
}

}  // namespace retort
