#include <algorithm>
#include <cstring>
#include <utility>

#include "cache_view.h"
#include "check.h"
#include "layers.h"
#include "retort/kv_cache.h"
#include "retort/model.h"
#include "retort/status.h"
#include "rows.h"
#include "saved_session.h"
#include "store/flash_store.h"

namespace retort {
namespace {

std::vector<KvLayerShape> kv_layers_of(const Model& model) {
  std::vector<KvLayerShape> shapes;
  for (const Layer& layer : model.layers) {
    if (const auto* attention = std::get_if<AttentionLayer>(&layer)) shapes.push_back({attention->shape.kv_heads, attention->shape.head_dimension});
  }
  return shapes;
}

std::size_t recurrent_size_of(const Model& model) {
  std::int64_t size = 0;
  for (const Layer& layer : model.layers) {
    if (const auto* recurrent = std::get_if<StateSpaceLayer>(&layer)) size += state_size_of(*recurrent);
  }
  return static_cast<std::size_t>(size);
}

// Parents that name the token before are no tree.
bool is_chain(std::span<const std::int32_t> parents) {
  for (std::size_t i = 0; i < parents.size(); ++i) {
    if (parents[i] != static_cast<std::int32_t>(i) - 1) return false;
  }
  return true;
}

bool has_row_in(std::span<const std::int32_t> rows, std::int64_t first, std::int64_t count) {
  return std::ranges::any_of(rows, [&](std::int32_t row) { return row >= first && row < first + count; });
}

// Buffers of large parts live as long as their call.
class LargeParts {
 public:
  LargeParts(std::int32_t part_tokens, Scratch& scratch) : are_large_(part_tokens > usual_part_tokens), scratch_(scratch) {}
  ~LargeParts() {
    if (are_large_) scratch_ = Scratch{};
  }
  LargeParts(const LargeParts&) = delete;
  LargeParts& operator=(const LargeParts&) = delete;

 private:
  const bool are_large_;
  Scratch& scratch_;
};

// Recurrent states as they were at a length: what a session may go back to.
struct Snapshot {
  std::int64_t length = 0;
  std::vector<float> recurrent;
};

}  // namespace

struct Session::State {
  std::shared_ptr<const Model> model;
  EngineContext context;
  std::vector<Rope> ropes;
  std::int64_t capacity = 0;
  KvCodec codec = KvCodec::f16;
  std::int64_t length = 0;
  // Absent where no layer attends.
  std::optional<KvCache> cache;
  // What state-space layers keep, layer after layer.
  std::vector<float> recurrent;
  std::optional<Snapshot> snapshot;
  Scratch scratch;
  std::vector<RopeRows> rope_rows;

  std::optional<KvCache> empty_cache() const;
  void run_part(const EvaluateRequest& request, const Step& step, Machine& machine);
  void embed(const EvaluateRequest& request, const Step& step, Machine& machine);
  void run_layers(Step step, Machine& machine);
  void run_head(const EvaluateRequest& request, const Step& step, Machine& machine);
  std::span<const float> head_input(std::span<const float> rows, std::int64_t count, Machine& machine);
  void head(std::span<const float> input, std::int64_t count, std::span<float> logits, Machine& machine);
};

std::optional<KvCache> Session::State::empty_cache() const {
  auto layers = kv_layers_of(*model);
  if (layers.empty()) return std::nullopt;
  return KvCache(std::move(layers), codec, capacity);
}

// Rows of tokens or the caller's, projected where they are narrower than the stream, and learned positions.
void Session::State::embed(const EvaluateRequest& request, const Step& step, Machine& machine) {
  const Stopwatch watch(machine, machine.times.other_ns);
  const std::int64_t width = model->embedding_size;
  const auto rows = model->embedding_in ? room(scratch.normed, step.count * width) : step.stream;
  if (request.ids.empty()) {
    const auto given = request.embeddings.subspan(static_cast<std::size_t>(step.first * width), rows.size());
    std::copy(given.begin(), given.end(), rows.begin());
  } else {
    read_rows(*model->embedding, request.ids.subspan(static_cast<std::size_t>(step.first), static_cast<std::size_t>(step.count)), rows, machine.pool());
    if (model->embedding_scale != 1.0F) {
      for (float& value : rows) value *= model->embedding_scale;
    }
  }
  if (!request.ids.empty()) machine.bytes_touched += step.count * static_cast<std::int64_t>(model->embedding->bytes()) / model->vocabulary_size;
  if (model->embedding_in) machine.multiply(*model->embedding_in, rows, step.count, step.stream);
  if (!model->learned_positions) return;
  const LearnedPositions& learned = *model->learned_positions;
  for (std::int64_t token = 0; token < step.count; ++token) {
    const std::int64_t row = request.positions[static_cast<std::size_t>(step.first + token)] + learned.offset;
    add(row_of(step.stream, token, step.hidden_size), row_of(std::span(learned.table), row, step.hidden_size));
  }
}

void Session::State::run_layers(Step step, Machine& machine) {
  std::int64_t kv_layer = 0;
  std::size_t recurrent_start = 0;
  for (std::size_t index = 0; index < model->layers.size(); ++index) {
    machine.check_cancelled();
    const auto number = static_cast<std::int64_t>(index);
    step.following = index + 1 < model->layers.size() ? std::get_if<AttentionLayer>(&model->layers[index + 1]) : nullptr;
    if (const auto* attention = std::get_if<AttentionLayer>(&model->layers[index])) {
      run_layer(*attention, number, kv_layer++, *cache, step, machine, scratch);
    } else {
      const auto& layer = std::get<StateSpaceLayer>(model->layers[index]);
      const auto size = static_cast<std::size_t>(state_size_of(layer));
      run_layer(layer, std::span(recurrent).subspan(recurrent_start, size), step, machine, scratch);
      recurrent_start += size;
    }
    if (step.hidden != nullptr) {
      step.hidden->add("hidden.layer" + std::to_string(index), step.first, step.hidden_size, std::span<const float>(step.stream));
    }
  }
}

// Final norm and projection of rows of the stream: what enters the head.
std::span<const float> Session::State::head_input(std::span<const float> rows, std::int64_t count, Machine& machine) {
  const std::int64_t width = model->hidden_size;
  const auto normed_rows = room(scratch.head_rows, count * width);
  machine.each_row(count, width, [&](std::int64_t row) {
    const auto from = row_of(rows, row, width);
    const auto to = row_of(normed_rows, row, width);
    std::copy(from.begin(), from.end(), to.begin());
    if (model->final_norm) normalize(*model->final_norm, to.size(), to);
  });
  if (!model->embedding_out) return normed_rows;
  const auto projected = room(scratch.head_input, count * model->embedding_size);
  machine.multiply(*model->embedding_out, normed_rows, count, projected);
  return projected;
}

void Session::State::head(std::span<const float> input, std::int64_t count, std::span<float> logits, Machine& machine) {
  const std::int64_t width = model->vocabulary_size;
  machine.multiply(model->head, input, count, logits);
  if (model->head_scale == 1.0F && !model->head_softcap) return;
  machine.each_row(count, width, [&](std::int64_t row) {
    const auto values = row_of(logits, row, width);
    if (model->head_scale != 1.0F) {
      for (float& value : values) value *= model->head_scale;
    }
    if (model->head_softcap) soft_cap(values, *model->head_softcap);
  });
}

void Session::State::run_head(const EvaluateRequest& request, const Step& step, Machine& machine) {
  const Stopwatch watch(machine, machine.times.head_ns);
  const std::int64_t hidden = step.hidden_size;
  const std::int64_t vocabulary = model->vocabulary_size;
  if (step.hidden != nullptr) {
    step.hidden->add("hidden.head_input", step.first, model->embedding_out ? model->embedding_size : hidden, head_input(step.stream, step.count, machine));
  }
  const auto is_inside = [&](std::size_t target) { return request.rows[target] >= step.first && request.rows[target] < step.first + step.count; };
  // Chosen rows that follow each other in the result are computed together, straight into it.
  for (std::size_t start = 0; start < request.rows.size();) {
    std::size_t end = start;
    while (end < request.rows.size() && is_inside(end)) ++end;
    const auto count = static_cast<std::int64_t>(end - start);
    if (count == 0) {
      ++start;
      continue;
    }
    machine.check_cancelled();
    const auto chosen = room(scratch.head_output, count * hidden);
    for (std::size_t target = start; target < end; ++target) {
      const auto from = row_of(step.stream, request.rows[target] - step.first, hidden);
      std::copy(from.begin(), from.end(), row_of(chosen, static_cast<std::int64_t>(target - start), hidden).begin());
    }
    const auto logits = request.logits.subspan(start * static_cast<std::size_t>(vocabulary), static_cast<std::size_t>(count * vocabulary));
    head(head_input(chosen, count, machine), count, logits, machine);
    start = end;
  }
}

void Session::State::run_part(const EvaluateRequest& request, const Step& step, Machine& machine) {
  if (cache) cache->extend(request.positions.subspan(static_cast<std::size_t>(step.first), static_cast<std::size_t>(step.count)));
  embed(request, step, machine);
  if (step.hidden != nullptr) step.hidden->add("hidden.embed", step.first, step.hidden_size, std::span<const float>(step.stream));
  run_layers(step, machine);
  run_head(request, step, machine);
}

Session::Session(std::shared_ptr<const Model> model, EngineContext context, std::vector<Rope> ropes, KvCodec codec, std::int64_t capacity)
    : state_(std::make_unique<State>()) {
  if (capacity < 1) throw Failure(Status::bad_request, "[session] a session needs room for at least one position.");
  check_ropes(*model, ropes);
  state_->model = std::move(model);
  state_->context = std::move(context);
  state_->rope_rows.resize(ropes.size());
  state_->ropes = std::move(ropes);
  state_->codec = codec;
  state_->capacity = capacity;
  state_->cache = state_->empty_cache();
  state_->recurrent.resize(recurrent_size_of(*state_->model));
}

Session::~Session() = default;

std::int64_t Session::length() const noexcept { return state_->length; }

std::size_t Session::kv_bytes() const noexcept {
  return (state_->cache ? state_->cache->bytes() : 0) + state_->recurrent.size() * sizeof(float);
}

EvaluateOutcome Session::evaluate(const EvaluateRequest& request, const std::atomic<bool>& cancelled) {
  State& state = *state_;
  const std::int64_t count = check_request(*state.model, request);
  if (state.length + count > state.capacity) {
    throw Failure(Status::context_full, "[session] " + std::to_string(count) + " tokens do not fit: " + std::to_string(state.length) + " of " +
                                            std::to_string(state.capacity) + " positions are used.");
  }
  const bool tree = !is_chain(request.parents);
  if (request.attention) {
    if (tree) throw Failure(Status::unsupported_feature, "[session] the attention of a tree is not shown.");
    check_view(*request.attention, state.length + count);
  }
  if (tree && !state.recurrent.empty()) throw Failure(Status::unsupported_feature, "[session] state-space layers evaluate no trees.");

  Machine machine(state.context, cancelled);
  FlashEvaluation flash(state.context.flash.get(), cancelled);
  EvaluateOutcome outcome;
  HiddenCollector hidden(count);
  Snapshot before{state.length, state.recurrent};
  const LargeParts large(request.part_tokens, state.scratch);
  try {
    const std::int64_t most = tree ? count : request.part_tokens;
    for (std::int64_t first = 0; first < count; first += most) {
      Step step;
      step.first = first;
      step.count = std::min(most, count - first);
      step.hidden_size = state.model->hidden_size;
      if (tree) step.parents = request.parents;
      step.stream = room(state.scratch.stream, step.count * step.hidden_size);
      step.ropes = state.ropes;
      for (std::size_t i = 0; i < state.ropes.size(); ++i) state.rope_rows[i].fill(state.ropes[i], request.positions, count, first, step.count);
      step.rope_rows = state.rope_rows;
      if (request.hidden) step.hidden = &hidden;
      if (request.attention && first + step.count == count) {
        step.view = &*request.attention;
        step.attention = &outcome.attention;
      }
      flash.begin_part(step.count, request.hidden || has_row_in(request.rows, first, step.count));
      state.run_part(request, step, machine);
      state.length += step.count;
    }
  } catch (...) {
    if (state.cache) state.cache->truncate(before.length);
    state.recurrent = std::move(before.recurrent);
    state.length = before.length;
    throw;
  }
  if (!state.recurrent.empty()) state.snapshot = std::move(before);
  outcome.times = machine.times;
  outcome.bytes_touched = machine.bytes_touched;
  outcome.hidden = hidden.finish();
  outcome.flash = flash.finish();
  return outcome;
}

std::vector<std::vector<float>> Session::cache_norms(KvPart part, const CacheView& view) const {
  check_view(view, state_->length);
  std::vector<std::vector<float>> norms;
  if (!state_->cache) return norms;
  const KvCache& cache = *state_->cache;
  const auto slots = static_cast<std::size_t>(cache.length());
  for (std::size_t layer = 0; layer < cache.layers().size(); ++layer) {
    const std::int64_t heads = cache.layers()[layer].kv_heads;
    std::vector<float> values(static_cast<std::size_t>(heads) * slots);
    state_->context.pool->parallel(heads, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t head = begin; head < end; ++head) {
        cache.norms(static_cast<std::int64_t>(layer), head, part, std::span(values).subspan(static_cast<std::size_t>(head) * slots, slots));
      }
    });
    norms.push_back(viewed(view, values, heads, cache.length()));
  }
  return norms;
}

void Session::truncate(std::int64_t length) {
  State& state = *state_;
  if (length < 0 || length > state.length) {
    throw Failure(Status::bad_request, "[session] cannot keep " + std::to_string(length) + " of " + std::to_string(state.length) + " positions.");
  }
  if (length == state.length) return;
  if (!state.recurrent.empty()) {
    if (length == 0) {
      std::fill(state.recurrent.begin(), state.recurrent.end(), 0.0F);
    } else if (state.snapshot && state.snapshot->length == length) {
      state.recurrent = state.snapshot->recurrent;
    } else {
      throw Failure(Status::unsupported_feature, "[session] state-space layers go back to before the last call or to the start only, not to " +
                                                     std::to_string(length) + " of " + std::to_string(state.length) + " positions.");
    }
    state.snapshot.reset();
  }
  if (state.cache) state.cache->truncate(length);
  state.length = length;
}

std::unique_ptr<Session> Session::fork() const {
  auto copy = std::make_unique<Session>(state_->model, state_->context, state_->ropes, state_->codec, state_->capacity);
  if (state_->cache) copy->state_->cache = state_->cache->fork();
  copy->state_->recurrent = state_->recurrent;
  copy->state_->snapshot = state_->snapshot;
  copy->state_->length = state_->length;
  return copy;
}

std::vector<std::byte> Session::save() const {
  SavedSession saved;
  saved.length = state_->length;
  if (state_->cache) saved.cache = state_->cache->save();
  saved.recurrent = state_->recurrent;
  return encode(saved);
}

void Session::restore(std::span<const std::byte> bytes) {
  State& state = *state_;
  SavedSession saved = decode(bytes);
  if (saved.length > state.capacity || saved.recurrent.size() != state.recurrent.size()) {
    throw Failure(Status::bad_file, "[session] the saved session does not fit this one.");
  }
  auto cache = state.empty_cache();
  if (cache) {
    cache->restore(saved.cache);
    if (cache->length() != saved.length) throw Failure(Status::bad_file, "[session] the saved cache has another length.");
  }
  state.cache = std::move(cache);
  state.recurrent = std::move(saved.recurrent);
  state.length = saved.length;
  state.snapshot.reset();
}

}  // namespace retort
