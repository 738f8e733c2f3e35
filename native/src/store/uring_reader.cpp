// Reads by io_uring, called without a library: two rings of memory shared with the kernel, one of entries to do and one of entries done.
// No ring flags that bind a ring to one thread: an engine's calls come from changing threads.
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "reader.h"

namespace retort {
namespace {

// Memory that belongs to a ring.
class Mapping {
 public:
  Mapping() = default;
  Mapping(int ring, std::size_t bytes, std::int64_t place) : bytes_(bytes) {
    void* const mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, static_cast<off_t>(place));
    if (mapped != MAP_FAILED) memory_ = static_cast<std::byte*>(mapped);
  }
  ~Mapping() {
    if (memory_ != nullptr) munmap(memory_, bytes_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  bool is_there() const noexcept { return memory_ != nullptr; }
  template <class Element>
  Element* at(std::uint32_t offset) const noexcept {
    return reinterpret_cast<Element*>(memory_ + offset);
  }

 private:
  std::byte* memory_ = nullptr;
  std::size_t bytes_ = 0;
};

std::size_t to_do_bytes(const io_uring_params& facts) { return facts.sq_off.array + facts.sq_entries * sizeof(std::uint32_t); }
std::size_t done_bytes(const io_uring_params& facts) { return facts.cq_off.cqes + facts.cq_entries * sizeof(io_uring_cqe); }

class UringReader : public Reader {
 public:
  // `ring`: taken over. `facts`: what the kernel said when it made the ring.
  UringReader(const CheckedFile& file, int ring, const io_uring_params& facts)
      : file_(file),
        ring_(ring),
        to_do_(ring, to_do_bytes(facts), IORING_OFF_SQ_RING),
        done_(ring, done_bytes(facts), IORING_OFF_CQ_RING),
        entries_(ring, facts.sq_entries * sizeof(io_uring_sqe), IORING_OFF_SQES) {
    if (!is_mapped()) return;
    to_do_tail_ = to_do_.at<std::uint32_t>(facts.sq_off.tail);
    done_head_ = done_.at<std::uint32_t>(facts.cq_off.head);
    done_tail_ = done_.at<std::uint32_t>(facts.cq_off.tail);
    to_do_mask_ = facts.sq_entries - 1;
    done_mask_ = facts.cq_entries - 1;
    ended_ = done_.at<io_uring_cqe>(facts.cq_off.cqes);
    // Places of the ring name entries; here always the entry of the same number.
    auto* const names = to_do_.at<std::uint32_t>(facts.sq_off.array);
    for (std::uint32_t i = 0; i < facts.sq_entries; ++i) names[i] = i;
  }
  ~UringReader() override { ::close(ring_); }

  // Whether one read comes back as it does without a ring. The kernel may be too old for this kind of read, or let a ring be made and not be used.
  bool works() noexcept {
    if (!is_mapped()) return false;
    alignas(direct_page) std::byte page[direct_page];
    ReadPiece piece{page, direct_page, 0, 0, nullptr};
    put(piece);
    if (enter(1) != 1) return false;
    --unsubmitted_;
    return next(true) == &piece && piece.result == file_.read(page, direct_page, 0);
  }

  std::string_view name() const noexcept override { return "io_uring"; }

  void start(ReadPiece& piece) noexcept override {
    put(piece);
    submit();
  }

  ReadPiece* next(bool wait) noexcept override {
    for (;;) {
      // Where the kernel had no memory for an entry it stays in the ring until there is some.
      if (unsubmitted_ > 0) submit();
      if (ReadPiece* const piece = take_ended()) return piece;
      if (!wait) return nullptr;
      if (unsubmitted_ > 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      } else {
        enter(0, 1);
      }
    }
  }

 private:
  bool is_mapped() const noexcept { return to_do_.is_there() && done_.is_there() && entries_.is_there(); }

  void put(ReadPiece& piece) noexcept {
    const std::uint32_t tail = *to_do_tail_;
    io_uring_sqe& entry = entries_.at<io_uring_sqe>(0)[tail & to_do_mask_];
    std::memset(&entry, 0, sizeof entry);
    entry.opcode = IORING_OP_READ;
    entry.fd = file_.native();
    entry.addr = reinterpret_cast<std::uintptr_t>(piece.into);
    entry.len = static_cast<std::uint32_t>(piece.bytes);
    entry.off = piece.offset;
    entry.user_data = reinterpret_cast<std::uintptr_t>(&piece);
    std::atomic_ref(*to_do_tail_).store(tail + 1, std::memory_order_release);
    ++unsubmitted_;
  }

  void submit() noexcept {
    const std::int64_t taken = enter(unsubmitted_);
    if (taken > 0) unsubmitted_ -= static_cast<std::uint32_t>(taken);
  }

  // Entries that the kernel took, or its error as a negative number.
  std::int64_t enter(std::uint32_t entries, std::uint32_t wait_for = 0) noexcept {
    for (;;) {
      const long taken = syscall(__NR_io_uring_enter, ring_, entries, wait_for, wait_for > 0 ? IORING_ENTER_GETEVENTS : 0, nullptr, 0);
      if (taken >= 0) return taken;
      if (errno != EINTR) return -errno;
    }
  }

  ReadPiece* take_ended() noexcept {
    const std::uint32_t head = *done_head_;
    if (head == std::atomic_ref(*done_tail_).load(std::memory_order_acquire)) return nullptr;
    const io_uring_cqe ended = ended_[head & done_mask_];
    std::atomic_ref(*done_head_).store(head + 1, std::memory_order_release);
    auto& piece = *reinterpret_cast<ReadPiece*>(static_cast<std::uintptr_t>(ended.user_data));
    piece.result = ended.res;
    // The kernel gives up reads of its own threads when the thread that began them ends; then, and where it is short of memory, they are read here.
    const bool is_given_up = ended.res == -ECANCELED || ended.res == -EINTR || ended.res == -EAGAIN;
    if (is_given_up) piece.result = file_.read(piece.into, piece.bytes, piece.offset);
    return &piece;
  }

  const CheckedFile& file_;
  const int ring_;
  const Mapping to_do_, done_, entries_;
  std::uint32_t* to_do_tail_ = nullptr;
  std::uint32_t* done_head_ = nullptr;
  std::uint32_t* done_tail_ = nullptr;
  std::uint32_t to_do_mask_ = 0, done_mask_ = 0;
  const io_uring_cqe* ended_ = nullptr;
  // Entries in the ring that the kernel has not taken.
  std::uint32_t unsubmitted_ = 0;
};

}  // namespace

std::unique_ptr<Reader> make_system_reader(const CheckedFile& file, std::int32_t depth) {
  io_uring_params facts{};
  const long ring = syscall(__NR_io_uring_setup, static_cast<std::uint32_t>(depth), &facts);
  if (ring < 0) return nullptr;
  auto reader = std::make_unique<UringReader>(file, static_cast<int>(ring), facts);
  if (!reader->works()) return nullptr;
  return reader;
}

}  // namespace retort
