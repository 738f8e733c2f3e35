#include "flash_uses.h"

#include <algorithm>
#include <string>

#include "retort/status.h"

namespace retort {
namespace {

const FlashMatrix* in_pack(const std::shared_ptr<const Matrix>& matrix) { return dynamic_cast<const FlashMatrix*>(matrix.get()); }

class Walk {
 public:
  explicit Walk(const Model& model) { uses_.layers = static_cast<std::int32_t>(model.layers.size()); }

  void layer(const AttentionLayer& layer, std::int32_t index) {
    for (const Linear* linear : {&layer.query, &layer.key, &layer.value, &layer.output}) dense(*linear, index);
    if (!layer.experts.empty()) return experts(layer, index);
    if (layer.gated) dense(layer.gate, index);
    dense(layer.up, index);
    dense(layer.down, index);
  }

  void layer(const StateSpaceLayer& layer, std::int32_t index) {
    dense(layer.in, index);
    if (layer.version == 1) {
      dense(layer.x, index);
      dense(layer.time_step, index);
    }
    dense(layer.out, index);
  }

  void dense(const Linear& linear, std::int32_t index) {
    if (const FlashMatrix* const matrix = in_pack(linear.matrix)) uses_.dense.push_back({matrix, index});
  }

  void begin_head() { uses_.head = uses_.dense.size(); }
  void rows(const std::shared_ptr<const Matrix>& matrix) { uses_.rows = in_pack(matrix); }
  FlashUses finish() { return std::move(uses_); }

 private:
  void experts(const AttentionLayer& layer, std::int32_t index) {
    dense(layer.router, index);
    FlashUses::ExpertLayer& listed = uses_.expert_layers.emplace_back(FlashUses::ExpertLayer{index, layer.experts_used, {}});
    std::ptrdiff_t missing = 0;
    for (const auto& expert : layer.experts) {
      const FlashUses::Expert parts{{in_pack(expert.gate.matrix), in_pack(expert.up.matrix), in_pack(expert.down.matrix)}};
      missing += std::ranges::count(parts.parts, nullptr);
      listed.experts.push_back(parts);
    }
    if (missing == 0) return;
    if (missing < static_cast<std::ptrdiff_t>(3 * layer.experts.size())) {
      throw Failure(Status::bad_request, "[model] layers[" + std::to_string(index) + "]: its experts lie partly in a pack, partly elsewhere.");
    }
    uses_.expert_layers.pop_back();
  }

  FlashUses uses_;
};

}  // namespace

FlashUses flash_uses(const Model& model) {
  Walk walk(model);
  const auto outside = static_cast<std::int32_t>(model.layers.size());
  walk.rows(model.embedding);
  if (model.embedding_in) walk.dense(*model.embedding_in, outside);
  for (std::size_t index = 0; index < model.layers.size(); ++index) {
    std::visit([&](const auto& each) { walk.layer(each, static_cast<std::int32_t>(index)); }, model.layers[index]);
  }
  walk.begin_head();
  if (model.embedding_out) walk.dense(*model.embedding_out, outside);
  walk.dense(model.head, outside);
  return walk.finish();
}

}  // namespace retort
