// What the machine can do at best, asked for between the rounds of a longer benchmark: `bandwidth [threads]` answers every line of its input with one
// line of JSON. An empty line asks for the ceilings, the best of three passes each; a path for the time of reading that file whole into memory that
// was never used. Ends with its input. Not part of ctest.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

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

void print_ceilings(ceilings::MemoryReader& reader, retort::ThreadPool& pool) {
  const retort::KernelSet& set = retort::kernel_set("");
  const double read = best_of_three([&] { return reader.rate(); });
  const double copy = best_of_three([&] { return reader.copy_rate(); });
  const double products = best_of_three([&] { return ceilings::register_rate(set, pool); });
  std::printf("{\"readGBs\": %.3f, \"copyGBs\": %.3f, \"productsGs\": %.3f, \"stopwatchNs\": %.2f}\n", read, copy, products, stopwatch_ns());
}

void print_file_copy(const std::string& path, retort::ThreadPool& pool) {
  const auto bytes = static_cast<std::int64_t>(std::filesystem::file_size(path));
  const double seconds = ceilings::seconds_of([&] {
    retort::LargeMemory memory(static_cast<std::size_t>(bytes));
    pool.parallel(bytes, std::int64_t{1} << 22, [&](std::int64_t begin, std::int64_t end) {
      std::ifstream file(path, std::ios::binary);
      file.rdbuf()->pubsetbuf(nullptr, 0);
      file.seekg(begin);
      file.read(reinterpret_cast<char*>(memory.data() + begin), end - begin);
    });
  });
  std::printf("{\"seconds\": %.6f}\n", seconds);
}

}  // namespace

int main(int count, char** arguments) {
  retort::ThreadPool pool(count > 1 ? std::atoi(arguments[1]) : 2);
  ceilings::MemoryReader reader(pool);
  for (std::string line; std::getline(std::cin, line);) {
    if (line.empty()) {
      print_ceilings(reader, pool);
    } else {
      print_file_copy(line, pool);
    }
    std::fflush(stdout);
  }
  return 0;
}
