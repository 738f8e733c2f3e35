// AVX2, FMA and F16C: one group of 8 rows per vector.
#include <immintrin.h>
#include <string.h>

#include "kernels/avx2/quantize.h"
#include "kernels/lanes.h"
#include "kernels/pair.h"
#include "kernels/processor.h"
#include "kernels/refuse.h"

namespace retort {

namespace {

struct Avx2 {
  static constexpr int groups = 1;
  // 3 rows × 4 chains leave registers for a weight and an activation.
  static constexpr int float_tile = 3;
  using Float = __m256;
  using Int = __m256i;

  static const __m256i* vector(const unsigned char* at) { return reinterpret_cast<const __m256i*>(at); }
  static Int load(const unsigned char* at, std::ptrdiff_t) { return _mm256_loadu_si256(vector(at)); }
  static Float load_float(const unsigned char* at, std::ptrdiff_t) { return _mm256_loadu_ps(reinterpret_cast<const float*>(at)); }
  static Float load_aligned(const unsigned char* at) { return _mm256_load_ps(reinterpret_cast<const float*>(at)); }
  static Float load_half(const unsigned char* at, std::ptrdiff_t) { return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at))); }
  static Float load_bfloat(const unsigned char* at, std::ptrdiff_t) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at))), 16));
  }
  static Int load_unsigned(const unsigned char* at, std::ptrdiff_t) { return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(at))); }
  static Int load_signed(const unsigned char* at, std::ptrdiff_t) { return _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(at))); }
  static void fetch(const unsigned char* at, std::ptrdiff_t) { _mm_prefetch(reinterpret_cast<const char*>(at), _MM_HINT_T0); }

  static Float splat(float value) { return _mm256_set1_ps(value); }
  static Int splat_int(std::int32_t value) { return _mm256_set1_epi32(value); }
  static Int broadcast(const std::int8_t* four) {
    std::int32_t value;
    memcpy(&value, four, 4);
    return _mm256_set1_epi32(value);
  }

  static Int masked(Int value, int mask) { return _mm256_and_si256(value, _mm256_set1_epi8(static_cast<char>(mask))); }
  static Int shift_left(Int value, int bits) { return _mm256_slli_epi16(value, bits); }
  static Int shift_right(Int value, int bits) { return _mm256_srli_epi16(value, bits); }
  static Int either(Int a, Int b) { return _mm256_or_si256(a, b); }
  // Byte `index` of each lane.
  template <bool Signed>
  static Int byte(Int value, int index) {
    const Int top = _mm256_slli_epi32(value, 24 - 8 * index);
    return Signed ? _mm256_srai_epi32(top, 24) : _mm256_srli_epi32(top, 24);
  }

  static Int add_int(Int a, Int b) { return _mm256_add_epi32(a, b); }
  static Int subtract_int(Int a, Int b) { return _mm256_sub_epi32(a, b); }
  static Float to_float(Int value) { return _mm256_cvtepi32_ps(value); }
  static Float add(Float a, Float b) { return _mm256_add_ps(a, b); }
  static Float multiply(Float a, Float b) { return _mm256_mul_ps(a, b); }
  static Float fused(Float a, Float b, Float c) { return _mm256_fmadd_ps(a, b, c); }
  static void store(float* out, Float value) { _mm256_storeu_ps(out, value); }

  // Pairs of products in 16 bits; lanes.h says how many fit.
  struct Sum {
    Int pairs;
  };
  static void accumulate(Sum& sum, Int codes, Int activations) {
    sum.pairs = _mm256_add_epi16(sum.pairs, _mm256_maddubs_epi16(codes, activations));
    keep_here(sum.pairs);
  }
  static Int total(Sum sum) { return _mm256_madd_epi16(sum.pairs, _mm256_set1_epi16(1)); }

  // maddubs wants one side unsigned: the magnitude of the code, with its sign moved to the activation. 2 · 128 · 127 fits 16 bits.
  struct Prepared {
    Int codes, magnitudes;
  };
  static Prepared prepare(Int codes) { return {codes, _mm256_abs_epi8(codes)}; }
  static void accumulate_signed(Int& dot, const Prepared& weights, Int activations) {
    const Int pairs = _mm256_maddubs_epi16(weights.magnitudes, _mm256_sign_epi8(activations, weights.codes));
    dot = _mm256_add_epi32(dot, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
    keep_here(dot);
  }

  // GCC otherwise puts off additions until all products are there, more than there are registers.
  static void keep_here(Int& value) {
#if defined(__GNUC__) && !defined(__clang__)
    asm("" : "+x"(value));
#else
    static_cast<void>(value);
#endif
  }
};

// One row reads each weight once: nothing is shared.
void multiply_codes(const Layout& layout, const unsigned char* weights, std::int64_t first, std::int64_t groups, const QuantizedRows& in, std::int64_t count,
                    float* out) {
  if (count == 1) return lanes::multiply_codes<Avx2>(layout, weights, first, groups, in, count, out);
  lanes::multiply_codes<lanes::Pair<Avx2>>(layout, weights, first, groups, in, count, out);
}

constexpr KernelSet kernels = {"avx2", 0, lanes::quantize_row<Avx2>, multiply_codes, lanes::multiply_floats<Avx2>};

}  // namespace

const KernelSet& avx2_kernels() {
  if (!processor_has_avx2()) refuse_processor("avx2");
  return kernels;
}

}  // namespace retort
