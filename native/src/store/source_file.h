// Explicit reads of a model file that TypeScript has checked: the file must still be the regular file of that size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace retort {

// A range of a file. `path`: UTF-8, absolute, links resolved. `file_bytes`: the file's whole size when it was checked.
struct FileRange {
  std::string path;
  std::uint64_t file_bytes = 0;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

// The open file behind a range; several threads may read.
class SourceFile {
 public:
  // Throws Failure: bad_request (the range is not inside the file), file_unreadable, bad_file (no regular file, or another size than it had).
  explicit SourceFile(FileRange range);
  ~SourceFile();
  SourceFile(const SourceFile&) = delete;
  SourceFile& operator=(const SourceFile&) = delete;

  // Fills `out` from `offset` bytes behind the range's start. Throws Failure: bad_request (not inside the range), file_unreadable, bad_file (it became shorter).
  void read(std::uint64_t offset, std::span<std::byte> out) const;

 private:
  class Handle;
  FileRange range_;
  std::unique_ptr<const Handle> handle_;
};

}  // namespace retort
