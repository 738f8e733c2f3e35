#include <algorithm>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "kernels/kernel_set.h"
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

const PiecedMatrix& pieced(const Matrix& matrix) {
  const auto* const known = dynamic_cast<const PiecedMatrix*>(&matrix);
  if (known == nullptr) refuse("this matrix was not packed.");
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

// What the kernels subtract from each code.
std::int32_t zero_of(const Layout& layout, const KernelSet& kernels) { return layout.zero + (layout.codes == Codes::bytes ? kernels.byte_bias : 0); }

// Activations quantized for the matrices of one step and one zero.
class Quantizer {
 public:
  Quantizer(const Layout& layout, std::int64_t count, std::int32_t zero)
      : steps_(layout.steps), row_codes_(layout.steps * layout.step_columns), step_columns_(layout.step_columns), zero_(zero) {
    const auto values = static_cast<std::size_t>(count * steps_);
    codes_ = std::make_unique_for_overwrite<std::int8_t[]>(static_cast<std::size_t>(count * row_codes_));
    scales_ = std::make_unique_for_overwrite<float[]>(values);
    sums_ = std::make_unique_for_overwrite<float[]>(values);
    corrections_ = std::make_unique_for_overwrite<std::int32_t[]>(values);
  }

  bool fits(const Layout& layout, std::int32_t zero) const { return layout.step_columns == step_columns_ && zero == zero_; }

  void quantize(std::span<const float> in, std::int64_t columns, std::int64_t count, const KernelSet& kernels, ThreadPool& pool) {
    const auto work = [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t m = begin; m < end; ++m) {
        kernels.quantize_row(in.data() + m * columns, columns, step_columns_, zero_, codes_.get() + m * row_codes_, scales_.get() + m * steps_,
                             sums_.get() + m * steps_, corrections_.get() + m * steps_);
      }
    };
    // A few rows are quantized in less time than other threads take to come.
    if (count <= tile_rows) return work(0, count);
    pool.parallel(count, tile_rows, work);
  }

  QuantizedRows rows(std::int64_t first) const {
    const std::int32_t* const corrections = zero_ == 0 ? nullptr : corrections_.get() + first * steps_;
    return {codes_.get() + first * row_codes_, scales_.get() + first * steps_, sums_.get() + first * steps_, corrections, steps_, row_codes_};
  }

 private:
  std::int64_t steps_;
  std::int64_t row_codes_;
  std::int64_t step_columns_;
  std::int32_t zero_;
  std::unique_ptr<std::int8_t[]> codes_;
  std::unique_ptr<float[]> scales_;
  std::unique_ptr<float[]> sums_;
  std::unique_ptr<std::int32_t[]> corrections_;
};

// Groups per panel: even, since some sets take two at a time; small enough that every thread gets some.
std::int64_t panel_groups(const Layout& layout, std::int64_t groups, const ThreadPool& pool) {
  const std::int64_t fitting = panel_bytes / layout.group_bytes;
  const std::int64_t fair = (groups + 4 * pool.threads() - 1) / (4 * pool.threads());
  return std::max<std::int64_t>(2, std::min(fitting, fair) / 2 * 2);
}

struct Product {
  const PiecedMatrix* matrix;
  float* out;
  // Index of its quantized input; none: on float32.
  std::optional<std::size_t> quantized;
};

// A piece of a product's matrix that is in memory, cut into panels.
struct PanelledPiece {
  const Product* product;
  MatrixPiece piece;
  const unsigned char* weights;
  std::int64_t panel;
  // Of this piece and those before it in its batch.
  std::int64_t last_panel;
};

// A piece in use.
class Held {
 public:
  Held(const PiecedMatrix& matrix, std::size_t piece) : matrix_(matrix), piece_(piece), weights_(matrix.acquire(piece)) {}
  ~Held() { matrix_.release(piece_); }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  const unsigned char* weights() const noexcept { return weights_; }

 private:
  const PiecedMatrix& matrix_;
  std::size_t piece_;
  const unsigned char* weights_;
};

class Multiplication {
 public:
  Multiplication(std::span<const float> in, std::int64_t count, Arithmetic arithmetic, const KernelSet& kernels, ThreadPool& pool)
      : in_(in), count_(count), arithmetic_(arithmetic), kernels_(kernels), pool_(pool) {}

  void add(const MatrixProduct& product) {
    const PiecedMatrix& matrix = pieced(*product.matrix);
    const Layout& layout = matrix.shape();
    check_sizes(layout, in_.size(), count_, product.out.size());
    if (count_ == 0) return;
    products_.push_back({&matrix, product.out.data(), quantized_for(layout)});
  }

  // Pieces in memory go together, over all matrices; one that has to be read is waited for when those before it are done.
  void run() {
    for (const Product& product : products_) {
      const auto pieces = product.matrix->pieces();
      for (std::size_t i = 0; i < pieces.size(); ++i) {
        if (const unsigned char* const weights = product.matrix->in_memory(i)) {
          add_to_batch(product, pieces[i], weights);
          continue;
        }
        if (!product.matrix->is_ready(i)) run_batch();
        const Held held(*product.matrix, i);
        add_to_batch(product, pieces[i], held.weights());
        run_batch();
      }
    }
    run_batch();
  }

 private:
  void add_to_batch(const Product& product, const MatrixPiece& piece, const unsigned char* weights) {
    const std::int64_t panel = panel_groups(product.matrix->shape(), piece.groups, pool_);
    const std::int64_t before = batch_.empty() ? 0 : batch_.back().last_panel;
    batch_.push_back({&product, piece, weights, panel, before + (piece.groups + panel - 1) / panel});
  }

  void run_batch() {
    if (batch_.empty()) return;
    pool_.parallel(batch_.back().last_panel, 1, [&](std::int64_t begin, std::int64_t end) {
      std::int64_t first_panel = 0;
      for (const PanelledPiece& piece : batch_) {
        for (std::int64_t i = std::max(begin, first_panel); i < std::min(end, piece.last_panel); ++i) run_panel(piece, (i - first_panel) * piece.panel);
        first_panel = piece.last_panel;
      }
    });
    batch_.clear();
  }

  std::optional<std::size_t> quantized_for(const Layout& layout) {
    if (arithmetic_ == Arithmetic::reference || layout.scales == Scales::none) return std::nullopt;
    const std::int32_t zero = zero_of(layout, kernels_);
    const auto known = std::ranges::find_if(quantized_, [&](const Quantizer& quantizer) { return quantizer.fits(layout, zero); });
    if (known != quantized_.end()) return static_cast<std::size_t>(known - quantized_.begin());
    quantized_.emplace_back(layout, count_, zero).quantize(in_, layout.columns, count_, kernels_, pool_);
    return quantized_.size() - 1;
  }

  // All input rows pass by a panel of weights, which begins at group `start` of its piece.
  void run_panel(const PanelledPiece& piece, std::int64_t start) const {
    const Product& product = *piece.product;
    const Layout& layout = product.matrix->shape();
    const unsigned char* const weights = piece.weights + start * layout.group_bytes;
    const std::int64_t group = piece.piece.first_group + start;
    const std::int64_t groups = std::min(piece.panel, piece.piece.groups - start);
    const std::int64_t most = product.quantized ? tile_rows : float_rows;
    for (std::int64_t m = 0; m < count_; m += most) {
      const std::int64_t rows = std::min(most, count_ - m);
      float* const out = product.out + m * layout.rows;
      if (product.quantized) {
        kernels_.multiply_codes(layout, weights, group, groups, quantized_[*product.quantized].rows(m), rows, out);
      } else {
        kernels_.multiply_floats(layout, weights, group, groups, in_.data() + m * layout.columns, rows, out);
      }
    }
  }

  std::span<const float> in_;
  std::int64_t count_;
  Arithmetic arithmetic_;
  const KernelSet& kernels_;
  ThreadPool& pool_;
  std::vector<Quantizer> quantized_;
  std::vector<Product> products_;
  std::vector<PanelledPiece> batch_;
};

}  // namespace

void multiply(std::span<const MatrixProduct> products, std::span<const float> in, std::int64_t count, Arithmetic arithmetic, const KernelSet& kernels,
              ThreadPool& pool) {
  try {
    Multiplication multiplication(in, count, arithmetic, kernels, pool);
    for (const MatrixProduct& product : products) multiplication.add(product);
    multiplication.run();
  } catch (const std::bad_alloc&) {
    throw Failure(Status::out_of_memory, "[matrix] no memory for " + std::to_string(count) + " rows of 8-bit activations.");
  }
}

void read_rows(const Matrix& matrix, std::span<const std::int32_t> rows, std::span<float> out, ThreadPool& pool) {
  const PiecedMatrix& weights = pieced(matrix);
  const Layout& layout = weights.shape();
  for (const std::int32_t row : rows) {
    if (row < 0 || row >= layout.rows) refuse("row " + std::to_string(row) + " of " + std::to_string(layout.rows) + ".");
  }
  if (out.size() != rows.size() * static_cast<std::size_t>(layout.columns)) refuse("a row has " + std::to_string(layout.columns) + " columns.");
  weights.read_rows(rows, out, pool);
}

}  // namespace retort
