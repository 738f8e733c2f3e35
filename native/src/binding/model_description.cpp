#include "model_description.h"

namespace retort::binding {
namespace {

constexpr std::array<std::string_view, 2> norm_kinds = {"rms", "layer"};
constexpr std::array<std::string_view, 4> activations = {"silu", "gelu-tanh", "gelu", "relu"};
constexpr std::array<std::string_view, 2> rope_styles = {"halves", "pairs"};
constexpr std::array<std::string_view, 2> layer_kinds = {"attention", "stateSpace"};

Norm read_norm(const Fields& fields) {
  Norm norm;
  norm.kind = static_cast<NormKind>(fields.choice("kind", norm_kinds));
  norm.epsilon = fields.finite("epsilon");
  norm.weight = fields.floats("weight");
  if (norm.weight.empty()) fields.refuse_field("weight", "a norm needs one.");
  norm.bias = fields.floats("bias");
  return norm;
}

std::optional<Norm> read_optional_norm(const Fields& fields, const char* key) {
  if (!fields.has(key)) return std::nullopt;
  return read_norm(fields.object(key));
}

std::optional<float> read_optional_number(const Fields& fields, const char* key) {
  if (!fields.has(key)) return std::nullopt;
  return fields.finite(key);
}

class Reader {
 public:
  explicit Reader(const MatrixLookup& matrices) : matrices_(matrices) {}

  Linear linear(const Fields& fields) const {
    return {matrices_(fields, "matrix"), fields.floats("bias"), fields.integers("columnOrder")};
  }
  Linear linear(const Fields& fields, const char* key) const { return linear(fields.object(key)); }
  std::optional<Linear> optional_linear(const Fields& fields, const char* key) const {
    if (!fields.has(key)) return std::nullopt;
    return linear(fields, key);
  }

  Layer layer(const Fields& fields) const {
    if (fields.choice("kind", layer_kinds) == 0) return attention_layer(fields);
    return state_space_layer(fields);
  }

 private:
  AttentionLayer attention_layer(const Fields& fields) const {
    AttentionLayer layer;
    layer.attention_input = read_optional_norm(fields, "attentionInput");
    layer.attention_output = read_optional_norm(fields, "attentionOutput");
    layer.attention_residual = read_optional_norm(fields, "attentionResidual");
    layer.feed_forward_input = read_optional_norm(fields, "feedForwardInput");
    layer.feed_forward_output = read_optional_norm(fields, "feedForwardOutput");
    layer.feed_forward_residual = read_optional_norm(fields, "feedForwardResidual");
    layer.shape.heads = fields.integer("heads");
    layer.shape.kv_heads = fields.integer("keyValueHeads");
    layer.shape.head_dimension = fields.integer("headDimension");
    layer.shape.scale = fields.finite("scale");
    if (fields.has("window")) layer.shape.window = fields.integer("window");
    layer.shape.softcap = read_optional_number(fields, "softcap");
    if (fields.has("rope")) layer.rope = fields.integer("rope");
    layer.query = linear(fields, "query");
    layer.key = linear(fields, "key");
    layer.value = linear(fields, "value");
    layer.output = linear(fields, "output");
    layer.query_norm = read_optional_norm(fields, "queryNorm");
    layer.key_norm = read_optional_norm(fields, "keyNorm");
    layer.norms_per_head = fields.flag("normsPerHead");
    layer.clip = read_optional_number(fields, "clip");
    feed_forward(fields.object("feedForward"), layer);
    return layer;
  }

  void feed_forward(const Fields& fields, AttentionLayer& layer) const {
    layer.activation = static_cast<Activation>(fields.choice("activation", activations));
    layer.gated = fields.flag("gated");
    if (!fields.has("experts")) {
      if (layer.gated) layer.gate = linear(fields, "gate");
      layer.up = linear(fields, "up");
      layer.down = linear(fields, "down");
      return;
    }
    layer.router = linear(fields, "router");
    layer.experts_used = fields.integer("used");
    layer.normalize_chosen = fields.flag("normalizeChosen");
    for (const Fields& expert : fields.objects("experts")) {
      layer.experts.push_back({linear(expert, "gate"), linear(expert, "up"), linear(expert, "down")});
    }
    if (layer.experts.empty()) fields.refuse_field("experts", "there are none.");
  }

  StateSpaceLayer state_space_layer(const Fields& fields) const {
    StateSpaceLayer layer;
    layer.version = fields.integer("version");
    layer.norm = read_norm(fields.object("norm"));
    layer.inner_size = fields.integer("innerSize");
    layer.state_size = fields.integer("stateSize");
    layer.convolution = fields.integer("convolution");
    layer.time_step_rank = fields.integer("timeStepRank");
    layer.heads = fields.integer("heads");
    layer.groups = fields.integer("groups");
    layer.gate_norm_groups = fields.integer("gateNormGroups");
    if (fields.has("timeStepLimit")) {
      const Fields limit = fields.object("timeStepLimit");
      // The maximum may be infinite.
      layer.time_step_limit = {static_cast<float>(limit.number("minimum")), static_cast<float>(limit.number("maximum"))};
    }
    layer.in = linear(fields, "in");
    layer.out = linear(fields, "out");
    if (layer.version == 1) {
      layer.x = linear(fields, "x");
      layer.time_step = linear(fields, "timeStep");
    }
    layer.convolution_weight = fields.floats("convolutionWeight");
    layer.convolution_bias = fields.floats("convolutionBias");
    layer.a = fields.floats("a");
    layer.d = fields.floats("d");
    layer.time_step_bias = fields.floats("timeStepBias");
    layer.gate_norm = read_optional_norm(fields, "gateNorm");
    return layer;
  }

  const MatrixLookup& matrices_;
};

LearnedPositions read_positions(const Fields& fields) { return {fields.integer("offset"), fields.integer("rows"), fields.floats("table")}; }

}  // namespace

Model read_model(const Fields& fields, const MatrixLookup& matrices) {
  const Reader reader(matrices);
  Model model;
  model.hidden_size = fields.integer("hiddenSize");
  model.vocabulary_size = fields.integer("vocabularySize");
  model.embedding_size = fields.integer("embeddingSize");
  model.embedding_scale = fields.finite("embeddingScale");
  model.embedding = matrices(fields, "embedding");
  model.embedding_in = reader.optional_linear(fields, "embeddingIn");
  model.embedding_out = reader.optional_linear(fields, "embeddingOut");
  if (fields.has("learnedPositions")) model.learned_positions = read_positions(fields.object("learnedPositions"));
  for (const Fields& layer : fields.objects("layers")) model.layers.push_back(reader.layer(layer));
  model.final_norm = read_optional_norm(fields, "finalNorm");
  model.head = reader.linear(fields, "head");
  model.head_softcap = read_optional_number(fields, "headSoftcap");
  model.head_scale = fields.finite("headScale");
  return model;
}

std::vector<Rope> read_ropes(const Fields& fields) {
  std::vector<Rope> ropes;
  for (const Fields& each : fields.objects("ropes")) {
    Rope& rope = ropes.emplace_back();
    rope.dimensions = each.integer("dimensions");
    rope.style = static_cast<RopeStyle>(each.choice("style", rope_styles));
    rope.inverse_frequencies = each.doubles("inverse");
    rope.magnitude = each.number("magnitude");
    rope.sections = each.integers("sections");
  }
  return ropes;
}

}  // namespace retort::binding
