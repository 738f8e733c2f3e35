// Explicit reads of a model file that TypeScript has checked: the file must still be the regular file of that size.
#pragma once

#include <cstddef>
#include <cstdint>
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

// Reads the range into `out`, which is as long. Throws Failure: bad_request (the range is not inside the file), file_unreadable, bad_file
// (no regular file, or another size than it had).
void read_range(const FileRange& range, std::span<std::byte> out);

}  // namespace retort
