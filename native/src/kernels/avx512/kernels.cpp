// AVX-512 F, BW, VL and VNNI: two groups of 8 rows per vector, the first in the lower half.
#include <immintrin.h>
#include <string.h>

#include "kernels/avx2/quantize.h"
#include "kernels/lanes.h"
#include "kernels/processor.h"
#include "kernels/refuse.h"

namespace retort {

namespace {

struct Avx512 {
  static constexpr int groups = 2;
  // 6 rows × 4 chains leave registers for weights and activations.
  static constexpr int float_tile = 6;
  using Float = __m512;
  using Int = __m512i;

  static __m256i whole(const unsigned char* at) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)); }
  static __m128i half(const unsigned char* at) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at)); }
  static __m128i quarter(const unsigned char* at) { return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(at)); }
  static __m256i halves(const unsigned char* at, std::ptrdiff_t distance) {
    return _mm256_inserti128_si256(_mm256_castsi128_si256(half(at)), half(at + distance), 1);
  }
  static __m128i quarters(const unsigned char* at, std::ptrdiff_t distance) { return _mm_unpacklo_epi64(quarter(at), quarter(at + distance)); }

  static Int load(const unsigned char* at, std::ptrdiff_t distance) {
    return _mm512_inserti64x4(_mm512_castsi256_si512(whole(at)), whole(at + distance), 1);
  }
  static Float load_float(const unsigned char* at, std::ptrdiff_t distance) { return _mm512_castsi512_ps(load(at, distance)); }
  static Float load_aligned(const unsigned char* at) { return _mm512_load_ps(at); }
  static Float load_half(const unsigned char* at, std::ptrdiff_t distance) { return _mm512_cvtph_ps(halves(at, distance)); }
  static Float load_bfloat(const unsigned char* at, std::ptrdiff_t distance) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves(at, distance)), 16));
  }
  static Int load_unsigned(const unsigned char* at, std::ptrdiff_t distance) { return _mm512_cvtepu8_epi32(quarters(at, distance)); }
  static Int load_signed(const unsigned char* at, std::ptrdiff_t distance) { return _mm512_cvtepi8_epi32(quarters(at, distance)); }
  static void fetch(const unsigned char* at, std::ptrdiff_t distance) {
    _mm_prefetch(reinterpret_cast<const char*>(at), _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(at + distance), _MM_HINT_T0);
  }

  static Float splat(float value) { return _mm512_set1_ps(value); }
  static Int splat_int(std::int32_t value) { return _mm512_set1_epi32(value); }
  static Int broadcast(const std::int8_t* four) {
    std::int32_t value;
    memcpy(&value, four, 4);
    return _mm512_set1_epi32(value);
  }

  static Int masked(Int value, int mask) { return _mm512_and_si512(value, _mm512_set1_epi8(static_cast<char>(mask))); }
  // By a vector of counts: the other form wants a literal.
  static Int shift_left(Int value, int bits) { return _mm512_sllv_epi16(value, _mm512_set1_epi16(static_cast<short>(bits))); }
  static Int shift_right(Int value, int bits) { return _mm512_srlv_epi16(value, _mm512_set1_epi16(static_cast<short>(bits))); }
  static Int either(Int a, Int b) { return _mm512_or_si512(a, b); }
  // Byte `index` of each lane.
  template <bool Signed>
  static Int byte(Int value, int index) {
    const Int top = _mm512_sllv_epi32(value, _mm512_set1_epi32(24 - 8 * index));
    return Signed ? _mm512_srai_epi32(top, 24) : _mm512_srli_epi32(top, 24);
  }

  static Int add_int(Int a, Int b) { return _mm512_add_epi32(a, b); }
  static Int subtract_int(Int a, Int b) { return _mm512_sub_epi32(a, b); }
  static Float to_float(Int value) { return _mm512_cvtepi32_ps(value); }
  static Float add(Float a, Float b) { return _mm512_add_ps(a, b); }
  static Float multiply(Float a, Float b) { return _mm512_mul_ps(a, b); }
  static Float fused(Float a, Float b, Float c) { return _mm512_fmadd_ps(a, b, c); }
  static void store(float* out, Float value) { _mm512_storeu_ps(out, value); }

  // Four products at once into 32 bits, which cannot overflow.
  struct Sum {
    Int fours;
  };
  static void accumulate(Sum& sum, Int codes, Int activations) { sum.fours = _mm512_dpbusd_epi32(sum.fours, codes, activations); }
  static Int total(Sum sum) { return sum.fours; }

  // The instruction wants one side unsigned: code + 128, which KernelSet::byte_bias takes off again.
  static Int prepare(Int codes) { return _mm512_xor_si512(codes, _mm512_set1_epi8(static_cast<char>(0x80))); }
  static void accumulate_signed(Int& dot, Int codes, Int activations) { dot = _mm512_dpbusd_epi32(dot, codes, activations); }
};

constexpr KernelSet kernels = {"avx512", 128, lanes::quantize_row<Avx512>, lanes::multiply_codes<Avx512>, lanes::multiply_floats<Avx512>};

}  // namespace

const KernelSet& avx512_kernels() {
  if (!processor_has_avx512()) refuse_processor("avx512");
  return kernels;
}

}  // namespace retort
