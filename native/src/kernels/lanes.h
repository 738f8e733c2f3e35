// The kernels of kernel_set.h over vectors, shared by instruction sets. V names one set: 8 lanes per group of rows, V::groups groups side by side, lane = row.
// V lives in an unnamed namespace of the file that is compiled for the set, so that every instantiation belongs to that file alone; for the same reason nothing
// of the standard library with code in it is used here.
//
// V has: Float, Int, Sum; load, load_half, load_bfloat, load_float, load_unsigned, load_signed (address, distance to the second group), splat, splat_int,
// broadcast (4 activations), masked, shift_left, shift_right (16-bit lanes), either, byte<Signed>, to_float, add_int, subtract_int, add, multiply, fused, store,
// Sum's accumulate and total, prepare and accumulate_signed, fetch.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_set.h"

// Vectors stay in registers only where the whole of a step is one function, which compilers do not always see.
#if defined(__GNUC__)
#define RETORT_INLINE __attribute__((always_inline)) inline
#define RETORT_INLINE_LAMBDA __attribute__((always_inline))
#else
#define RETORT_INLINE __forceinline
#define RETORT_INLINE_LAMBDA
#endif

namespace retort::lanes {

// ---- Codes: each() hands over the chunks of a step, `part` says which of two sums a chunk may go to without overflow in 16 bits.

// 8 · 2 · 3 · 127 fits, one part.
template <class V, int Loads>
struct TwoBitCodes {
  using Int = typename V::Int;
  static constexpr bool is_signed = false;
  static constexpr int parts = 1;
  static constexpr int columns = 16 * Loads;
  static constexpr int bytes = 32 * Loads;

  template <class Take>
  RETORT_INLINE static void each(const unsigned char* step, std::ptrdiff_t distance, Take take) {
#pragma GCC unroll 2
    for (int load = 0; load < Loads; ++load) {
      const Int four = V::load(step + 32 * load, distance);
      take(load, 0, V::masked(four, 3));
      take(load + Loads, 0, V::masked(V::shift_right(four, 2), 3));
      take(load + 2 * Loads, 0, V::masked(V::shift_right(four, 4), 3));
      take(load + 3 * Loads, 0, V::masked(V::shift_right(four, 6), 3));
    }
  }
};

// Nothing above the nibbles: 8 · 2 · 15 · 127 fits, one part.
struct NoHighBits {
  static constexpr int width = 0;
  static constexpr int mask = 0;
};
// 4 · 2 · 31 · 127 fits.
struct OneHighBit {
  static constexpr int width = 1;
  static constexpr int mask = 0x10;
};
// 2 · 2 · 63 · 127 fits.
struct TwoHighBits {
  static constexpr int width = 2;
  static constexpr int mask = 0x30;
};

template <class V, int Loads, class High>
struct NibbleCodes {
  using Int = typename V::Int;
  static constexpr bool is_signed = false;
  static constexpr int parts = High::width == 0 ? 1 : 2;
  static constexpr int columns = 8 * Loads;
  static constexpr int bytes = 32 * Loads + (High::width == 0 ? 0 : 32);

  RETORT_INLINE static Int with_high(Int codes, Int high, int chunk) {
    if constexpr (High::width == 0) return codes;
    const int position = High::width * chunk;
    const Int moved = position <= 4 ? V::shift_left(high, 4 - position) : V::shift_right(high, position - 4);
    return V::either(codes, V::masked(moved, High::mask));
  }

  template <class Take>
  RETORT_INLINE static void each(const unsigned char* step, std::ptrdiff_t distance, Take take) {
    Int high{};
    if constexpr (High::width != 0) high = V::load(step + 32 * Loads, distance);
#pragma GCC unroll 4
    for (int load = 0; load < Loads; ++load) {
      const Int pair = V::load(step + 32 * load, distance);
      take(load, 0, with_high(V::masked(pair, 15), high, load));
      take(load + Loads, parts - 1, with_high(V::masked(V::shift_right(pair, 4), 15), high, load + Loads));
    }
  }
};

template <class V, int Chunks>
struct ByteCodes {
  static constexpr bool is_signed = true;
  static constexpr int parts = 1;
  static constexpr int columns = 4 * Chunks;
  static constexpr int bytes = 32 * Chunks;

  template <class Take>
  RETORT_INLINE static void each(const unsigned char* step, std::ptrdiff_t distance, Take take) {
#pragma GCC unroll 8
    for (int chunk = 0; chunk < Chunks; ++chunk) take(chunk, 0, V::load(step + 32 * chunk, distance));
  }
};

// dots[m] = Σ code · activation over a step.
template <class V, class C, int M>
RETORT_INLINE void dot_step(const unsigned char* step, std::ptrdiff_t distance, const std::int8_t* in, std::int64_t in_stride, typename V::Int (&dots)[M]) {
  if constexpr (C::is_signed) {
    for (int m = 0; m < M; ++m) dots[m] = V::splat_int(0);
    C::each(step, distance, [&](int chunk, int, typename V::Int codes) RETORT_INLINE_LAMBDA {
      const auto prepared = V::prepare(codes);
      for (int m = 0; m < M; ++m) V::accumulate_signed(dots[m], prepared, V::broadcast(in + m * in_stride + 4 * chunk));
    });
  } else {
    typename V::Sum sums[M][C::parts] = {};
    C::each(step, distance, [&](int chunk, int part, typename V::Int codes) RETORT_INLINE_LAMBDA {
      for (int m = 0; m < M; ++m) V::accumulate(sums[m][part], codes, V::broadcast(in + m * in_stride + 4 * chunk));
    });
    for (int m = 0; m < M; ++m) {
      dots[m] = V::total(sums[m][0]);
      if constexpr (C::parts == 2) dots[m] = V::add_int(dots[m], V::total(sums[m][1]));
    }
  }
}

// ---- Scales.

template <class V, Scales Kind>
struct Header {
  using Float = typename V::Float;
  static constexpr bool has_half = Kind == Scales::f16 || Kind == Scales::f16_offset || Kind == Scales::f16_point;
  static constexpr bool has_point = Kind == Scales::f16_point || Kind == Scales::f32_point;
  static constexpr bool has_offset = has_point || Kind == Scales::f16_offset || Kind == Scales::f32_offset || Kind == Scales::k4;
  static constexpr int float_bytes = has_half ? 16 : 32;

  RETORT_INLINE static Float number(const unsigned char* at, std::ptrdiff_t distance) {
    if constexpr (has_half) return V::load_half(at, distance);
    else return V::load_float(at, distance);
  }

  // Of the index-th step after the header.
  RETORT_INLINE static void read(const Layout& layout, const unsigned char* header, std::ptrdiff_t distance, std::int64_t index, Float& scale, Float& offset) {
    if constexpr (Kind == Scales::k4) {
      scale = V::multiply(V::load_half(header, distance), V::to_float(V::load_unsigned(header + 32 + 8 * index, distance)));
      offset = V::multiply(V::load_half(header + 16, distance), V::to_float(V::load_unsigned(header + 96 + 8 * index, distance)));
    } else if constexpr (Kind == Scales::k6) {
      scale = V::multiply(V::load_half(header, distance), V::to_float(V::load_signed(header + 16 + 8 * index, distance)));
    } else {
      scale = number(header, distance);
      if constexpr (has_point) {
        const auto point = V::subtract_int(V::splat_int(layout.point_base), V::load_unsigned(header + float_bytes, distance));
        offset = V::multiply(scale, V::to_float(point));
      } else if constexpr (has_offset) {
        offset = number(header + float_bytes, distance);
      }
    }
  }
};

// ---- Products of codes.

// Bytes between the weights in use and those asked for.
inline constexpr int fetch_ahead = 2048;

// Lanes of the last group beyond the matrix are dropped.
template <class V>
void put(const Layout& layout, std::int64_t group, std::int64_t groups, typename V::Float value, float* out) {
  float lanes[V::groups * group_rows];
  V::store(lanes, value);
  const std::int64_t first = group * group_rows;
  const std::int64_t left = layout.rows - first;
  const std::int64_t count = left < groups * group_rows ? left : groups * group_rows;
  for (std::int64_t i = 0; i < count; ++i) out[first + i] = lanes[i];
}

// M rows from `first_row` on with one group, or V::groups side by side; `weights` points to the first of them.
template <class V, class C, class H, int M>
void multiply_tile(const Layout& layout, const unsigned char* weights, std::int64_t group, std::int64_t groups, const QuantizedRows& in,
                   std::int64_t first_row, float* out) {
  const std::ptrdiff_t distance = groups > 1 ? layout.group_bytes : 0;
  const std::int64_t steps = in.steps;
  const std::int8_t* codes = in.codes + first_row * in.row_codes;
  const float* scales = in.scales + first_row * steps;
  const float* sums = in.sums + first_row * steps;
  const std::int32_t* const corrections = in.corrections == nullptr ? nullptr : in.corrections + first_row * steps;
  const std::int64_t steps_per_header = layout.steps_per_header;
  typename V::Float totals[M];
  for (int m = 0; m < M; ++m) totals[m] = V::splat(0);
  const unsigned char* at = weights;
  const unsigned char* header = at;
  std::int64_t index = steps_per_header;
  for (std::int64_t step = 0; step < steps; ++step, ++index, at += C::bytes) {
    if (index == steps_per_header) {
      header = at;
      at += layout.header_bytes;
      index = 0;
    }
    if constexpr (M == 1) {
      for (int line = 0; line < C::bytes; line += 64) V::fetch(at + fetch_ahead + line, distance);
    }
    typename V::Int dots[M];
    dot_step<V, C, M>(at, distance, codes + step * C::columns, in.row_codes, dots);
    if (corrections != nullptr) {
      for (int m = 0; m < M; ++m) dots[m] = V::add_int(dots[m], V::splat_int(corrections[m * steps + step]));
    }
    typename V::Float scale, offset;
    H::read(layout, header, distance, index, scale, offset);
    for (int m = 0; m < M; ++m) {
      const std::int64_t i = m * steps + step;
      totals[m] = V::fused(V::multiply(scale, V::to_float(dots[m])), V::splat(scales[i]), totals[m]);
      if constexpr (H::has_offset) totals[m] = V::fused(offset, V::splat(sums[i]), totals[m]);
    }
  }
  for (int m = 0; m < M; ++m) put<V>(layout, group, groups, totals[m], out + (first_row + m) * layout.rows);
}

template <class V, class C, class H>
void multiply_groups(const Layout& layout, const unsigned char* weights, std::int64_t first, std::int64_t count, const QuantizedRows& in,
                     std::int64_t rows, float* out) {
  for (std::int64_t group = first; group < first + count; group += V::groups, weights += V::groups * layout.group_bytes) {
    const std::int64_t left = first + count - group;
    const std::int64_t groups = left < V::groups ? left : V::groups;
    std::int64_t m = 0;
    for (; m + 4 <= rows; m += 4) multiply_tile<V, C, H, 4>(layout, weights, group, groups, in, m, out);
    if (m + 2 <= rows) {
      multiply_tile<V, C, H, 2>(layout, weights, group, groups, in, m, out);
      m += 2;
    }
    if (m < rows) multiply_tile<V, C, H, 1>(layout, weights, group, groups, in, m, out);
  }
}

// ---- Products of floats.

template <class V, Codes Kind>
struct DirectFloats {
  static constexpr std::int64_t bytes = (Kind == Codes::f32 ? 4 : 2) * group_rows;
  RETORT_INLINE static typename V::Float load(const unsigned char* at, std::ptrdiff_t distance) {
    if constexpr (Kind == Codes::f32) return V::load_float(at, distance);
    else if constexpr (Kind == Codes::f16) return V::load_half(at, distance);
    else return V::load_bfloat(at, distance);
  }
};

// Values unpacked beforehand, all groups side by side.
template <class V>
struct UnpackedFloats {
  static constexpr std::int64_t bytes = 4 * group_rows * V::groups;
  RETORT_INLINE static typename V::Float load(const unsigned char* at, std::ptrdiff_t) { return V::load_aligned(at); }
};

inline constexpr int chains = 4;

template <class V>
struct FloatSums {
  typename V::Float chain[chains];
};

// Adds `columns` columns, the first of them ≡ 0 (mod 4), to the sums of M rows.
template <class V, class Source, int M>
void add_columns(const unsigned char* weights, std::ptrdiff_t distance, std::int64_t columns, const float* in, std::int64_t in_stride, FloatSums<V>* sums) {
  typename V::Float acc[M][chains];
  for (int m = 0; m < M; ++m) {
    for (int c = 0; c < chains; ++c) acc[m][c] = sums[m].chain[c];
  }
  std::int64_t column = 0;
  for (; column + chains <= columns; column += chains, weights += chains * Source::bytes) {
    if constexpr (M == 1) V::fetch(weights + fetch_ahead, distance);
#pragma GCC unroll 4
    for (int c = 0; c < chains; ++c) {
      const typename V::Float weight = Source::load(weights + c * Source::bytes, distance);
      for (int m = 0; m < M; ++m) acc[m][c] = V::fused(weight, V::splat(in[m * in_stride + column + c]), acc[m][c]);
    }
  }
  for (int m = 0; m < M; ++m) {
    for (int c = 0; c < chains; ++c) sums[m].chain[c] = acc[m][c];
  }
  for (int c = 0; column < columns; ++column, ++c, weights += Source::bytes) {
    const typename V::Float weight = Source::load(weights, distance);
    for (int m = 0; m < M; ++m) sums[m].chain[c] = V::fused(weight, V::splat(in[m * in_stride + column]), sums[m].chain[c]);
  }
}

template <class V, class Source>
void add_all_rows(const unsigned char* weights, std::ptrdiff_t distance, std::int64_t columns, const float* in, std::int64_t in_stride, std::int64_t rows,
                  FloatSums<V>* sums) {
  std::int64_t m = 0;
  for (; m + V::float_tile <= rows; m += V::float_tile) {
    add_columns<V, Source, V::float_tile>(weights, distance, columns, in + m * in_stride, in_stride, sums + m);
  }
  for (; m < rows; ++m) add_columns<V, Source, 1>(weights, distance, columns, in + m * in_stride, in_stride, sums + m);
}

// Columns unpacked at a time: whole steps and multiples of the chains.
inline constexpr std::int64_t strip_columns = 256;

template <class V, class C, class H>
RETORT_INLINE void unpack_step(const Layout& layout, const unsigned char* group, std::ptrdiff_t distance, std::int64_t step, typename V::Float* tile) {
  const std::int64_t block = step / layout.steps_per_header;
  const std::int64_t index = step % layout.steps_per_header;
  const unsigned char* const header = group + block * (layout.header_bytes + layout.steps_per_header * C::bytes);
  typename V::Float scale, offset;
  H::read(layout, header, distance, index, scale, offset);
  const auto zero = V::splat_int(layout.zero);
  C::each(header + layout.header_bytes + index * C::bytes, distance, [&](int chunk, int, typename V::Int codes) RETORT_INLINE_LAMBDA {
    for (int j = 0; j < 4; ++j) {
      const auto code = V::template byte<C::is_signed>(codes, j);
      auto value = V::multiply(scale, V::to_float(V::subtract_int(code, zero)));
      if constexpr (H::has_offset) value = V::add(value, offset);
      tile[4 * chunk + j] = value;
    }
  });
}

template <class V, class C, class H>
void add_unpacked(const Layout& layout, const unsigned char* group, std::ptrdiff_t distance, const float* in, std::int64_t rows, FloatSums<V>* sums) {
  typename V::Float tile[strip_columns];
  for (std::int64_t first = 0; first < layout.columns; first += strip_columns) {
    const std::int64_t left = layout.columns - first;
    const std::int64_t columns = left < strip_columns ? left : strip_columns;
    for (std::int64_t k = 0; k < columns; k += C::columns) unpack_step<V, C, H>(layout, group, distance, (first + k) / C::columns, tile + k);
    add_all_rows<V, UnpackedFloats<V>>(reinterpret_cast<const unsigned char*>(tile), 0, columns, in + first, layout.columns, rows, sums);
  }
}

// Add(group, distance, sums) adds all columns of a group or of V::groups side by side.
template <class V, class Add>
void sum_groups(const Layout& layout, const unsigned char* weights, std::int64_t first, std::int64_t count, std::int64_t rows, float* out, Add add) {
  FloatSums<V> sums[float_rows];
  for (std::int64_t group = first; group < first + count; group += V::groups, weights += V::groups * layout.group_bytes) {
    const std::int64_t left = first + count - group;
    const std::int64_t groups = left < V::groups ? left : V::groups;
    for (std::int64_t m = 0; m < rows; ++m) {
      for (int c = 0; c < chains; ++c) sums[m].chain[c] = V::splat(0);
    }
    add(weights, static_cast<std::ptrdiff_t>(groups > 1 ? layout.group_bytes : 0), sums);
    for (std::int64_t m = 0; m < rows; ++m) {
      const auto& s = sums[m].chain;
      put<V>(layout, group, groups, V::add(V::add(s[0], s[1]), V::add(s[2], s[3])), out + m * layout.rows);
    }
  }
}

// ---- From a layout to its instantiation.

// Calls f(codes, header) with values of the types that the layout names.
template <class V, class C, class F>
void with_header(const Layout& layout, F f) {
  switch (layout.scales) {
    case Scales::f16:
      return f(C{}, Header<V, Scales::f16>{});
    case Scales::f16_offset:
      return f(C{}, Header<V, Scales::f16_offset>{});
    case Scales::f16_point:
      return f(C{}, Header<V, Scales::f16_point>{});
    case Scales::f32:
      return f(C{}, Header<V, Scales::f32>{});
    case Scales::f32_offset:
      return f(C{}, Header<V, Scales::f32_offset>{});
    case Scales::f32_point:
      return f(C{}, Header<V, Scales::f32_point>{});
    case Scales::none:
    case Scales::k4:
    case Scales::k6:
      return;
  }
}

template <class V, class F>
void with_layout(const Layout& layout, F f) {
  const bool wide = layout.step_columns == 32;
  switch (layout.codes) {
    case Codes::twos:
      if (wide) return with_header<V, TwoBitCodes<V, 2>>(layout, f);
      return with_header<V, TwoBitCodes<V, 1>>(layout, f);
    case Codes::nibbles:
      if (layout.scales == Scales::k4) return f(NibbleCodes<V, 4, NoHighBits>{}, Header<V, Scales::k4>{});
      if (wide) return with_header<V, NibbleCodes<V, 4, NoHighBits>>(layout, f);
      return with_header<V, NibbleCodes<V, 2, NoHighBits>>(layout, f);
    case Codes::fives:
      return f(NibbleCodes<V, 4, OneHighBit>{}, Header<V, Scales::f16>{});
    case Codes::sixes:
      return f(NibbleCodes<V, 2, TwoHighBits>{}, Header<V, Scales::k6>{});
    case Codes::bytes:
      if (wide) return with_header<V, ByteCodes<V, 8>>(layout, f);
      return with_header<V, ByteCodes<V, 4>>(layout, f);
    case Codes::f32:
    case Codes::f16:
    case Codes::bf16:
      return;
  }
}

template <class V>
void multiply_codes(const Layout& layout, const unsigned char* weights, std::int64_t first, std::int64_t groups, const QuantizedRows& in, std::int64_t count,
                    float* out) {
  with_layout<V>(layout, [&](auto codes, auto header) {
    multiply_groups<V, decltype(codes), decltype(header)>(layout, weights, first, groups, in, count, out);
  });
}

template <class V, Codes Kind>
void multiply_direct(const Layout& layout, const unsigned char* weights, std::int64_t first, std::int64_t groups, const float* in, std::int64_t count,
                     float* out) {
  sum_groups<V>(layout, weights, first, groups, count, out, [&](const unsigned char* group, std::ptrdiff_t distance, FloatSums<V>* sums) {
    add_all_rows<V, DirectFloats<V, Kind>>(group, distance, layout.columns, in, layout.columns, count, sums);
  });
}

template <class V>
void multiply_floats(const Layout& layout, const unsigned char* weights, std::int64_t first, std::int64_t groups, const float* in, std::int64_t count,
                     float* out) {
  switch (layout.codes) {
    case Codes::f32:
      return multiply_direct<V, Codes::f32>(layout, weights, first, groups, in, count, out);
    case Codes::f16:
      return multiply_direct<V, Codes::f16>(layout, weights, first, groups, in, count, out);
    case Codes::bf16:
      return multiply_direct<V, Codes::bf16>(layout, weights, first, groups, in, count, out);
    default:
      break;
  }
  with_layout<V>(layout, [&](auto codes, auto header) {
    sum_groups<V>(layout, weights, first, groups, count, out, [&](const unsigned char* group, std::ptrdiff_t distance, FloatSums<V>* sums) {
      add_unpacked<V, decltype(codes), decltype(header)>(layout, group, distance, in, count, sums);
    });
  });
}

}  // namespace retort::lanes
