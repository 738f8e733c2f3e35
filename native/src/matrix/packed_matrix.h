// What products read of a matrix: its layout, and its groups in one piece of memory or several. And the matrix that is one piece.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "matrix/layout.h"
#include "memory/slabs.h"
#include "retort/matrix.h"

namespace retort {

// Consecutive groups that lie together in memory.
struct MatrixPiece {
  std::int64_t first_group = 0;
  std::int64_t groups = 0;
};

// Pieces that are not in memory are acquired one at a time, in any order but quickest in their own, by the thread that multiplies.
class PiecedMatrix : public Matrix {
 public:
  PiecedMatrix(const Layout& shape, std::string_view name) : shape_(shape), name_(name) {
    rows_ = shape.rows;
    columns_ = shape.columns;
    bytes_ = static_cast<std::size_t>(shape.groups * shape.group_bytes);
  }
  const Layout& shape() const noexcept { return shape_; }
  std::string_view layout() const noexcept override { return name_; }

  // All groups in order.
  virtual std::span<const MatrixPiece> pieces() const noexcept = 0;
  // Where a piece's groups lie, for the whole of a product; null: it must be acquired.
  virtual const unsigned char* in_memory(std::size_t piece) const noexcept = 0;
  // Whether acquire would not wait.
  virtual bool is_ready(std::size_t piece) const = 0;
  // Waits for the piece; its memory is valid until it is released. Throws Failure: cancelled, file_unreadable, bad_file.
  virtual const unsigned char* acquire(std::size_t piece) const = 0;
  virtual void release(std::size_t piece) const noexcept = 0;
  // out [rows.size(), columns]; each of `rows` is inside the matrix. Throws what acquire throws.
  virtual void read_rows(std::span<const std::int32_t> rows, std::span<float> out, ThreadPool& pool) const = 0;

 private:
  Layout shape_;
  std::string_view name_;
};

// Owns its memory.
class PackedMatrix final : public PiecedMatrix {
 public:
  // Throws Failure: out_of_memory.
  PackedMatrix(const Layout& shape, std::string_view name, std::shared_ptr<Slabs> slabs);
  const unsigned char* data() const noexcept { return memory_; }
  unsigned char* data() noexcept { return memory_; }

  std::span<const MatrixPiece> pieces() const noexcept override { return {&whole_, 1}; }
  const unsigned char* in_memory(std::size_t) const noexcept override { return memory_; }
  bool is_ready(std::size_t) const override { return true; }
  const unsigned char* acquire(std::size_t) const override { return memory_; }
  void release(std::size_t) const noexcept override {}
  void read_rows(std::span<const std::int32_t> rows, std::span<float> out, ThreadPool& pool) const override;

 private:
  MatrixPiece whole_;
  std::shared_ptr<Slabs> slabs_;
  unsigned char* memory_;
};

// Calls read(row, to) for each row of a table with its place in `out`, on several threads where they are worth it.
template <class Read>
void each_row_of(std::span<const std::int32_t> rows, std::span<float> out, const Layout& layout, ThreadPool& pool, Read read) {
  constexpr std::int64_t elements_worth_a_thread = 8192;
  const auto count = static_cast<std::int64_t>(rows.size());
  const std::int64_t grain = 1 + elements_worth_a_thread / (layout.columns + 1);
  const auto work = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) read(rows[static_cast<std::size_t>(i)], out.data() + i * layout.columns);
  };
  if (count <= grain) return work(0, count);
  pool.parallel(count, grain, work);
}

// Where step `step` of a group and its block's header lie, from the group's start.
inline std::int64_t header_position(const Layout& layout, std::int64_t step) {
  return step / layout.steps_per_header * (layout.header_bytes + layout.steps_per_header * layout.step_bytes);
}
inline std::int64_t step_position(const Layout& layout, std::int64_t step) {
  return (step / layout.steps_per_header + 1) * layout.header_bytes + step * layout.step_bytes;
}

}  // namespace retort
