#include "codec.h"

#include <algorithm>
#include <cmath>

#include "../matrix/half.h"

namespace retort {
namespace {

constexpr float largest_half = 65504.0F;
constexpr float largest_code = 127.0F;

std::size_t element_bytes(KvCodec codec) {
  switch (codec) {
    case KvCodec::f32: return sizeof(float);
    case KvCodec::f16: return sizeof(std::uint16_t);
    case KvCodec::q8: return sizeof(std::int8_t);
  }
  return 0;
}

std::size_t scale_bytes(KvCodec codec, std::int64_t dimension) {
  return codec == KvCodec::q8 ? static_cast<std::size_t>(kv_block_slots * group_count(dimension)) * sizeof(std::uint16_t) : 0;
}

std::uint16_t saturated_half(float value) {
  return to_f16(std::isfinite(value) ? std::clamp(value, -largest_half, largest_half) : value);
}

// Scale of a group as it will be read back; the codes are made for that one.
std::uint16_t group_scale(std::span<const float> values) {
  float largest = 0;
  for (const float value : values) {
    if (!std::isfinite(value)) return to_f16(std::nanf(""));
    largest = std::max(largest, std::fabs(value));
  }
  return saturated_half(largest / largest_code);
}

std::int8_t code_of(float value, float scale) {
  if (!(scale > 0)) return 0;
  return static_cast<std::int8_t>(std::lrint(std::clamp(value / scale, -largest_code, largest_code)));
}

// Calls store(dimension, code) for every value and store_scale(group, scale) for every group.
template <class StoreCode, class StoreScale>
void quantize(std::span<const float> values, StoreCode store_code, StoreScale store_scale) {
  for (std::size_t start = 0; start < values.size(); start += q8_group) {
    const auto group = values.subspan(start, std::min<std::size_t>(q8_group, values.size() - start));
    const std::uint16_t half_scale = group_scale(group);
    const float scale = from_f16(half_scale);
    store_scale(start / q8_group, half_scale);
    for (std::size_t i = 0; i < group.size(); ++i) store_code(start + i, code_of(group[i], scale));
  }
}

// `at(dimension)`: index of that dimension within the elements of the block.
template <class Index>
void encode(KvCodec codec, std::byte* block, std::size_t element_count, std::span<const float> values, Index at, auto scale_at) {
  switch (codec) {
    case KvCodec::f32:
      for (std::size_t i = 0; i < values.size(); ++i) reinterpret_cast<float*>(block)[at(i)] = values[i];
      return;
    case KvCodec::f16:
      for (std::size_t i = 0; i < values.size(); ++i) reinterpret_cast<std::uint16_t*>(block)[at(i)] = saturated_half(values[i]);
      return;
    case KvCodec::q8: {
      auto* const codes = reinterpret_cast<std::int8_t*>(block);
      auto* const scales = reinterpret_cast<std::uint16_t*>(block + element_count);
      quantize(
          values, [&](std::size_t i, std::int8_t code) { codes[at(i)] = code; }, [&](std::size_t group, std::uint16_t scale) { scales[scale_at(group)] = scale; });
      return;
    }
  }
}

// rows × row_size elements; `scale_at(row, column)`: index of an element's scale.
void decode(KvCodec codec, const std::byte* block, std::int64_t rows, std::int64_t row_size, float* out, auto scale_at) {
  const std::int64_t count = rows * row_size;
  switch (codec) {
    case KvCodec::f32: std::copy_n(reinterpret_cast<const float*>(block), count, out); return;
    case KvCodec::f16:
      for (std::int64_t i = 0; i < count; ++i) out[i] = from_f16(reinterpret_cast<const std::uint16_t*>(block)[i]);
      return;
    case KvCodec::q8: {
      const auto* const codes = reinterpret_cast<const std::int8_t*>(block);
      const auto* const scales = reinterpret_cast<const std::uint16_t*>(block + count);
      for (std::int64_t row = 0; row < rows; ++row) {
        for (std::int64_t column = 0; column < row_size; ++column) {
          const std::int64_t i = row * row_size + column;
          out[i] = static_cast<float>(codes[i]) * from_f16(scales[scale_at(row, column)]);
        }
      }
      return;
    }
  }
}

}  // namespace

std::size_t key_block_bytes(KvCodec codec, std::int64_t dimension) {
  return static_cast<std::size_t>(kv_block_slots * dimension) * element_bytes(codec) + scale_bytes(codec, dimension);
}

std::size_t value_block_bytes(KvCodec codec, std::int64_t dimension) {
  return static_cast<std::size_t>(kv_block_slots * padded_dimension(dimension)) * element_bytes(codec) + scale_bytes(codec, dimension);
}

void encode_key(KvCodec codec, std::byte* block, std::int64_t slot, std::span<const float> key) {
  const std::size_t offset = static_cast<std::size_t>(slot);
  const auto at = [&](std::size_t i) { return i * kv_block_slots + offset; };
  encode(codec, block, key.size() * kv_block_slots, key, at, at);
}

void encode_value(KvCodec codec, std::byte* block, std::int64_t slot, std::span<const float> value) {
  const std::int64_t dimension = static_cast<std::int64_t>(value.size());
  const std::size_t row = static_cast<std::size_t>(slot * padded_dimension(dimension));
  const std::size_t scale_row = static_cast<std::size_t>(slot * group_count(dimension));
  encode(
      codec, block, static_cast<std::size_t>(kv_block_slots * padded_dimension(dimension)), value, [&](std::size_t i) { return row + i; },
      [&](std::size_t group) { return scale_row + group; });
}

void decode_keys(KvCodec codec, const std::byte* block, std::int64_t dimension, float* out) {
  decode(codec, block, dimension, kv_block_slots, out, [](std::int64_t row, std::int64_t slot) { return row / q8_group * kv_block_slots + slot; });
}

void decode_values(KvCodec codec, const std::byte* block, std::int64_t dimension, float* out) {
  // Padding beyond D belongs to no group; it is 0 and takes the last one's scale.
  const std::int64_t groups = group_count(dimension);
  decode(codec, block, kv_block_slots, padded_dimension(dimension), out,
         [&](std::int64_t slot, std::int64_t column) { return slot * groups + std::min(column / q8_group, groups - 1); });
}

}  // namespace retort
