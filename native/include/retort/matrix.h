// Weight matrices: from the bytes of a model file into the one layout that every kernel set reads, and products with them.
//
// Batch invariance: out[m][n] depends on in[m] and row n only. K-blocks are summed in one order for one row or many, on any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "retort/thread_pool.h"

namespace retort {

// reference: float32 activations on dequantized values. fast: activations quantized to 8 bits per block where the type calls for it.
enum class Arithmetic { reference, fast };

// How the bytes of a source lie: ggml block types as in the file; blocks8: one code per byte with float scale and offset per block
// (every other type arrives so or as nbits*, converted at load); nbits*: MatMulNBits layout.
enum class SourceType { f32, f16, bf16, q4_0, q4_1, q5_0, q8_0, q4_k, q6_k, nbits2, nbits4, nbits8, blocks8 };

struct MatrixSource {
  SourceType type;
  std::int64_t rows;
  std::int64_t columns;
  // ggml types and floats: rows × columns of the type, columns a multiple of the type's block. nbits*: codes [rows, blocks, block·bits/8], low bits first,
  // blocks = ⌈columns / block⌉. blocks8: codes [rows, columns], unsigned.
  std::span<const std::byte> bytes;
  // nbits* and blocks8 only: columns per block (a power of two from 16), scales [rows, blocks], and offsets [rows, blocks] or empty:
  // value = scale · (code − zero) + offset, in float32: product, then sum. 0 ≤ zero ≤ 255. Scales that are all float16 numbers are kept as float16, offsets
  // that are all scale · (zero − n) with whole n of 0…255 as bytes.
  std::int64_t block = 0;
  std::span<const float> scales = {};
  std::span<const float> offsets = {};
  std::int32_t zero = 0;
  // In place of `bytes`: what fills `out` from a place among them on, called by several threads at once, and how many there are.
  std::function<void(std::uint64_t offset, std::span<std::byte> out)> read = {};
  std::uint64_t read_bytes = 0;
};

// A packed matrix. Immutable; where it owns its memory any thread may read it, else the thread that evaluates.
class Matrix {
 public:
  virtual ~Matrix() = default;
  std::int64_t rows() const noexcept { return rows_; }
  std::int64_t columns() const noexcept { return columns_; }
  // Bytes it has, padding included.
  std::size_t bytes() const noexcept { return bytes_; }
  // e.g. "q4_0×8": which layout it was packed into; named in runs.
  virtual std::string_view layout() const noexcept = 0;

 protected:
  std::int64_t rows_ = 0;
  std::int64_t columns_ = 0;
  std::size_t bytes_ = 0;
};

// Where the matrices of one model lie side by side, on large pages; freed when the last of them is.
class Slabs;
std::shared_ptr<Slabs> weight_slabs();

// Without slabs the matrix has memory of its own. Not for two threads at once with the same slabs. Throws Failure: bad_request where sizes disagree,
// out_of_memory; and what `read` throws.
std::unique_ptr<Matrix> pack_matrix(const MatrixSource& source, ThreadPool& pool, std::shared_ptr<Slabs> slabs = nullptr);

// A set of kernels: "scalar", "avx2", "avx512", "neon". Chosen once per engine; matrix-vector and matrix-matrix products of a set share one order.
struct KernelSet;
// The named set, or where `name` is empty the widest this processor runs. Throws Failure: unsupported_feature.
const KernelSet& kernel_set(std::string_view name);
std::string_view kernel_set_name(const KernelSet& set) noexcept;

// One of several products of the same input: out [count, rows], row-major.
struct MatrixProduct {
  const Matrix* matrix;
  std::span<float> out;
};

// out [count, rows] = in [count, columns] · matrixᵀ for every product, all float32 and row-major. The input is quantized once, and threads share out the rows of
// all matrices together. Every kernel set gives the same bits. Where a row of `in` holds numbers that are not finite, its outputs are not numbers (reference: as
// IEEE arithmetic has it). Throws Failure: bad_request where sizes disagree, out_of_memory.
void multiply(std::span<const MatrixProduct> products, std::span<const float> in, std::int64_t count, Arithmetic arithmetic, const KernelSet& kernels,
              ThreadPool& pool);

// Rows as float32, out [rows.size(), columns], e.g. of an embedding table. Throws Failure: bad_request; where the matrix is not in memory, also cancelled,
// file_unreadable and bad_file, as multiply then does.
void read_rows(const Matrix& matrix, std::span<const std::int32_t> rows, std::span<float> out, ThreadPool& pool);

}  // namespace retort
