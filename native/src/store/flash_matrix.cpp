#include "store/flash_matrix.h"

#include <algorithm>
#include <string>
#include <utility>

#include "store/flash_store.h"

namespace retort {
namespace {

// Kernels and readers take it for granted.
constexpr std::uint64_t tile_border = 64;

const unsigned char* shifted(const std::byte* record, std::uint64_t offset) { return reinterpret_cast<const unsigned char*>(record) + offset; }

}  // namespace

FlashMatrix::FlashMatrix(std::shared_ptr<FlashStore> store, const Layout& shape, std::string_view name, std::vector<PackTile> tiles)
    : PiecedMatrix(shape, name), store_(std::move(store)), tiles_(std::move(tiles)) {
  const PackRecords& records = store_->records();
  std::int64_t group = 0;
  for (const PackTile& tile : tiles_) {
    if (tile.record >= records.size()) throw Failure(Status::bad_file, "[flash] a tile names record " + std::to_string(tile.record) + ", which is not there.");
    if (tile.groups < 1 || tile.groups > shape.groups - group) records.refuse(tile.record, "its tile has more groups than the matrix.");
    const std::uint64_t bytes = records[tile.record].bytes;
    const auto wanted = static_cast<std::uint64_t>(tile.groups * shape.group_bytes);
    if (tile.offset % tile_border != 0 || wanted > bytes || tile.offset > bytes - wanted) records.refuse(tile.record, "its tile does not lie inside it.");
    pieces_.push_back({group, tile.groups});
    group += tile.groups;
  }
  if (group != shape.groups) {
    throw Failure(Status::bad_file, "[flash] the tiles of a matrix hold " + std::to_string(group) + " groups of " + std::to_string(shape.groups) + ".");
  }
}

std::size_t FlashMatrix::tile_of(std::int64_t group) const noexcept {
  const auto after = std::ranges::upper_bound(pieces_, group, {}, &MatrixPiece::first_group);
  return static_cast<std::size_t>(after - pieces_.begin()) - 1;
}

const unsigned char* FlashMatrix::in_memory(std::size_t piece) const noexcept {
  const PackTile& tile = tiles_[piece];
  const std::byte* const record = store_->use_in_memory(tile.record);
  return record == nullptr ? nullptr : shifted(record, tile.offset);
}

bool FlashMatrix::is_ready(std::size_t piece) const { return store_->is_ready(tiles_[piece].record); }

const unsigned char* FlashMatrix::acquire(std::size_t piece) const { return shifted(store_->acquire(tiles_[piece].record), tiles_[piece].offset); }

void FlashMatrix::release(std::size_t piece) const noexcept { store_->release(tiles_[piece].record); }

void FlashMatrix::read_rows(std::span<const std::int32_t> rows, std::span<float> out, ThreadPool& pool) const { store_->read_rows(*this, rows, out, pool); }

}  // namespace retort
