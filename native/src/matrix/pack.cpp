#include <algorithm>
#include <atomic>
#include <bit>
#include <limits>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "matrix/group_packers.h"
#include "matrix/half.h"
#include "matrix/packed_matrix.h"
#include "retort/matrix.h"
#include "retort/status.h"

namespace retort {

namespace {

// Keeps every product of sizes far from overflow.
constexpr std::int64_t largest_side = std::int64_t{1} << 31;

// Of a row of blocks of `columns` and `bytes`; scales lie inside the source's blocks where the type is ggml's.
struct TypeFacts {
  std::string_view name;
  std::int64_t columns;
  std::int64_t bytes;
  Codes codes;
  Scales scales;
  std::int32_t zero;
  std::int64_t step_columns;
};

// In the order of SourceType. The last three: columns and scales come with the source.
constexpr TypeFacts facts[] = {
    {"f32×8", 1, 4, Codes::f32, Scales::none, 0, 1},
    {"f16×8", 1, 2, Codes::f16, Scales::none, 0, 1},
    {"bf16×8", 1, 2, Codes::bf16, Scales::none, 0, 1},
    {"q4_0×8", 32, 18, Codes::nibbles, Scales::f16, 8, 32},
    {"q4_1×8", 32, 20, Codes::nibbles, Scales::f16_offset, 0, 32},
    {"q5_0×8", 32, 22, Codes::fives, Scales::f16, 16, 32},
    {"q8_0×8", 32, 34, Codes::bytes, Scales::f16, 0, 32},
    {"q4_k×8", 256, 144, Codes::nibbles, Scales::k4, 0, 32},
    {"q6_k×8", 256, 210, Codes::sixes, Scales::k6, 32, 16},
    {"nbits4×8", 0, 0, Codes::nibbles, Scales::none, 0, 32},
    {"nbits8×8", 0, 0, Codes::bytes, Scales::none, 0, 32},
    {"blocks8×8", 0, 0, Codes::bytes, Scales::none, 0, 32},
};

const TypeFacts& facts_of(SourceType type) { return facts[static_cast<std::size_t>(type)]; }

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

std::int64_t header_bytes_of(Scales scales) {
  switch (scales) {
    case Scales::none:
      return 0;
    case Scales::f16:
      return 16;
    case Scales::f16_offset:
      return 32;
    case Scales::f16_point:
      return 24;
    case Scales::f32:
      return 32;
    case Scales::f32_offset:
      return 64;
    case Scales::f32_point:
      return 40;
    case Scales::k4:
      return 160;
    case Scales::k6:
      return 144;
  }
  return 0;
}

std::int64_t step_bytes_of(const Layout& layout) {
  switch (layout.codes) {
    case Codes::f32:
      return 4 * group_rows;
    case Codes::f16:
    case Codes::bf16:
      return 2 * group_rows;
    case Codes::nibbles:
      return 4 * layout.step_columns;
    case Codes::fives:
      return 160;
    case Codes::sixes:
      return 96;
    case Codes::bytes:
      return 8 * layout.step_columns;
  }
  return 0;
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
  layout.steps = (layout.columns + layout.step_columns - 1) / layout.step_columns;
  layout.header_bytes = header_bytes_of(layout.scales);
  layout.step_bytes = step_bytes_of(layout);
  layout.groups = (layout.rows + group_rows - 1) / group_rows;
  layout.group_bytes = (layout.steps + layout.steps_per_header - 1) / layout.steps_per_header * layout.header_bytes + layout.steps * layout.step_bytes;
  if (layout.groups > std::numeric_limits<std::int64_t>::max() / 2 / layout.group_bytes) refuse("the matrix is too large.");
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
    : shape_(shape), name_(name), slabs_(slabs ? std::move(slabs) : std::make_shared<Slabs>(0)) {
  rows_ = shape.rows;
  columns_ = shape.columns;
  bytes_ = static_cast<std::size_t>(shape.groups * shape.group_bytes);
  try {
    memory_ = slabs_->cut(bytes_);
  } catch (const std::bad_alloc&) {
    throw Failure(Status::out_of_memory, "[matrix] no memory for " + std::to_string(bytes_) + " bytes of weights.");
  }
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
