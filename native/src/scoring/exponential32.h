// exp(x) in float32 from + − × and bit operations: a loop over it is vectorised, and every machine gets the same bits. Relative error below 2e-7.
// As exponential.h, with a Taylor series to r^7. Outside −87…88 the result is that of the border; not-a-number stays.
#pragma once

#include <bit>
#include <cstdint>

namespace retort {

// condition ? a : b by its bits. A branch would be unfolded through what the caller does with the result: compilers then compute that for the
// borders too, in every vector, and there it may be a subnormal number, a hundred times slower.
inline float choose_bits(bool condition, float a, float b) {
  const std::uint32_t mask = 0U - static_cast<std::uint32_t>(condition);
  return std::bit_cast<float>((std::bit_cast<std::uint32_t>(a) & mask) | (std::bit_cast<std::uint32_t>(b) & ~mask));
}

inline float exponential32(float x) {
  constexpr float smallest = -87.0F;
  constexpr float largest = 88.0F;
  constexpr float log2_e = 0x1.715476p0F;
  // The high part has 9 bits, so that n times it is exact.
  constexpr float ln2_high = 0x1.63p-1F;
  constexpr float ln2_low = -0x1.bd0106p-13F;
  constexpr float round_to_integer = 0x1.8p23F;

  // Comparisons with not-a-number are false: it passes.
  const float clamped = choose_bits(x > largest, largest, choose_bits(x < smallest, smallest, x));
  const float shifted = clamped * log2_e + round_to_integer;
  const float n = shifted - round_to_integer;
  const float r = (clamped - n * ln2_high) - n * ln2_low;
  float sum = 1.0F / 5040.0F;
  sum = sum * r + 1.0F / 720.0F;
  sum = sum * r + 1.0F / 120.0F;
  sum = sum * r + 1.0F / 24.0F;
  sum = sum * r + 1.0F / 6.0F;
  sum = sum * r + 0.5F;
  sum = sum * r + 1.0F;
  sum = sum * r + 1.0F;
  return sum * std::bit_cast<float>((std::bit_cast<std::uint32_t>(shifted) + 127U) << 23U);
}

}  // namespace retort
