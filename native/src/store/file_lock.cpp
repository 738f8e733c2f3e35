#include "file_lock.h"

#include <cerrno>
#include <string>
#include <system_error>

#include "retort/status.h"

#ifdef _WIN32
#define NOMINMAX
#include <windows.h>
#else
#include <sys/file.h>
#endif

namespace retort {
namespace {

[[noreturn]] void refuse(Status status, int error) {
  throw Failure(status, "[store] the file cannot be locked: " + std::system_category().message(error) + ".");
}

}  // namespace

#ifdef _WIN32

// Not compiled and not run yet.

bool lock_file(int descriptor) {
  // Descriptors belong to the C library that Node was linked with; only Node knows their handles.
  using HandleOf = HANDLE(__cdecl*)(int);
  const auto handle_of = reinterpret_cast<HandleOf>(GetProcAddress(GetModuleHandleW(nullptr), "uv_get_osfhandle"));
  const HANDLE handle = handle_of == nullptr ? INVALID_HANDLE_VALUE : handle_of(descriptor);
  if (handle == INVALID_HANDLE_VALUE) refuse(Status::bad_request, ERROR_INVALID_HANDLE);
  // A byte behind all that files hold: Windows keeps others from reading and writing what is locked.
  OVERLAPPED place{};
  place.OffsetHigh = 0x7FFF'FFFF;
  if (LockFileEx(handle, LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &place) != 0) return true;
  const DWORD error = GetLastError();
  if (error == ERROR_LOCK_VIOLATION || error == ERROR_IO_PENDING) return false;
  refuse(Status::file_unreadable, static_cast<int>(error));
}

#else

bool lock_file(int descriptor) {
  while (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) refuse(errno == EBADF ? Status::bad_request : Status::file_unreadable, errno);
  }
  return true;
}

#endif

}  // namespace retort
