// A model as data: what models/families resolved, with weights packed for the kernels. No family name stands here; models/families/model-spec.ts says what each
// field means.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "retort/attention.h"
#include "retort/matrix.h"

namespace retort {

enum class NormKind : std::uint8_t { rms, layer };
enum class Activation : std::uint8_t { silu, gelu_tanh, gelu, relu };
enum class RopeStyle : std::uint8_t { halves, pairs };

// Weights of a norm; `weight` already holds the offset of files that store it minus one.
struct Norm {
  NormKind kind = NormKind::rms;
  float epsilon = 0;
  std::vector<float> weight;
  std::vector<float> bias;  // empty: none
};

struct Linear {
  std::shared_ptr<const Matrix> matrix;
  std::vector<float> bias;  // empty: none
  // Input column of each matrix column (GPTQ act-order); empty: in order.
  std::vector<std::int32_t> column_order;
};

// Frequencies are those of the session's context, factors divided in; cos and sin are multiplied by `magnitude`.
struct Rope {
  std::int32_t dimensions = 0;
  RopeStyle style = RopeStyle::halves;
  std::vector<double> inverse_frequencies;
  double magnitude = 1;
  // Frequencies per position axis; empty: one axis.
  std::vector<std::int32_t> sections;
};

struct AttentionLayer {
  std::optional<Norm> attention_input, attention_output, attention_residual;
  std::optional<Norm> feed_forward_input, feed_forward_output, feed_forward_residual;
  AttentionShape shape;
  std::optional<std::int32_t> rope;  // index into the session's ropes
  Linear query, key, value, output;
  std::optional<Norm> query_norm, key_norm;
  bool norms_per_head = true;  // else over the whole projection
  std::optional<float> clip;   // after the norms, before rope
  Activation activation = Activation::silu;
  bool gated = true;
  // Dense.
  Linear gate, up, down;
  // Experts; empty `experts` means dense.
  struct Expert {
    Linear gate, up, down;
  };
  Linear router;
  std::vector<Expert> experts;
  std::int32_t experts_used = 0;
  bool normalize_chosen = false;
};

struct StateSpaceLayer {
  std::int32_t version = 1;
  Norm norm;
  std::int32_t inner_size = 0, state_size = 0, convolution = 0, time_step_rank = 0, heads = 0, groups = 0, gate_norm_groups = 0;
  std::optional<std::pair<float, float>> time_step_limit;
  Linear in, x, time_step, out;
  std::vector<float> convolution_weight;  // [channels, convolution]
  std::vector<float> convolution_bias;    // empty: none
  std::vector<float> a;                   // −exp(a_log): version 1 [inner_size, state_size], version 2 [heads]
  std::vector<float> d;
  std::vector<float> time_step_bias;  // version 2
  std::optional<Norm> gate_norm;      // version 2
};

using Layer = std::variant<AttentionLayer, StateSpaceLayer>;

struct LearnedPositions {
  std::int32_t offset = 0;
  std::int32_t rows = 0;
  std::vector<float> table;  // [rows, hidden_size]
};

struct Model {
  std::int32_t hidden_size = 0;
  std::int32_t vocabulary_size = 0;
  std::int32_t embedding_size = 0;
  float embedding_scale = 1;
  std::shared_ptr<const Matrix> embedding;
  std::optional<Linear> embedding_in, embedding_out;
  std::optional<LearnedPositions> learned_positions;
  std::vector<Layer> layers;
  std::optional<Norm> final_norm;
  Linear head;  // the embedding's matrix where tied
  std::optional<float> head_softcap;
  float head_scale = 1;
};

// Reads weights that are not in memory (src/store/flash_store.h).
class FlashStore;

// What all sessions of an engine share.
struct EngineContext {
  Arithmetic arithmetic = Arithmetic::fast;
  const KernelSet* kernels = nullptr;
  std::shared_ptr<ThreadPool> pool;
  // Null: all weights are in memory.
  std::shared_ptr<FlashStore> flash = nullptr;
};

// What is asked of each layer's cache: of one head, or the mean of all, every slot; or of one slot every head.
struct CacheView {
  std::optional<std::int64_t> head;
  std::optional<std::int64_t> slot;
};

// Tokens computed at once: bounds the activations in memory.
inline constexpr std::int32_t usual_part_tokens = 256;
// More, each part of which reads weights that are not in memory once, and whose buffers are given back after the call.
inline constexpr std::int32_t most_part_tokens = 4096;

struct EvaluateRequest {
  std::span<const std::int32_t> ids;          // S, or empty where embeddings are given
  std::span<const float> embeddings;          // S × embedding_size
  std::span<const std::int32_t> positions;    // axes × S, axis-major; axes 1 or 3
  std::span<const std::int32_t> parents;      // S or empty
  std::span<const std::int32_t> rows;         // chosen rows, each below S
  std::span<float> logits;                    // rows × vocabulary_size, filled
  bool hidden = false;
  // Also what the last new token attends to. Not for trees.
  std::optional<CacheView> attention = std::nullopt;
  // usual_part_tokens to most_part_tokens; changes no bit of what comes out.
  std::int32_t part_tokens = usual_part_tokens;
};

struct StepTimes {
  std::int64_t attention_ns = 0, feed_forward_ns = 0, head_ns = 0, other_ns = 0;
};

// Of weights in a pack, by layer; the last is what is in none: token rows, the head. A hit is a record that was in memory, or one token row, a miss
// one that was read. What the budget keeps in memory and was not there yet is read first, and is a hit after that.
struct FlashCounts {
  std::vector<std::int64_t> bytes, reads, hits, misses;
  // Time the computing waited for reads.
  std::vector<std::int64_t> stall_ns;
  // Time with at least one read in flight, as far as seen: what of it was not waited for was read beside the computing. Not told by layer.
  std::int64_t busy_ns = 0;
  // Of the bytes: what was read ahead for a layer that did not need it.
  std::int64_t vain_bytes = 0;
  // Experts of a next layer that were guessed, and how many of them it chose.
  std::int64_t guesses = 0, right_guesses = 0;
};

struct EvaluateOutcome {
  StepTimes times;
  std::int64_t bytes_touched = 0;  // weights and KV used, from wherever they came
  // Where weights lie in a pack.
  std::optional<FlashCounts> flash;
  // Filled where asked: names as in the golden data ("hidden.layer0", "router.1.topk").
  struct Hidden {
    std::string name;
    std::vector<std::int64_t> shape;
    std::vector<float> floats;
    std::vector<std::int32_t> integers;
  };
  std::vector<Hidden> hidden;
  // Where asked, per layer with attention: shares of the slots, of query heads. A layer without the head has NaN.
  std::vector<std::vector<float>> attention;
};

// One sequence over a model. Not for two threads at once; forks are independent.
class Session {
 public:
  Session(std::shared_ptr<const Model> model, EngineContext context, std::vector<Rope> ropes, KvCodec codec, std::int64_t capacity);
  ~Session();

  std::int64_t length() const noexcept;
  std::size_t kv_bytes() const noexcept;
  // Throws Failure: bad_request, context_full (before computing), cancelled (checked every layer, and wherever a weight is read), invalid_numbers never (rows
  // are returned as they are); where weights lie in a pack also file_unreadable, bad_file and out_of_memory. On any failure the session is as before the call.
  EvaluateOutcome evaluate(const EvaluateRequest& request, const std::atomic<bool>& cancelled);
  // Throws bad_request; also unsupported_feature for a state-space model where `length` is neither 0 nor the present length and no snapshot of it is held.
  void truncate(std::int64_t length);
  // Norms of keys or values, per layer with attention, of KV heads. A layer without the head has NaN. Throws bad_request for a slot that is not held.
  std::vector<std::vector<float>> cache_norms(KvPart part, const CacheView& view) const;
  std::unique_ptr<Session> fork() const;
  std::vector<std::byte> save() const;
  void restore(std::span<const std::byte> saved);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace retort
