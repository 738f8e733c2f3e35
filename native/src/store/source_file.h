// Explicit reads of a model file that TypeScript has checked: the file must still be the regular file of that size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "checked_file.h"

namespace retort {

// The open file behind a range; several threads may read.
class SourceFile {
 public:
  // Throws Failure: bad_request (the range is not inside the file), file_unreadable, bad_file (no regular file, or another size than it had).
  explicit SourceFile(FileRange range);
  SourceFile(const SourceFile&) = delete;
  SourceFile& operator=(const SourceFile&) = delete;

  // Fills `out` from `offset` bytes behind the range's start. Throws Failure: bad_request (not inside the range), file_unreadable, bad_file (it became shorter).
  void read(std::uint64_t offset, std::span<std::byte> out) const;

 private:
  const FileRange range_;
  const CheckedFile file_;
};

}  // namespace retort
