// One block of a cache: 32 slots of keys or values of one layer and KV head, with a count of the caches that hold it. The last one frees it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstring>
#include <new>
#include <utility>

#include "block_arena.h"
#include "retort/kv_cache.h"

namespace retort {

class BlockHandle {
 public:
  BlockHandle() = default;
  BlockHandle(const BlockHandle& other) noexcept : block_(other.block_), codec_(other.codec_) {
    if (block_ != nullptr) block_->holders.fetch_add(1, std::memory_order_relaxed);
  }
  BlockHandle(BlockHandle&& other) noexcept : block_(std::exchange(other.block_, nullptr)), codec_(other.codec_) {}
  BlockHandle& operator=(BlockHandle other) noexcept {
    std::swap(block_, other.block_);
    std::swap(codec_, other.codec_);
    return *this;
  }
  ~BlockHandle() {
    // Whoever frees must see what the others wrote before they let go.
    if (block_ == nullptr || block_->holders.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    BlockArena& arena = *block_->arena;
    const std::size_t bytes = allocated_bytes();
    block_->~Block();
    arena.release(block_, bytes);
  }

  // A block of zeros; the arena must outlive it. Throws std::bad_alloc.
  static BlockHandle create(BlockArena& arena, KvCodec codec, std::size_t bytes) {
    void* const memory = arena.allocate(sizeof(Block) + bytes);
    BlockHandle handle;
    handle.block_ = new (memory) Block(arena, bytes);
    handle.codec_ = codec;
    std::memset(handle.data(), 0, bytes);
    return handle;
  }
  BlockHandle copy() const {
    BlockHandle handle = create(*block_->arena, codec(), bytes());
    std::memcpy(handle.data(), data(), bytes());
    return handle;
  }

  // False: no other cache can see a write. It stays false until this handle is copied.
  bool is_shared() const noexcept { return block_->holders.load(std::memory_order_acquire) != 1; }
  KvCodec codec() const noexcept { return codec_; }
  std::size_t bytes() const noexcept { return block_->bytes; }
  std::size_t allocated_bytes() const noexcept { return sizeof(Block) + block_->bytes; }
  std::byte* data() noexcept { return reinterpret_cast<std::byte*>(block_ + 1); }
  const std::byte* data() const noexcept { return reinterpret_cast<const std::byte*>(block_ + 1); }

 private:
  // Fills a cache line, so that the data behind it begin on one.
  struct Block {
    Block(BlockArena& owner, std::size_t block_bytes) : arena(&owner), bytes(block_bytes) {}
    std::atomic<std::size_t> holders{1};
    BlockArena* arena;
    std::size_t bytes;
    char fill[64 - 2 * sizeof(std::size_t) - sizeof(BlockArena*)] = {};
  };
  static_assert(sizeof(Block) == 64);

  Block* block_ = nullptr;
  // Here and not in the block: attention asks for it before the block's memory has come.
  KvCodec codec_ = KvCodec::f16;
};

}  // namespace retort
