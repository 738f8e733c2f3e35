#include "source_file.h"

#include <algorithm>
#include <utility>

#include "retort/status.h"

#ifdef _WIN32
#define NOMINMAX
#include <windows.h>
#else
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#endif

namespace retort {
namespace {

// One read call takes less than 2 GiB.
constexpr std::size_t largest_read = std::size_t{1} << 30;

[[noreturn]] void refuse(Status status, const FileRange& range, const std::string& what) {
  throw Failure(status, "[store] " + range.path.substr(range.path.find_last_of("/\\") + 1) + ": " + what);
}

FileRange checked(FileRange range) {
  const bool inside = range.bytes <= range.file_bytes && range.offset <= range.file_bytes - range.bytes;
  if (!inside) refuse(Status::bad_request, range, "the range is not inside the file.");
  return range;
}

}  // namespace

#ifdef _WIN32

class SourceFile::Handle {
 public:
  explicit Handle(const FileRange& range) {
    const int length = static_cast<int>(range.path.size());
    std::wstring wide(static_cast<std::size_t>(MultiByteToWideChar(CP_UTF8, 0, range.path.data(), length, nullptr, 0)), L'\0');
    MultiByteToWideChar(CP_UTF8, 0, range.path.data(), length, wide.data(), static_cast<int>(wide.size()));
    handle_ = CreateFileW(wide.c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr, OPEN_EXISTING,
                          FILE_FLAG_OPEN_REPARSE_POINT, nullptr);
    if (handle_ == INVALID_HANDLE_VALUE) refuse(Status::file_unreadable, range, "cannot be opened.");
    BY_HANDLE_FILE_INFORMATION now{};
    const bool known = GetFileInformationByHandle(handle_, &now) != 0;
    const bool regular = known && (now.dwFileAttributes & (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT)) == 0;
    const std::uint64_t size = (static_cast<std::uint64_t>(now.nFileSizeHigh) << 32U) | now.nFileSizeLow;
    if (regular && size == range.file_bytes) return;
    CloseHandle(handle_);
    refuse(Status::bad_file, range, "the file changed after it was checked.");
  }
  ~Handle() { CloseHandle(handle_); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  // Bytes read, 0 at the end of the file, −1 on an error.
  std::int64_t read(std::byte* out, std::size_t bytes, std::uint64_t offset) const {
    OVERLAPPED place{};
    place.Offset = static_cast<DWORD>(offset);
    place.OffsetHigh = static_cast<DWORD>(offset >> 32U);
    DWORD done = 0;
    if (ReadFile(handle_, out, static_cast<DWORD>(bytes), &done, &place) != 0) return done;
    return GetLastError() == ERROR_HANDLE_EOF ? 0 : -1;
  }

 private:
  HANDLE handle_ = INVALID_HANDLE_VALUE;
};

#else

class SourceFile::Handle {
 public:
  explicit Handle(const FileRange& range) {
    // O_NONBLOCK: a FIFO put in the file's place must not hang; O_NOFOLLOW: nor may a link be followed.
    descriptor_ = ::open(range.path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (descriptor_ < 0) refuse(errno == ELOOP ? Status::bad_file : Status::file_unreadable, range, std::strerror(errno));
    struct stat now{};
    const bool known = ::fstat(descriptor_, &now) == 0;
    if (known && S_ISREG(now.st_mode) && static_cast<std::uint64_t>(now.st_size) == range.file_bytes) return;
    ::close(descriptor_);
    refuse(Status::bad_file, range, "the file changed after it was checked.");
  }
  ~Handle() { ::close(descriptor_); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  // Bytes read, 0 at the end of the file, −1 on an error.
  std::int64_t read(std::byte* out, std::size_t bytes, std::uint64_t offset) const {
    for (;;) {
      const ssize_t done = ::pread(descriptor_, out, bytes, static_cast<off_t>(offset));
      if (done >= 0 || errno != EINTR) return done;
    }
  }

 private:
  int descriptor_ = -1;
};

#endif

SourceFile::SourceFile(FileRange range) : range_(checked(std::move(range))), handle_(std::make_unique<const Handle>(range_)) {}

SourceFile::~SourceFile() = default;

void SourceFile::read(std::uint64_t offset, std::span<std::byte> out) const {
  if (out.size() > range_.bytes || offset > range_.bytes - out.size()) refuse(Status::bad_request, range_, "the bytes are not inside the range.");
  std::size_t done = 0;
  while (done < out.size()) {
    const std::size_t piece = std::min(largest_read, out.size() - done);
    const std::int64_t read = handle_->read(out.data() + done, piece, range_.offset + offset + done);
    if (read < 0) refuse(Status::file_unreadable, range_, "cannot be read.");
    if (read == 0) refuse(Status::bad_file, range_, "the file became shorter while it was read.");
    done += static_cast<std::size_t>(read);
  }
}

}  // namespace retort
