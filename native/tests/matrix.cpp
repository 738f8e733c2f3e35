// Every kernel set on every type: exact against an emulation in fast arithmetic, near float64 in reference arithmetic, the same bits however rows and threads
// are split.
#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "check.h"
#include "matrix_examples.h"
#include "../src/matrix/packed_matrix.h"
#include "../src/matrix/type_facts.h"
#include "retort/matrix.h"

using examples::Example;
using examples::Kind;
using retort::Arithmetic;
using retort::KernelSet;
using retort::Status;
using retort::ThreadPool;

namespace {

struct Size {
  std::int64_t rows;
  std::int64_t columns;
};

// Every number of rows and of columns from 1 to 67 occurs, in changing pairs; and one long row.
std::vector<Size> sizes_of(const Kind& kind) {
  std::vector<Size> sizes;
  for (std::int64_t i = 1; i <= 67; ++i) {
    sizes.push_back({i, kind.multiple == 1 ? (i * 29) % 67 + 1 : kind.multiple * (1 + i % (kind.multiple == 32 ? 5 : 2))});
  }
  sizes.push_back({19, 4095 / kind.multiple * kind.multiple});
  return sizes;
}

// Reports the test as skipped (see SKIP_REGULAR_EXPRESSION in CMakeLists.txt) where the processor lacks the set.
const KernelSet* find_set(const char* name) {
  try {
    return &retort::kernel_set(name);
  } catch (const retort::Failure& failure) {
    std::printf("skipped: %s\n", failure.what());
    return nullptr;
  }
}

std::vector<float> multiply(const retort::Matrix& matrix, const std::vector<float>& in, Arithmetic arithmetic, const KernelSet& set, ThreadPool& pool) {
  const auto count = static_cast<std::int64_t>(in.size()) / matrix.columns();
  std::vector<float> out(static_cast<std::size_t>(count * matrix.rows()), -1e30F);
  const retort::MatrixProduct product{&matrix, out};
  retort::multiply({&product, 1}, in, count, arithmetic, set, pool);
  return out;
}

std::vector<float> read_row(const retort::Matrix& matrix, std::int32_t row) {
  ThreadPool pool(1);
  std::vector<float> out(static_cast<std::size_t>(matrix.columns()));
  retort::read_rows(matrix, {&row, 1}, out, pool);
  return out;
}

void same_bits(const std::vector<float>& a, const std::vector<float>& b, const std::string& what) {
  check::is_true(a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0, what.c_str());
}

std::string describe(const Example& example, std::int64_t row) {
  return std::string(example.kind.name) + ", " + std::to_string(example.rows) + " × " + std::to_string(example.columns) + ", row " + std::to_string(row);
}

void within_bounds(const Example& example, const std::vector<float>& in, const std::vector<float>& out) {
  for (std::int64_t row = 0; row < example.rows; ++row) {
    double expected = 0, magnitude = 0;
    for (std::int64_t k = 0; k < example.columns; ++k) {
      const double product = static_cast<double>(example.values[static_cast<std::size_t>(row * example.columns + k)]) * in[static_cast<std::size_t>(k)];
      expected += product;
      magnitude += std::fabs(product);
    }
    const double actual = out[static_cast<std::size_t>(row)];
    check::is_true(std::fabs(actual - expected) <= 2e-6 * magnitude, describe(example, row).c_str());
  }
}

void equals_emulation(const Example& example, const std::vector<float>& in, const std::vector<float>& out) {
  for (std::int64_t row = 0; row < example.rows; ++row) {
    const float expected = examples::fast_product(example, row, in.data());
    check::is_true(out[static_cast<std::size_t>(row)] == expected, describe(example, row).c_str());
  }
}

void test_products(const char* name, Arithmetic arithmetic, bool extreme) {
  const KernelSet* const set = find_set(name);
  if (set == nullptr) return;
  ThreadPool pool(1);
  unsigned seed = 1;
  for (const Kind& kind : examples::kinds()) {
    for (const Size& size : sizes_of(kind)) {
      const Example example = examples::make(kind, size.rows, size.columns, ++seed, extreme);
      const auto matrix = retort::pack_matrix(example.source(), pool);
      std::vector<float> in = examples::activations(size.columns, seed);
      if (extreme) std::ranges::transform(in, in.begin(), [](float value) { return value < 0 ? -3.0F : 3.0F; });
      const std::vector<float> out = multiply(*matrix, in, arithmetic, *set, pool);
      if (arithmetic == Arithmetic::fast && !examples::is_float(kind)) {
        equals_emulation(example, in, out);
      } else {
        within_bounds(example, in, out);
      }
    }
  }
}

void test_splits(const char* name) {
  const KernelSet* const set = find_set(name);
  if (set == nullptr) return;
  ThreadPool one(1), two(2);
  for (const Kind& kind : examples::kinds()) {
    for (const Size& size : {Size{67, kind.multiple == 1 ? 75 : kind.multiple}, Size{9, kind.multiple == 1 ? 611 : 2 * kind.multiple}}) {
      const Example example = examples::make(kind, size.rows, size.columns, 5);
      const auto matrix = retort::pack_matrix(example.source(), two);
      for (const Arithmetic arithmetic : {Arithmetic::fast, Arithmetic::reference}) {
        for (const std::int64_t count : {1, 2, 3, 8, 33}) {
          const std::vector<float> in = examples::activations(count * size.columns, 9);
          std::vector<float> single;
          for (std::int64_t m = 0; m < count; ++m) {
            const std::vector<float> row(in.begin() + m * size.columns, in.begin() + (m + 1) * size.columns);
            const std::vector<float> out = multiply(*matrix, row, arithmetic, *set, one);
            single.insert(single.end(), out.begin(), out.end());
          }
          const std::string what = describe(example, 0) + ", " + std::to_string(count) + " rows";
          same_bits(multiply(*matrix, in, arithmetic, *set, one), single, what + " together");
          same_bits(multiply(*matrix, in, arithmetic, *set, two), single, what + " on two threads");
        }
      }
    }
  }
}

void test_equals_scalar(const char* name) {
  const KernelSet* const set = find_set(name);
  if (set == nullptr) return;
  ThreadPool pool(1);
  for (const Kind& kind : examples::kinds()) {
    for (const std::int64_t columns : {kind.multiple, 2048 + kind.multiple, 4095 / kind.multiple * kind.multiple}) {
      const Example example = examples::make(kind, 21, columns, 7);
      const auto matrix = retort::pack_matrix(example.source(), pool);
      const std::vector<float> in = examples::activations(5 * columns, 3);
      for (const Arithmetic arithmetic : {Arithmetic::fast, Arithmetic::reference}) {
        same_bits(multiply(*matrix, in, arithmetic, *set, pool), multiply(*matrix, in, arithmetic, retort::kernel_set("scalar"), pool), describe(example, 0));
      }
    }
  }
}

// Numbers that are not finite, or so small that a scale would vanish.
// The groups of a packed matrix in pieces: those in memory lie as they were packed, those to be acquired are copied out for as long as they are held.
class LentMatrix final : public retort::PiecedMatrix {
 public:
  LentMatrix(const retort::PackedMatrix& whole, std::int64_t piece_groups) : PiecedMatrix(whole.shape(), whole.layout()), whole_(whole) {
    for (std::int64_t group = 0; group < shape().groups; group += piece_groups) pieces_.push_back({group, std::min(piece_groups, shape().groups - group)});
  }

  std::span<const retort::MatrixPiece> pieces() const noexcept override { return pieces_; }
  const unsigned char* in_memory(std::size_t piece) const noexcept override { return piece % 3 == 1 ? lying(piece) : nullptr; }
  bool is_ready(std::size_t piece) const override { return piece % 2 == 0; }
  const unsigned char* acquire(std::size_t piece) const override {
    check::is_true(lent_.empty(), "one piece at a time");
    lent_.assign(lying(piece), lying(piece) + pieces_[piece].groups * shape().group_bytes);
    return lent_.data();
  }
  void release(std::size_t) const noexcept override { lent_ = {}; }
  void read_rows(std::span<const std::int32_t> rows, std::span<float> out, ThreadPool& pool) const override { whole_.read_rows(rows, out, pool); }

 private:
  const unsigned char* lying(std::size_t piece) const { return whole_.data() + pieces_[piece].first_group * shape().group_bytes; }

  const retort::PackedMatrix& whole_;
  std::vector<retort::MatrixPiece> pieces_;
  mutable std::vector<unsigned char> lent_;
};

void test_pieces(const char* name) {
  const KernelSet* const set = find_set(name);
  if (set == nullptr) return;
  ThreadPool two(2);
  for (const Kind& kind : examples::kinds()) {
    const Example example = examples::make(kind, 85, kind.multiple == 1 ? 75 : kind.multiple, 17);
    const Example other = examples::make(kind, 20, example.columns, 18);
    const auto matrix = retort::pack_matrix(example.source(), two);
    const auto after = retort::pack_matrix(other.source(), two);
    const auto& packed = dynamic_cast<const retort::PackedMatrix&>(*matrix);
    for (const Arithmetic arithmetic : {Arithmetic::fast, Arithmetic::reference}) {
      for (const std::int64_t count : {1, 7}) {
        const std::vector<float> in = examples::activations(count * example.columns, 4);
        const std::vector<float> expected = multiply(*matrix, in, arithmetic, *set, two);
        const std::vector<float> expected_after = multiply(*after, in, arithmetic, *set, two);
        for (const std::int64_t piece_groups : {1, 2, 3, 10, 11}) {
          const LentMatrix lent(packed, piece_groups);
          std::vector<float> out(expected.size()), out_after(expected_after.size());
          const std::vector<retort::MatrixProduct> products{{&lent, out}, {after.get(), out_after}};
          retort::multiply(products, in, count, arithmetic, *set, two);
          same_bits(out, expected, "in pieces of " + std::to_string(piece_groups) + ": " + kind.name);
          same_bits(out_after, expected_after, std::string("after pieces: ") + kind.name);
        }
      }
    }
  }
}

void test_odd_activations(const char* name) {
  const KernelSet* const set = find_set(name);
  if (set == nullptr) return;
  ThreadPool pool(1);
  for (const Kind& kind : examples::kinds()) {
    const std::int64_t columns = kind.multiple == 1 ? 70 : 2 * kind.multiple;
    const Example example = examples::make(kind, 9, columns, 11);
    const auto matrix = retort::pack_matrix(example.source(), pool);
    for (const float odd : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
      std::vector<float> in = examples::activations(columns, 4);
      in[5] = odd;
      in[static_cast<std::size_t>(columns) - 1] = -odd;
      if (examples::is_float(kind)) continue;
      for (const float value : multiply(*matrix, in, Arithmetic::fast, *set, pool)) check::is_true(std::isnan(value), kind.name);
    }
    for (const float tiny : {0.0F, -0.0F, 1e-42F, -1e-38F}) {
      const std::vector<float> in(static_cast<std::size_t>(columns), tiny);
      for (const float value : multiply(*matrix, in, Arithmetic::fast, *set, pool)) check::near(value, 0, 1e-30);
    }
  }
}

std::int64_t some_columns(const Kind& kind) { return kind.multiple == 1 ? 40 : kind.multiple; }

Example small(retort::SourceType type) {
  const auto found = std::ranges::find(examples::kinds(), type, &Kind::type);
  return examples::make(*found, 3, some_columns(*found), 2);
}

}  // namespace

TEST("scalar kernels: fast products are exact") { test_products("scalar", Arithmetic::fast, false); }
TEST("scalar kernels: fast products of extreme codes are exact") { test_products("scalar", Arithmetic::fast, true); }
TEST("scalar kernels: reference products are near float64") { test_products("scalar", Arithmetic::reference, false); }
TEST("scalar kernels: rows together and threads give the same bits") { test_splits("scalar"); }
TEST("scalar kernels: a matrix in pieces gives the same bits") { test_pieces("scalar"); }
TEST("scalar kernels: activations that are not finite give no numbers") { test_odd_activations("scalar"); }

TEST("avx2 kernels: fast products are exact") { test_products("avx2", Arithmetic::fast, false); }
TEST("avx2 kernels: fast products of extreme codes are exact") { test_products("avx2", Arithmetic::fast, true); }
TEST("avx2 kernels: reference products are near float64") { test_products("avx2", Arithmetic::reference, false); }
TEST("avx2 kernels: rows together and threads give the same bits") { test_splits("avx2"); }
TEST("avx2 kernels: the bits are those of the scalar kernels") { test_equals_scalar("avx2"); }
TEST("avx2 kernels: a matrix in pieces gives the same bits") { test_pieces("avx2"); }
TEST("avx2 kernels: activations that are not finite give no numbers") { test_odd_activations("avx2"); }

TEST("avx512 kernels: fast products are exact") { test_products("avx512", Arithmetic::fast, false); }
TEST("avx512 kernels: fast products of extreme codes are exact") { test_products("avx512", Arithmetic::fast, true); }
TEST("avx512 kernels: reference products are near float64") { test_products("avx512", Arithmetic::reference, false); }
TEST("avx512 kernels: rows together and threads give the same bits") { test_splits("avx512"); }
TEST("avx512 kernels: the bits are those of the scalar kernels") { test_equals_scalar("avx512"); }
TEST("avx512 kernels: a matrix in pieces gives the same bits") { test_pieces("avx512"); }
TEST("avx512 kernels: activations that are not finite give no numbers") { test_odd_activations("avx512"); }

// The same matrix with each code in four bits.
Example as_nibbles(const Example& twos) {
  Example nibbles = twos;
  nibbles.kind.type = retort::SourceType::nbits4;
  nibbles.bytes.clear();
  for (const std::byte four : twos.bytes) {
    const unsigned codes = std::to_integer<unsigned>(four);
    for (const unsigned pair : {codes & 15U, codes >> 4U}) nibbles.bytes.push_back(static_cast<std::byte>((pair & 3U) | ((pair >> 2U) << 4U)));
  }
  return nibbles;
}

TEST("codes of two bits give the bits that they give as nibbles, in every kernel set") {
  ThreadPool pool(1);
  for (const Kind& kind : examples::kinds()) {
    if (kind.type != retort::SourceType::nbits2) continue;
    const Example example = examples::make(kind, 21, 611, 9);
    const auto twos = retort::pack_matrix(example.source(), pool);
    const auto nibbles = retort::pack_matrix(as_nibbles(example).source(), pool);
    check::is_true(twos->bytes() < nibbles->bytes(), kind.name);
    const std::vector<float> in = examples::activations(5 * 611, 3);
    for (const char* name : {"scalar", "avx2", "avx512"}) {
      const KernelSet* const set = find_set(name);
      for (const Arithmetic arithmetic : {Arithmetic::fast, Arithmetic::reference}) {
        if (set != nullptr) same_bits(multiply(*twos, in, arithmetic, *set, pool), multiply(*nibbles, in, arithmetic, *set, pool), describe(example, 0));
      }
    }
  }
}

TEST("a row is read as it was decoded") {
  ThreadPool pool(1);
  for (const Kind& kind : examples::kinds()) {
    const std::int64_t columns = kind.multiple == 1 ? 77 : 3 * kind.multiple;
    const Example example = examples::make(kind, 11, columns, 21);
    const auto matrix = retort::pack_matrix(example.source(), pool);
    for (std::int32_t row = 0; row < 11; ++row) {
      const std::vector<float> out = read_row(*matrix, row);
      for (std::int64_t k = 0; k < columns; ++k) {
        check::is_true(out[static_cast<std::size_t>(k)] == example.values[static_cast<std::size_t>(row * columns + k)], describe(example, row).c_str());
      }
    }
  }
}

TEST("a packed matrix is about as large as its file") {
  ThreadPool pool(1);
  for (const Kind& kind : examples::kinds()) {
    const Example example = examples::make(kind, 64, 1024, 3);
    std::size_t file = example.bytes.size();
    const std::size_t scale_bytes = kind.scale == Kind::Scale::half ? 2 : 4;
    file += example.scales.size() * scale_bytes + example.offsets.size() * (kind.offset == Kind::Offset::points ? 1 : scale_bytes);
    const auto matrix = retort::pack_matrix(example.source(), pool);
    check::is_true(matrix->bytes() >= file && matrix->bytes() * 100 <= file * 103, kind.name);
    check::is_true(matrix->rows() == 64 && matrix->columns() == 1024, "sizes");
    check::is_true(matrix->layout().ends_with("×8"), "the layout has a name");
  }
}

TEST("no input rows give no outputs") {
  ThreadPool pool(1);
  const Example example = small(retort::SourceType::q4_0);
  const auto matrix = retort::pack_matrix(example.source(), pool);
  const retort::MatrixProduct none{matrix.get(), {}};
  retort::multiply({&none, 1}, {}, 0, Arithmetic::fast, retort::kernel_set(""), pool);
}

TEST("products of one input together have the bits that each has alone") {
  ThreadPool pool(2);
  constexpr std::int64_t columns = 512;
  const std::vector<float> in = examples::activations(7 * columns, 3);
  for (const Arithmetic arithmetic : {Arithmetic::fast, Arithmetic::reference}) {
    std::vector<std::unique_ptr<retort::Matrix>> matrices;
    std::vector<std::vector<float>> outs;
    std::int64_t rows = 5;
    for (const Kind& kind : examples::kinds()) {
      matrices.push_back(retort::pack_matrix(examples::make(kind, rows, columns, 21).source(), pool));
      outs.emplace_back(static_cast<std::size_t>(7 * rows));
      rows = rows * 2 % 83;
    }
    std::vector<retort::MatrixProduct> products;
    for (std::size_t i = 0; i < matrices.size(); ++i) products.push_back({matrices[i].get(), outs[i]});
    retort::multiply(products, in, 7, arithmetic, retort::kernel_set(""), pool);
    for (std::size_t i = 0; i < matrices.size(); ++i) {
      same_bits(outs[i], multiply(*matrices[i], in, arithmetic, retort::kernel_set(""), pool), examples::kinds()[i].name);
    }
  }
}

TEST("a matrix read piece by piece is the one packed from memory") {
  ThreadPool pool(2);
  for (const Kind& kind : examples::kinds()) {
    // Several pieces, the last one short.
    const Example example = examples::make(kind, 2051, 512, 13);
    retort::MatrixSource source = example.source();
    const auto whole = retort::pack_matrix(source, pool);
    const auto bytes = std::exchange(source.bytes, {});
    source.read_bytes = bytes.size();
    source.read = [&](std::uint64_t offset, std::span<std::byte> out) { std::memcpy(out.data(), bytes.subspan(offset, out.size()).data(), out.size()); };
    const auto pieces = retort::pack_matrix(source, pool, retort::weight_slabs());
    for (std::int32_t row = 0; row < 2051; ++row) same_bits(read_row(*pieces, row), read_row(*whole, row), describe(example, row));
  }
}

TEST("the layout of every matrix that is packed here is one that a pack may name, and is found again from its parts") {
  ThreadPool pool(1);
  for (const Kind& kind : examples::kinds()) {
    const Example example = examples::make(kind, 13, kind.multiple == 1 ? 75 : kind.multiple, 3);
    const auto matrix = retort::pack_matrix(example.source(), pool);
    const retort::Layout& packed = dynamic_cast<const retort::PackedMatrix&>(*matrix).shape();
    retort::Layout parts = packed;
    parts.steps = parts.groups = parts.header_bytes = parts.step_bytes = parts.group_bytes = 0;
    const retort::Layout found = retort::checked_layout(parts, matrix->layout());
    check::is_true(found.group_bytes == packed.group_bytes && found.groups == packed.groups && found.steps == packed.steps, kind.name);
    check::is_true(found.header_bytes == packed.header_bytes && found.step_bytes == packed.step_bytes, kind.name);
  }
}

TEST("a layout that no matrix packed here has is refused") {
  using retort::Layout;
  const Layout q4{retort::Codes::nibbles, retort::Scales::f16, 8, 0, 16, 64, 32, 0, 1};
  const Layout own{retort::Codes::bytes, retort::Scales::f32_point, -128, 0, 16, 75, 32, 0, 4};
  retort::checked_layout(q4, "q4_0×8");
  retort::checked_layout(own, "blocks8×8");
  const Layout twos{retort::Codes::twos, retort::Scales::f16, 2, 2, 16, 75, 16, 0, 1};
  retort::checked_layout(twos, "nbits2×8");
  const auto refused = [](Layout layout, const char* name, auto change) {
    change(layout);
    check::refuses(Status::bad_file, [&] { retort::checked_layout(layout, name); });
  };
  refused(q4, "q4_9×8", [](Layout&) {});
  refused(q4, "q8_0×8", [](Layout&) {});
  refused(q4, "q4_0×8", [](Layout& l) { l.rows = 0; });
  refused(q4, "q4_0×8", [](Layout& l) { l.columns = std::int64_t{1} << 32; });
  refused(q4, "q4_0×8", [](Layout& l) { l.columns = 65; });
  refused(q4, "q4_0×8", [](Layout& l) { l.zero = 7; });
  refused(q4, "q4_0×8", [](Layout& l) { l.point_base = 8; });
  refused(q4, "q4_0×8", [](Layout& l) { l.step_columns = 16; });
  refused(q4, "q4_0×8", [](Layout& l) { l.steps_per_header = 2; });
  refused(q4, "q4_0×8", [](Layout& l) { l.scales = retort::Scales::f32; });
  refused(twos, "nbits4×8", [](Layout&) {});
  refused(twos, "nbits2×8", [](Layout& l) { l.zero = 1; });
  refused(twos, "nbits2×8", [](Layout& l) { l.scales = retort::Scales::k4; });
  refused(own, "blocks8×8", [](Layout& l) { l.scales = retort::Scales::k6; });
  refused(own, "blocks8×8", [](Layout& l) { l.scales = retort::Scales::none; });
  refused(own, "blocks8×8", [](Layout& l) { l.zero = 0; });
  refused(own, "blocks8×8", [](Layout& l) { l.point_base = 256; });
  refused(own, "blocks8×8", [](Layout& l) { l.step_columns = 8; });
  refused(own, "blocks8×8", [](Layout& l) { l.step_columns = 16; });
  refused(own, "blocks8×8", [](Layout& l) { l.steps_per_header = 3; });
  refused(own, "blocks8×8", [](Layout& l) { l.steps_per_header = 0; });
  refused(own, "blocks8×8", [](Layout& l) { l.steps_per_header = std::int64_t{1} << 40; });
}

TEST("what fails while a matrix is read reaches the caller") {
  ThreadPool pool(2);
  const Example example = small(retort::SourceType::q4_0);
  retort::MatrixSource source = example.source();
  source.read_bytes = std::exchange(source.bytes, {}).size();
  source.read = [](std::uint64_t, std::span<std::byte>) { throw retort::Failure(Status::file_unreadable, "gone"); };
  check::refuses(Status::file_unreadable, [&] { retort::pack_matrix(source, pool); });
  ++source.read_bytes;
  check::refuses(Status::bad_request, [&] { retort::pack_matrix(source, pool); });
}

TEST("products of wrong sizes are refused") {
  ThreadPool pool(1);
  const auto matrix = retort::pack_matrix(small(retort::SourceType::q8_0).source(), pool);
  const auto attempt = [&](std::size_t in, std::int64_t count, std::size_t out) {
    std::vector<float> inputs(in), outputs(out);
    const retort::MatrixProduct product{matrix.get(), outputs};
    check::refuses(Status::bad_request, [&] { retort::multiply({&product, 1}, inputs, count, Arithmetic::fast, retort::kernel_set(""), pool); });
  };
  const auto columns = static_cast<std::size_t>(matrix->columns());
  attempt(columns - 1, 1, 3);
  attempt(columns, 1, 2);
  attempt(columns, 1, 4);
  attempt(columns, 2, 6);
  attempt(columns, -1, 3);
  attempt(0, std::int64_t{1} << 40, 0);
  check::refuses(Status::bad_request, [&] { read_row(*matrix, 3); });
  check::refuses(Status::bad_request, [&] { read_row(*matrix, -1); });
  const std::int32_t first = 0;
  std::vector<float> short_row(columns - 1);
  check::refuses(Status::bad_request, [&] { retort::read_rows(*matrix, {&first, 1}, short_row, pool); });
}

TEST("sources whose sizes disagree are refused") {
  ThreadPool pool(1);
  for (const Kind& kind : examples::kinds()) {
    const Example example = examples::make(kind, 3, some_columns(kind), 2);
    const auto attempt = [&](auto change) {
      retort::MatrixSource source = example.source();
      change(source);
      check::refuses(Status::bad_request, [&] { retort::pack_matrix(source, pool); });
    };
    attempt([](retort::MatrixSource& source) { source.rows = 4; });
    attempt([](retort::MatrixSource& source) { source.rows = 0; });
    attempt([](retort::MatrixSource& source) { source.columns = -source.columns; });
    attempt([](retort::MatrixSource& source) { source.columns = std::int64_t{1} << 40; });
    attempt([](retort::MatrixSource& source) { source.bytes = source.bytes.first(source.bytes.size() - 1); });
    if (kind.multiple > 1) attempt([](retort::MatrixSource& source) { source.columns -= 1; });
    if (kind.block == 0) continue;
    attempt([](retort::MatrixSource& source) { source.block = 8; });
    attempt([](retort::MatrixSource& source) { source.block = 48; });
    attempt([](retort::MatrixSource& source) { source.zero = 256; });
    attempt([](retort::MatrixSource& source) { source.scales = source.scales.subspan(1); });
    attempt([](retort::MatrixSource& source) { source.offsets = source.scales.subspan(1); });
  }
}

TEST("a kernel set nobody wrote is refused by its name") {
  check::refuses(Status::unsupported_feature, [] { retort::kernel_set("sse9"); });
  check::is_true(retort::kernel_set_name(retort::kernel_set("scalar")) == "scalar", "name");
  check::is_true(!retort::kernel_set_name(retort::kernel_set("")).empty(), "there is a best set");
}

#if defined(__x86_64__) || defined(_M_X64)
TEST("kernels for another architecture are refused with this one's name") {
  try {
    retort::kernel_set("neon");
  } catch (const retort::Failure& failure) {
    check::is_true(failure.status() == Status::unsupported_feature, "status");
    check::is_true(std::string(failure.what()).find("x86-64") != std::string::npos, "names the architecture");
    return;
  }
  check::is_true(false, "was not refused");
}
#endif
