// The JavaScript class `Sampler`: converts and forwards to retort::Sampler. One object belongs to the thread that made it.
#pragma once

#include <napi.h>

#include <memory>

#include "retort/sampling.h"

namespace retort::binding {

class SamplerObject : public Napi::ObjectWrap<SamplerObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit SamplerObject(const Napi::CallbackInfo& info);

 private:
  Napi::Value sample(const Napi::CallbackInfo& info);
  Napi::Value probabilities(const Napi::CallbackInfo& info);
  Napi::Value get_state(const Napi::CallbackInfo& info);
  Napi::Value set_state(const Napi::CallbackInfo& info);

  std::unique_ptr<Sampler> sampler_;
};

}  // namespace retort::binding
