#include "measure_disk.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>

#include "retort/status.h"

namespace retort {
namespace {

constexpr std::size_t largest_read = std::size_t{16} << 20, most_memory = std::size_t{512} << 20, most_choices = 32;
constexpr std::uint64_t most_bytes_per_point = std::uint64_t{4} << 30;
constexpr double point_seconds = 1;
// Begun and waiting for their turn, so that the disk gets the next read at the moment one has ended, whichever that is.
constexpr std::size_t most_in_line = 4;

using Clock = std::chrono::steady_clock;

[[noreturn]] void refuse(const std::string& what) { throw Failure(Status::bad_request, "[store] measuring a disk: " + what); }

void check(const DiskPlan& plan) {
  const auto is_count = [](std::size_t count) { return count >= 1 && count <= most_choices; };
  if (!is_count(plan.sizes.size()) || !is_count(plan.depths.size())) refuse("1 to 32 sizes and depths.");
  const auto is_size = [](std::size_t size) { return size >= direct_page && size <= largest_read && size % direct_page == 0; };
  if (!std::ranges::all_of(plan.sizes, is_size)) refuse("sizes are multiples of 4096, 16 MiB at most.");
  const auto is_depth = [](std::int32_t depth) { return depth >= 1 && depth <= most_reads_in_flight; };
  if (!std::ranges::all_of(plan.depths, is_depth)) refuse("depths are 1 to 64.");
  if (plan.bytes_per_point > most_bytes_per_point) refuse("4 GiB at most for each size and depth.");
}

ReadBuffers buffers_for(const DirectFile& file, std::size_t bytes) {
  if (file.bytes() < bytes) refuse("the file is smaller than one read.");
  const auto depth = static_cast<std::size_t>(file.depth());
  const std::size_t count = depth + std::min(depth, most_in_line);
  if (bytes > most_memory / count) refuse("so many reads of that size take more than 512 MiB of memory.");
  return {count, bytes};
}

double median_of(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

}  // namespace

RandomReads::RandomReads(DirectFile& file, std::size_t bytes) : file_(file), buffers_(buffers_for(file, bytes)) {}

RandomReads::~RandomReads() {
  for (std::size_t i = 0; i < buffers_.count(); ++i) file_.take_back(buffers_.read(i));
}

void RandomReads::begin(std::size_t number) {
  const std::uint64_t places = (file_.bytes() - buffers_.bytes()) / direct_page + 1;
  DirectRead& read = buffers_.read(number);
  read.offset = std::uniform_int_distribution<std::uint64_t>(0, places - 1)(random_) * direct_page;
  file_.begin(read);
}

double RandomReads::rate(std::uint64_t count, double seconds, const std::atomic<bool>& cancelled) {
  std::size_t begun = 0, ended = 0;
  const auto start = Clock::now();
  const auto passed = [start] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  for (; begun < std::min<std::uint64_t>(count, buffers_.count()); ++begun) begin(begun);
  for (; ended < begun; ++ended) {
    if (cancelled) throw Failure(Status::cancelled, "[store] measuring a disk was cancelled.");
    file_.finish(buffers_.read(ended));
    // Into the buffer that has just become free.
    if (begun < count && passed() < seconds) begin(begun++);
  }
  return static_cast<double>(ended * buffers_.bytes()) / passed();
}

std::vector<double> measure_disk(const FileRange& file, const DiskPlan& plan, const std::atomic<bool>& cancelled) {
  check(plan);
  std::vector<std::unique_ptr<DirectFile>> files;
  for (const std::int32_t depth : plan.depths) files.push_back(std::make_unique<DirectFile>(file, DirectFile::Options{.reader = plan.reader, .depth = depth}));
  if (!files.front()->is_direct()) refuse_file(Status::unsupported_feature, file, "its file system reads through the page cache.");
  std::vector<std::vector<double>> rates(plan.sizes.size() * files.size());
  for (int round = 0; round < disk_rounds; ++round) {
    auto point = rates.begin();
    for (const std::size_t size : plan.sizes) {
      const std::uint64_t count = std::max<std::uint64_t>(1, plan.bytes_per_point / disk_rounds / size);
      for (const auto& each : files) (point++)->push_back(RandomReads(*each, size).rate(count, point_seconds / disk_rounds, cancelled));
    }
  }
  std::vector<double> medians;
  for (auto& each : rates) medians.push_back(median_of(std::move(each)));
  return medians;
}

}  // namespace retort
