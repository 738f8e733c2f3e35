// For tests/electron: an addon of one function that shows V8 memory of its own and returns the status. Where V8 lives in a memory cage that is refused with
// napi_no_external_buffers_allowed, so the tests know that they ran inside one.
#include <node_api.h>

#include <cstdlib>

namespace {

napi_value show(napi_env env, napi_callback_info) {
  constexpr std::size_t bytes = 64;
  void* memory = std::malloc(bytes);
  napi_value buffer = nullptr;
  const auto release = [](napi_env, void* data, void*) { std::free(data); };
  const napi_status status = napi_create_external_arraybuffer(env, memory, bytes, release, nullptr, &buffer);
  if (status != napi_ok) std::free(memory);
  napi_value result = nullptr;
  return napi_create_int32(env, status, &result) == napi_ok ? result : nullptr;
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value function = nullptr;
  return napi_create_function(env, "show", NAPI_AUTO_LENGTH, show, nullptr, &function) == napi_ok ? function : exports;
}
