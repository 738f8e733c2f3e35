// How fast a disk gives the bytes of a file, by the size of reads and by how many are in flight: what streaming from it can reach.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "direct_file.h"
#include "read_buffers.h"

namespace retort {

// Reads of `bytes` at random pages inside the file, always as many in flight as the file allows, into memory of its own.
class RandomReads {
 public:
  // Throws Failure: bad_request (the range has fewer bytes than one read; it takes more than 512 MiB of memory), out_of_memory, what begin throws.
  RandomReads(DirectFile& file, std::size_t bytes);
  // Takes back what is under way.
  ~RandomReads();
  RandomReads(const RandomReads&) = delete;
  RandomReads& operator=(const RandomReads&) = delete;

  // Bytes per second of `count` reads (1 or more), fewer where `seconds` are over sooner. Throws Failure: cancelled, what finish throws.
  double rate(std::uint64_t count, double seconds, const std::atomic<bool>& cancelled);

 private:
  void begin(std::size_t number);

  DirectFile& file_;
  ReadBuffers buffers_;
  std::minstd_rand random_;
};

struct DiskPlan {
  ReaderKind reader = ReaderKind::automatic;
  // Bytes of one read: multiples of direct_page, 16 MiB at most. Reads in flight: 1 to most_reads_in_flight. 1 to 32 of either.
  std::vector<std::size_t> sizes;
  std::vector<std::int32_t> depths;
  // Read for each size and depth: at least one read a round, and no longer than a second.
  std::uint64_t bytes_per_point = 0;
};

inline constexpr int disk_rounds = 3;

// Bytes per second of each size and depth, depths next to each other: the median of several rounds, turn about, so that what else the machine does meets all of
// them. Throws Failure: bad_request (the plan, or a file that is smaller than a read), unsupported_feature (the file system reads through the page cache, whose
// speed says nothing of the disk), cancelled, what DirectFile throws.
std::vector<double> measure_disk(const FileRange& file, const DiskPlan& plan, const std::atomic<bool>& cancelled);

}  // namespace retort
