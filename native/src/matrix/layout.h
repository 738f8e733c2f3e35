// How packed matrices lie in memory: one layout per type, read by every kernel set. Plain data only: files compiled for one instruction set include this, and an
// inline function here would be one symbol compiled twice.
//
// Eight rows make a group; the last group is padded by repeating the last row. A group is a run of headers and steps:
//   floats: for each column the 8 rows' numbers.
//   codes:  for each block a header (scales of the 8 rows, and offsets), then its steps of 32 (or 16) columns.
// Within a step a chunk is 4 columns × 8 rows = 32 bytes, row-major: one broadcast of 4 activations meets 8 rows.
//   twos:    byte i of load L holds chunk L in its lowest two bits, then chunks L + chunks/4, L + chunks/2, L + 3 · chunks/4.
//   nibbles: byte i of load L holds chunk L low, chunk L + chunks/2 high.
//   fives:   nibbles (128 bytes), then 32 bytes whose bit c is bit 4 of chunk c.
//   sixes:   nibbles (64 bytes, 16 columns), then 32 bytes whose bits 2c and 2c+1 are bits 4 and 5 of chunk c.
//   bytes:   signed, chunk after chunk.
// value = scale · (code − zero) + offset.
#pragma once

#include <cstdint>

namespace retort {

inline constexpr std::int64_t group_rows = 8;

enum class Codes : std::uint8_t { f32, f16, bf16, twos, nibbles, fives, sixes, bytes };

// Header of a block, each item for 8 rows: f16 or f32 scale, then nothing, an offset of the same type, or the byte n of offset = scale · (point_base − n).
// k4: 256 columns: f16 scale, f16 offset, then 8 × scale factors (bytes), 8 × offset factors (bytes); one of each per step.
// k6: 256 columns: f16 scale, then 16 × scale factors (signed bytes).
enum class Scales : std::uint8_t { none, f16, f16_offset, f16_point, f32, f32_offset, f32_point, k4, k6 };

struct Layout {
  Codes codes = Codes::f32;
  Scales scales = Scales::none;
  std::int32_t zero = 0;
  std::int32_t point_base = 0;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  // Columns that share an activation scale: 16 or 32. For floats 1.
  std::int64_t step_columns = 1;
  std::int64_t steps = 0;
  std::int64_t steps_per_header = 1;
  std::int64_t header_bytes = 0;
  std::int64_t step_bytes = 0;
  std::int64_t groups = 0;
  std::int64_t group_bytes = 0;
};

// Activations quantized for `fast`: per step one scale; arrays of [rows, steps], codes [rows, steps · step_columns].
struct QuantizedRows {
  const std::int8_t* codes;
  const float* scales;
  // scale · sum of the step's codes: what an offset is multiplied by.
  const float* sums;
  // −zero · sum of the step's codes: makes a dot of (code − zero) from a dot of code. Null where the zero is 0.
  const std::int32_t* corrections;
  std::int64_t steps;
  std::int64_t row_codes;
};

}  // namespace retort
