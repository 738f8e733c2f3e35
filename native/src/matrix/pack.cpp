#include <algorithm>
#include <atomic>
#include <bit>
#include <limits>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "matrix/codes.h"
#include "matrix/group_packers.h"
#include "matrix/half.h"
#include "matrix/packed_matrix.h"
#include "matrix/type_facts.h"
#include "retort/matrix.h"
#include "retort/status.h"

namespace retort {

namespace {

// Packed at a time.
constexpr std::int64_t piece_bytes = std::int64_t{1} << 18;
// Matrices of a small model and the experts of a large one are far smaller than this.
constexpr std::size_t weight_slab_bytes = std::size_t{32} << 20;

[[noreturn]] void refuse(const std::string& what) { throw Failure(Status::bad_request, "[matrix] " + what); }

bool has_own_scales(const MatrixSource& source) { return facts_of(source.type).columns == 0; }

std::int64_t blocks_of(const MatrixSource& source) { return (source.columns + source.block - 1) / source.block; }

std::int64_t row_bytes_of(const MatrixSource& source) {
  if (source.type == SourceType::blocks8) return source.columns;
  if (source.type == SourceType::nbits8) return blocks_of(source) * source.block;
  if (source.type == SourceType::nbits4) return blocks_of(source) * source.block / 2;
  if (source.type == SourceType::nbits2) return blocks_of(source) * source.block / 4;
  return source.columns / facts_of(source.type).columns * facts_of(source.type).bytes;
}

void check_scales(const MatrixSource& source) {
  if (source.block < 16 || source.block > largest_side || !std::has_single_bit(static_cast<std::uint64_t>(source.block))) {
    refuse("a block of " + std::to_string(source.block) + " columns: it must be a power of two from 16.");
  }
  if (source.zero < 0 || source.zero > 255) refuse("a zero of " + std::to_string(source.zero) + ": it must be 0…255.");
  const auto expected = static_cast<std::uint64_t>(source.rows) * static_cast<std::uint64_t>(blocks_of(source));
  if (source.scales.size() != expected) {
    refuse(std::to_string(source.scales.size()) + " scales where rows and blocks ask for " + std::to_string(expected) + ".");
  }
  if (!source.offsets.empty() && source.offsets.size() != expected) {
    refuse(std::to_string(source.offsets.size()) + " offsets where rows and blocks ask for " + std::to_string(expected) + ".");
  }
}

void check(const MatrixSource& source) {
  if (source.rows < 1 || source.columns < 1 || source.rows > largest_side || source.columns > largest_side) {
    refuse(std::to_string(source.rows) + " rows and " + std::to_string(source.columns) + " columns are no size of a matrix.");
  }
  if (has_own_scales(source)) {
    check_scales(source);
  } else if (source.columns % facts_of(source.type).columns != 0) {
    refuse(std::to_string(source.columns) + " columns do not fill blocks of " + std::to_string(facts_of(source.type).columns) + ".");
  }
  const auto expected = static_cast<std::uint64_t>(source.rows) * static_cast<std::uint64_t>(row_bytes_of(source));
  const std::uint64_t given = source.read ? source.read_bytes : source.bytes.size();
  if (given != expected) {
    refuse(std::to_string(given) + " bytes where rows and columns ask for " + std::to_string(expected) + ".");
  }
}

bool all_f16(std::span<const float> values) {
  return std::ranges::all_of(values, [](float value) {
    std::uint16_t half = 0;
    return to_f16_exactly(value, half);
  });
}

// Whether `holds(begin, end)` is true of all parts of [0, count).
template <class Holds>
bool holds_everywhere(std::size_t count, ThreadPool& pool, Holds holds) {
  std::atomic<bool> all = true;
  pool.parallel(static_cast<std::int64_t>(count), 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    if (all.load(std::memory_order_relaxed) && !holds(static_cast<std::size_t>(begin), static_cast<std::size_t>(end))) all = false;
  });
  return all;
}

// The smallest header that holds the source's scales and offsets exactly.
Scales choose_scales(const MatrixSource& source, ThreadPool& pool) {
  const auto are_halves = [&](std::span<const float> values) {
    return holds_everywhere(values.size(), pool, [&](std::size_t begin, std::size_t end) { return all_f16(values.subspan(begin, end - begin)); });
  };
  const bool half = are_halves(source.scales);
  if (source.offsets.empty()) return half ? Scales::f16 : Scales::f32;
  const bool points = holds_everywhere(source.offsets.size(), pool, [&](std::size_t begin, std::size_t end) {
    std::int32_t point = 0;
    for (std::size_t i = begin; i < end; ++i) {
      if (!find_point(source.scales[i], source.offsets[i], source.zero, point)) return false;
    }
    return true;
  });
  if (points) return half ? Scales::f16_point : Scales::f32_point;
  return half && are_halves(source.offsets) ? Scales::f16_offset : Scales::f32_offset;
}

Layout layout_of(const MatrixSource& source, ThreadPool& pool) {
  const TypeFacts& type = facts_of(source.type);
  Layout layout;
  layout.codes = type.codes;
  layout.scales = type.scales;
  layout.zero = type.zero;
  layout.rows = source.rows;
  layout.columns = source.columns;
  layout.step_columns = type.step_columns;
  layout.steps_per_header = std::max<std::int64_t>(type.columns / type.step_columns, 1);
  if (has_own_scales(source)) {
    layout.scales = choose_scales(source, pool);
    layout.step_columns = std::min<std::int64_t>(source.block, 32);
    layout.steps_per_header = source.block / layout.step_columns;
    layout.point_base = source.zero;
    // Bytes are kept signed, 128 less.
    layout.zero = layout.codes == Codes::bytes ? source.zero - 128 : source.zero;
  }
  if (!complete(layout)) refuse("the matrix is too large.");
  return layout;
}

// Rows of a source, read piece by piece where they are not in memory: a piece stays in the thread's second cache on its way to the matrix.
class RowReader {
 public:
  explicit RowReader(const MatrixSource& source) : source_(source), bytes_each_(row_bytes_of(source)) {}

  std::int64_t bytes_each() const { return bytes_each_; }

  // Those of some groups, valid until the next call.
  std::span<const std::byte> of(std::int64_t first_group, std::int64_t end_group) {
    const auto first = static_cast<std::size_t>(first_group * group_rows * bytes_each_);
    const auto end = static_cast<std::size_t>(std::min(end_group * group_rows, source_.rows) * bytes_each_);
    if (!source_.read) return source_.bytes.subspan(first, end - first);
    buffer_.resize(std::max(buffer_.size(), end - first));
    const auto piece = std::span(buffer_).first(end - first);
    source_.read(first, piece);
    return piece;
  }

 private:
  const MatrixSource& source_;
  std::int64_t bytes_each_;
  std::vector<std::byte> buffer_;
};

}  // namespace

PackedMatrix::PackedMatrix(const Layout& shape, std::string_view name, std::shared_ptr<Slabs> slabs)
    : PiecedMatrix(shape, name), whole_{0, shape.groups}, slabs_(slabs ? std::move(slabs) : std::make_shared<Slabs>(0)) {
  try {
    memory_ = slabs_->cut(bytes_);
  } catch (const std::bad_alloc&) {
    throw Failure(Status::out_of_memory, "[matrix] no memory for " + std::to_string(bytes_) + " bytes of weights.");
  }
}

void PackedMatrix::read_rows(std::span<const std::int32_t> rows, std::span<float> out, ThreadPool& pool) const {
  const Layout& layout = shape();
  each_row_of(rows, out, layout, pool, [&](std::int32_t row, float* to) {
    read_values(layout, memory_ + row / group_rows * layout.group_bytes, row % group_rows, 0, layout.columns, to);
  });
}

std::shared_ptr<Slabs> weight_slabs() { return std::make_shared<Slabs>(weight_slab_bytes); }

std::unique_ptr<Matrix> pack_matrix(const MatrixSource& source, ThreadPool& pool, std::shared_ptr<Slabs> slabs) {
  check(source);
  const Layout layout = layout_of(source, pool);
  auto matrix = std::make_unique<PackedMatrix>(layout, facts_of(source.type).name, std::move(slabs));
  const std::int64_t piece = std::max<std::int64_t>(1, piece_bytes / layout.group_bytes);
  pool.parallel(layout.groups, piece, [&](std::int64_t begin, std::int64_t end) {
    RowReader rows(source);
    for (std::int64_t group = begin; group < end; group += piece) {
      const std::int64_t last = std::min(group + piece, end);
      const PackingJob job{source, layout, rows.of(group, last), group * group_rows, rows.bytes_each()};
      for (std::int64_t i = group; i < last; ++i) pack_group(job, i, matrix->data() + i * layout.group_bytes);
    }
  });
  return matrix;
}

}  // namespace retort
