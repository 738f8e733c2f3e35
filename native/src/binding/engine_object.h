// The JavaScript class `NativeEngine`: packs matrices one by one, then takes a model that names them by number. Its sessions share it.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "fields.h"
#include "retort/model.h"
#include "work.h"

namespace retort::binding {

struct SessionHandle;

// Outlives the JavaScript object while work or sessions need it.
struct EngineHandle {
  EngineContext context;
  std::shared_ptr<Slabs> slabs = weight_slabs();
  // Null: released.
  std::vector<std::shared_ptr<const Matrix>> matrices;
  std::size_t held = 0;
  std::shared_ptr<const Model> model;
  std::vector<std::weak_ptr<SessionHandle>> sessions;
  std::shared_ptr<WorkQueue> queue = std::make_shared<WorkQueue>();
  bool closed = false;
};

class EngineObject : public Napi::ObjectWrap<EngineObject> {
 public:
  static Napi::Function define(Napi::Env env);
  // The engine behind a value. Throws a JavaScript error where it is none or closed.
  static std::shared_ptr<EngineHandle> handle_of(const Napi::Value& value);

  explicit EngineObject(const Napi::CallbackInfo& info);

 private:
  Napi::Value pack(const Napi::CallbackInfo& info);
  Napi::Value matrix_layout(const Napi::CallbackInfo& info);
  Napi::Value copy_groups(const Napi::CallbackInfo& info);
  Napi::Value release(const Napi::CallbackInfo& info);
  Napi::Value set_model(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  Napi::Value kernels(const Napi::CallbackInfo& info);

  std::shared_ptr<EngineHandle> open_handle(Napi::Env env) const;
  // The place of a packed matrix that was not released.
  std::shared_ptr<const Matrix>& matrix_of(const Napi::Value& number) const;

  std::shared_ptr<EngineHandle> handle_;
};

}  // namespace retort::binding
