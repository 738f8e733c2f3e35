// The JavaScript class `NativeEngine`: packs matrices one by one, or finds them in a pack, then takes a model that names them by number. Its sessions share it.
#pragma once

#include <napi.h>

#include <atomic>
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
  // What is being read into memory stops.
  std::atomic<bool> is_closing = false;
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
  Napi::Value open_pack(const Napi::CallbackInfo& info);
  Napi::Value place(const Napi::CallbackInfo& info);
  Napi::Value read_record(const Napi::CallbackInfo& info);
  Napi::Value set_weight_budget(const Napi::CallbackInfo& info);
  Napi::Value flash_state(const Napi::CallbackInfo& info);
  Napi::Value take_reads(const Napi::CallbackInfo& info);
  Napi::Value set_model(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  Napi::Value kernels(const Napi::CallbackInfo& info);

  std::shared_ptr<EngineHandle> open_handle(Napi::Env env) const;
  // Of the pack that was opened. Throws a JavaScript error where there is none.
  std::shared_ptr<FlashStore> store_of(Napi::Env env) const;
  // The place of a packed matrix that was not released.
  std::shared_ptr<const Matrix>& matrix_of(const Napi::Value& number) const;

  std::shared_ptr<EngineHandle> handle_;
};

}  // namespace retort::binding
