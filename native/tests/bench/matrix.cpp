// Measures what the matrix kernels reach on this machine: the bandwidth of reading memory, then decoding (one row) and prefill (512 rows) for every type at the
// shapes of a 1B model. Prints medians; run it on a quiet machine: `matrix_bench [threads] [kernel set] [type…]`. Not part of ctest.
#include <algorithm>
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

// GB/s of the best of several readers, each the median of 5 passes over 1 GiB.
double read_bandwidth(retort::ThreadPool& pool) {
  constexpr std::int64_t bytes = std::int64_t{1} << 30;
  const retort::WeightMemory memory(static_cast<std::size_t>(bytes));
  std::memset(memory.data(), 1, static_cast<std::size_t>(bytes));
  const unsigned char* const start = memory.data();
  double best = 0;
  for (const Reader reader : {Reader{read_all<2>}, Reader{read_all<4>}, Reader{read_all<8>}, Reader{read_all<16>}}) {
    for (const std::int64_t part : {std::int64_t{1} << 16, std::int64_t{1} << 20, bytes / pool.threads()}) {
      std::vector<double> times;
      for (int i = 0; i < 5; ++i) {
        times.push_back(seconds_of([&] {
          pool.parallel(bytes, part, [&](std::int64_t begin, std::int64_t end) {
            const volatile std::uint64_t kept = reader(start + begin, start + end);
            static_cast<void>(kept);
          });
        }));
      }
      best = std::max(best, static_cast<double>(bytes) / median_of(times) / 1e9);
    }
  }
  return best;
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

void measure(const examples::Kind& kind, const retort::KernelSet& set, retort::ThreadPool& pool, double bandwidth) {
  // Enough matrices that no cache holds them.
  constexpr std::int64_t columns = 4096, rows = 8192;
  std::vector<std::unique_ptr<retort::Matrix>> matrices;
  std::size_t bytes = 0;
  double pack_seconds = 0;
  std::size_t file_bytes = 0;
  const examples::Example example = repeat(kind, rows, columns);
  while (bytes < (std::size_t{400} << 20)) {
    pack_seconds += seconds_of([&] { matrices.push_back(retort::pack_matrix(example.source(), pool)); });
    bytes += matrices.back()->bytes();
    file_bytes += example.bytes.size() + 4 * example.scales.size();
  }
  const std::vector<float> in = examples::activations(512 * columns, 5);
  std::vector<float> out(static_cast<std::size_t>(512 * rows));
  const auto run = [&](std::int64_t count, const retort::Matrix& matrix) {
    const auto n = static_cast<std::size_t>(count);
    retort::multiply(matrix, std::span(in).first(n * columns), count, std::span(out).first(n * rows), retort::Arithmetic::fast, set, pool);
  };
  std::vector<double> decode, prefill;
  for (int i = 0; i < 7; ++i) {
    decode.push_back(seconds_of([&] {
      for (const auto& matrix : matrices) run(1, *matrix);
    }));
  }
  for (int i = 0; i < 3; ++i) prefill.push_back(seconds_of([&] { run(512, *matrices[0]); }));
  const double rate = static_cast<double>(bytes) / median_of(decode) / 1e9;
  const double products = 512.0 * columns * rows / median_of(prefill) / 1e9;
  std::printf("%-52s decode %6.2f GB/s (%3.0f %%), prefill %6.1f GMAC/s, pack %5.2f GB/s\n", kind.name, rate, 100 * rate / bandwidth, products,
              static_cast<double>(file_bytes) / pack_seconds / 1e9);
  std::fflush(stdout);
}

}  // namespace

int main(int count, char** arguments) {
  const int threads = count > 1 ? std::atoi(arguments[1]) : 2;
  retort::ThreadPool pool(threads);
  const retort::KernelSet& set = retort::kernel_set(count > 2 ? arguments[2] : "");
  const double bandwidth = read_bandwidth(pool);
  std::printf("%d threads, kernels %s, reading memory: %.2f GB/s\n", threads, std::string(retort::kernel_set_name(set)).c_str(), bandwidth);
  for (const examples::Kind& kind : examples::kinds()) {
    bool wanted = count <= 3;
    for (int i = 3; i < count; ++i) wanted = wanted || std::string(kind.name).starts_with(arguments[i]);
    if (wanted) measure(kind, set, pool, bandwidth);
  }
  return 0;
}
