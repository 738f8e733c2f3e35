// What this machine can do at best: reading memory, copying it, multiplying 8-bit numbers in registers. The measures beside which kernels are judged.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <vector>

#include "memory/large_memory.h"
#include "retort/matrix.h"
#include "retort/thread_pool.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define RETORT_WIDE_READ __attribute__((target("avx2")))
#else
#define RETORT_WIDE_READ
#endif

namespace ceilings {

using Clock = std::chrono::steady_clock;

inline double seconds_of(const auto& work) {
  const auto start = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

inline double median_of(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// Adds up [begin, end) in `Unroll` independent vectors; the result keeps the reads alive.
template <int Unroll>
RETORT_WIDE_READ std::uint64_t read_all(const unsigned char* begin, const unsigned char* end) {
#if defined(__x86_64__) && defined(__GNUC__)
  __m256i sums[Unroll] = {};
  for (; begin + 32 * Unroll <= end; begin += 32 * Unroll) {
    _mm_prefetch(reinterpret_cast<const char*>(begin + 4096), _MM_HINT_T0);
    if (Unroll > 2) _mm_prefetch(reinterpret_cast<const char*>(begin + 4096 + 64), _MM_HINT_T0);
    for (int i = 0; i < Unroll; ++i) sums[i] = _mm256_add_epi64(sums[i], _mm256_load_si256(reinterpret_cast<const __m256i*>(begin) + i));
  }
  for (int i = 1; i < Unroll; ++i) sums[0] = _mm256_add_epi64(sums[0], sums[i]);
  return static_cast<std::uint64_t>(_mm256_extract_epi64(sums[0], 0));
#else
  std::uint64_t sums[Unroll] = {};
  for (; begin + 8 * Unroll <= end; begin += 8 * Unroll) {
    for (int i = 0; i < Unroll; ++i) {
      std::uint64_t word;
      std::memcpy(&word, begin + 8 * i, 8);
      sums[i] += word;
    }
  }
  return sums[0];
#endif
}

using Reader = std::uint64_t (*)(const unsigned char*, const unsigned char*);

// Reads 1 GiB of the weights' own kind of memory with the reader and parts that were best at the start.
class MemoryReader {
 public:
  explicit MemoryReader(retort::ThreadPool& pool) : pool_(pool), memory_(static_cast<std::size_t>(bytes)) {
    std::memset(memory_.data(), 1, static_cast<std::size_t>(bytes));
    double best = 0;
    for (const Reader reader : {Reader{read_all<2>}, Reader{read_all<4>}, Reader{read_all<8>}, Reader{read_all<16>}}) {
      for (const std::int64_t part : {std::int64_t{1} << 16, std::int64_t{1} << 20, bytes / pool.threads()}) {
        std::vector<double> rates;
        for (int i = 0; i < 3; ++i) rates.push_back(rate_of(reader, part));
        if (median_of(rates) <= best) continue;
        best = median_of(rates);
        reader_ = reader;
        part_ = part;
      }
    }
  }

  // GB/s now.
  double rate() { return rate_of(reader_, part_); }

  // GB copied per second now, from one half of the memory to the other.
  double copy_rate() {
    constexpr std::int64_t half = bytes / 2;
    unsigned char* const start = memory_.data();
    const double seconds = seconds_of([&] {
      pool_.parallel(half, half / pool_.threads(), [&](std::int64_t begin, std::int64_t end) {
        std::memcpy(start + half + begin, start + begin, static_cast<std::size_t>(end - begin));
      });
    });
    return static_cast<double>(half) / seconds / 1e9;
  }

 private:
  static constexpr std::int64_t bytes = std::int64_t{1} << 30;

  double rate_of(Reader reader, std::int64_t part) {
    const unsigned char* const start = memory_.data();
    const double seconds = seconds_of([&] {
      pool_.parallel(bytes, part, [&](std::int64_t begin, std::int64_t end) {
        const volatile std::uint64_t kept = reader(start + begin, start + end);
        static_cast<void>(kept);
      });
    });
    return static_cast<double>(bytes) / seconds / 1e9;
  }

  retort::ThreadPool& pool_;
  retort::LargeMemory memory_;
  Reader reader_ = read_all<4>;
  std::int64_t part_ = bytes;
};

// 8-bit multiply and add in registers alone, as often as the processor can: returns how many products.
#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((target("avx2"))) inline double multiply_in_registers_avx2() {
  constexpr std::int64_t rounds = 4'000'000;
  __m256i sums[6] = {};
  __m256i weights = _mm256_set1_epi8(3);
  const __m256i activations = _mm256_set1_epi8(5);
  for (std::int64_t i = 0; i < rounds; ++i) {
    for (__m256i& sum : sums) {
      asm volatile("" : "+x"(weights));
      sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(weights, activations));
      asm volatile("" : "+x"(sum));
    }
  }
  return 6.0 * 32.0 * static_cast<double>(rounds);
}

__attribute__((target("avx512f,avx512vnni"))) inline double multiply_in_registers_avx512() {
  constexpr std::int64_t rounds = 4'000'000;
  __m512i sums[12] = {};
  __m512i weights = _mm512_set1_epi8(3);
  const __m512i activations = _mm512_set1_epi8(5);
  for (std::int64_t i = 0; i < rounds; ++i) {
    for (__m512i& sum : sums) {
      asm volatile("" : "+v"(weights));
      sum = _mm512_dpbusd_epi32(sum, weights, activations);
      asm volatile("" : "+v"(sum));
    }
  }
  return 12.0 * 64.0 * static_cast<double>(rounds);
}
#endif

// Products per second, in 10⁹, of a loop in registers on all threads: the ceiling of prefill. 0 where no such loop is written.
inline double register_rate(const retort::KernelSet& set, retort::ThreadPool& pool) {
#if defined(__x86_64__) && defined(__GNUC__)
  const bool wide = retort::kernel_set_name(set) == "avx512";
  if (!wide && retort::kernel_set_name(set) != "avx2") return 0;
  std::atomic<double> products = 0;
  const double seconds = seconds_of([&] {
    pool.parallel(pool.threads(), 1, [&](std::int64_t begin, std::int64_t end) {
      for (; begin < end; ++begin) products += wide ? multiply_in_registers_avx512() : multiply_in_registers_avx2();
    });
  });
  return products / seconds / 1e9;
#else
  return 0;
#endif
}

}  // namespace ceilings
