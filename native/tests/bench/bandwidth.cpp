// What the machine can do at best, asked for between the rounds of a longer benchmark: `bandwidth [threads]` answers every line of its input with one
// line of JSON, the best of three passes each. Ends with its input. Not part of ctest.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "ceilings.h"

namespace {

double best_of_three(const auto& rate) {
  double best = 0;
  for (int i = 0; i < 3; ++i) best = std::max(best, rate());
  return best;
}

// Nanoseconds of taking one time: two looks at the clock and an addition.
double stopwatch_ns() {
  constexpr int count = 100'000;
  std::int64_t total = 0;
  const double seconds = ceilings::seconds_of([&] {
    for (int i = 0; i < count; ++i) {
      const auto start = ceilings::Clock::now();
      total += std::chrono::duration_cast<std::chrono::nanoseconds>(ceilings::Clock::now() - start).count();
    }
  });
  return total >= 0 ? seconds * 1e9 / count : 0;
}

}  // namespace

int main(int count, char** arguments) {
  retort::ThreadPool pool(count > 1 ? std::atoi(arguments[1]) : 2);
  const retort::KernelSet& set = retort::kernel_set("");
  ceilings::MemoryReader reader(pool);
  for (int character = std::getchar(); character != EOF; character = std::getchar()) {
    if (character != '\n') continue;
    const double read = best_of_three([&] { return reader.rate(); });
    const double copy = best_of_three([&] { return reader.copy_rate(); });
    const double products = best_of_three([&] { return ceilings::register_rate(set, pool); });
    std::printf("{\"readGBs\": %.3f, \"copyGBs\": %.3f, \"productsGs\": %.3f, \"stopwatchNs\": %.2f}\n", read, copy, products, stopwatch_ns());
    std::fflush(stdout);
  }
  return 0;
}
