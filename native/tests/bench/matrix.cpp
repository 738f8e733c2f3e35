// Measures what the matrix kernels reach on this machine: the bandwidth of reading memory, then decoding (one row) and prefill (512 rows) for every type at the
// shapes of a 1B model. Prints medians; run it on a quiet machine: `matrix_bench [threads] [kernel set] [type…]`. Not part of ctest.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "../matrix_examples.h"
#include "ceilings.h"
#include "matrix/packed_matrix.h"
#include "retort/matrix.h"

namespace {

using ceilings::median_of;
using ceilings::MemoryReader;
using ceilings::register_rate;
using ceilings::seconds_of;

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
