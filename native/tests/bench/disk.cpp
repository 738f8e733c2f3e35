// What a disk and the readers of DirectFile reach: `disk FILE [rounds] [MiB per point]` prints for each way of reading, size and depth the median and
// the range of MB/s over all rounds, turn about, and the processor's milliseconds per GB. Small pages are what the system gives where it has no large
// ones. Not part of ctest.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "store/measure_disk.h"

#ifdef __linux__
#include <sys/prctl.h>
#endif
#ifndef _WIN32
#include <sys/resource.h>
#endif

namespace {

using retort::DirectFile;
using retort::ReaderKind;

// Of all threads, those of the kernel's that read for this process too.
double processor_seconds() {
#ifdef _WIN32
  return 0;
#else
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6; };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
#endif
}

void set_large_pages([[maybe_unused]] bool is_wanted) {
#ifdef __linux__
  prctl(PR_SET_THP_DISABLE, is_wanted ? 0 : 1, 0, 0, 0);
#endif
}

struct Point {
  ReaderKind reader;
  bool has_large_pages;
  std::size_t size;
  std::int32_t depth;
  std::vector<double> rates, processor_ms;
};

std::vector<Point> all_points() {
  std::vector<Point> points;
  for (const ReaderKind reader : {ReaderKind::automatic, ReaderKind::threads}) {
    for (const bool has_large_pages : {true, false}) {
      for (std::size_t size = std::size_t{64} << 10; size <= std::size_t{4} << 20; size *= 2) {
        for (const std::int32_t depth : {1, 2, 4, 8, 16}) points.push_back({reader, has_large_pages, size, depth, {}, {}});
      }
    }
  }
  return points;
}

void measure(Point& point, const retort::FileRange& file, std::uint64_t bytes) {
  const std::atomic<bool> cancelled = false;
  set_large_pages(point.has_large_pages);
  DirectFile direct(file, {.reader = point.reader, .depth = point.depth});
  if (!direct.is_direct()) throw std::runtime_error("the file system refuses direct reads");
  retort::RandomReads reads(direct, point.size);
  const double before = processor_seconds();
  point.rates.push_back(reads.rate(std::max<std::uint64_t>(1, bytes / point.size), 10, cancelled));
  point.processor_ms.push_back((processor_seconds() - before) * 1e12 / static_cast<double>(direct.counts().bytes));
}

void print(Point& point, const std::string& reader) {
  std::ranges::sort(point.rates);
  std::ranges::sort(point.processor_ms);
  const std::size_t middle = point.rates.size() / 2;
  std::printf("%-9s %-5s %5zu KiB × %2d  %6.0f MB/s (%5.0f–%5.0f)  %5.0f ms/GB\n", reader.c_str(), point.has_large_pages ? "large" : "small", point.size >> 10,
              point.depth, point.rates[middle] * 1e-6, point.rates.front() * 1e-6, point.rates.back() * 1e-6, point.processor_ms[middle]);
}

void run(const std::string& path, int rounds, std::uint64_t bytes) {
  const std::uint64_t size = std::filesystem::file_size(path);
  const retort::FileRange file{std::filesystem::canonical(path).string(), size, 0, size};
  std::vector<Point> points = all_points();
  for (int round = 0; round < rounds; ++round) {
    for (Point& point : points) measure(point, file, bytes);
  }
  for (Point& point : points) print(point, std::string(DirectFile(file, {.reader = point.reader}).reader()));
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    std::fprintf(stderr, "disk FILE [rounds] [MiB per point]\n");
    return 2;
  }
  try {
    const int rounds = count > 2 ? std::max(1, std::atoi(arguments[2])) : 3;
    run(arguments[1], rounds, static_cast<std::uint64_t>(count > 3 ? std::max(1, std::atoi(arguments[3])) : 64) << 20);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
