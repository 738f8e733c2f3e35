// Round-to-nearest quantization of weights, as MatMulNBits' own quantizer does it, halves to even: value ≈ scale · (code − zero point), one scale for each block of a row.
#pragma once

#include <cstdint>
#include <span>

namespace retort {

struct RoundingRule {
  // 2, 4 or 8.
  std::int32_t bits;
  // Columns that share a scale; the last block of a row may be shorter.
  std::int64_t block;
};

// What of rows becomes: codes [rows, columns], one to a byte; scales and zero points [rows, ⌈columns / block⌉].
struct RoundedRows {
  std::span<std::uint8_t> codes;
  // The float16 numbers next to the scales by which codes were rounded.
  std::span<float> scales;
  // Empty: symmetric, the zero point is 2^(bits − 1), and the value farthest from zero becomes code 0; scales may be negative.
  std::span<std::uint8_t> zero_points;
};

// `values` [rows, columns], row-major. Throws Failure: bad_request where sizes disagree, invalid_numbers for values that are not finite or whose scale no float16
// holds.
void round_rows(std::span<const float> values, std::int64_t columns, const RoundingRule& rule, const RoundedRows& out);

}  // namespace retort
