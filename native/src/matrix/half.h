// float16 and bfloat16 by bit operations, exact in both directions where the value fits.
#pragma once

#include <bit>
#include <cstdint>

namespace retort {

inline float from_f16(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16;
  const std::uint32_t exponent = (half >> 10) & 31U;
  const std::uint32_t fraction = half & 0x3FFU;
  if (exponent == 0) {
    // Below the normal numbers: fraction · 2^−24, exact in float32.
    const float value = static_cast<float>(fraction) * 0x1p-24F;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) | sign);
  }
  if (exponent == 31) {
    // Quiet, as the processor's own conversion makes it.
    const std::uint32_t quiet = fraction != 0 ? 0x400000U : 0U;
    return std::bit_cast<float>(sign | 0x7F800000U | quiet | (fraction << 13));
  }
  return std::bit_cast<float>(sign | ((exponent + 112U) << 23) | (fraction << 13));
}

inline float from_bf16(std::uint16_t half) { return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16); }

// Rounds to nearest even, as the processor's own conversion does.
inline std::uint16_t to_f16(float value) {
  constexpr std::uint32_t smallest_normal = 0x38800000;  // 2^−14
  constexpr std::uint32_t beyond_largest = 0x47800000;   // 2^16
  constexpr std::uint32_t float_infinity = 0x7f800000;
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t magnitude = bits & 0x7fffffff;
  std::uint32_t half = 0;
  if (magnitude > float_infinity) {
    half = 0x7e00;
  } else if (magnitude >= beyond_largest) {
    half = 0x7c00;
  } else if (magnitude < smallest_normal) {
    // The last bit of 0.5 weighs 2^−24, as that of a subnormal half: the addition rounds.
    half = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5F) - std::bit_cast<std::uint32_t>(0.5F);
  } else {
    half = (magnitude + 0xfff + ((magnitude >> 13) & 1) - 0x38000000) >> 13;
  }
  return static_cast<std::uint16_t>(half | ((bits >> 16) & 0x8000));
}

// Whether the value is a float16 number, and which. NaN is none.
inline bool to_f16_exactly(float value, std::uint16_t& half) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000U;
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  std::uint32_t result = 0;
  if (magnitude >= 0x38800000U) {
    result = (magnitude >> 13) - (112U << 10);
    if (magnitude > 0x477FE000U) return false;
  } else {
    // Multiplying by 2^24 is exact; a whole number of at most 10 bits is the fraction.
    const float scaled = std::bit_cast<float>(magnitude) * 0x1p24F;
    result = static_cast<std::uint32_t>(scaled);
  }
  half = static_cast<std::uint16_t>(sign | result);
  return from_f16(half) == value;
}

}  // namespace retort
