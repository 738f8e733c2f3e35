#include "machine.h"

#include "rows.h"

namespace retort {

void Machine::check_cancelled() const {
  if (cancelled_.load(std::memory_order_relaxed)) throw Failure(Status::cancelled, "[session] cancelled.");
}

void Machine::multiply(const Linear& linear, std::span<const float> in, std::int64_t count, std::span<float> out) {
  const Matrix& matrix = *linear.matrix;
  const std::int64_t columns = matrix.columns();
  if (!linear.column_order.empty()) {
    const auto ordered = room(ordered_, count * columns);
    each_row(count, columns, [&](std::int64_t row) {
      const auto from = row_of(in, row, columns);
      const auto to = row_of(ordered, row, columns);
      for (std::size_t i = 0; i < to.size(); ++i) to[i] = from[static_cast<std::size_t>(linear.column_order[i])];
    });
    in = ordered;
  }
  retort::multiply(matrix, in, count, out, context_.arithmetic, kernels(), pool());
  bytes_touched += static_cast<std::int64_t>(matrix.bytes());
  if (linear.bias.empty()) return;
  each_row(count, matrix.rows(), [&](std::int64_t row) { add(row_of(out, row, matrix.rows()), linear.bias); });
}

}  // namespace retort
