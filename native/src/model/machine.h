// What one evaluate call computes with: products on the engine's pool, cancellation, and the counts of its outcome.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "retort/model.h"
#include "retort/status.h"

namespace retort {

class Machine {
 public:
  Machine(const EngineContext& context, const std::atomic<bool>& cancelled) : context_(context), cancelled_(cancelled) {}

  const KernelSet& kernels() const { return *context_.kernels; }
  ThreadPool& pool() const { return *context_.pool; }
  // Null: all weights are in memory.
  FlashStore* flash() const { return context_.flash.get(); }
  // That was waited for weights so far.
  std::int64_t stalled_ns() const noexcept;
  const std::atomic<bool>& cancelled() const { return cancelled_; }
  // Throws Failure: cancelled.
  void check_cancelled() const;

  // out [count, rows] = in [count, columns] · matrixᵀ + bias.
  void multiply(const Linear& linear, std::span<const float> in, std::int64_t count, std::span<float> out) { multiply({{linear, out}}, in, count); }
  // The same for several of one input, at once where columns are in order.
  struct Projection {
    const Linear& linear;
    std::span<float> out;
  };
  void multiply(std::initializer_list<Projection> projections, std::span<const float> in, std::int64_t count);

  // Calls work(row) for each row, on several threads where they are worth it. `width`: elements of a row.
  template <class Work>
  void each_row(std::int64_t count, std::int64_t width, Work work) const {
    constexpr std::int64_t elements_worth_a_thread = 8192;
    const std::int64_t grain = 1 + elements_worth_a_thread / (width + 1);
    if (count <= grain) {
      for (std::int64_t row = 0; row < count; ++row) work(row);
      return;
    }
    pool().parallel(count, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) work(row);
    });
  }

  StepTimes times;
  // Weights and cache read.
  std::int64_t bytes_touched = 0;

 private:
  void run_products(std::span<const float> in, std::int64_t count);
  std::span<const float> in_order(const Linear& linear, std::span<const float> in, std::int64_t count);

  const EngineContext& context_;
  const std::atomic<bool>& cancelled_;
  std::vector<float> ordered_;
  std::vector<MatrixProduct> products_;
};

// Adds the time of its life to one cause, but for what was waited for weights, which is counted where it is waited.
class Stopwatch {
 public:
  Stopwatch(const Machine& machine, std::int64_t& total) : machine_(machine), total_(total), stalled_(machine.stalled_ns()), start_(Clock::now()) {}
  ~Stopwatch() { total_ += std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start_).count() - (machine_.stalled_ns() - stalled_); }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  using Clock = std::chrono::steady_clock;

  const Machine& machine_;
  std::int64_t& total_;
  std::int64_t stalled_;
  Clock::time_point start_;
};

// The first `size` elements of a buffer that grows and is kept.
template <class Element>
std::span<Element> room(std::vector<Element>& buffer, std::int64_t size) {
  if (buffer.size() < static_cast<std::size_t>(size)) buffer.resize(static_cast<std::size_t>(size));
  return std::span(buffer).first(static_cast<std::size_t>(size));
}

template <class Element>
std::span<Element> row_of(std::span<Element> rows, std::int64_t row, std::int64_t width) {
  return rows.subspan(static_cast<std::size_t>(row * width), static_cast<std::size_t>(width));
}

}  // namespace retort
