#include "machine.h"

#include "rows.h"
#include "store/flash_store.h"

namespace retort {

void Machine::check_cancelled() const {
  if (cancelled_.load(std::memory_order_relaxed)) throw Failure(Status::cancelled, "[session] cancelled.");
}

std::int64_t Machine::stalled_ns() const noexcept { return context_.flash ? context_.flash->stalled_ns() : 0; }

// Columns as the matrix has them.
std::span<const float> Machine::in_order(const Linear& linear, std::span<const float> in, std::int64_t count) {
  const std::int64_t columns = linear.matrix->columns();
  const auto ordered = room(ordered_, count * columns);
  each_row(count, columns, [&](std::int64_t row) {
    const auto from = row_of(in, row, columns);
    const auto to = row_of(ordered, row, columns);
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = from[static_cast<std::size_t>(linear.column_order[i])];
  });
  return ordered;
}

void Machine::run_products(std::span<const float> in, std::int64_t count) {
  retort::multiply(products_, in, count, context_.arithmetic, kernels(), pool());
  products_.clear();
}

void Machine::multiply(std::initializer_list<Projection> projections, std::span<const float> in, std::int64_t count) {
  products_.clear();
  for (const auto& [linear, out] : projections) {
    const MatrixProduct product{linear.matrix.get(), out};
    bytes_touched += static_cast<std::int64_t>(linear.matrix->bytes());
    if (linear.column_order.empty()) {
      products_.push_back(product);
      continue;
    }
    // Matrices are used in the order they are named: so they are read from a pack.
    run_products(in, count);
    retort::multiply({&product, 1}, in_order(linear, in, count), count, context_.arithmetic, kernels(), pool());
  }
  run_products(in, count);
  for (const auto& [linear, out] : projections) {
    if (linear.bias.empty()) continue;
    const std::int64_t width = linear.matrix->rows();
    each_row(count, width, [&, out = out, &bias = linear.bias](std::int64_t row) { add(row_of(out, row, width), bias); });
  }
}

}  // namespace retort
