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

struct Strides {
  std::int64_t a, b, c;
};

// `Rows` rows and `Vectors` vectors of 8 columns in registers.
template <int Rows, int Vectors>
RETORT_AVX2 void accumulate_tile(const float* a, const float* b, float* c, Strides strides, std::int64_t depth) {
  __m256 sums[Rows][Vectors];
#pragma GCC unroll 8
  for (int row = 0; row < Rows; ++row) {
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) sums[row][v] = _mm256_loadu_ps(c + row * strides.c + v * width);
  }
  for (std::int64_t k = 0; k < depth; ++k) {
    __m256 columns[Vectors];
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) columns[v] = _mm256_loadu_ps(b + k * strides.b + v * width);
#pragma GCC unroll 8
    for (int row = 0; row < Rows; ++row) {
      const __m256 factor = _mm256_broadcast_ss(a + row * strides.a + k);
#pragma GCC unroll 8
      for (int v = 0; v < Vectors; ++v) sums[row][v] = _mm256_fmadd_ps(factor, columns[v], sums[row][v]);
    }
  }
#pragma GCC unroll 8
  for (int row = 0; row < Rows; ++row) {
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) _mm256_storeu_ps(c + row * strides.c + v * width, sums[row][v]);
  }
}

// All columns of `Rows` rows.
template <int Rows, int Vectors>
RETORT_AVX2 void accumulate_rows(const float* a, const float* b, float* c, Strides strides, std::int64_t depth, std::int64_t columns) {
  std::int64_t n = 0;
  for (; n + Vectors * width <= columns; n += Vectors * width) accumulate_tile<Rows, Vectors>(a, b + n, c + n, strides, depth);
  for (; n < columns; n += width) accumulate_tile<Rows, 1>(a, b + n, c + n, strides, depth);
}

// Tiles are as large as 16 registers allow, and large enough that two multiply-adds start each cycle.
RETORT_AVX2 void accumulate(const float* a, std::int64_t a_stride, const float* b, std::int64_t b_stride, float* c, std::int64_t c_stride, std::int64_t rows,
                            std::int64_t depth, std::int64_t columns) {
  const Strides strides = {a_stride, b_stride, c_stride};
  while (rows > 0) {
    // 7 and 8 rows are better as 4 + 3 and 4 + 4 than as 6 and a thin rest.
    const std::int64_t taken = rows == 7 || rows == 8 ? 4 : std::min(rows, std::int64_t{6});
    switch (taken) {
      case 6: accumulate_rows<6, 2>(a, b, c, strides, depth, columns); break;
      case 5: accumulate_rows<5, 2>(a, b, c, strides, depth, columns); break;
      case 4: accumulate_rows<4, 2>(a, b, c, strides, depth, columns); break;
      case 3: accumulate_rows<3, 4>(a, b, c, strides, depth, columns); break;
      case 2: accumulate_rows<2, 4>(a, b, c, strides, depth, columns); break;
      default: accumulate_rows<1, 8>(a, b, c, strides, depth, columns); break;
    }
    a += taken * a_stride;
    c += taken * c_stride;
    rows -= taken;
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
    for (std::int64_t start = 0; start < padded; start += q8_group, ++scales) {
      const __m256 scale = _mm256_cvtph_ps(_mm_set1_epi16(static_cast<short>(*scales)));
      const std::int64_t end = std::min(start + q8_group, padded);
      for (std::int64_t i = start; i < end; i += width, codes += width, to += width) {
        _mm256_storeu_ps(to, _mm256_mul_ps(codes_as_floats(codes), scale));
      }
    }
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

void prefetch(KvBlockView block, std::size_t bytes) {
  constexpr std::size_t line = 64;
  for (std::size_t i = 0; i < bytes; i += line) _mm_prefetch(reinterpret_cast<const char*>(block.data) + i, _MM_HINT_T0);
}

}  // namespace

const AttentionKernels* avx2_attention() {
  static constexpr AttentionKernels kernels = {accumulate, keys, values, prefetch};
  return processor_has_avx2() ? &kernels : nullptr;
}

}  // namespace retort

#else

namespace retort {

const AttentionKernels* avx2_attention() { return nullptr; }

}  // namespace retort

#endif
