#include "kernels/measure.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>

#include "retort/matrix.h"

namespace retort {

namespace {

// 3.4 MiB of Q4_0 and 6.4 of Q8_0: more than a core's own caches hold.
constexpr std::int64_t rows = 3072, columns = 2048, prompt_rows = 16;
constexpr int fewest_rounds = 3, most_rounds = 8;
constexpr double enough_seconds = 0.1;

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::unique_ptr<Matrix> make_panel(SourceType type, std::size_t code_bytes, ThreadPool& pool) {
  // 0.0625 as float16.
  constexpr std::byte scale[] = {std::byte{0x00}, std::byte{0x2C}};
  std::minstd_rand random(1);
  std::vector<std::byte> row;
  for (std::int64_t block = 0; block < columns / 32; ++block) {
    row.insert(row.end(), std::begin(scale), std::end(scale));
    for (std::size_t i = 0; i < code_bytes; ++i) row.push_back(static_cast<std::byte>(random() >> 8));
  }
  // The same row again is as much work as another one, and made sooner.
  std::vector<std::byte> bytes;
  bytes.reserve(row.size() * static_cast<std::size_t>(rows));
  for (std::int64_t i = 0; i < rows; ++i) bytes.insert(bytes.end(), row.begin(), row.end());
  return pack_matrix({type, rows, columns, bytes}, pool);
}

std::vector<float> make_input() {
  std::minstd_rand random(2);
  std::uniform_real_distribution<float> number(-1, 1);
  std::vector<float> values(static_cast<std::size_t>(prompt_rows * columns));
  for (float& value : values) value = number(random);
  return values;
}

class Measurement {
 public:
  Measurement() {
    panels_[0] = make_panel(SourceType::q4_0, 16, pool_);
    panels_[1] = make_panel(SourceType::q8_0, 32, pool_);
  }

  // Keeps the least so far of each panel.
  void time(const KernelSet& set, KernelTime (&least)[2]) {
    for (std::size_t i = 0; i < 2; ++i) {
      least[i].decode = std::min(least[i].decode, product(*panels_[i], 1, set));
      least[i].prefill = std::min(least[i].prefill, product(*panels_[i], prompt_rows, set));
    }
  }

 private:
  double product(const Matrix& panel, std::int64_t count, const KernelSet& set) {
    const MatrixProduct product{&panel, std::span(out_).first(static_cast<std::size_t>(count * rows))};
    const auto in = std::span<const float>(in_).first(static_cast<std::size_t>(count * columns));
    const auto start = Clock::now();
    multiply({&product, 1}, in, count, Arithmetic::fast, set, pool_);
    return seconds_since(start);
  }

  ThreadPool pool_{1};
  std::unique_ptr<Matrix> panels_[2];
  std::vector<float> in_ = make_input();
  std::vector<float> out_ = std::vector<float>(static_cast<std::size_t>(prompt_rows * rows));
};

}  // namespace

std::vector<KernelTime> measure_kernels(std::span<const KernelSet* const> sets) {
  constexpr double none = std::numeric_limits<double>::infinity();
  struct Least {
    KernelTime panels[2] = {{none, none}, {none, none}};
  };
  Measurement measurement;
  std::vector<Least> least(sets.size());
  const auto start = Clock::now();
  for (int round = 0; round < most_rounds && (round < fewest_rounds || seconds_since(start) < enough_seconds); ++round) {
    for (std::size_t i = 0; i < sets.size(); ++i) measurement.time(*sets[i], least[i].panels);
  }
  std::vector<KernelTime> times;
  for (const auto& [panels] : least) times.push_back({panels[0].decode + panels[1].decode, panels[0].prefill + panels[1].prefill});
  return times;
}

}  // namespace retort
