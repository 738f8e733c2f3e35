// Reads of whole 4 KiB pages around the page cache, many at once. Used by one thread at a time; which one may change between calls.
//
// A read is begun, and later finished or taken back. `depth` reads are in flight at most; further ones wait in line and are started in the order they
// were begun, by whichever call sees that another has ended.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "checked_file.h"
#include "clock.h"
#include "reader.h"

namespace retort {

// `uring`: the system's own way, which on Windows are overlapped reads. `automatic`: that one where it is there, else threads.
enum class ReaderKind { automatic, uring, threads };

inline constexpr std::int32_t most_reads_in_flight = 64;
inline constexpr std::size_t largest_direct_read = std::size_t{1} << 30;

// Owned by the caller, who leaves it and the memory it names where they are until it is finished or taken back. Then it may be begun again.
struct DirectRead {
  DirectRead() = default;
  DirectRead(std::uint64_t from, std::span<std::byte> memory) : offset(from), into(memory) {}
  DirectRead(const DirectRead&) = delete;
  DirectRead& operator=(const DirectRead&) = delete;

  // From the range's start; a multiple of direct_page inside the range.
  std::uint64_t offset = 0;
  // Address and size are multiples of direct_page, 1 GiB at most. May reach past the range's end; memory behind it then holds anything afterwards.
  std::span<std::byte> into;

  // Neither finished nor taken back.
  bool is_begun() const noexcept { return state_ != State::idle; }

 private:
  friend class DirectFile;
  enum class State { idle, waiting, in_flight, done, failed, cut_short };
  State state_ = State::idle;
  // What tests ask for: this one fails.
  bool is_to_fail_ = false;
  // Of what `into` asks for, read so far; the system may give less than a call asked for.
  std::size_t filled_ = 0, wanted_ = 0;
  std::int64_t error_ = 0;
  ReadPiece piece_;
};

// A read as it was begun, for those that replay it (replay_reads.h).
struct BegunRead {
  std::uint64_t offset;
  std::size_t bytes;
  // Others in line or in flight then, of all files that share it, as far as was seen.
  std::size_t pending;
};
using ReadLog = std::vector<BegunRead>;

struct ReadCounts {
  // Reads that ended well, and what they asked for inside the range.
  std::uint64_t reads = 0, bytes = 0;
};

// The reads of one file, or of several that share it, which are not over. Used by one thread at a time.
class ReadsUnderWay {
 public:
  // In line or in flight.
  std::size_t pending() const noexcept { return waiting_ + in_flight_; }
  // Time with at least one read in flight, as far as seen: a read ends when a call of its file notices it.
  std::int64_t busy_ns() const noexcept { return busy_ns_ + (in_flight_ > 0 ? now_ns() - busy_since_ns_ : 0); }

 private:
  friend class DirectFile;
  void start() noexcept {
    if (in_flight_++ == 0) busy_since_ns_ = now_ns();
  }
  void end() noexcept {
    if (--in_flight_ == 0) busy_ns_ += now_ns() - busy_since_ns_;
  }

  std::size_t waiting_ = 0, in_flight_ = 0;
  std::int64_t busy_ns_ = 0, busy_since_ns_ = 0;
};

class DirectFile {
 public:
  struct Options {
    ReaderKind reader = ReaderKind::automatic;
    // 1 to most_reads_in_flight.
    std::int32_t depth = 8;
    // For tests: the read that is begun as the k-th fails as by EIO, once; 0: none.
    std::int64_t fail_read = 0;
    // For tests: as where the file system refuses direct reads.
    bool is_refused = false;
    // Where there is one, every read that is begun is appended to it, by whoever begins it; one that is withdrawn unread leaves it.
    std::shared_ptr<ReadLog> log = nullptr;
    // Counted together with what others that have the same one read; null: alone.
    std::shared_ptr<ReadsUnderWay> under_way = nullptr;
  };

  // Keeps the file open, so that another one put in its place does not matter. The range begins at a multiple of direct_page.
  // Throws Failure: bad_request (options, range), file_unreadable, bad_file (no regular file, a link, or another size than it had), out_of_memory,
  // unsupported_feature (the system has no reader of that kind).
  DirectFile(const FileRange& file, const Options& options);
  // Drains.
  ~DirectFile();
  DirectFile(const DirectFile&) = delete;
  DirectFile& operator=(const DirectFile&) = delete;

  // "io_uring", "overlapped" or "threads".
  std::string_view reader() const noexcept { return reader_->name(); }
  // False where the file system refuses: then reads are ordinary ones, after each of which the page cache is asked to let go of its pages.
  bool is_direct() const noexcept { return file_.is_direct(); }
  std::int32_t depth() const noexcept { return options_.depth; }
  // Of the range.
  std::uint64_t bytes() const noexcept { return range_.bytes; }

  // Throws Failure: bad_request (borders, sizes, outside the range, begun already), after which it is not begun.
  void begin(DirectRead& read);
  // Without waiting: what has ended since the last call is seen to have ended, and what is in line starts.
  void look() noexcept;
  // Without waiting. True also for one that failed: `finish` says so. Throws Failure: bad_request (not begun).
  bool is_done(DirectRead& read);
  // Waits. Whatever comes of it, the read is over. Throws Failure: bad_request (not begun), file_unreadable, bad_file (the file became shorter).
  void finish(DirectRead& read);
  // One in line is dropped, one in flight is waited for; what is not begun stays so.
  void take_back(DirectRead& read) noexcept;
  // Drops one in line; false for any other, which stays as it is.
  bool withdraw(DirectRead& read) noexcept;
  // Takes back all that are in line or in flight; nothing is in flight afterwards. Reads that have ended keep their result for `finish`.
  void drain() noexcept;

  // Of this file alone.
  std::size_t in_flight() const noexcept { return in_flight_; }
  // In line or in flight.
  std::size_t pending() const noexcept { return in_flight_ + line_.size(); }
  const ReadCounts& counts() const noexcept { return counts_; }
  const ReadsUnderWay& under_way() const noexcept { return *under_way_; }

 private:
  void check(const DirectRead& read) const;
  void start(DirectRead& read) noexcept;
  void start_line() noexcept;
  void hand_over(DirectRead& read) noexcept;
  // Takes one ended piece from the reader; false where there is none.
  bool reap() noexcept;
  void wait_for_one() noexcept;
  void forget(const DirectRead& read) noexcept;
  void take(ReadPiece& piece) noexcept;
  void end(DirectRead& read, DirectRead::State state) noexcept;
  [[noreturn]] void refuse_read(const DirectRead& read, DirectRead::State outcome) const;

  const FileRange range_;
  const Options options_;
  const CheckedFile file_;
  const std::unique_ptr<Reader> reader_;
  const std::shared_ptr<ReadsUnderWay> under_way_;
  std::deque<DirectRead*> line_;
  std::size_t in_flight_ = 0;
  std::int64_t begun_ = 0;
  bool is_draining_ = false;
  ReadCounts counts_;
};

}  // namespace retort
