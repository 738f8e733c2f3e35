// Which slots a new token sees, in the order in which attention adds them up.
//
// A token's path: the slots it follows, in order, itself last. In a chain these are all slots up to its own; in a tree the slots before the new
// tokens, then its ancestors. The place on the path is a rank; tiles count ranks, so that a token of a tree gets the bits it would get in a chain. A window
// then hides part of the path.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "retort/attention.h"

namespace retort {

// Ranks begin … end − 1.
struct Run {
  std::int64_t begin, end;
};

class Visibility {
 public:
  // Throws Failure: bad_request where `parents` do not form a tree.
  Visibility(const KvCache& cache, std::int64_t count, std::span<const std::int32_t> parents, std::optional<std::int32_t> window);

  // Slots before the new tokens. Ranks below are slots.
  std::int64_t base() const { return base_; }
  std::int64_t path_length(std::int64_t token) const;
  // The ancestors of a token in a tree and itself, as indices of new tokens, first the oldest.
  std::span<const std::int32_t> branch(std::int64_t token) const;
  // First tile in which rank = slot does not hold for every token; in a chain there is none.
  std::int64_t first_branched_tile() const;
  // First tile of which the token sees anything, or an earlier one.
  std::int64_t first_tile(std::int64_t token) const { return first_visible_[static_cast<std::size_t>(token)] / attention_tile_slots; }
  // The visible ranks of a tile, ascending, not touching.
  void runs(std::int64_t token, std::int64_t tile, std::vector<Run>& out) const;

 private:
  void find_branches(std::span<const std::int32_t> parents);
  std::int32_t position(std::int64_t token, std::int64_t rank) const;
  bool sees(std::int64_t token, std::int64_t rank) const;

  std::span<const std::int32_t> positions_;
  std::int64_t base_;
  std::optional<std::int32_t> window_;
  // Ranks below are slots of positions that never fall: what is visible there begins at one place.
  std::int64_t ascending_;
  std::vector<std::int64_t> first_visible_;
  // Trees only.
  std::vector<std::vector<std::int32_t>> branches_;
};

}  // namespace retort
