// A matrix whose groups lie in the records of a pack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "matrix/packed_matrix.h"

namespace retort {

class FlashStore;

// A run of whole groups inside a record.
struct PackTile {
  std::uint32_t record = 0;
  // From the record's first byte.
  std::uint64_t offset = 0;
  std::int64_t groups = 0;
};

class FlashMatrix final : public PiecedMatrix {
 public:
  // `shape`: of checked_layout. Throws Failure: bad_file where the tiles are not all groups in order, or leave their records.
  FlashMatrix(std::shared_ptr<FlashStore> store, const Layout& shape, std::string_view name, std::vector<PackTile> tiles);

  std::span<const PackTile> tiles() const noexcept { return tiles_; }
  // Which tile a group is in.
  std::size_t tile_of(std::int64_t group) const noexcept;

  std::span<const MatrixPiece> pieces() const noexcept override { return pieces_; }
  const unsigned char* in_memory(std::size_t piece) const noexcept override;
  bool is_ready(std::size_t piece) const override;
  const unsigned char* acquire(std::size_t piece) const override;
  void release(std::size_t piece) const noexcept override;
  void read_rows(std::span<const std::int32_t> rows, std::span<float> out, ThreadPool& pool) const override;


 private:
  std::shared_ptr<FlashStore> store_;
  std::vector<PackTile> tiles_;
  std::vector<MatrixPiece> pieces_;
};

}  // namespace retort
