// An open model file that TypeScript has checked: still the regular file of that size, opened for ordinary reads or for reads around the page cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "retort/status.h"

namespace retort {

// A range of a file. `path`: UTF-8, absolute, links resolved. `file_bytes`: the file's whole size when it was checked.
struct FileRange {
  std::string path;
  std::uint64_t file_bytes = 0;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

// Throws Failure with a message that begins with the file's last path part.
[[noreturn]] void refuse_file(Status status, const FileRange& range, const std::string& what);

// What the system says about an error code of CheckedFile::read.
std::string system_error_text(std::int64_t code);

// Borders that offsets, sizes and addresses of direct reads lie on.
inline constexpr std::size_t direct_page = 4096;

// Several threads may read.
class CheckedFile {
 public:
  // `uncached`: ordinary reads that shall leave little in the page cache, what `direct` becomes where it is refused.
  enum class Way { ordinary, uncached, direct };
#ifdef _WIN32
  using Native = void*;
#else
  using Native = int;
#endif

  // `direct` is a wish: see is_direct. Throws Failure: bad_request (the range is not inside the file), file_unreadable, bad_file (no regular file, or another
  // size than it had).
  CheckedFile(const FileRange& range, Way way);
  ~CheckedFile();
  CheckedFile(const CheckedFile&) = delete;
  CheckedFile& operator=(const CheckedFile&) = delete;

  // Whether reads go around the page cache: asked for, and taken by the file system for the open file and for a first page that was read.
  bool is_direct() const noexcept { return way_ == Way::direct; }

  // Bytes read, 0 at the end of the file, the system's error code as a negative number.
  std::int64_t read(std::byte* out, std::size_t bytes, std::uint64_t offset) const noexcept;

  // Advice, for uncached reads: the page cache lets go of these bytes.
  void drop_pages(std::uint64_t offset, std::uint64_t bytes) const noexcept;

  Native native() const noexcept { return native_; }

 private:
  // Opens and checks; throws with nothing left open.
  static Native open(const FileRange& range, Way& way);
  static void close(Native native) noexcept;

  Way way_;
  Native native_;
};

}  // namespace retort
