// What retort.node exports; electron/engine/native/addon.ts declares the same for TypeScript. Several threads may load it: nothing is
// global, and every object belongs to the environment that made it.
#include <napi.h>

#include "arguments.h"
#include "checksum_function.h"
#include "disk_functions.h"
#include "engine_object.h"
#include "heap_function.h"
#include "kernel_functions.h"
#include "lock_function.h"
#include "matrix_function.h"
#include "quantize_function.h"
#include "retort/status.h"
#include "row_functions.h"
#include "sampler_object.h"
#include "session_object.h"

namespace retort::binding {
namespace {

Napi::Array status_code_names(Napi::Env env) {
  auto names = Napi::Array::New(env, status_codes.size());
  for (std::uint32_t i = 0; i < status_codes.size(); ++i) names.Set(i, Napi::String::New(env, std::string(status_codes[i])));
  return names;
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  exports.Set("version", RETORT_VERSION);
  exports.Set("statusCodes", status_code_names(env));
  exports.Set("Sampler", SamplerObject::define(env));
  exports.Set("NativeEngine", EngineObject::define(env));
  exports.Set("NativeSession", SessionObject::define(env));
  exports.Set("NativeCancellation", CancellationObject::define(env));
  exports.Set("kernelSets", Napi::Function::New<kernel_sets>(env, "kernelSets"));
  exports.Set("measureKernelSets", Napi::Function::New<measure_kernel_sets>(env, "measureKernelSets"));
  exports.Set("measureDisk", Napi::Function::New<measure_disk_curve>(env, "measureDisk"));
  exports.Set("replayReads", Napi::Function::New<replay_recorded_reads>(env, "replayReads"));
  exports.Set("scoreRows", Napi::Function::New<score_matrices>(env, "scoreRows"));
  exports.Set("crc32c", Napi::Function::New<checksum>(env, "crc32c"));
  exports.Set("releaseHeapPages", Napi::Function::New<release_pages>(env, "releaseHeapPages"));
  exports.Set("lockFile", Napi::Function::New<lock_open_file>(env, "lockFile"));
  exports.Set("quantizeRows", Napi::Function::New<quantize_rows>(env, "quantizeRows"));
  exports.Set("unpackGroups", Napi::Function::New<unpack_groups>(env, "unpackGroups"));
  return exports;
}

}  // namespace
}  // namespace retort::binding

static Napi::Object retort_initialise(Napi::Env env, Napi::Object exports) {
  return retort::binding::initialise(env, exports);
}

NODE_API_MODULE(retort, retort_initialise)
