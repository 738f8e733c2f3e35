// IEEE 754 binary16 to and from float, rounding to nearest even: the same bits as the F16C instructions, NaN payloads apart.
#pragma once

#include <bit>
#include <cstdint>

namespace retort {

inline std::uint16_t half_from_float(float value) {
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

inline float float_from_half(std::uint16_t half) {
  const std::uint32_t magnitude = static_cast<std::uint32_t>(half & 0x7fff) << 13;
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000) << 16;
  // The exponent's bias differs by 112; infinity and NaN keep all exponent bits.
  const std::uint32_t bits = (half & 0x7c00) == 0x7c00 ? magnitude | 0x7f800000 : std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) * 0x1p112F);
  return std::bit_cast<float>(bits | sign);
}

}  // namespace retort
