// One pool of threads for an engine; the caller takes part. Work is split by outputs, never by sums, so that results do not depend on the
// number of threads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace retort {

class ThreadPool {
 public:
  // `threads` counts the caller: 1 starts none. Throws Failure: bad_request (0 or more than 1024), out_of_memory.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const noexcept;

  // Calls work(begin, end) for parts of [0, count) whose borders are multiples of `grain`, and returns when all are done. Each thread begins with a stretch of
  // neighbouring parts, then takes from others. Workers spin briefly between calls, then park. The first exception thrown by a part is thrown here again after all
  // parts have ended. Calls from one thread at a time; not from inside `work`. Throws Failure: bad_request (a count below 0, a grain below 1, 2^32 parts or more).
  void parallel(std::int64_t count, std::int64_t grain, const std::function<void(std::int64_t begin, std::int64_t end)>& work);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace retort
