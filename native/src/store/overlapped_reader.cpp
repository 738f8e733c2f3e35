// Reads by overlapped calls on Windows, whose ends a completion port gives. Compiles, and has not been run yet.
#define NOMINMAX
#include <windows.h>

#include <cstddef>
#include <vector>

#include "reader.h"

namespace retort {
namespace {

class OverlappedReader : public Reader {
 public:
  OverlappedReader(const CheckedFile& file, std::int32_t depth)
      : file_(file), calls_(static_cast<std::size_t>(depth)), port_(CreateIoCompletionPort(file.native(), nullptr, 0, 1)) {}
  ~OverlappedReader() override {
    if (port_ != nullptr) CloseHandle(port_);
  }

  bool works() const noexcept { return port_ != nullptr; }

  std::string_view name() const noexcept override { return "overlapped"; }

  void start(ReadPiece& piece) noexcept override {
    Call& call = free_call();
    call.piece = &piece;
    call.place = {};
    call.place.Offset = static_cast<DWORD>(piece.offset);
    call.place.OffsetHigh = static_cast<DWORD>(piece.offset >> 32U);
    // Also a read that ends at once comes by the port; only one that could not be begun does not.
    if (ReadFile(file_.native(), piece.into, static_cast<DWORD>(piece.bytes), nullptr, &call.place) != 0) return;
    const DWORD error = GetLastError();
    if (error == ERROR_IO_PENDING) return;
    call.has_ended = true;
    piece.result = result_of(error, 0);
  }

  ReadPiece* next(bool wait) noexcept override {
    for (Call& call : calls_) {
      if (call.has_ended) return release(call);
    }
    DWORD bytes = 0;
    ULONG_PTR key = 0;
    OVERLAPPED* place = nullptr;
    const bool is_read = GetQueuedCompletionStatus(port_, &bytes, &key, &place, wait ? INFINITE : 0) != 0;
    if (place == nullptr) return nullptr;
    auto& call = *reinterpret_cast<Call*>(place);
    call.piece->result = result_of(is_read ? ERROR_SUCCESS : GetLastError(), bytes);
    return release(call);
  }

 private:
  struct Call {
    // First: the port gives its address.
    OVERLAPPED place{};
    ReadPiece* piece = nullptr;
    bool has_ended = false;
  };
  static_assert(offsetof(Call, place) == 0);

  static std::int64_t result_of(DWORD error, DWORD bytes) noexcept {
    if (error == ERROR_SUCCESS) return bytes;
    return error == ERROR_HANDLE_EOF ? 0 : -static_cast<std::int64_t>(error);
  }

  // There is one: no more reads are begun than the reader was made for.
  Call& free_call() noexcept {
    Call* free = calls_.data();
    while (free->piece != nullptr) ++free;
    return *free;
  }

  static ReadPiece* release(Call& call) noexcept {
    ReadPiece* const piece = call.piece;
    call.piece = nullptr;
    call.has_ended = false;
    return piece;
  }

  const CheckedFile& file_;
  std::vector<Call> calls_;
  const HANDLE port_;
};

}  // namespace

std::unique_ptr<Reader> make_system_reader(const CheckedFile& file, std::int32_t depth) {
  // Ordinary handles are not overlapped.
  if (!file.is_direct()) return nullptr;
  auto reader = std::make_unique<OverlappedReader>(file, depth);
  if (!reader->works()) return nullptr;
  return reader;
}

}  // namespace retort
