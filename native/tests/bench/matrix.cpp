// Measures what the matrix kernels reach on this machine: the bandwidth of reading memory, then decoding (one row) and prefill (512 rows) for every type at the
// shapes of a 1B model. Prints medians; run it on a quiet machine: `matrix_bench [threads] [kernel set] [type…]`. Not part of ctest.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "../matrix_examples.h"
#include "matrix/packed_matrix.h"
#include "retort/matrix.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define RETORT_WIDE_READ __attribute__((target("avx2")))
#else
#define RETORT_WIDE_READ
#endif

namespace {

using Clock = std::chrono::steady_clock;

double seconds_of(const auto& work) {
  const auto start = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double median_of(std::vector<double> values) {
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
__attribute__((target("avx2"))) double multiply_in_registers_avx2() {
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

__attribute__((target("avx512f,avx512vnni"))) double multiply_in_registers_avx512() {
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
double register_rate(const retort::KernelSet& set, retort::ThreadPool& pool) {
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

// Random bytes would hold odd scales, which are as quick; a repeated example row is quicker to make.
examples::Example repeat(const examples::Kind& kind, std::int64_t rows, std::int64_t columns) {
  examples::Example one = examples::make(kind, 8, columns, 3);
  const auto multiply = [&](auto& values) {
    const auto original = values;
    for (std::int64_t i = 8; i < rows; i += 8) values.insert(values.end(), original.begin(), original.end());
  };
  multiply(one.bytes);
  multiply(one.scales);
  multiply(one.offsets);
  one.rows = rows;
  return one;
}

struct Packed {
  std::vector<std::unique_ptr<retort::Matrix>> matrices;
  std::size_t bytes = 0;
  // Of the file packed per second, in GB.
  double pack_rate = 0;
};

constexpr std::int64_t columns = 4096, rows = 8192, prompt = 512;

// Enough matrices that no cache holds them.
Packed pack_many(const examples::Kind& kind, retort::ThreadPool& pool) {
  Packed packed;
  const examples::Example example = repeat(kind, rows, columns);
  std::vector<double> rates;
  const auto file_bytes = static_cast<double>(example.bytes.size() + 4 * example.scales.size());
  while (packed.bytes < (std::size_t{400} << 20)) {
    const double seconds = seconds_of([&] { packed.matrices.push_back(retort::pack_matrix(example.source(), pool)); });
    rates.push_back(file_bytes / seconds / 1e9);
    packed.bytes += packed.matrices.back()->bytes();
  }
  packed.pack_rate = median_of(rates);
  return packed;
}

void measure(const examples::Kind& kind, const retort::KernelSet& set, retort::ThreadPool& pool, MemoryReader& reader) {
  const Packed packed = pack_many(kind, pool);
  const std::vector<float> in = examples::activations(prompt * columns, 5);
  std::vector<float> out(static_cast<std::size_t>(prompt * rows));
  const auto run = [&](std::int64_t count, const retort::Matrix& matrix) {
    const auto n = static_cast<std::size_t>(count);
    const retort::MatrixProduct product{&matrix, std::span(out).first(n * rows)};
    retort::multiply({&product, 1}, std::span(in).first(n * columns), count, retort::Arithmetic::fast, set, pool);
  };
  // Each beside its ceiling, since a shared machine changes from second to second.
  std::vector<double> decode, decode_share, prefill, prefill_share;
  for (int i = 0; i < 7; ++i) {
    const double before = reader.rate();
    const double seconds = seconds_of([&] {
      for (const auto& matrix : packed.matrices) run(1, *matrix);
    });
    decode.push_back(static_cast<double>(packed.bytes) / seconds / 1e9);
    decode_share.push_back(200 * decode.back() / (before + reader.rate()));
  }
  for (int i = 0; i < 5; ++i) {
    const double before = register_rate(set, pool);
    prefill.push_back(static_cast<double>(prompt * columns * rows) / seconds_of([&] { run(prompt, *packed.matrices[0]); }) / 1e9);
    prefill_share.push_back(200 * prefill.back() / (before + register_rate(set, pool)));
  }
  std::printf("%-50s decode %6.2f GB/s (%3.0f %% of reading), prefill %6.1f GMAC/s (%3.0f %% of registers), pack %5.2f GB/s\n", kind.name, median_of(decode),
              median_of(decode_share), median_of(prefill), median_of(prefill_share), packed.pack_rate);
  std::fflush(stdout);
}

}  // namespace

int main(int count, char** arguments) {
  const int threads = count > 1 ? std::atoi(arguments[1]) : 2;
  retort::ThreadPool pool(threads);
  const retort::KernelSet& set = retort::kernel_set(count > 2 ? arguments[2] : "");
  MemoryReader reader(pool);
  std::vector<double> rates;
  for (int i = 0; i < 5; ++i) rates.push_back(reader.rate());
  std::printf("%d threads, kernels %s, reading memory %.2f GB/s, 8-bit products in registers %.1f GMAC/s\n", threads,
              std::string(retort::kernel_set_name(set)).c_str(), median_of(rates), register_rate(set, pool));
  for (const examples::Kind& kind : examples::kinds()) {
    bool wanted = count <= 3;
    for (int i = 3; i < count; ++i) wanted = wanted || std::string(kind.name).starts_with(arguments[i]);
    if (wanted) measure(kind, set, pool, reader);
  }
  return 0;
}
