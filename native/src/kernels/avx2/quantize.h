// Quantizing activations with AVX2, for this set and for those that build on it.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace retort::lanes {

// V as in lanes.h: only makes the function belong to one file.
template <class V>
__m256i largest_of_all(__m256i values) {
  values = _mm256_max_epi32(values, _mm256_permute2x128_si256(values, values, 1));
  values = _mm256_max_epi32(values, _mm256_shuffle_epi32(values, 0x4E));
  return _mm256_max_epi32(values, _mm256_shuffle_epi32(values, 0xB1));
}

template <class V>
std::int32_t sum_of_all(__m256i values) {
  __m128i half = _mm_add_epi32(_mm256_castsi256_si128(values), _mm256_extracti128_si256(values, 1));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4E));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xB1));
  return _mm_cvtsi128_si32(half);
}

// One whole step of 8 · Vectors numbers.
template <class V, int Vectors>
void quantize_step(const float* in, std::int8_t* codes, float& scale, std::int32_t& sum) {
  const __m256i magnitude = _mm256_set1_epi32(0x7FFFFFFF);
  // Magnitudes of floats order as integers, with infinity and what is no number on top.
  __m256i largest = _mm256_setzero_si256();
  for (int i = 0; i < Vectors; ++i) largest = _mm256_max_epi32(largest, _mm256_and_si256(_mm256_castps_si256(_mm256_loadu_ps(in + 8 * i)), magnitude));
  largest = largest_of_all<V>(largest);
  const std::int32_t bits = _mm_cvtsi128_si32(_mm256_castsi256_si128(largest));
  const float value = _mm_cvtss_f32(_mm_castsi128_ps(_mm256_castsi256_si128(largest)));
  constexpr std::int32_t infinity_bits = 0x7F800000;
  constexpr float smallest_activation = 0x1p-100F;
  const bool finite = bits < infinity_bits;
  __m256 inverse = _mm256_setzero_ps();
  scale = 0;
  if (!finite) {
    scale = _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(0x7FC00000)));
  } else if (value >= smallest_activation) {
    scale = value / 127.0F;
    inverse = _mm256_set1_ps(127.0F / value);
  }
  const bool used = scale == scale && scale != 0;
  __m256i total = _mm256_setzero_si256();
  for (int i = 0; i < Vectors; ++i) {
    __m256i rounded = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(in + 8 * i), inverse));
    if (!used) rounded = _mm256_setzero_si256();
    total = _mm256_add_epi32(total, rounded);
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(rounded), _mm256_extracti128_si256(rounded, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(codes + 8 * i), _mm_packs_epi16(words, words));
  }
  sum = sum_of_all<V>(total);
}

template <class V, int Columns>
void quantize_steps(const float* in, std::int64_t columns, std::int32_t zero, std::int8_t* codes, float* scales, float* sums, std::int32_t* corrections) {
  for (std::int64_t first = 0, step = 0; first < columns; first += Columns, ++step) {
    float padded[Columns];
    const float* from = in + first;
    if (columns - first < Columns) {
      for (int i = 0; i < Columns; ++i) padded[i] = first + i < columns ? from[i] : 0.0F;
      from = padded;
    }
    std::int32_t sum = 0;
    quantize_step<V, Columns / 8>(from, codes + first, scales[step], sum);
    sums[step] = scales[step] * static_cast<float>(sum);
    corrections[step] = -zero * sum;
  }
}

template <class V>
void quantize_row(const float* in, std::int64_t columns, std::int64_t step_columns, std::int32_t zero, std::int8_t* codes, float* scales, float* sums,
                  std::int32_t* corrections) {
  if (step_columns == 32) return quantize_steps<V, 32>(in, columns, zero, codes, scales, sums, corrections);
  quantize_steps<V, 16>(in, columns, zero, codes, scales, sums, corrections);
}

}  // namespace retort::lanes
