// A model's matrices written into a file of records, as packs have them, and the same model over that file.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "matrix/packed_matrix.h"
#include "model/flash_uses.h"
#include "retort/model.h"
#include "store/crc32c.h"
#include "store/flash_store.h"
#include "temporary_file.h"

namespace examples {

using namespace retort;

class PackFile : public TemporaryFile {
 public:
  PackFile(std::span<const std::byte> bytes, std::vector<PackRecord> listed) : TemporaryFile(bytes), records(std::move(listed)) {}

  void write(std::uint64_t offset, std::span<const std::byte> bytes) const {
    // One that was renamed is made anew.
    const auto kept = std::filesystem::exists(path) ? std::ios::in : std::ios::openmode{};
    std::fstream file(path, std::ios::binary | std::ios::out | kept);
    file.seekp(static_cast<std::streamoff>(offset));
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  // Changes one bit; a second time changes it back.
  void flip(std::uint64_t offset) const {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekg(static_cast<std::streamoff>(offset));
    const int byte = file.get() ^ 4;
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(static_cast<char>(byte));
  }
  std::shared_ptr<FlashStore> open(DirectFile::Options options = {}) const { return std::make_shared<FlashStore>(range(), records, options); }

  const std::vector<PackRecord> records;
};

class PackMaker {
 public:
  // Groups of a dense tile.
  explicit PackMaker(std::int64_t tile_groups) : tile_groups_(tile_groups), bytes_(direct_page) {}

  std::vector<PackTile> add(const Matrix& matrix) {
    const auto& packed = dynamic_cast<const PackedMatrix&>(matrix);
    std::vector<PackTile> tiles;
    for (std::int64_t group = 0; group < packed.shape().groups; group += tile_groups_) {
      const std::int64_t groups = std::min(tile_groups_, packed.shape().groups - group);
      tiles.push_back({static_cast<std::uint32_t>(records_.size()), 0, groups});
      std::vector<std::byte> record;
      append(record, packed, group, groups);
      finish(record);
    }
    return tiles;
  }

  std::array<std::vector<PackTile>, 3> add_expert(const AttentionLayer::Expert& expert) {
    std::array<std::vector<PackTile>, 3> tiles;
    std::vector<std::byte> record;
    const std::array<const Linear*, 3> parts{&expert.gate, &expert.up, &expert.down};
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const auto& packed = dynamic_cast<const PackedMatrix&>(*parts[i]->matrix);
      record.resize((record.size() + 63) / 64 * 64);
      tiles[i] = {{static_cast<std::uint32_t>(records_.size()), record.size(), packed.shape().groups}};
      append(record, packed, 0, packed.shape().groups);
    }
    finish(record);
    return tiles;
  }

  std::unique_ptr<PackFile> write() {
    bytes_.resize((bytes_.size() + direct_page - 1) / direct_page * direct_page);
    return std::make_unique<PackFile>(bytes_, records_);
  }

 private:
  static void append(std::vector<std::byte>& record, const PackedMatrix& matrix, std::int64_t group, std::int64_t groups) {
    const auto* const from = reinterpret_cast<const std::byte*>(matrix.data()) + group * matrix.shape().group_bytes;
    record.insert(record.end(), from, from + groups * matrix.shape().group_bytes);
  }

  void finish(const std::vector<std::byte>& record) {
    const std::size_t border = record.size() >= 65536 ? direct_page : 64;
    bytes_.resize((bytes_.size() + border - 1) / border * border);
    records_.push_back({bytes_.size(), record.size(), crc32c(record)});
    bytes_.insert(bytes_.end(), record.begin(), record.end());
  }

  std::int64_t tile_groups_;
  std::vector<std::byte> bytes_;
  std::vector<PackRecord> records_;
};

// A packed model and where its matrices lie in a file.
class PackedModel {
 public:
  PackedModel(const Model& model, std::int64_t tile_groups) : model_(model) {
    PackMaker maker(tile_groups);
    place(maker, model.embedding);
    for (const Layer& layer : model.layers) std::visit([&](const auto& each) { place_layer(maker, each); }, layer);
    place(maker, model.head.matrix);
    file = maker.write();
  }

  // The model over the file; the store has no budget yet.
  std::shared_ptr<const Model> over(const std::shared_ptr<FlashStore>& store) const {
    auto copy = std::make_shared<Model>(model_);
    std::map<const Matrix*, std::shared_ptr<const Matrix>> made;
    const auto replace = [&](std::shared_ptr<const Matrix>& matrix) {
      if (!matrix) return;
      auto& other = made[matrix.get()];
      if (!other) {
        const auto& packed = dynamic_cast<const PackedMatrix&>(*matrix);
        other = std::make_shared<FlashMatrix>(store, packed.shape(), packed.layout(), tiles_.at(matrix.get()));
      }
      matrix = other;
    };
    replace(copy->embedding);
    for (Layer& layer : copy->layers) std::visit([&](auto& each) { replace_layer(each, replace); }, layer);
    replace(copy->head.matrix);
    store->attach(flash_uses(*copy));
    return copy;
  }

  std::unique_ptr<PackFile> file;

 private:
  void place(PackMaker& maker, const std::shared_ptr<const Matrix>& matrix) {
    if (matrix && !tiles_.contains(matrix.get())) tiles_[matrix.get()] = maker.add(*matrix);
  }

  void place_layer(PackMaker& maker, const AttentionLayer& layer) {
    for (const Linear* linear : {&layer.query, &layer.key, &layer.value, &layer.output, &layer.gate, &layer.up, &layer.down, &layer.router}) {
      place(maker, linear->matrix);
    }
    for (const auto& expert : layer.experts) {
      const auto tiles = maker.add_expert(expert);
      tiles_[expert.gate.matrix.get()] = tiles[0];
      tiles_[expert.up.matrix.get()] = tiles[1];
      tiles_[expert.down.matrix.get()] = tiles[2];
    }
  }

  void place_layer(PackMaker& maker, const StateSpaceLayer& layer) {
    for (const Linear* linear : {&layer.in, &layer.x, &layer.time_step, &layer.out}) place(maker, linear->matrix);
  }

  template <class Replace>
  static void replace_layer(AttentionLayer& layer, const Replace& replace) {
    for (Linear* linear : {&layer.query, &layer.key, &layer.value, &layer.output, &layer.gate, &layer.up, &layer.down, &layer.router}) replace(linear->matrix);
    for (auto& expert : layer.experts) {
      for (Linear* linear : {&expert.gate, &expert.up, &expert.down}) replace(linear->matrix);
    }
  }

  template <class Replace>
  static void replace_layer(StateSpaceLayer& layer, const Replace& replace) {
    for (Linear* linear : {&layer.in, &layer.x, &layer.time_step, &layer.out}) replace(linear->matrix);
  }

  const Model& model_;
  std::map<const Matrix*, std::vector<PackTile>> tiles_;
};

}  // namespace examples
