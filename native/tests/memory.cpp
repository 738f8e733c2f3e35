#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "cache/block_arena.h"
#include "check.h"
#include "memory/slabs.h"

namespace {

using retort::BlockArena;
using retort::Slabs;

bool is_on_border(const void* memory) { return reinterpret_cast<std::uintptr_t>(memory) % 64 == 0; }

}  // namespace

TEST("pieces of slabs lie apart, whatever their size") {
  Slabs slabs(std::size_t{4} << 20);
  std::vector<std::pair<unsigned char*, std::size_t>> pieces;
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{64}, std::size_t{65}, std::size_t{3} << 20, std::size_t{2} << 20, std::size_t{9} << 20, std::size_t{100}}) {
    pieces.emplace_back(slabs.cut(bytes), bytes);
    check::is_true(is_on_border(pieces.back().first), "on a border");
    std::memset(pieces.back().first, static_cast<int>(pieces.size()), bytes);
  }
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const auto [start, bytes] = pieces[i];
    const auto mark = static_cast<unsigned char>(i + 1);
    check::is_true(start[0] == mark && start[bytes / 2] == mark && start[bytes - 1] == mark, "nobody else wrote here");
  }
}

TEST("small pieces share a slab, large ones begin on a large page") {
  Slabs slabs(retort::large_page_bytes);
  const unsigned char* const first = slabs.cut(100);
  check::is_true(slabs.cut(100) == first + 128, "the next piece follows");
  check::is_true(reinterpret_cast<std::uintptr_t>(first) % retort::large_page_bytes == 0, "on a large page");
}

TEST("more memory than there is throws and leaves the slabs as they were") {
  Slabs slabs(retort::large_page_bytes);
  const unsigned char* const first = slabs.cut(64);
  bool thrown = false;
  try {
    slabs.cut(std::size_t{1} << 60);
  } catch (const std::bad_alloc&) {
    thrown = true;
  }
  check::is_true(thrown, "2^60 bytes");
  check::is_true(slabs.cut(64) == first + 64, "the slab goes on");
}

TEST("a freed block is used for the next of its size and no other") {
  BlockArena arena;
  void* const small = arena.allocate(128);
  void* const large = arena.allocate(4160);
  arena.release(small, 128);
  check::is_true(arena.allocate(4160) != small, "of another size");
  check::is_true(arena.allocate(128) == small, "of the same size");
  arena.release(large, 4160);
  check::is_true(arena.allocate(4160) == large, "again");
}
