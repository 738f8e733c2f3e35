// AVX2, FMA and F16C. The instruction sets are asked for function by function: nothing else in this file, and no inline function of a header, needs them.
#include "kernels.h"

#if defined(__x86_64__) || defined(_M_X64)

#include <immintrin.h>

#include <algorithm>

#include "../cache/codec.h"
#include "../kernels/processor.h"

#if defined(__GNUC__)
#define RETORT_AVX2 __attribute__((target("avx2,fma,f16c")))
#else
#define RETORT_AVX2
#endif

namespace retort {
namespace {

constexpr std::int64_t width = 8;
constexpr std::ptrdiff_t line = 64;

// Product::ahead as far as it is still to be asked for, and how much of it with each k: spread evenly over the work of the first rows, because a processor that
// has asked for more lines than it can wait for stands still.
struct Ahead {
  const std::byte* next;
  std::ptrdiff_t step;
};

// Eight columns of b.
RETORT_AVX2 __m256 load_columns(const float* from) { return _mm256_loadu_ps(from); }
RETORT_AVX2 __m256 load_columns(const std::uint16_t* from) { return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))); }

// One k. Of factors and columns the smaller side is kept in registers beside the sums, the other comes one by one: together at most 16.
template <int Rows, int Vectors, class Number>
RETORT_AVX2 inline void add_products(__m256 (&sums)[Rows][Vectors], const float* a, std::int64_t a_stride, const Number* b) {
  if constexpr (Rows < Vectors) {
    __m256 factors[Rows];
#pragma GCC unroll 8
    for (int row = 0; row < Rows; ++row) factors[row] = _mm256_broadcast_ss(a + row * a_stride);
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) {
      const __m256 column = load_columns(b + v * width);
#pragma GCC unroll 8
      for (int row = 0; row < Rows; ++row) sums[row][v] = _mm256_fmadd_ps(factors[row], column, sums[row][v]);
    }
  } else {
    __m256 columns[Vectors];
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) columns[v] = load_columns(b + v * width);
#pragma GCC unroll 8
    for (int row = 0; row < Rows; ++row) {
      const __m256 factor = _mm256_broadcast_ss(a + row * a_stride);
#pragma GCC unroll 8
      for (int v = 0; v < Vectors; ++v) sums[row][v] = _mm256_fmadd_ps(factor, columns[v], sums[row][v]);
    }
  }
}

// `Rows` rows from `row` and `Vectors` vectors of 8 columns from `column` in registers.
template <int Rows, int Vectors, class Number>
RETORT_AVX2 void accumulate_tile(const Product& product, const Number* b, std::int64_t first_row, std::int64_t first_column, Ahead& ahead) {
  const float* const a = product.a + first_row * product.a_stride;
  b += first_column;
  float* const c = product.c + first_row * product.c_stride + first_column;
  __m256 sums[Rows][Vectors];
#pragma GCC unroll 8
  for (int row = 0; row < Rows; ++row) {
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) sums[row][v] = product.from_zero ? _mm256_setzero_ps() : _mm256_loadu_ps(c + row * product.c_stride + v * width);
  }
  const std::byte* next = ahead.next;
  const std::ptrdiff_t step = ahead.step;
  for (std::int64_t k = 0; k < product.depth; ++k, b += product.b_stride) {
    for (std::ptrdiff_t i = 0; i < step; i += line) _mm_prefetch(reinterpret_cast<const char*>(next + i), _MM_HINT_T0);
    next += step;
    add_products<Rows, Vectors>(sums, a + k, product.a_stride, b);
  }
  ahead.next = next;
#pragma GCC unroll 8
  for (int row = 0; row < Rows; ++row) {
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) _mm256_storeu_ps(c + row * product.c_stride + v * width, sums[row][v]);
  }
}

// All columns of `Rows` rows.
template <int Rows, int Vectors, class Number>
RETORT_AVX2 void accumulate_rows(const Product& product, const Number* b, std::int64_t row) {
  Ahead ahead = {product.ahead.data(), 0};
  if (row == 0) {
    const std::int64_t passes = (product.columns + Vectors * width - 1) / (Vectors * width);
    ahead.step = static_cast<std::ptrdiff_t>(product.ahead.size()) / (passes * product.depth);
  }
  std::int64_t n = 0;
  for (; n + Vectors * width <= product.columns; n += Vectors * width) accumulate_tile<Rows, Vectors>(product, b, row, n, ahead);
  if constexpr (Vectors > 4) {
    for (; n + 4 * width <= product.columns; n += 4 * width) accumulate_tile<Rows, 4>(product, b, row, n, ahead);
  }
  for (; n < product.columns; n += width) accumulate_tile<Rows, 1>(product, b, row, n, ahead);
}

// Tiles are as large as 16 registers allow, and large enough that two multiply-adds start each cycle.
template <class Number>
RETORT_AVX2 void accumulate_all(const Product& product, const Number* b) {
  std::int64_t row = 0;
  while (row < product.rows) {
    const std::int64_t left = product.rows - row;
    // 7 and 8 rows are better as 4 + 3 and 4 + 4 than as 6 and a thin rest.
    const std::int64_t taken = left == 7 || left == 8 ? 4 : std::min(left, std::int64_t{6});
    switch (taken) {
      case 6: accumulate_rows<6, 2>(product, b, row); break;
      case 5: accumulate_rows<5, 2>(product, b, row); break;
      case 4: accumulate_rows<4, 2>(product, b, row); break;
      case 3: accumulate_rows<3, 4>(product, b, row); break;
      case 2: accumulate_rows<2, 4>(product, b, row); break;
      default: accumulate_rows<1, 8>(product, b, row); break;
    }
    row += taken;
  }
}

void accumulate(const Product& product) {
  if (product.b.halves != nullptr) {
    accumulate_all(product, product.b.halves);
  } else {
    accumulate_all(product, product.b.floats);
  }
}

RETORT_AVX2 void decode_halves(const std::byte* from, std::int64_t count, float* to) {
  const auto* const halves = reinterpret_cast<const std::uint16_t*>(from);
  for (std::int64_t i = 0; i < count; i += width) {
    _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(halves + i))));
  }
}

RETORT_AVX2 __m256 codes_as_floats(const std::int8_t* codes) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(codes))));
}

RETORT_AVX2 void decode_key_codes(const std::byte* block, std::int64_t dimension, float* to) {
  constexpr int vectors = kv_block_slots / width;
  const auto* codes = reinterpret_cast<const std::int8_t*>(block);
  const auto* scales = reinterpret_cast<const std::uint16_t*>(block + dimension * kv_block_slots);
  for (std::int64_t start = 0; start < dimension; start += q8_group, scales += kv_block_slots) {
    __m256 scale[vectors];
    for (int v = 0; v < vectors; ++v) scale[v] = _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(scales + v * width)));
    const std::int64_t end = std::min(start + q8_group, dimension);
    for (std::int64_t i = start; i < end; ++i) {
      for (int v = 0; v < vectors; ++v, codes += width, to += width) _mm256_storeu_ps(to, _mm256_mul_ps(codes_as_floats(codes), scale[v]));
    }
  }
}

RETORT_AVX2 void decode_value_codes(const std::byte* block, std::int64_t dimension, float* to) {
  const std::int64_t padded = padded_dimension(dimension);
  const auto* codes = reinterpret_cast<const std::int8_t*>(block);
  const auto* scales = reinterpret_cast<const std::uint16_t*>(block + padded * kv_block_slots);
  for (std::int64_t slot = 0; slot < kv_block_slots; ++slot) {
    std::int64_t start = 0;
    for (; start + q8_group <= padded; start += q8_group, codes += q8_group, to += q8_group) {
      const __m256 scale = _mm256_cvtph_ps(_mm_set1_epi16(static_cast<short>(*scales++)));
#pragma GCC unroll 4
      for (int i = 0; i < q8_group; i += width) _mm256_storeu_ps(to + i, _mm256_mul_ps(codes_as_floats(codes + i), scale));
    }
    if (start == padded) continue;
    const __m256 scale = _mm256_cvtph_ps(_mm_set1_epi16(static_cast<short>(*scales++)));
    for (; start < padded; start += width, codes += width, to += width) _mm256_storeu_ps(to, _mm256_mul_ps(codes_as_floats(codes), scale));
  }
}

const float* keys(KvBlockView block, std::int64_t dimension, float* scratch) {
  switch (block.codec) {
    case KvCodec::f32: return reinterpret_cast<const float*>(block.data);
    case KvCodec::f16: decode_halves(block.data, dimension * kv_block_slots, scratch); break;
    case KvCodec::q8: decode_key_codes(block.data, dimension, scratch); break;
  }
  return scratch;
}

const float* values(KvBlockView block, std::int64_t dimension, float* scratch) {
  switch (block.codec) {
    case KvCodec::f32: return reinterpret_cast<const float*>(block.data);
    case KvCodec::f16: decode_halves(block.data, padded_dimension(dimension) * kv_block_slots, scratch); break;
    case KvCodec::q8: decode_value_codes(block.data, dimension, scratch); break;
  }
  return scratch;
}

}  // namespace

const AttentionKernels* avx2_attention() {
  static constexpr AttentionKernels kernels = {accumulate, keys, values};
  return processor_has_avx2() ? &kernels : nullptr;
}

}  // namespace retort

#else

namespace retort {

const AttentionKernels* avx2_attention() { return nullptr; }

}  // namespace retort

#endif
