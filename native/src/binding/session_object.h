// The JavaScript class `NativeSession`: a session of an engine, or a fork of another one. `evaluate` runs on another thread, one call at a time.
#pragma once

#include <napi.h>

#include <atomic>
#include <memory>

#include "retort/model.h"

namespace retort::binding {

struct EngineHandle;

// Outlives the JavaScript object while a call runs.
struct SessionHandle {
  std::shared_ptr<EngineHandle> engine;
  // Null once closed.
  std::shared_ptr<Session> session;
  std::atomic<bool> cancelled = false;
  bool running = false;

  // A call that runs keeps what it needs and ends soon.
  void close();
};

class SessionObject : public Napi::ObjectWrap<SessionObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit SessionObject(const Napi::CallbackInfo& info);

 private:
  Napi::Value evaluate(const Napi::CallbackInfo& info);
  Napi::Value cancel(const Napi::CallbackInfo& info);
  Napi::Value truncate(const Napi::CallbackInfo& info);
  Napi::Value cache_norms(const Napi::CallbackInfo& info);
  Napi::Value save(const Napi::CallbackInfo& info);
  Napi::Value restore(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  Napi::Value length(const Napi::CallbackInfo& info);
  Napi::Value kv_bytes(const Napi::CallbackInfo& info);

  // Throws a JavaScript error where the session is closed or computing.
  Session& idle_session(Napi::Env env) const;

  std::shared_ptr<SessionHandle> handle_;
};

}  // namespace retort::binding
