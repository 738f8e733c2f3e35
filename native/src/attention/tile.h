// The attention of some new tokens over one tile of one KV head: all query heads of that KV head together, so that keys and values are decoded once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <vector>

#include "kernels.h"
#include "softmax.h"
#include "visibility.h"

namespace retort {

// Vectors that begin on a cache line: loads of 32 bytes then never touch two.
template <class Item>
struct LineAllocator {
  using value_type = Item;
  LineAllocator() = default;
  template <class Other>
  LineAllocator(const LineAllocator<Other>&) {}
  Item* allocate(std::size_t count) { return static_cast<Item*>(::operator new(count * sizeof(Item), std::align_val_t{64})); }
  void deallocate(Item* items, std::size_t) { ::operator delete(items, std::align_val_t{64}); }
  bool operator==(const LineAllocator&) const { return true; }
};
using LineFloats = std::vector<float, LineAllocator<float>>;

// What a call of attend() is about; the same for all threads.
struct AttentionCall {
  const AttentionShape& shape;
  const KvCache& cache;
  std::int64_t layer;
  std::span<const float> query;
  std::int64_t count;
  const Visibility& visibility;
  const AttentionKernels& kernels;

  // Query heads per KV head.
  std::int64_t group() const { return shape.heads / shape.kv_heads; }
  std::int64_t dimension() const { return shape.head_dimension; }
  std::int64_t padded() const { return (dimension() + 7) / 8 * 8; }
};

// New tokens begin … end − 1 and one KV head. Its rows: token by token, `group` query heads each.
struct AttentionJob {
  std::int64_t head;
  std::int64_t begin, end;
};

// Memory of one thread for one job.
class TileWorker {
 public:
  // Throws std::bad_alloc, as does compute.
  TileWorker(const AttentionCall& call, const AttentionJob& job);

  std::int64_t rows() const { return (job_.end - job_.begin) * call_.group(); }
  // Fills `sums` [rows] and `out` [rows, padded]; a row that sees nothing of the tile has a sum of 0.
  void compute(std::int64_t tile, std::span<TileSum> sums, std::span<float> out);

 private:
  void compute_chain(std::int64_t tile, std::span<TileSum> sums, float* out);
  void compute_branch(std::int64_t token, std::int64_t tile, TileSum* sums, float* out);
  void lay_out_branch(std::int64_t token, std::int64_t tile, std::int64_t end);
  void add_weighted(const float* weights, Numbers values, std::int64_t slots, std::int64_t row_count, float* out, std::span<const std::byte> ahead);
  void add_values(Numbers values, std::int64_t block, std::int64_t tile, float* out, std::span<const std::byte> ahead);
  Numbers numbers_of(KvBlockView block, decltype(AttentionKernels::keys) decode);
  std::span<const std::byte> key_bytes(std::int64_t block) const;
  std::span<const std::byte> value_bytes(std::int64_t block) const;
  void decode_new_tokens();
  void copy_block(std::int64_t block, float* keys, float* values);
  void weigh(std::int64_t token, std::int64_t tile, TileSum* sums);
  float* row_scores(std::int64_t token) { return scores_.data() + (token - job_.begin) * call_.group() * attention_tile_slots; }
  const std::vector<Run>& runs(std::int64_t token) const { return runs_[static_cast<std::size_t>(token - job_.begin)]; }

  const AttentionCall& call_;
  AttentionJob job_;
  LineFloats query_;   // [rows, dimension]
  LineFloats scores_;  // [rows, 256]
  std::vector<std::vector<Run>> runs_;
  LineFloats decoded_;  // one block
  // Trees only: the new tokens' blocks, and one tile in the order of a path.
  LineFloats new_keys_, new_values_;
  LineFloats path_keys_, path_values_;
  std::int64_t laid_out_tile_ = -1;
};

}  // namespace retort
