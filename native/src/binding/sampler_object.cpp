#include "sampler_object.h"

#include <vector>

#include "arguments.h"

namespace retort::binding {
namespace {

std::vector<TokenBias> read_bias(const Napi::Object& object) {
  const auto ids_value = object.Get("biasIds");
  const auto values_value = object.Get("biasValues");
  const auto ids = int32_elements(ids_value, "biasIds");
  const auto values = float32_elements(values_value, "biasValues");
  if (ids.size() != values.size()) refuse(object.Env(), "[arguments] biasIds and biasValues differ in length.");
  std::vector<TokenBias> bias;
  bias.reserve(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) bias.push_back({ids[i], static_cast<double>(values[i])});
  return bias;
}

SamplingParameters read_parameters(const Napi::Value& value) {
  if (!value.IsObject()) refuse(value.Env(), "[arguments] parameters: expected an object.");
  const auto object = value.As<Napi::Object>();
  const auto number_of = [&](const char* name) { return number(object.Get(name), name); };
  const auto integer_of = [&](const char* name) { return integer(object.Get(name), name); };
  SamplingParameters parameters;
  parameters.temperature = number_of("temperature");
  parameters.top_k = integer_of("topK");
  parameters.top_p = number_of("topP");
  parameters.min_p = number_of("minP");
  parameters.repetition_penalty = number_of("repetitionPenalty");
  parameters.presence_penalty = number_of("presencePenalty");
  parameters.frequency_penalty = number_of("frequencyPenalty");
  parameters.penalty_window = integer_of("penaltyWindow");
  parameters.top_log_probabilities = integer_of("topLogProbabilities");
  parameters.bias = read_bias(object);
  return parameters;
}

SamplingInput read_input(const Napi::CallbackInfo& info) {
  SamplingInput input;
  input.logits = float32_elements(info[0], "logits");
  input.history = int32_elements(info[1], "history");
  if (!info[2].IsNull()) input.allowed = uint32_elements(info[2], "allowed");
  return input;
}

Napi::Object drawn_token(Napi::Env env, const Draw& draw) {
  auto ids = Napi::Int32Array::New(env, draw.top.size());
  auto log_probabilities = Napi::Float64Array::New(env, draw.top.size());
  for (std::size_t i = 0; i < draw.top.size(); ++i) {
    ids[i] = draw.top[i].id;
    log_probabilities[i] = draw.top[i].log_probability;
  }
  auto token = Napi::Object::New(env);
  token.Set("id", draw.id);
  token.Set("logProbability", draw.log_probability);
  token.Set("probability", draw.probability);
  token.Set("topIds", ids);
  token.Set("topLogProbabilities", log_probabilities);
  return token;
}

}  // namespace

Napi::Function SamplerObject::define(Napi::Env env) {
  return DefineClass(env, "Sampler",
                     {InstanceMethod<&SamplerObject::sample>("sample"),
                      InstanceMethod<&SamplerObject::probabilities>("probabilities"),
                      InstanceMethod<&SamplerObject::get_state>("getState"),
                      InstanceMethod<&SamplerObject::set_state>("setState")});
}

SamplerObject::SamplerObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<SamplerObject>(info) {
  guarded(info.Env(), [&] {
    SamplingParameters parameters = read_parameters(info[0]);
    sampler_ = std::make_unique<Sampler>(std::move(parameters), unsigned64(info[1], "seed"));
  });
}

Napi::Value SamplerObject::sample(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return drawn_token(info.Env(), sampler_->sample(read_input(info)));
  });
}

Napi::Value SamplerObject::probabilities(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const SamplingInput input = read_input(info);
    auto out = Napi::Float64Array::New(info.Env(), input.logits.size());
    sampler_->probabilities(input, {out.Data(), out.ElementLength()});
    return out;
  });
}

Napi::Value SamplerObject::get_state(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Pcg32::State state = sampler_->generator().state();
    auto pair = Napi::Array::New(info.Env(), 2);
    pair.Set(0U, Napi::BigInt::New(info.Env(), state.state));
    pair.Set(1U, Napi::BigInt::New(info.Env(), state.increment));
    return pair;
  });
}

Napi::Value SamplerObject::set_state(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (!info[0].IsArray()) refuse(info.Env(), "[arguments] state: expected an array of two BigInts.");
    const auto pair = info[0].As<Napi::Array>();
    const std::uint64_t state = unsigned64(pair.Get(0U), "state[0]");
    sampler_->generator().set_state({state, unsigned64(pair.Get(1U), "state[1]")});
    return info.Env().Undefined();
  });
}

}  // namespace retort::binding
