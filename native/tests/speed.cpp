// Prints how long a draw takes and fails where it takes ten times the promise of docs/sampling.md: room for busy machines and
// sanitizers, none for a full sort of the vocabulary in a loop.
#include <algorithm>
#include <chrono>
#include <random>
#include <vector>

#include "check.h"
#include "retort/sampling.h"

namespace {

using Clock = std::chrono::steady_clock;

std::vector<float> random_row(std::size_t size) {
  std::mt19937 generator(11);
  std::normal_distribution<float> logits(0.0F, 3.0F);
  std::vector<float> row(size);
  for (float& value : row) value = logits(generator);
  return row;
}

double median_ms(const retort::SamplingParameters& parameters, std::size_t vocabulary_size) {
  const std::vector<float> row = random_row(vocabulary_size);
  const std::vector<std::int32_t> history(64, 3);
  retort::Sampler sampler(parameters, 1);
  std::vector<double> times;
  for (int i = 0; i < 51; ++i) {
    const auto start = Clock::now();
    sampler.sample({row, history, {}});
    times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
  }
  std::nth_element(times.begin(), times.begin() + 25, times.end());
  return times[25];
}

void expect_below(double promised_ms, const char* what, const retort::SamplingParameters& parameters,
                  std::size_t vocabulary_size) {
  const double measured = median_ms(parameters, vocabulary_size);
  std::printf("%s, V = %zu: %.3f ms (promised %.1f)\n", what, vocabulary_size, measured, promised_ms);
  check::is_true(measured < 10 * promised_ms, what);
}

}  // namespace

TEST("a greedy draw is quick") {
  retort::SamplingParameters parameters;
  parameters.temperature = 0;
  expect_below(0.2, "greedy", parameters, 49152);
  expect_below(0.6, "greedy", parameters, 150'000);
}

TEST("a filtered draw is quick") {
  retort::SamplingParameters parameters;
  parameters.repetition_penalty = 1.1;
  parameters.top_log_probabilities = 20;
  expect_below(2, "top-k 40, top-p 0.95", parameters, 150'000);
  parameters.top_k = 0;
  expect_below(3, "top-p 0.95 of all", parameters, 150'000);
  parameters.top_k = 1000;
  parameters.min_p = 0.05;
  expect_below(2, "top-k 1000, top-p 0.95, min-p 0.05", parameters, 150'000);
}
