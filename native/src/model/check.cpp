#include "check.h"

#include <cmath>
#include <string>

#include "retort/status.h"
#include "rope.h"

namespace retort {
namespace {

// Wider than any model; keeps every product of two sizes far from overflow.
constexpr std::int64_t largest_size = 1 << 24;

class Place {
 public:
  explicit Place(std::string name) : name_(std::move(name)) {}

  [[noreturn]] void refuse(const std::string& what) const { throw Failure(Status::bad_request, "[model] " + name_ + ": " + what); }
  void require(bool condition, const char* what) const {
    if (!condition) refuse(what);
  }
  void size(std::int64_t value, const char* what) const {
    if (value <= 0 || value > largest_size) refuse(std::string(what) + " is " + std::to_string(value) + ".");
  }
  void length(std::size_t actual, std::int64_t expected, const char* what) const {
    if (static_cast<std::int64_t>(actual) == expected) return;
    refuse(std::string(what) + " holds " + std::to_string(actual) + " values, expected " + std::to_string(expected) + ".");
  }

  void linear(const Linear& linear, std::int64_t rows, std::int64_t columns, const char* what) const {
    if (!linear.matrix) refuse(std::string(what) + " has no matrix.");
    if (linear.matrix->rows() != rows || linear.matrix->columns() != columns) {
      refuse(std::string(what) + " is " + std::to_string(linear.matrix->rows()) + " × " + std::to_string(linear.matrix->columns()) + ", expected " +
             std::to_string(rows) + " × " + std::to_string(columns) + ".");
    }
    if (!linear.bias.empty()) length(linear.bias.size(), rows, what);
    if (linear.column_order.empty()) return;
    length(linear.column_order.size(), columns, what);
    for (const std::int32_t column : linear.column_order) {
      if (column < 0 || column >= columns) refuse(std::string(what) + " takes column " + std::to_string(column) + ".");
    }
  }

  void norm(const std::optional<Norm>& norm, std::int64_t width, const char* what) const {
    if (!norm) return;
    length(norm->weight.size(), width, what);
    if (!norm->bias.empty()) length(norm->bias.size(), width, what);
  }

 private:
  std::string name_;
};

void check_experts(const AttentionLayer& layer, std::int64_t width, const Place& place) {
  const auto count = static_cast<std::int64_t>(layer.experts.size());
  place.size(count, "the number of experts");
  place.require(layer.experts_used > 0 && layer.experts_used <= count, "more experts are used than there are.");
  place.require(layer.gated, "experts have gates.");
  place.linear(layer.router, count, width, "router");
  for (const auto& expert : layer.experts) {
    place.require(expert.up.matrix != nullptr, "an expert has no matrix.");
    const std::int64_t size = expert.up.matrix->rows();
    place.linear(expert.gate, size, width, "an expert's gate");
    place.linear(expert.up, size, width, "an expert's up");
    place.linear(expert.down, width, size, "an expert's down");
  }
}

void check_layer(const AttentionLayer& layer, std::int64_t width, const Place& place) {
  const AttentionShape& shape = layer.shape;
  place.size(shape.heads, "heads");
  place.size(shape.kv_heads, "key heads");
  place.size(shape.head_dimension, "head dimension");
  place.require(shape.heads % shape.kv_heads == 0, "the key heads do not divide the heads.");
  place.require(!shape.window || *shape.window > 0, "the window must be positive.");
  const std::int64_t query = std::int64_t{shape.heads} * shape.head_dimension;
  const std::int64_t key = std::int64_t{shape.kv_heads} * shape.head_dimension;
  place.size(query, "the width of the queries");
  for (const auto* norm : {&layer.attention_input, &layer.attention_output, &layer.attention_residual, &layer.feed_forward_input, &layer.feed_forward_output,
                           &layer.feed_forward_residual}) {
    place.norm(*norm, width, "a norm");
  }
  place.norm(layer.query_norm, layer.norms_per_head ? shape.head_dimension : query, "the query norm");
  place.norm(layer.key_norm, layer.norms_per_head ? shape.head_dimension : key, "the key norm");
  place.linear(layer.query, query, width, "query");
  place.linear(layer.key, key, width, "key");
  place.linear(layer.value, key, width, "value");
  place.linear(layer.output, width, query, "output");
  if (!layer.experts.empty()) return check_experts(layer, width, place);
  place.require(layer.up.matrix != nullptr, "up has no matrix.");
  const std::int64_t size = layer.up.matrix->rows();
  if (layer.gated) place.linear(layer.gate, size, width, "gate");
  place.linear(layer.up, size, width, "up");
  place.linear(layer.down, width, size, "down");
}

void check_second_version(const StateSpaceLayer& layer, std::int64_t width, const Place& place) {
  place.size(layer.heads, "heads");
  place.size(layer.groups, "groups");
  place.require(layer.inner_size % layer.heads == 0, "the heads do not divide the inner size.");
  place.require(layer.heads % layer.groups == 0, "the groups do not divide the heads.");
  const std::int64_t channels = layer.inner_size + 2 * std::int64_t{layer.groups} * layer.state_size;
  place.size(channels, "the number of channels");
  place.linear(layer.in, layer.inner_size + channels + layer.heads, width, "in");
  place.length(layer.a.size(), layer.heads, "a");
  place.length(layer.d.size(), layer.heads, "d");
  place.length(layer.time_step_bias.size(), layer.heads, "the bias of the time step");
  if (layer.time_step_limit) place.require(layer.time_step_limit->first <= layer.time_step_limit->second, "the limits of the time step are crossed.");
  if (!layer.gate_norm) return;
  place.size(layer.gate_norm_groups, "groups of the gate norm");
  place.require(layer.inner_size % layer.gate_norm_groups == 0, "the groups of the gate norm do not divide the inner size.");
  place.norm(layer.gate_norm, layer.inner_size, "the gate norm");
}

void check_layer(const StateSpaceLayer& layer, std::int64_t width, const Place& place) {
  const std::int64_t inner = layer.inner_size;
  const std::int64_t state = layer.state_size;
  place.require(layer.version == 1 || layer.version == 2, "there are versions 1 and 2.");
  place.size(inner, "inner size");
  place.size(state, "state size");
  place.size(inner * state, "the state");
  place.size(layer.convolution, "convolution");
  place.norm(layer.norm, width, "the norm");
  place.linear(layer.out, width, inner, "out");
  if (layer.version == 1) {
    place.size(layer.time_step_rank, "the rank of the time step");
    place.linear(layer.in, 2 * inner, width, "in");
    place.linear(layer.x, layer.time_step_rank + 2 * state, inner, "x");
    place.linear(layer.time_step, inner, layer.time_step_rank, "time step");
    place.length(layer.a.size(), inner * state, "a");
    place.length(layer.d.size(), inner, "d");
  } else {
    check_second_version(layer, width, place);
  }
  const std::int64_t channels = layer.version == 1 ? inner : inner + 2 * std::int64_t{layer.groups} * state;
  place.size(channels * layer.convolution, "the convolution's weight");
  place.length(layer.convolution_weight.size(), channels * layer.convolution, "the convolution's weight");
  if (!layer.convolution_bias.empty()) place.length(layer.convolution_bias.size(), channels, "the convolution's bias");
}

void check_positions(const Model& model, const EvaluateRequest& request, std::int64_t count, const Place& place) {
  const auto positions = static_cast<std::int64_t>(request.positions.size());
  place.require(positions == count || positions == 3 * count, "positions must have one or three axes.");
  for (const std::int32_t position : request.positions) {
    place.require(position >= 0, "positions must not be negative.");
    const auto& learned = model.learned_positions;
    if (learned && std::int64_t{position} + learned->offset >= learned->rows) {
      throw Failure(Status::context_full, "[session] the model has no position " + std::to_string(position) + ".");
    }
  }
}

}  // namespace

void check_model(const Model& model) {
  const Place place("model");
  const std::int64_t width = model.hidden_size;
  place.size(width, "hidden size");
  place.size(model.vocabulary_size, "vocabulary size");
  place.size(model.embedding_size, "embedding size");
  place.linear({model.embedding, {}, {}}, model.vocabulary_size, model.embedding_size, "embedding");
  place.require(model.embedding_in.has_value() || model.embedding_size == width, "the embedding is not as wide as the stream.");
  if (model.embedding_in) place.linear(*model.embedding_in, width, model.embedding_size, "embedding_in");
  if (model.embedding_out) place.linear(*model.embedding_out, model.embedding_size, width, "embedding_out");
  place.linear(model.head, model.vocabulary_size, model.embedding_out ? model.embedding_size : width, "head");
  place.norm(model.final_norm, width, "the final norm");
  if (model.learned_positions) {
    const LearnedPositions& learned = *model.learned_positions;
    place.size(learned.rows, "the number of positions");
    place.require(learned.offset >= 0, "the first position must not be negative.");
    place.length(learned.table.size(), learned.rows * width, "the table of positions");
  }
  for (std::size_t index = 0; index < model.layers.size(); ++index) {
    const Place layer("layers[" + std::to_string(index) + "]");
    std::visit([&](const auto& each) { check_layer(each, width, layer); }, model.layers[index]);
  }
}

void check_ropes(const Model& model, std::span<const Rope> ropes) {
  for (const Rope& rope : ropes) check_rope(rope);
  for (std::size_t index = 0; index < model.layers.size(); ++index) {
    const auto* layer = std::get_if<AttentionLayer>(&model.layers[index]);
    if (layer == nullptr || !layer->rope) continue;
    const Place place("layers[" + std::to_string(index) + "]");
    place.require(*layer->rope >= 0 && static_cast<std::size_t>(*layer->rope) < ropes.size(), "there is no such rope.");
    place.require(ropes[static_cast<std::size_t>(*layer->rope)].dimensions <= layer->shape.head_dimension, "the rope is wider than a head.");
  }
}

std::int64_t check_request(const Model& model, const EvaluateRequest& request) {
  const Place place("tokens");
  const auto width = static_cast<std::size_t>(model.embedding_size);
  place.require(request.ids.empty() != request.embeddings.empty(), "give ids or embedding rows.");
  place.require(request.embeddings.size() % width == 0, "embedding rows must be whole.");
  const auto count = static_cast<std::int64_t>(request.ids.empty() ? request.embeddings.size() / width : request.ids.size());
  for (const std::int32_t id : request.ids) {
    place.require(id >= 0 && id < model.vocabulary_size, "an id is not in the vocabulary.");
  }
  place.require(static_cast<std::int64_t>(request.rows.size()) <= count, "more rows are chosen than there are.");
  for (const std::int32_t row : request.rows) place.require(row >= 0 && row < count, "a chosen row is not among them.");
  place.length(request.logits.size(), static_cast<std::int64_t>(request.rows.size()) * model.vocabulary_size, "logits");
  if (!request.parents.empty()) place.length(request.parents.size(), count, "parents");
  for (std::size_t i = 0; i < request.parents.size(); ++i) {
    place.require(request.parents[i] >= -1 && request.parents[i] < static_cast<std::int64_t>(i), "a parent must be an earlier token, or −1.");
  }
  place.require(request.part_tokens >= usual_part_tokens && request.part_tokens <= most_part_tokens, "parts of a size that is not allowed.");
  check_positions(model, request, count, place);
  return count;
}

}  // namespace retort
