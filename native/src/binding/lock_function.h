// The JavaScript function lockFile: store/file_lock.h.
#pragma once

#include <napi.h>

namespace retort::binding {

// (descriptor): whether the open file is locked now.
Napi::Value lock_open_file(const Napi::CallbackInfo& info);

}  // namespace retort::binding
