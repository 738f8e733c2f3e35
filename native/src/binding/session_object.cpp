#include "session_object.h"

#include <algorithm>
#include <utility>

#include "engine_object.h"
#include "model_description.h"
#include "pack_description.h"

namespace retort::binding {
namespace {

constexpr napi_type_tag session_tag = {0x2b94'e6d1'07f3'4c2a, 0x9e58'a4c0'61bd'3f17};
// In the order of KvCodec.
constexpr std::array<std::string_view, 3> codecs = {"f32", "f16", "q8"};

// In the order of KvPart.
constexpr std::array<std::string_view, 2> parts = {"keys", "values"};

std::optional<std::int64_t> optional_number(const Fields& fields, const char* key) {
  return fields.has(key) ? std::optional(fields.whole_number(key)) : std::nullopt;
}

CacheView read_view(const Fields& fields) { return {optional_number(fields, "head"), optional_number(fields, "position")}; }

Napi::Array layer_rows(Napi::Env env, const std::vector<std::vector<float>>& layers) {
  auto array = Napi::Array::New(env, layers.size());
  for (std::uint32_t i = 0; i < layers.size(); ++i) array.Set(i, to_float32_array(env, layers[i]));
  return array;
}

// By JavaScript's own constructor: where memory is short it throws, while Node-API's function ends the process.
Napi::Float32Array new_logits(Napi::Env env, std::size_t rows, std::size_t vocabulary) {
  const auto make = env.Global().Get("Float32Array").As<Napi::Function>();
  try {
    const Napi::Value made = make.New({Napi::Number::New(env, static_cast<double>(rows * vocabulary))});
    if (made.IsTypedArray() && made.As<Napi::TypedArray>().TypedArrayType() == napi_float32_array) return made.As<Napi::Float32Array>();
  } catch (const Napi::Error&) {
    throw Failure(Status::out_of_memory, "[session] no memory for the logits of " + std::to_string(rows) + " rows of " + std::to_string(vocabulary) + ".");
  }
  throw Failure(Status::internal, "[session] Float32Array makes something else.");
}

// The request's own copies: JavaScript may change its arrays while the call runs.
struct Request {
  std::vector<std::int32_t> ids;
  std::vector<float> embeddings;
  std::vector<std::int32_t> positions;
  std::vector<std::int32_t> parents;
  std::vector<std::int32_t> rows;
  bool hidden = false;
  std::optional<CacheView> attention;
  std::int32_t part_tokens;
  // Made beforehand, so that the other thread writes where JavaScript reads.
  Napi::Reference<Napi::Float32Array> logits;
  std::span<float> logits_memory;
  EvaluateOutcome outcome;

  Request(const Fields& fields, Napi::Env env, std::int64_t vocabulary)
      : ids(fields.integers("ids")),
        embeddings(fields.floats("embeddings")),
        positions(fields.integers("positions")),
        parents(fields.integers("parents")),
        rows(fields.integers("rows")),
        hidden(fields.flag("hidden")),
        attention(fields.has("attention") ? std::optional(read_view(fields.object("attention"))) : std::nullopt),
        part_tokens(fields.has("partTokens") ? fields.integer("partTokens") : usual_part_tokens) {
    // More rows than tokens are refused later, as are logits of the wrong size.
    if (rows.size() > std::max(ids.size(), embeddings.size())) return;
    auto array = new_logits(env, rows.size(), static_cast<std::size_t>(vocabulary));
    logits = Napi::Persistent(array);
    logits_memory = std::span(array.Data(), array.ElementLength());
  }
};

Napi::Array hidden_states(Napi::Env env, const std::vector<EvaluateOutcome::Hidden>& states) {
  auto array = Napi::Array::New(env, states.size());
  for (std::uint32_t i = 0; i < states.size(); ++i) {
    const auto& state = states[i];
    auto shape = Napi::Array::New(env, state.shape.size());
    for (std::uint32_t axis = 0; axis < state.shape.size(); ++axis) shape.Set(axis, static_cast<double>(state.shape[axis]));
    auto object = Napi::Object::New(env);
    object.Set("name", state.name);
    object.Set("shape", shape);
    if (state.integers.empty()) {
      object.Set("data", to_float32_array(env, state.floats));
    } else {
      object.Set("data", to_int32_array(env, state.integers));
    }
    array.Set(i, object);
  }
  return array;
}

Napi::Value result_of(Napi::Env env, const Request& request) {
  const EvaluateOutcome& outcome = request.outcome;
  auto result = Napi::Object::New(env);
  result.Set("logits", request.logits.Value());
  result.Set("attentionNs", static_cast<double>(outcome.times.attention_ns));
  result.Set("feedForwardNs", static_cast<double>(outcome.times.feed_forward_ns));
  result.Set("headNs", static_cast<double>(outcome.times.head_ns));
  result.Set("otherNs", static_cast<double>(outcome.times.other_ns));
  result.Set("bytesTouched", static_cast<double>(outcome.bytes_touched));
  result.Set("hidden", hidden_states(env, outcome.hidden));
  result.Set("attention", layer_rows(env, outcome.attention));
  if (outcome.flash) result.Set("flash", flash_counts(env, *outcome.flash));
  return result;
}

std::shared_ptr<SessionHandle> new_session(const Napi::Value& engine_value, const Napi::Value& options) {
  const Fields fields(options, "options");
  const std::int64_t context = fields.whole_number("context");
  const auto codec = static_cast<KvCodec>(fields.choice("kvCodec", codecs));
  std::vector<Rope> ropes = read_ropes(fields);
  const auto engine = EngineObject::handle_of(engine_value);
  if (!engine->model) refuse(options.Env(), "[engine] it has no model yet.");
  auto handle = std::make_shared<SessionHandle>();
  handle->engine = engine;
  handle->session = std::make_shared<Session>(engine->model, engine->context, std::move(ropes), codec, context);
  return handle;
}

std::shared_ptr<SessionHandle> forked(const SessionHandle& other, const Session& session) {
  auto handle = std::make_shared<SessionHandle>();
  handle->engine = other.engine;
  handle->session = session.fork();
  return handle;
}

// Sessions that are gone make room.
void remember(EngineHandle& engine, const std::shared_ptr<SessionHandle>& handle) {
  std::erase_if(engine.sessions, [](const auto& weak) { return weak.expired(); });
  engine.sessions.push_back(handle);
}

}  // namespace

void SessionHandle::close() {
  cancelled = true;
  session.reset();
}

Napi::Function SessionObject::define(Napi::Env env) {
  return DefineClass(env, "NativeSession",
                     {InstanceMethod<&SessionObject::evaluate>("evaluate"), InstanceMethod<&SessionObject::cancel>("cancel"),
                      InstanceMethod<&SessionObject::truncate>("truncate"), InstanceMethod<&SessionObject::cache_norms>("cacheNorms"),
                      InstanceMethod<&SessionObject::save>("save"),
                      InstanceMethod<&SessionObject::restore>("restore"), InstanceMethod<&SessionObject::close>("close"),
                      InstanceAccessor<&SessionObject::length>("length"), InstanceAccessor<&SessionObject::kv_bytes>("kvBytes")});
}

SessionObject::SessionObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<SessionObject>(info) {
  guarded(info.Env(), [&] {
    std::shared_ptr<SessionHandle> handle;
    if (info[0].IsObject() && info[0].As<Napi::Object>().CheckTypeTag(&session_tag)) {
      const SessionObject& other = *Unwrap(info[0].As<Napi::Object>());
      handle = forked(*other.handle_, other.idle_session(info.Env()));
    } else {
      handle = new_session(info[0], info[1]);
    }
    remember(*handle->engine, handle);
    info.This().As<Napi::Object>().TypeTag(&session_tag);
    handle_ = std::move(handle);
  });
}

Session& SessionObject::idle_session(Napi::Env env) const {
  if (!handle_->session) refuse(env, "[session] it was closed.");
  if (handle_->running) refuse(env, "[session] it is computing.");
  return *handle_->session;
}

Napi::Value SessionObject::evaluate(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    idle_session(info.Env());
    const auto handle = handle_;
    const auto request = std::make_shared<Request>(Fields(info[0], "input"), info.Env(), handle->engine->model->vocabulary_size);
    // A getter of the input may have closed the session, or begun to compute.
    idle_session(info.Env());
    handle->cancelled = false;
    const Napi::Promise promise = Work::start(
        info.Env(), handle->engine->queue,
        [request, handle, session = handle->session] {
          const EvaluateRequest view{request->ids, request->embeddings, request->positions, request->parents, request->rows, request->logits_memory, request->hidden,
                                     request->attention, request->part_tokens};
          request->outcome = session->evaluate(view, handle->cancelled);
        },
        [request](Napi::Env env) { return result_of(env, *request); }, [handle] { handle->running = false; });
    handle->running = true;
    return promise;
  });
}

Napi::Value SessionObject::cancel(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    handle_->cancelled = true;
    return info.Env().Undefined();
  });
}

Napi::Value SessionObject::truncate(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const std::int64_t length = whole_number(info[0], "length");
    idle_session(info.Env()).truncate(length);
    return info.Env().Undefined();
  });
}

Napi::Value SessionObject::cache_norms(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Fields fields(info[0], "view");
    const auto part = static_cast<KvPart>(fields.choice("part", parts));
    const CacheView view = read_view(fields);
    idle_session(info.Env());
    const auto handle = handle_;
    const auto rows = std::make_shared<std::vector<std::vector<float>>>();
    const Napi::Promise promise = Work::start(
        info.Env(), handle->engine->queue, [rows, part, view, session = handle->session] { *rows = session->cache_norms(part, view); },
        [rows](Napi::Env env) { return layer_rows(env, *rows); }, [handle] { handle->running = false; });
    handle->running = true;
    return promise;
  });
}

Napi::Value SessionObject::save(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const std::vector<std::byte> bytes = idle_session(info.Env()).save();
    return to_uint8_array(info.Env(), {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  });
}

Napi::Value SessionObject::restore(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto bytes = uint8_elements(info[0], "saved");
    idle_session(info.Env()).restore(std::as_bytes(bytes));
    return info.Env().Undefined();
  });
}

Napi::Value SessionObject::close(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    handle_->close();
    return info.Env().Undefined();
  });
}

Napi::Value SessionObject::length(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value { return Napi::Number::New(info.Env(), static_cast<double>(idle_session(info.Env()).length())); });
}

Napi::Value SessionObject::kv_bytes(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value { return Napi::Number::New(info.Env(), static_cast<double>(idle_session(info.Env()).kv_bytes())); });
}

}  // namespace retort::binding
