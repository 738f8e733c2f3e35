// Random matrices of every source type, decoded here by the formulas of the formats and independently of native/src, and products emulated from them.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "retort/matrix.h"

namespace examples {

using retort::SourceType;

// `name` tells what differs beside the type.
struct Kind {
  const char* name;
  SourceType type;
  // Columns must be a multiple of this.
  std::int64_t multiple;
  // nbits*, blocks8 only.
  std::int64_t block = 0;
  std::int32_t zero = 0;
  enum class Scale { none, half, single } scale = Scale::none;
  enum class Offset { none, points, halves, singles } offset = Offset::none;
};

inline const std::vector<Kind>& kinds() {
  using enum Kind::Scale;
  using Offset = Kind::Offset;
  static const std::vector<Kind> all = {
      {"f32", SourceType::f32, 1},
      {"f16", SourceType::f16, 1},
      {"bf16", SourceType::bf16, 1},
      {"q4_0", SourceType::q4_0, 32},
      {"q4_1", SourceType::q4_1, 32},
      {"q5_0", SourceType::q5_0, 32},
      {"q8_0", SourceType::q8_0, 32},
      {"q4_k", SourceType::q4_k, 256},
      {"q6_k", SourceType::q6_k, 256},
      {"nbits2 of 32, float16 scales", SourceType::nbits2, 1, 32, 2, half},
      {"nbits2 of 16, float32 scales", SourceType::nbits2, 1, 16, 2, single},
      {"nbits2 of 16, whole zero points, float16 scales", SourceType::nbits2, 1, 16, 0, half, Offset::points},
      {"nbits2 of 128, whole zero points", SourceType::nbits2, 1, 128, 2, single, Offset::points},
      {"nbits2 of 64, float32 offsets", SourceType::nbits2, 1, 64, 2, single, Offset::singles},
      {"nbits2 of 32, float16 offsets", SourceType::nbits2, 1, 32, 0, half, Offset::halves},
      {"nbits4 of 32, float32 scales", SourceType::nbits4, 1, 32, 8, single},
      {"nbits4 of 16, float16 scales", SourceType::nbits4, 1, 16, 8, half},
      {"nbits4 of 16, whole zero points", SourceType::nbits4, 1, 16, 8, single, Offset::points},
      {"nbits4 of 128, whole zero points, float16 scales", SourceType::nbits4, 1, 128, 0, half, Offset::points},
      {"nbits4 of 64, float32 offsets", SourceType::nbits4, 1, 64, 8, single, Offset::singles},
      {"nbits4 of 32, float16 offsets", SourceType::nbits4, 1, 32, 0, half, Offset::halves},
      {"nbits8 of 32", SourceType::nbits8, 1, 32, 128, single},
      {"nbits8 of 16, float16 scales", SourceType::nbits8, 1, 16, 128, half},
      {"nbits8 of 256, whole zero points", SourceType::nbits8, 1, 256, 0, single, Offset::points},
      {"blocks8 of 16, float32 offsets", SourceType::blocks8, 1, 16, 0, single, Offset::singles},
      {"blocks8 of 32, whole zero points, float16 scales", SourceType::blocks8, 1, 32, 128, half, Offset::points},
      {"blocks8 of 32, float16 offsets", SourceType::blocks8, 1, 32, 100, half, Offset::halves},
  };
  return all;
}

struct Example {
  Kind kind;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::vector<std::byte> bytes;
  std::vector<float> scales, offsets;
  // Of each value: value = scale · code + offset, `code` with the zero taken off. Floats: scale 1.
  std::vector<float> values, value_scales, value_offsets;
  std::vector<std::int32_t> codes;
  bool has_offsets = false;

  retort::MatrixSource source() const {
    return {kind.type, rows, columns, bytes, kind.block, scales, offsets, kind.zero};
  }
};

inline float half_to_float(std::uint16_t half) {
  const int exponent = (half >> 10) & 31;
  const int fraction = half & 1023;
  const double magnitude = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return static_cast<float>((half & 0x8000) != 0 ? -magnitude : magnitude);
}

class Builder {
 public:
  Builder(const Kind& kind, std::int64_t rows, std::int64_t columns, unsigned seed, bool extreme) : random_(seed), extreme_(extreme) {
    example_.kind = kind;
    example_.rows = rows;
    example_.columns = columns;
  }

  Example build() {
    const auto size = static_cast<std::size_t>(example_.rows * example_.columns);
    for (auto* numbers : {&example_.values, &example_.value_scales, &example_.value_offsets}) numbers->resize(size);
    example_.codes.resize(size);
    if (example_.kind.block != 0) {
      build_blocks();
    } else {
      for (std::int64_t row = 0; row < example_.rows; ++row) build_row(row);
    }
    return example_;
  }

 private:
  std::uint32_t next() { return static_cast<std::uint32_t>(random_()); }

  // A finite float16 of ordinary size, either sign; sometimes 0 or below the normal numbers.
  std::uint16_t random_half() {
    const std::uint32_t bits = next();
    if (bits % 61 == 0) return static_cast<std::uint16_t>((bits >> 8) & 0x83FFU);
    return static_cast<std::uint16_t>(((bits >> 8) & 0x83FFU) | ((8U + (bits >> 20) % 6U) << 10));
  }
  float random_float() { return std::ldexp(static_cast<float>(static_cast<std::int32_t>(next() >> 7) - (1 << 24)), -30); }
  unsigned random_byte() {
    constexpr unsigned extremes[] = {0x00, 0xFF, 0x80, 0x7F};
    const std::uint32_t bits = next();
    return extreme_ ? extremes[bits % 4] : bits & 255U;
  }

  void push(unsigned byte) { example_.bytes.push_back(static_cast<std::byte>(byte)); }
  void push_half(std::uint16_t half) {
    push(half & 255U);
    push(half >> 8U);
  }

  void set(std::int64_t row, std::int64_t column, float scale, int code, float offset, bool has_offset) {
    const auto i = static_cast<std::size_t>(row * example_.columns + column);
    example_.codes[i] = code;
    example_.value_scales[i] = scale;
    example_.value_offsets[i] = offset;
    example_.has_offsets = has_offset;
    const volatile float product = scale * static_cast<float>(code);
    example_.values[i] = has_offset ? product + offset : product;
  }

  void build_row(std::int64_t row) {
    for (std::int64_t column = 0; column < example_.columns; column += example_.kind.multiple) {
      switch (example_.kind.type) {
        case SourceType::f32: {
          const float value = random_float();
          const auto bits = std::bit_cast<std::uint32_t>(value);
          push_half(static_cast<std::uint16_t>(bits & 0xFFFFU));
          push_half(static_cast<std::uint16_t>(bits >> 16));
          set(row, column, value, 1, 0, false);
          break;
        }
        case SourceType::f16: {
          const std::uint16_t half = random_half();
          push_half(half);
          set(row, column, half_to_float(half), 1, 0, false);
          break;
        }
        case SourceType::bf16: {
          const std::uint32_t bits = std::bit_cast<std::uint32_t>(random_float()) & 0xFFFF0000U;
          push_half(static_cast<std::uint16_t>(bits >> 16));
          set(row, column, std::bit_cast<float>(bits), 1, 0, false);
          break;
        }
        case SourceType::q4_k:
          build_q4_k(row, column);
          break;
        case SourceType::q6_k:
          build_q6_k(row, column);
          break;
        default:
          build_32(row, column);
      }
    }
  }

  // Q4_0, Q4_1, Q5_0, Q8_0.
  void build_32(std::int64_t row, std::int64_t column) {
    const SourceType type = example_.kind.type;
    const std::uint16_t d = random_half();
    push_half(d);
    float offset = 0;
    if (type == SourceType::q4_1) {
      const std::uint16_t m = random_half();
      push_half(m);
      offset = half_to_float(m);
    }
    std::uint32_t high = 0;
    if (type == SourceType::q5_0) {
      for (int i = 0; i < 4; ++i) {
        const unsigned byte = random_byte();
        push(byte);
        high |= byte << (8 * i);
      }
    }
    for (int j = 0; j < (type == SourceType::q8_0 ? 32 : 16); ++j) {
      const unsigned byte = random_byte();
      push(byte);
      const auto put = [&](int k, int code) { set(row, column + k, half_to_float(d), code, offset, type == SourceType::q4_1); };
      const int low_code = static_cast<int>(byte & 15U);
      const int high_code = static_cast<int>(byte >> 4);
      if (type == SourceType::q8_0) {
        put(j, static_cast<std::int8_t>(byte));
      } else if (type == SourceType::q5_0) {
        put(j, (low_code | static_cast<int>(((high >> j) & 1U) << 4)) - 16);
        put(j + 16, (high_code | static_cast<int>(((high >> (j + 16)) & 1U) << 4)) - 16);
      } else {
        const int zero = type == SourceType::q4_0 ? 8 : 0;
        put(j, low_code - zero);
        put(j + 16, high_code - zero);
      }
    }
  }

  void build_q4_k(std::int64_t row, std::int64_t column) {
    const float d = half_to_float(push_random_half());
    const float minimum = half_to_float(push_random_half());
    unsigned s[12];
    for (unsigned& byte : s) push(byte = random_byte());
    unsigned codes[128];
    for (unsigned& byte : codes) push(byte = random_byte());
    for (int e = 0; e < 256; ++e) {
      const int k = e / 32;
      const unsigned scale = k < 4 ? s[k] & 63U : (s[k + 4] & 15U) | ((s[k - 4] >> 6) << 4);
      const unsigned offset = k < 4 ? s[k + 4] & 63U : (s[k + 4] >> 4) | ((s[k] >> 6) << 4);
      const unsigned code = (codes[32 * (k / 2) + e % 32] >> (4 * (k % 2))) & 15U;
      set(row, column + e, d * static_cast<float>(scale), static_cast<int>(code), -(minimum * static_cast<float>(offset)), true);
    }
  }

  void build_q6_k(std::int64_t row, std::int64_t column) {
    unsigned low[128], high[64];
    int scales[16];
    for (unsigned& byte : low) push(byte = random_byte());
    for (unsigned& byte : high) push(byte = random_byte());
    for (int& scale : scales) {
      const unsigned byte = random_byte();
      push(byte);
      scale = static_cast<std::int8_t>(byte);
    }
    const float d = half_to_float(push_random_half());
    for (int e = 0; e < 256; ++e) {
      const int n = e / 128, j = e % 128 / 32, l = e % 32;
      const unsigned lo = (low[64 * n + 32 * (j & 1) + l] >> (4 * (j >> 1))) & 15U;
      const unsigned hi = (high[32 * n + l] >> (2 * j)) & 3U;
      set(row, column + e, d * static_cast<float>(scales[e / 16]), static_cast<int>(lo | (hi << 4)) - 32, 0, false);
    }
  }

  std::uint16_t push_random_half() {
    const std::uint16_t half = random_half();
    push_half(half);
    return half;
  }

  float random_scale() { return example_.kind.scale == Kind::Scale::half ? half_to_float(random_half()) : random_float(); }

  float random_offset(float scale, int most) {
    switch (example_.kind.offset) {
      case Kind::Offset::none:
        return 0;
      case Kind::Offset::points:
        return scale * static_cast<float>(example_.kind.zero - static_cast<int>(next() % static_cast<unsigned>(most + 1)));
      case Kind::Offset::halves:
        return half_to_float(random_half());
      case Kind::Offset::singles:
        return random_float();
    }
    return 0;
  }

  void build_blocks() {
    const Kind& kind = example_.kind;
    const std::int64_t per_byte = kind.type == SourceType::nbits2 ? 4 : kind.type == SourceType::nbits4 ? 2 : 1;
    const unsigned bits = 8U / static_cast<unsigned>(per_byte);
    const unsigned most = (1U << bits) - 1;
    const std::int64_t blocks = (example_.columns + kind.block - 1) / kind.block;
    const std::int64_t coded = kind.type == SourceType::blocks8 ? example_.columns : blocks * kind.block;
    for (std::int64_t row = 0; row < example_.rows; ++row) {
      std::vector<float> scales, offsets;
      for (std::int64_t block = 0; block < blocks; ++block) {
        scales.push_back(random_scale());
        offsets.push_back(random_offset(scales.back(), static_cast<int>(most)));
      }
      for (std::int64_t column = 0; column < coded; ++column) {
        if (column % per_byte == 0) push(random_byte());
        if (column >= example_.columns) continue;
        const unsigned byte = static_cast<unsigned>(example_.bytes.back());
        const unsigned code = (byte >> (bits * static_cast<unsigned>(column % per_byte))) & most;
        const auto block = static_cast<std::size_t>(column / kind.block);
        set(row, column, scales[block], static_cast<int>(code) - kind.zero, offsets[block], kind.offset != Kind::Offset::none);
      }
      example_.scales.insert(example_.scales.end(), scales.begin(), scales.end());
      if (kind.offset != Kind::Offset::none) example_.offsets.insert(example_.offsets.end(), offsets.begin(), offsets.end());
    }
  }

  std::mt19937 random_;
  bool extreme_;
  Example example_;
};

inline Example make(const Kind& kind, std::int64_t rows, std::int64_t columns, unsigned seed, bool extreme = false) {
  return Builder(kind, rows, columns, seed, extreme).build();
}

inline std::vector<float> activations(std::int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = normal(random);
  return values;
}

inline bool is_float(const Kind& kind) { return kind.multiple == 1 && kind.block == 0; }

// `fast` as kernel_set.h defines it, from the example's own numbers.
inline float fast_product(const Example& example, std::int64_t row, const float* in) {
  const std::int64_t step = example.kind.block == 16 || example.kind.type == SourceType::q6_k ? 16 : 32;
  float total = 0;
  for (std::int64_t first = 0; first < example.columns; first += step) {
    const std::int64_t end = std::min(first + step, example.columns);
    float largest = 0;
    for (std::int64_t k = first; k < end; ++k) largest = std::fmax(largest, std::fabs(in[k]));
    const float scale = largest / 127.0F;
    std::int64_t dot = 0, sum = 0;
    for (std::int64_t k = first; k < end && largest > 0; ++k) {
      const auto code = static_cast<std::int64_t>(std::nearbyint(in[k] * (127.0F / largest)));
      dot += code * example.codes[static_cast<std::size_t>(row * example.columns + k)];
      sum += code;
    }
    const auto i = static_cast<std::size_t>(row * example.columns + first);
    total = std::fma(example.value_scales[i] * static_cast<float>(dot), scale, total);
    if (example.has_offsets) total = std::fma(example.value_offsets[i], scale * static_cast<float>(sum), total);
  }
  return total;
}

}  // namespace examples
