#include "matrix/codes.h"

#include <algorithm>
#include <cstring>

#include "matrix/half.h"
#include "matrix/packed_matrix.h"

namespace retort {

namespace {

template <class Number>
Number number_at(const unsigned char* bytes, std::int64_t index) {
  Number value;
  std::memcpy(&value, bytes + index * static_cast<std::int64_t>(sizeof value), sizeof value);
  return value;
}

float f16_at(const unsigned char* bytes, std::int64_t index) { return from_f16(number_at<std::uint16_t>(bytes, index)); }

std::int32_t two_bits(const unsigned char* step, std::int64_t chunks, std::int64_t chunk, std::int64_t byte) {
  const std::int64_t loads = chunks / 4;
  return (step[chunk % loads * 32 + byte] >> (2 * (chunk / loads))) & 3;
}

std::int32_t nibble(const unsigned char* step, std::int64_t chunks, std::int64_t chunk, std::int64_t byte) {
  const std::int64_t loads = chunks / 2;
  const unsigned char pair = step[chunk % loads * 32 + byte];
  return chunk < loads ? pair & 15 : pair >> 4;
}

float float_at(const Layout& layout, const unsigned char* group, std::int64_t row, std::int64_t column) {
  const std::int64_t index = column * group_rows + row;
  if (layout.codes == Codes::f32) return number_at<float>(group, index);
  const auto half = number_at<std::uint16_t>(group, index);
  return layout.codes == Codes::f16 ? from_f16(half) : from_bf16(half);
}

}  // namespace

std::array<std::int32_t, widest_step> read_codes(const Layout& layout, const unsigned char* step, std::int64_t row) {
  std::array<std::int32_t, widest_step> codes{};
  const std::int64_t chunks = layout.step_columns / 4;
  for (std::int64_t column = 0; column < layout.step_columns; ++column) {
    const std::int64_t chunk = column / 4;
    const std::int64_t byte = row * 4 + column % 4;
    std::int32_t code = 0;
    if (layout.codes == Codes::bytes) {
      code = number_at<std::int8_t>(step, chunk * 32 + byte);
    } else if (layout.codes == Codes::twos) {
      code = two_bits(step, chunks, chunk, byte);
    } else {
      code = nibble(step, chunks, chunk, byte);
      if (layout.codes == Codes::fives) code |= ((step[128 + byte] >> chunk) & 1) << 4;
      if (layout.codes == Codes::sixes) code |= ((step[64 + byte] >> (2 * chunk)) & 3) << 4;
    }
    codes[static_cast<std::size_t>(column)] = code;
  }
  return codes;
}

bool has_offset(Scales scales) {
  return scales == Scales::f16_offset || scales == Scales::f16_point || scales == Scales::f32_offset || scales == Scales::f32_point || scales == Scales::k4;
}

ScaleAndOffset read_scale(const Layout& layout, const unsigned char* header, std::int64_t index, std::int64_t row) {
  const auto at_point = [&](float scale, std::int64_t position) {
    return ScaleAndOffset{scale, scale * static_cast<float>(layout.point_base - header[position + row])};
  };
  switch (layout.scales) {
    case Scales::none:
      return {1, 0};
    case Scales::f16:
      return {f16_at(header, row), 0};
    case Scales::f16_offset:
      return {f16_at(header, row), f16_at(header, 8 + row)};
    case Scales::f16_point:
      return at_point(f16_at(header, row), 16);
    case Scales::f32:
      return {number_at<float>(header, row), 0};
    case Scales::f32_offset:
      return {number_at<float>(header, row), number_at<float>(header, 8 + row)};
    case Scales::f32_point:
      return at_point(number_at<float>(header, row), 32);
    case Scales::k4:
      return {f16_at(header, row) * static_cast<float>(header[32 + 8 * index + row]), f16_at(header, 8 + row) * static_cast<float>(header[96 + 8 * index + row])};
    case Scales::k6:
      return {f16_at(header, row) * static_cast<float>(number_at<std::int8_t>(header, 16 + 8 * index + row)), 0};
  }
  return {0, 0};
}

void read_values(const Layout& layout, const unsigned char* group, std::int64_t row, std::int64_t begin, std::int64_t end, float* out) {
  if (layout.scales == Scales::none) {
    for (std::int64_t column = begin; column < end; ++column) out[column - begin] = float_at(layout, group, row, column);
    return;
  }
  const bool offsets = has_offset(layout.scales);
  for (std::int64_t first = begin; first < end; first += layout.step_columns) {
    const std::int64_t step = first / layout.step_columns;
    const auto codes = read_codes(layout, group + step_position(layout, step), row);
    const auto [scale, offset] = read_scale(layout, group + header_position(layout, step), step % layout.steps_per_header, row);
    const std::int64_t count = std::min(layout.step_columns, end - first);
    for (std::int64_t i = 0; i < count; ++i) {
      const float product = scale * static_cast<float>(codes[static_cast<std::size_t>(i)] - layout.zero);
      out[first - begin + i] = offsets ? product + offset : product;
    }
  }
}

}  // namespace retort
