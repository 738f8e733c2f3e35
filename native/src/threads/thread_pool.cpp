// A job is open from the moment the caller publishes it until its last part is taken. A worker enters an open job, takes parts and leaves; the caller
// waits only for workers that entered, so that one the system has put aside delays nobody.
//
// Each thread begins with a stretch of its own, since neighbouring parts mostly lie side by side in memory and are read fastest by one thread in a row; who has
// done with it takes the second half of another's rest.
//
// `gate` holds all of that in one word: number of the job (high 32 bits), open (bit 31), workers inside (low 31 bits). The fields of a job change
// only while the gate is closed and nobody is inside.
#include "retort/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "retort/status.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace retort {
namespace {

constexpr int most_threads = 1024;
constexpr std::uint64_t open_bit = std::uint64_t{1} << 31;
constexpr std::uint64_t inside_mask = open_bit - 1;

// About 50 to 100 µs: longer than the pauses between the products of one token. Where there are more threads than processors, spinning only takes
// time from who works.
constexpr int spin_rounds = 2500;
constexpr int crowded_spin_rounds = 20;

// The share of its own rest that a thread takes at once: large parts first, small ones at the end.
constexpr std::uint64_t share = 4;

using Work = std::function<void(std::int64_t begin, std::int64_t end)>;

void pause_briefly() noexcept {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#elif defined(__aarch64__) && defined(__GNUC__)
  __asm__ volatile("yield");
#else
  std::this_thread::yield();
#endif
}

std::uint64_t job_number(std::uint64_t gate) { return gate >> 32; }

// Parts begin … end − 1 of a job, each of `grain` items.
struct Parts {
  std::uint64_t begin = 0, end = 0;
};
constexpr std::uint64_t most_parts = 0xFFFFFFFFU;

// What one thread has before it; others may take from its end. As large as a cache line, so that no two words share one.
class Stretch {
 public:
  Stretch() = default;
  // For the vector's making, before there are threads.
  Stretch(const Stretch&) {}

  void set(Parts parts) noexcept { word_.store(packed(parts)); }
  std::uint64_t rest() const noexcept {
    const Parts parts = unpacked(word_.load(std::memory_order_relaxed));
    return parts.end - parts.begin;
  }
  // Both give no parts where none are left.
  Parts take_first() noexcept {
    Parts taken;
    change([&](Parts all) {
      const std::uint64_t border = all.begin + (all.end - all.begin + share - 1) / share;
      taken = {all.begin, border};
      return Parts{border, all.end};
    });
    return taken;
  }
  Parts take_second_half() noexcept {
    Parts taken;
    change([&](Parts all) {
      const std::uint64_t border = all.begin + (all.end - all.begin) / 2;
      taken = {border, all.end};
      return Parts{all.begin, border};
    });
    return taken;
  }

 private:
  static std::uint64_t packed(Parts parts) noexcept { return parts.begin << 32 | parts.end; }
  static Parts unpacked(std::uint64_t word) noexcept { return {word >> 32, word & most_parts}; }

  template <class Rest>
  void change(Rest rest_of) noexcept {
    std::uint64_t word = word_.load();
    while (!word_.compare_exchange_weak(word, packed(rest_of(unpacked(word))))) {
    }
  }

  std::atomic<std::uint64_t> word_{0};
  char fill_[56] = {};
};

}  // namespace

struct ThreadPool::State {
  explicit State(int thread_count)
      : threads(thread_count),
        stretches(static_cast<std::size_t>(thread_count)),
        spins(static_cast<unsigned>(thread_count) <= std::thread::hardware_concurrency() ? spin_rounds : crowded_spin_rounds) {
    try {
      for (std::size_t i = 1; i < stretches.size(); ++i) workers.emplace_back([this, i] { serve(stretches[i]); });
    } catch (const std::system_error& error) {
      stop();
      throw Failure(Status::out_of_memory, std::string("[threads] the system starts no more threads: ") + error.what());
    }
  }
  ~State() { stop(); }

  void stop() noexcept {
    {
      const std::lock_guard<std::mutex> lock(mutex);
      stopping.store(true);
    }
    work_came.notify_all();
    for (std::thread& worker : workers) worker.join();
    workers.clear();
  }

  // The life of a worker: each job at most once.
  void serve(Stretch& own) noexcept {
    std::uint64_t last_job = 0;
    while (wait_for_job(last_job)) {
      if (!enter(last_job)) continue;
      take_parts(own);
      leave();
    }
  }

  bool is_new(std::uint64_t value, std::uint64_t last_job) const { return (value & open_bit) != 0 && job_number(value) != last_job; }

  // False when the pool ends.
  bool wait_for_job(std::uint64_t last_job) noexcept {
    for (int i = 0; i < spins; ++i) {
      if (stopping.load(std::memory_order_relaxed)) return false;
      if (is_new(gate.load(std::memory_order_relaxed), last_job)) return true;
      pause_briefly();
    }
    std::unique_lock<std::mutex> lock(mutex);
    // Counted before the gate is looked at again; the caller changes the gate before it looks at the count.
    parked.fetch_add(1);
    work_came.wait(lock, [&] { return stopping.load() || is_new(gate.load(), last_job); });
    parked.fetch_sub(1);
    return !stopping.load();
  }

  bool enter(std::uint64_t& last_job) noexcept {
    std::uint64_t value = gate.load();
    while (is_new(value, last_job)) {
      if (!gate.compare_exchange_weak(value, value + 1)) continue;
      last_job = job_number(value);
      return true;
    }
    return false;
  }

  void leave() noexcept {
    const std::uint64_t before = gate.fetch_sub(1);
    if ((before & inside_mask) != 1 || !caller_parked.load()) return;
    { const std::lock_guard<std::mutex> lock(mutex); }
    work_ended.notify_one();
  }

  void take_parts(Stretch& own) noexcept {
    do {
      for (Parts parts = own.take_first(); parts.begin < parts.end; parts = own.take_first()) run_parts(parts);
    } while (take_over(own));
  }

  void run_parts(Parts parts) noexcept {
    try {
      (*work)(static_cast<std::int64_t>(parts.begin) * grain, std::min(static_cast<std::int64_t>(parts.end) * grain, count));
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex);
      if (!failure) failure = std::current_exception();
      for (Stretch& stretch : stretches) stretch.set({0, 0});
    }
  }

  // False where nobody has anything left. What another has just taken over and not yet begun is seen by nobody, but he is inside and does it.
  bool take_over(Stretch& own) noexcept {
    for (;;) {
      Stretch* longest = nullptr;
      std::uint64_t most = 0;
      for (Stretch& stretch : stretches) {
        const std::uint64_t rest = stretch.rest();
        if (rest <= most) continue;
        longest = &stretch;
        most = rest;
      }
      if (longest == nullptr) return false;
      const Parts parts = longest->take_second_half();
      if (parts.begin == parts.end) continue;
      own.set(parts);
      return true;
    }
  }

  void run(std::int64_t job_count, std::int64_t job_grain, const Work& job_work) {
    count = job_count;
    grain = job_grain;
    work = &job_work;
    failure = nullptr;
    const auto parts = static_cast<std::uint64_t>((count - 1) / grain + 1);
    for (std::uint64_t i = 0; i < stretches.size(); ++i) stretches[i].set({parts * i / stretches.size(), parts * (i + 1) / stretches.size()});
    gate.store(((job_number(gate.load(std::memory_order_relaxed)) + 1) << 32) | open_bit);
    if (parked.load() > 0) {
      { const std::lock_guard<std::mutex> lock(mutex); }
      work_came.notify_all();
    }
    take_parts(stretches.front());
    gate.fetch_and(~open_bit);
    wait_until_empty();
    if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
  }

  void wait_until_empty() {
    for (int i = 0; i < spins; ++i) {
      if ((gate.load(std::memory_order_acquire) & inside_mask) == 0) return;
      pause_briefly();
    }
    std::unique_lock<std::mutex> lock(mutex);
    caller_parked.store(true);
    work_ended.wait(lock, [&] { return (gate.load() & inside_mask) == 0; });
    caller_parked.store(false);
  }

  const int threads;
  std::vector<Stretch> stretches;
  const int spins;

  std::int64_t count = 0;
  std::int64_t grain = 1;
  const Work* work = nullptr;
  std::exception_ptr failure;  // guarded by `mutex` while a job runs

  // Words that all threads write lie on cache lines of their own. (alignas would do, but MSVC warns of the padding.)
  char before_gate[64] = {};
  std::atomic<std::uint64_t> gate{0};
  char before_parked[64] = {};
  std::atomic<int> parked{0};
  std::atomic<bool> caller_parked{false};
  std::atomic<bool> stopping{false};
  std::atomic<bool> busy{false};
  std::mutex mutex;
  std::condition_variable work_came;
  std::condition_variable work_ended;
  std::vector<std::thread> workers;
};

ThreadPool::ThreadPool(int threads) {
  if (threads < 1 || threads > most_threads) {
    throw Failure(Status::bad_request, "[threads] a pool has 1 to 1024 threads, not " + std::to_string(threads) + ".");
  }
  state_ = std::make_unique<State>(threads);
}

ThreadPool::~ThreadPool() = default;

int ThreadPool::threads() const noexcept { return state_->threads; }

void ThreadPool::parallel(std::int64_t count, std::int64_t grain, const Work& work) {
  if (count < 0 || grain < 1) throw Failure(Status::bad_request, "[threads] a count below 0 or a grain below 1.");
  if (static_cast<std::uint64_t>(count / grain) >= most_parts) throw Failure(Status::bad_request, "[threads] 2^32 parts or more.");
  if (count == 0) return;
  if (state_->busy.exchange(true)) throw Failure(Status::internal, "[threads] the pool is at work already.");
  struct Release {
    std::atomic<bool>& busy;
    ~Release() { busy.store(false); }
  } release{state_->busy};
  if (state_->threads == 1 || count <= grain) {
    work(0, count);
  } else {
    state_->run(count, grain, work);
  }
}

}  // namespace retort
