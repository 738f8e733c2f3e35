// The JavaScript function releaseHeapPages: memory/heap_pages.h.
#pragma once

#include <napi.h>

namespace retort::binding {

// (): undefined.
void release_pages(const Napi::CallbackInfo& info);

}  // namespace retort::binding
