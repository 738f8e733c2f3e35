#include "visibility.h"

#include <algorithm>
#include <string>

#include "retort/status.h"

namespace retort {

Visibility::Visibility(const KvCache& cache, std::int64_t count, std::span<const std::int32_t> parents, std::optional<std::int32_t> window)
    : positions_(cache.positions()),
      base_(cache.length() - count),
      window_(window),
      ascending_(parents.empty() ? cache.ascending_slots() : std::min(base_, cache.ascending_slots())),
      first_visible_(static_cast<std::size_t>(count), 0) {
  find_branches(parents);
  if (!window_) return;
  for (std::int64_t token = 0; token < count; ++token) {
    const std::int64_t oldest = std::int64_t{positions_[static_cast<std::size_t>(base_ + token)]} - *window_ + 1;
    const auto end = positions_.begin() + ascending_;
    first_visible_[static_cast<std::size_t>(token)] = std::lower_bound(positions_.begin(), end, oldest) - positions_.begin();
  }
}

void Visibility::find_branches(std::span<const std::int32_t> parents) {
  branches_.reserve(parents.size());
  for (std::size_t token = 0; token < parents.size(); ++token) {
    const std::int32_t parent = parents[token];
    if (parent < -1 || parent >= static_cast<std::int64_t>(token)) {
      throw Failure(Status::bad_request, "[attention] parents[" + std::to_string(token) + "]: " + std::to_string(parent) + " is no earlier token.");
    }
    std::vector<std::int32_t> branch;
    if (parent >= 0) branch = branches_[static_cast<std::size_t>(parent)];
    branch.push_back(static_cast<std::int32_t>(token));
    branches_.push_back(std::move(branch));
  }
}

std::span<const std::int32_t> Visibility::branch(std::int64_t token) const { return branches_[static_cast<std::size_t>(token)]; }

std::int64_t Visibility::path_length(std::int64_t token) const {
  return branches_.empty() ? base_ + token + 1 : base_ + static_cast<std::int64_t>(branch(token).size());
}

std::int64_t Visibility::first_branched_tile() const {
  return branches_.empty() ? static_cast<std::int64_t>(positions_.size()) / attention_tile_slots + 1 : base_ / attention_tile_slots;
}

std::int32_t Visibility::position(std::int64_t token, std::int64_t rank) const {
  const bool branched = rank >= base_ && !branches_.empty();
  const std::int64_t slot = branched ? base_ + branch(token)[static_cast<std::size_t>(rank - base_)] : rank;
  return positions_[static_cast<std::size_t>(slot)];
}

bool Visibility::sees(std::int64_t token, std::int64_t rank) const {
  return std::int64_t{positions_[static_cast<std::size_t>(base_ + token)]} - position(token, rank) < *window_;
}

void Visibility::runs(std::int64_t token, std::int64_t tile, std::vector<Run>& out) const {
  out.clear();
  const std::int64_t begin = std::max(tile * attention_tile_slots, first_visible_[static_cast<std::size_t>(token)]);
  const std::int64_t end = std::min((tile + 1) * attention_tile_slots, path_length(token));
  if (begin >= end) return;
  // From first_visible_ on, everything that lies in the ascending part is visible.
  const std::int64_t surely = window_ ? std::clamp(ascending_, begin, end) : end;
  if (surely > begin) out.push_back({begin, surely});
  for (std::int64_t rank = surely; rank < end; ++rank) {
    if (!sees(token, rank)) continue;
    if (!out.empty() && out.back().end == rank) {
      ++out.back().end;
    } else {
      out.push_back({rank, rank + 1});
    }
  }
}

}  // namespace retort
