#include <algorithm>
#include <memory>
#include <new>
#include <string>

#include "kernels/kernel_set.h"
#include "matrix/codes.h"
#include "matrix/packed_matrix.h"
#include "retort/matrix.h"
#include "retort/status.h"

namespace retort {

namespace {

// Weights taken at a time by a thread: they stay in its second cache while the input rows pass.
constexpr std::int64_t panel_bytes = 128 << 10;
// Input rows per call of a kernel.
constexpr std::int64_t tile_rows = 4;

[[noreturn]] void refuse(const std::string& what) { throw Failure(Status::bad_request, "[matrix] " + what); }

const PackedMatrix& packed(const Matrix& matrix) {
  const auto* const known = dynamic_cast<const PackedMatrix*>(&matrix);
  if (known == nullptr) refuse("this matrix was not made by pack_matrix.");
  return *known;
}

void check_sizes(const Layout& layout, std::size_t in, std::int64_t count, std::size_t out) {
  constexpr std::int64_t most_rows = std::int64_t{1} << 31;
  if (count < 0 || count > most_rows) refuse(std::to_string(count) + " input rows.");
  const auto rows = static_cast<std::uint64_t>(count);
  if (in != rows * static_cast<std::uint64_t>(layout.columns)) {
    refuse(std::to_string(in) + " inputs where " + std::to_string(count) + " × " + std::to_string(layout.columns) + " are asked for.");
  }
  if (out != rows * static_cast<std::uint64_t>(layout.rows)) {
    refuse(std::to_string(out) + " outputs where " + std::to_string(count) + " × " + std::to_string(layout.rows) + " are asked for.");
  }
}

// Memory of quantized activations.
class Quantizer {
 public:
  Quantizer(const Layout& layout, std::int64_t count) : steps_(layout.steps), row_codes_(layout.steps * layout.step_columns) {
    const auto values = static_cast<std::size_t>(count * steps_);
    codes_ = std::make_unique_for_overwrite<std::int8_t[]>(static_cast<std::size_t>(count * row_codes_));
    scales_ = std::make_unique_for_overwrite<float[]>(values);
    sums_ = std::make_unique_for_overwrite<float[]>(values);
    corrections_ = std::make_unique_for_overwrite<std::int32_t[]>(values);
  }

  void quantize(const Layout& layout, std::span<const float> in, std::int64_t count, const KernelSet& kernels, ThreadPool& pool) {
    const std::int32_t zero = layout.zero + (layout.codes == Codes::bytes ? kernels.byte_bias : 0);
    const auto work = [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t m = begin; m < end; ++m) {
        kernels.quantize_row(in.data() + m * layout.columns, layout.columns, layout.step_columns, zero, codes_.get() + m * row_codes_,
                             scales_.get() + m * steps_, sums_.get() + m * steps_, corrections_.get() + m * steps_);
      }
    };
    // A few rows are quantized in less time than other threads take to come.
    if (count <= tile_rows) return work(0, count);
    pool.parallel(count, tile_rows, work);
  }

  QuantizedRows rows(std::int64_t first) const {
    return {codes_.get() + first * row_codes_,   scales_.get() + first * steps_, sums_.get() + first * steps_,
            corrections_.get() + first * steps_, steps_,                         row_codes_};
  }

 private:
  std::int64_t steps_;
  std::int64_t row_codes_;
  std::unique_ptr<std::int8_t[]> codes_;
  std::unique_ptr<float[]> scales_;
  std::unique_ptr<float[]> sums_;
  std::unique_ptr<std::int32_t[]> corrections_;
};

// Groups per part: even, since some sets take two at a time; small enough that every thread gets some.
std::int64_t panel_groups(const Layout& layout, const ThreadPool& pool) {
  const std::int64_t fitting = panel_bytes / layout.group_bytes;
  const std::int64_t fair = (layout.groups + 4 * pool.threads() - 1) / (4 * pool.threads());
  return std::max<std::int64_t>(2, std::min(fitting, fair) / 2 * 2);
}

// Calls tile(first group, groups, first row, rows) over all groups and rows: by panels of weights, in each all rows.
template <class Tile>
void for_tiles(const Layout& layout, std::int64_t count, std::int64_t rows, ThreadPool& pool, Tile tile) {
  const std::int64_t panel = panel_groups(layout, pool);
  pool.parallel(layout.groups, panel, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t group = begin; group < end; group += panel) {
      const std::int64_t groups = std::min(panel, end - group);
      for (std::int64_t m = 0; m < count; m += rows) tile(group, groups, m, std::min(rows, count - m));
    }
  });
}

}  // namespace

void multiply(const Matrix& matrix, std::span<const float> in, std::int64_t count, std::span<float> out, Arithmetic arithmetic, const KernelSet& kernels,
              ThreadPool& pool) {
  const PackedMatrix& weights = packed(matrix);
  const Layout& layout = weights.shape();
  check_sizes(layout, in.size(), count, out.size());
  if (count == 0) return;
  if (arithmetic == Arithmetic::reference || layout.scales == Scales::none) {
    for_tiles(layout, count, float_rows, pool, [&](std::int64_t group, std::int64_t groups, std::int64_t m, std::int64_t rows) {
      kernels.multiply_floats(layout, weights.data(), group, groups, in.data() + m * layout.columns, rows, out.data() + m * layout.rows);
    });
    return;
  }
  try {
    Quantizer activations(layout, count);
    activations.quantize(layout, in, count, kernels, pool);
    for_tiles(layout, count, tile_rows, pool, [&](std::int64_t group, std::int64_t groups, std::int64_t m, std::int64_t rows) {
      kernels.multiply_codes(layout, weights.data(), group, groups, activations.rows(m), rows, out.data() + m * layout.rows);
    });
  } catch (const std::bad_alloc&) {
    throw Failure(Status::out_of_memory, "[matrix] no memory for " + std::to_string(count) + " rows of 8-bit activations.");
  }
}

void read_row(const Matrix& matrix, std::int64_t row, std::span<float> out) {
  const PackedMatrix& weights = packed(matrix);
  const Layout& layout = weights.shape();
  if (row < 0 || row >= layout.rows) refuse("row " + std::to_string(row) + " of " + std::to_string(layout.rows) + ".");
  if (out.size() != static_cast<std::size_t>(layout.columns)) refuse("a row has " + std::to_string(layout.columns) + " columns.");
  read_values(layout, weights.data() + row / group_rows * layout.group_bytes, row % group_rows, 0, layout.columns, out.data());
}

}  // namespace retort
