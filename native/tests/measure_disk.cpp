#include "store/measure_disk.h"

#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

#include "check.h"
#include "temporary_file.h"

namespace {

using retort::DirectFile;
using retort::DiskPlan;
using retort::ReaderKind;
using retort::Status;

constexpr std::size_t file_bytes = (std::size_t{1} << 20) + 77;

class ZeroFile : public examples::TemporaryFile {
 public:
  ZeroFile() : TemporaryFile(std::vector<std::byte>(file_bytes)) {}
};

bool is_skipped(const ZeroFile& file) {
  if (DirectFile(file.range(), {}).is_direct()) return false;
  std::printf("skipped: this file system refuses direct reads\n");
  return true;
}

const std::atomic<bool> never = false;

}  // namespace

TEST("every size and depth gets a speed, by every reader") {
  const ZeroFile file;
  if (is_skipped(file)) return;
  for (const ReaderKind reader : {ReaderKind::automatic, ReaderKind::threads}) {
    const auto rates = retort::measure_disk(file.range(), {reader, {4096, 1U << 20}, {1, 3, 16}, 1U << 20}, never);
    check::is_true(rates.size() == 6, "depths of each size");
    for (const double rate : rates) check::is_true(rate > 0, "a speed");
  }
}

TEST("as many bytes are read as were asked for") {
  const ZeroFile file;
  DirectFile direct(file.range(), {.depth = 3});
  retort::RandomReads reads(direct, 64 << 10);
  reads.rate(1, 60, never);
  check::is_true(direct.counts().reads == 1, "one read");
  reads.rate(50, 60, never);
  check::is_true(direct.counts().reads == 51 && direct.counts().bytes == 51 * (std::uint64_t{64} << 10), "fifty more, inside the file");
  reads.rate(1000, 0, never);
  check::is_true(direct.counts().reads <= 51 + 6 && direct.pending() == 0, "no new ones once the time is over");
}

TEST("measuring ends when it is cancelled, with nothing in flight") {
  const ZeroFile file;
  const std::atomic<bool> cancelled = true;
  DirectFile direct(file.range(), {.depth = 4});
  {
    retort::RandomReads reads(direct, 64 << 10);
    check::refuses(Status::cancelled, [&] { reads.rate(1'000'000, 60, cancelled); });
  }
  check::is_true(direct.pending() == 0 && direct.counts().reads <= 8, "nothing is left");
}

TEST("a long measurement is cancelled") {
  const ZeroFile file;
  if (is_skipped(file)) return;
  std::atomic<bool> cancelled = false;
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    cancelled = true;
  });
  // Left alone, it would take half a minute.
  const DiskPlan plan{ReaderKind::automatic, std::vector<std::size_t>(32, 4096), {1}, std::uint64_t{4} << 30};
  try {
    check::refuses(Status::cancelled, [&] { retort::measure_disk(file.range(), plan, cancelled); });
  } catch (...) {
    later.join();
    throw;
  }
  later.join();
}

TEST("plans that ask for too much are refused") {
  const ZeroFile file;
  const auto refuses = [&](const DiskPlan& plan) { check::refuses(Status::bad_request, [&] { retort::measure_disk(file.range(), plan, never); }); };
  constexpr ReaderKind reader = ReaderKind::automatic;
  refuses({reader, {}, {1}, 4096});
  refuses({reader, {4096}, {}, 4096});
  refuses({reader, std::vector<std::size_t>(33, 4096), {1}, 4096});
  refuses({reader, {4096}, std::vector<std::int32_t>(33, 1), 4096});
  refuses({reader, {0}, {1}, 4096});
  refuses({reader, {4097}, {1}, 4096});
  refuses({reader, {(16U << 20) + 4096}, {1}, 4096});
  refuses({reader, {~std::size_t{4095}}, {1}, 4096});
  refuses({reader, {4096}, {0}, 4096});
  refuses({reader, {4096}, {65}, 4096});
  refuses({reader, {4096}, {1}, (std::uint64_t{4} << 30) + 1});
}

TEST("a file smaller than a read is refused") {
  const ZeroFile file;
  if (is_skipped(file)) return;
  const DiskPlan plan{ReaderKind::automatic, {2U << 20}, {1}, 4096};
  check::refuses(Status::bad_request, [&] { retort::measure_disk(file.range(), plan, never); });
}
