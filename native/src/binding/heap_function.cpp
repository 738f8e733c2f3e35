#include "heap_function.h"

#include "../memory/heap_pages.h"

namespace retort::binding {

void release_pages(const Napi::CallbackInfo&) { release_heap_pages(); }

}  // namespace retort::binding
