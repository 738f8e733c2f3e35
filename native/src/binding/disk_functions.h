// How fast a disk gives a file's bytes, in general and by given reads, and the way to stop work that is under way.
#pragma once

#include <napi.h>

#include <atomic>
#include <memory>

namespace retort::binding {

// The JavaScript class `NativeCancellation`: what it is given to ends soon after `cancel`, or at once where that was called before.
class CancellationObject : public Napi::ObjectWrap<CancellationObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit CancellationObject(const Napi::CallbackInfo& info);

  // Throws a JavaScript error for anything else; a new one that nobody cancels for undefined.
  static std::shared_ptr<const std::atomic<bool>> flag_of(const Napi::Value& value);

 private:
  Napi::Value cancel(const Napi::CallbackInfo& info);

  std::shared_ptr<std::atomic<bool>> flag_ = std::make_shared<std::atomic<bool>>(false);
};

// ({ path, fileBytes, sizes, depths, bytesPerPoint }, cancellation?) → a promise of a Float64Array, measured on a thread of libuv's.
Napi::Value measure_disk_curve(const Napi::CallbackInfo& info);

// ({ path, fileBytes, offsets, bytes, pending, depth }, cancellation?) → a promise of seconds: reads made again as they were begun before.
Napi::Value replay_recorded_reads(const Napi::CallbackInfo& info);

}  // namespace retort::binding
