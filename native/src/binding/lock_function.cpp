#include "lock_function.h"

#include "../store/file_lock.h"
#include "arguments.h"

namespace retort::binding {

Napi::Value lock_open_file(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value { return Napi::Boolean::New(info.Env(), lock_file(integer(info[0], "descriptor"))); });
}

}  // namespace retort::binding
