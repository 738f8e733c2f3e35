#include "checked_file.h"

#include <system_error>

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

const FileRange& checked(const FileRange& range) {
  const bool inside = range.bytes <= range.file_bytes && range.offset <= range.file_bytes - range.bytes;
  if (!inside) refuse_file(Status::bad_request, range, "the range is not inside the file.");
  return range;
}

}  // namespace

void refuse_file(Status status, const FileRange& range, const std::string& what) {
  throw Failure(status, "[store] " + range.path.substr(range.path.find_last_of("/\\") + 1) + ": " + what);
}

std::string system_error_text(std::int64_t code) { return std::system_category().message(static_cast<int>(-code)); }

CheckedFile::CheckedFile(const FileRange& range, Way way) : way_(way), native_(open(checked(range), way_)) {}

CheckedFile::~CheckedFile() { close(native_); }

#ifdef _WIN32

// The direct way here compiles, and has not been run yet.

CheckedFile::Native CheckedFile::open(const FileRange& range, Way& way) {
  const int length = static_cast<int>(range.path.size());
  std::wstring wide(static_cast<std::size_t>(MultiByteToWideChar(CP_UTF8, 0, range.path.data(), length, nullptr, 0)), L'\0');
  MultiByteToWideChar(CP_UTF8, 0, range.path.data(), length, wide.data(), static_cast<int>(wide.size()));
  constexpr DWORD sharing = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
  // Direct handles are overlapped ones: a plain handle does one read at a time.
  const DWORD direct_flags = way == Way::direct ? FILE_FLAG_NO_BUFFERING | FILE_FLAG_OVERLAPPED : 0;
  HANDLE handle = CreateFileW(wide.c_str(), GENERIC_READ, sharing, nullptr, OPEN_EXISTING, FILE_FLAG_OPEN_REPARSE_POINT | direct_flags, nullptr);
  if (handle == INVALID_HANDLE_VALUE) refuse_file(Status::file_unreadable, range, "cannot be opened.");
  BY_HANDLE_FILE_INFORMATION now{};
  const bool known = GetFileInformationByHandle(handle, &now) != 0;
  const bool regular = known && (now.dwFileAttributes & (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT)) == 0;
  const std::uint64_t size = (static_cast<std::uint64_t>(now.nFileSizeHigh) << 32U) | now.nFileSizeLow;
  if (regular && size == range.file_bytes) return handle;
  CloseHandle(handle);
  refuse_file(Status::bad_file, range, "the file changed after it was checked.");
}

void CheckedFile::close(Native native) noexcept { CloseHandle(native); }

std::int64_t CheckedFile::read(std::byte* out, std::size_t bytes, std::uint64_t offset) const noexcept {
  OVERLAPPED place{};
  place.Offset = static_cast<DWORD>(offset);
  place.OffsetHigh = static_cast<DWORD>(offset >> 32U);
  HANDLE ended = nullptr;
  if (is_direct()) {
    ended = CreateEventW(nullptr, TRUE, FALSE, nullptr);
    if (ended == nullptr) return -static_cast<std::int64_t>(GetLastError());
    // The lowest bit keeps this read out of a completion port.
    place.hEvent = reinterpret_cast<HANDLE>(reinterpret_cast<std::uintptr_t>(ended) | 1U);
  }
  DWORD done = 0;
  bool is_read = ReadFile(native_, out, static_cast<DWORD>(bytes), &done, &place) != 0;
  DWORD error = is_read ? ERROR_SUCCESS : GetLastError();
  if (ended != nullptr && (is_read || error == ERROR_IO_PENDING)) {
    is_read = GetOverlappedResult(native_, &place, &done, TRUE) != 0;
    error = is_read ? ERROR_SUCCESS : GetLastError();
  }
  if (ended != nullptr) CloseHandle(ended);
  if (is_read) return done;
  return error == ERROR_HANDLE_EOF ? 0 : -static_cast<std::int64_t>(error);
}

void CheckedFile::drop_pages(std::uint64_t, std::uint64_t) const noexcept {}

#else

namespace {

// O_NONBLOCK: a FIFO put in the file's place must not hang; O_NOFOLLOW: nor may a link be followed.
constexpr int open_flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;

bool is_refusal(std::int64_t error) { return error == EINVAL || error == ENOTSUP; }

#ifdef __APPLE__

// Compiles, and has not been run yet.
int open_descriptor(const char* path, CheckedFile::Way& way) {
  const int descriptor = ::open(path, open_flags);
  if (descriptor >= 0 && way == CheckedFile::Way::direct && ::fcntl(descriptor, F_NOCACHE, 1) != 0) way = CheckedFile::Way::uncached;
  return descriptor;
}

void make_uncached(int descriptor) { ::fcntl(descriptor, F_RDAHEAD, 0); }

#else

int open_descriptor(const char* path, CheckedFile::Way& way) {
  if (way == CheckedFile::Way::direct) {
    const int descriptor = ::open(path, open_flags | O_DIRECT);
    if (descriptor >= 0 || !is_refusal(errno)) return descriptor;
    way = CheckedFile::Way::uncached;
  }
  return ::open(path, open_flags);
}

// Reading ahead would bring back pages that were let go of.
void make_uncached(int descriptor) {
  ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) & ~O_DIRECT);
  ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_RANDOM);
}

#endif

std::int64_t read_at(int descriptor, std::byte* out, std::size_t bytes, std::uint64_t offset) noexcept {
  for (;;) {
    const ssize_t done = ::pread(descriptor, out, bytes, static_cast<off_t>(offset));
    if (done >= 0) return done;
    if (errno != EINTR) return -errno;
  }
}

// Some file systems take the flag and refuse the reads.
bool takes_direct_reads(int descriptor) {
  alignas(direct_page) std::byte page[direct_page];
  const std::int64_t result = read_at(descriptor, page, direct_page, 0);
  return result >= 0 || !is_refusal(-result);
}

}  // namespace

CheckedFile::Native CheckedFile::open(const FileRange& range, Way& way) {
  const int descriptor = open_descriptor(range.path.c_str(), way);
  if (descriptor < 0) refuse_file(errno == ELOOP ? Status::bad_file : Status::file_unreadable, range, std::strerror(errno));
  struct stat now{};
  const bool known = ::fstat(descriptor, &now) == 0;
  if (!known || !S_ISREG(now.st_mode) || static_cast<std::uint64_t>(now.st_size) != range.file_bytes) {
    ::close(descriptor);
    refuse_file(Status::bad_file, range, "the file changed after it was checked.");
  }
  if (way == Way::direct && !takes_direct_reads(descriptor)) way = Way::uncached;
  if (way == Way::uncached) make_uncached(descriptor);
  return descriptor;
}

void CheckedFile::close(Native native) noexcept { ::close(native); }

std::int64_t CheckedFile::read(std::byte* out, std::size_t bytes, std::uint64_t offset) const noexcept { return read_at(native_, out, bytes, offset); }

void CheckedFile::drop_pages(std::uint64_t offset, std::uint64_t bytes) const noexcept {
#ifdef POSIX_FADV_DONTNEED
  ::posix_fadvise(native_, static_cast<off_t>(offset), static_cast<off_t>(bytes), POSIX_FADV_DONTNEED);
#else
  (void)offset;
  (void)bytes;
#endif
}

#endif

}  // namespace retort
