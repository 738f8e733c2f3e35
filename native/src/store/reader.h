// How reads are handed to the system, many at once. DirectFile keeps order and counts; a reader only starts and ends single reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "checked_file.h"

namespace retort {

struct DirectRead;

// One call to the system. Stays at its address while it is in flight.
struct ReadPiece {
  std::byte* into = nullptr;
  std::size_t bytes = 0;
  // From the file's start.
  std::uint64_t offset = 0;
  // Of CheckedFile::read, once it has ended.
  std::int64_t result = 0;
  DirectRead* owner = nullptr;
};

// Used by one thread at a time. Goes only when nothing is in flight.
class Reader {
 public:
  virtual ~Reader() = default;
  virtual std::string_view name() const noexcept = 0;
  // At most as many at once as the reader was made for.
  virtual void start(ReadPiece& piece) noexcept = 0;
  // A piece that has ended, or null where none has. With `wait`, the call sleeps until one has; then something must be in flight.
  virtual ReadPiece* next(bool wait) noexcept = 0;
};

// The file outlives its reader; `depth` is 1 or more.

// One thread for each read in flight. Throws Failure: out_of_memory (the system starts no more threads).
std::unique_ptr<Reader> make_thread_reader(const CheckedFile& file, std::int32_t depth);

// The system's own way to have many reads in flight: io_uring on Linux, a completion port on Windows. Null where there is none, or where it is forbidden.
std::unique_ptr<Reader> make_system_reader(const CheckedFile& file, std::int32_t depth);

}  // namespace retort
