// Reads by threads that each wait in one call: for systems without a way of their own, and for those that forbid it.
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "retort/status.h"
#include "reader.h"

namespace retort {
namespace {

// A line that never allocates once it is made: `start` and `next` cannot fail.
class Line {
 public:
  explicit Line(std::size_t most) : places_(most) {}
  bool is_empty() const noexcept { return count_ == 0; }
  void push(ReadPiece& piece) noexcept {
    places_[(first_ + count_) % places_.size()] = &piece;
    ++count_;
  }
  ReadPiece& pop() noexcept {
    ReadPiece& piece = *places_[first_];
    first_ = (first_ + 1) % places_.size();
    --count_;
    return piece;
  }

 private:
  std::vector<ReadPiece*> places_;
  std::size_t first_ = 0, count_ = 0;
};

class ThreadReader : public Reader {
 public:
  ThreadReader(const CheckedFile& file, std::int32_t depth)
      : file_(file), begun_(static_cast<std::size_t>(depth)), ended_(static_cast<std::size_t>(depth)) {
    // Before there is a thread that would be lost.
    threads_.reserve(static_cast<std::size_t>(depth));
    try {
      for (std::int32_t i = 0; i < depth; ++i) threads_.emplace_back([this] { serve(); });
    } catch (const std::system_error& error) {
      stop();
      throw Failure(Status::out_of_memory, std::string("[store] the system starts no more threads: ") + error.what());
    } catch (...) {
      stop();
      throw;
    }
  }
  ~ThreadReader() override { stop(); }

  std::string_view name() const noexcept override { return "threads"; }

  void start(ReadPiece& piece) noexcept override {
    {
      const std::lock_guard lock(mutex_);
      begun_.push(piece);
    }
    read_came_.notify_one();
  }

  ReadPiece* next(bool wait) noexcept override {
    std::unique_lock lock(mutex_);
    if (wait) read_ended_.wait(lock, [this] { return !ended_.is_empty(); });
    return ended_.is_empty() ? nullptr : &ended_.pop();
  }

 private:
  void serve() noexcept {
    std::unique_lock lock(mutex_);
    for (;;) {
      read_came_.wait(lock, [this] { return stopping_ || !begun_.is_empty(); });
      if (begun_.is_empty()) return;
      ReadPiece& piece = begun_.pop();
      lock.unlock();
      const std::int64_t result = file_.read(piece.into, piece.bytes, piece.offset);
      lock.lock();
      piece.result = result;
      ended_.push(piece);
      read_ended_.notify_one();
    }
  }

  void stop() noexcept {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    read_came_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  const CheckedFile& file_;
  std::mutex mutex_;
  std::condition_variable read_came_, read_ended_;
  // All guarded by the mutex.
  Line begun_, ended_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<Reader> make_thread_reader(const CheckedFile& file, std::int32_t depth) { return std::make_unique<ThreadReader>(file, depth); }

}  // namespace retort
