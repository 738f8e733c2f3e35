// Which kernel sets this processor runs, and how quick each is.
#pragma once

#include <napi.h>

namespace retort::binding {

// () → names, the widest first.
Napi::Value kernel_sets(const Napi::CallbackInfo& info);
// (names) → a promise of { kernels, decodeSeconds, prefillSeconds } for each, measured on a thread of libuv's.
Napi::Value measure_kernel_sets(const Napi::CallbackInfo& info);

}  // namespace retort::binding
