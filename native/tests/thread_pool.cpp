#include "retort/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "check.h"

using retort::Status;
using retort::ThreadPool;

namespace {

// Counts how often each index is handed out, and checks the borders of parts.
void expect_each_once(ThreadPool& pool, std::int64_t count, std::int64_t grain) {
  std::vector<int> seen(static_cast<std::size_t>(count), 0);
  std::atomic<bool> borders_right{true};
  pool.parallel(count, grain, [&](std::int64_t begin, std::int64_t end) {
    if (begin % grain != 0 || begin >= end || (end % grain != 0 && end != count)) borders_right = false;
    for (std::int64_t i = begin; i < end; ++i) ++seen[static_cast<std::size_t>(i)];
  });
  check::is_true(borders_right, "parts begin and end at multiples of the grain");
  check::is_true(std::all_of(seen.begin(), seen.end(), [](int times) { return times == 1; }), "each index once");
}

}  // namespace

TEST("every index is handed out once in parts of the grain") {
  for (int threads = 1; threads <= 8; ++threads) {
    ThreadPool pool(threads);
    check::is_true(pool.threads() == threads, "threads as asked");
    for (const std::int64_t count : {0, 1, 2, 7, 31, 64, 1000, 4095}) {
      for (const std::int64_t grain : {1, 3, 32, 5000}) expect_each_once(pool, count, grain);
    }
  }
}

TEST("many small calls in a row all end") {
  for (int threads = 1; threads <= 8; ++threads) {
    ThreadPool pool(threads);
    std::int64_t total = 0;
    for (int call = 0; call < 3000; ++call) {
      std::atomic<std::int64_t> sum{0};
      pool.parallel(9, 1, [&](std::int64_t begin, std::int64_t end) { sum += end - begin; });
      total += sum;
    }
    check::is_true(total == 27'000, "all parts of all calls");
  }
}

TEST("parked workers come back") {
  ThreadPool pool(4);
  for (int call = 0; call < 5; ++call) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    expect_each_once(pool, 100, 1);
  }
}

TEST("more than one thread takes part") {
  ThreadPool pool(3);
  std::mutex mutex;
  std::set<std::thread::id> ids;
  // Ends only when a second thread has come: a pool in which the caller works alone would run into the limit.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (ids.size() < 2 && std::chrono::steady_clock::now() < deadline) {
    pool.parallel(6, 1, [&](std::int64_t, std::int64_t) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      const std::lock_guard<std::mutex> lock(mutex);
      ids.insert(std::this_thread::get_id());
    });
  }
  check::is_true(ids.size() >= 2 && ids.size() <= 3, "two or three threads");
}

TEST("the caller waits for the slowest part") {
  ThreadPool pool(2);
  for (int call = 0; call < 20; ++call) {
    std::atomic<int> ended{0};
    pool.parallel(2, 1, [&](std::int64_t begin, std::int64_t) {
      if (begin == call % 2) std::this_thread::sleep_for(std::chrono::milliseconds(2));
      ++ended;
    });
    check::is_true(ended == 2, "both parts ended");
  }
}

TEST("an exception of a part reaches the caller and the pool stays usable") {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    for (int call = 0; call < 200; ++call) {
      bool thrown = false;
      try {
        pool.parallel(50, 1, [&](std::int64_t begin, std::int64_t end) {
          if (begin <= call % 50 && call % 50 < end) throw std::runtime_error("part " + std::to_string(call));
        });
      } catch (const std::runtime_error& error) {
        thrown = error.what() == "part " + std::to_string(call);
      }
      check::is_true(thrown, "the exception of this call");
    }
    expect_each_once(pool, 100, 1);
  }
}

TEST("one of many exceptions is thrown") {
  ThreadPool pool(4);
  check::refuses(Status::cancelled, [&] {
    pool.parallel(100, 1, [](std::int64_t, std::int64_t) { throw retort::Failure(Status::cancelled, "stop"); });
  });
}

TEST("pools start and end without work") {
  for (int threads = 1; threads <= 8; ++threads) ThreadPool pool(threads);
}

TEST("a pool refuses counts of threads out of range") {
  check::refuses(Status::bad_request, [] { ThreadPool pool(0); });
  check::refuses(Status::bad_request, [] { ThreadPool pool(-1); });
  check::refuses(Status::bad_request, [] { ThreadPool pool(1025); });
}

TEST("a call refuses a negative count, a grain of zero and a call from inside a part") {
  ThreadPool pool(2);
  const auto nothing = [](std::int64_t, std::int64_t) {};
  check::refuses(Status::bad_request, [&] { pool.parallel(-1, 1, nothing); });
  check::refuses(Status::bad_request, [&] { pool.parallel(1, 0, nothing); });
  check::refuses(Status::internal, [&] {
    pool.parallel(4, 1, [&](std::int64_t, std::int64_t) { pool.parallel(4, 1, nothing); });
  });
}
