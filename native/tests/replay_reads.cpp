#include "store/replay_reads.h"

#include <memory>
#include <vector>

#include "check.h"
#include "store/arena.h"
#include "temporary_file.h"

namespace {

using retort::BegunRead;
using retort::DirectFile;
using retort::DirectRead;
using retort::ReadLog;
using retort::Status;

constexpr std::size_t page = retort::direct_page;
constexpr std::size_t file_bytes = 64 * page;

class ZeroFile : public examples::TemporaryFile {
 public:
  ZeroFile() : TemporaryFile(std::vector<std::byte>(file_bytes)) {}
};

const std::atomic<bool> never = false;

}  // namespace

TEST("a file's log has every read with what was pending when it was begun") {
  const ZeroFile file;
  const auto log = std::make_shared<ReadLog>();
  DirectFile direct(file.range(), {.depth = 2, .log = log});
  retort::AlignedArena arena(4 * page);
  const auto memory = arena.take(4 * page);
  DirectRead first(0, memory.bytes().first(page)), second(8 * page, memory.bytes().subspan(page, 2 * page));
  direct.begin(first);
  direct.finish(first);
  direct.begin(second);
  check::refuses(Status::bad_request, [&] { direct.begin(second); });
  direct.finish(second);
  check::is_true(log->size() == 2, "both reads, and not the refused one");
  check::is_true((*log)[0].offset == 0 && (*log)[0].bytes == page && (*log)[0].pending == 0, "the first");
  check::is_true((*log)[1].offset == 8 * page && (*log)[1].bytes == 2 * page && (*log)[1].pending == 0, "the second");
}

TEST("reads are replayed in their order with no more pending than there were") {
  const ZeroFile file;
  const auto log = std::make_shared<ReadLog>();
  DirectFile direct(file.range(), {.depth = 2, .log = log});
  ReadLog reads;
  for (std::size_t i = 0; i < 50; ++i) reads.push_back({(i * 7 % 60) * page, (1 + i % 3) * page, i % 5});
  const double seconds = retort::replay_reads(direct, reads, never);
  check::is_true(seconds > 0 && direct.pending() == 0, "all ended");
  check::is_true(log->size() == reads.size(), "as many reads");
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < reads.size(); ++i) {
    check::is_true((*log)[i].offset == reads[i].offset && (*log)[i].bytes == reads[i].bytes, "the same place");
    check::is_true((*log)[i].pending <= reads[i].pending, "no more pending");
    bytes += reads[i].bytes;
  }
  check::is_true(direct.counts().reads == reads.size() && direct.counts().bytes == bytes, "the same bytes");
}

TEST("reads that cannot be replayed are refused, and leave nothing in flight") {
  const ZeroFile file;
  DirectFile direct(file.range(), {.depth = 4});
  const auto refuses = [&](Status status, const ReadLog& reads, const std::atomic<bool>& cancelled = never) {
    check::refuses(status, [&] { retort::replay_reads(direct, reads, cancelled); });
    check::is_true(direct.pending() == 0, "nothing in flight");
  };
  refuses(Status::bad_request, {});
  refuses(Status::bad_request, {{0, page, 8}, {page, page, 8}, {file_bytes, page, 8}});
  refuses(Status::bad_request, {{0, page, 8}, {page + 1, page, 8}});
  refuses(Status::bad_request, {{0, page, 0}, {0, std::size_t{2} << 30, 0}});
  const std::atomic<bool> cancelled = true;
  refuses(Status::cancelled, {{0, page, 0}}, cancelled);
  DirectFile failing(file.range(), {.depth = 4, .fail_read = 3});
  const ReadLog four(4, BegunRead{0, page, 4});
  check::refuses(Status::file_unreadable, [&] { retort::replay_reads(failing, four, never); });
  check::is_true(failing.pending() == 0, "nothing in flight after a failure");
}
