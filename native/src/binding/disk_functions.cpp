#include "disk_functions.h"

#include <vector>

#include "../store/measure_disk.h"
#include "../store/replay_reads.h"
#include "arguments.h"
#include "fields.h"
#include "work.h"

namespace retort::binding {
namespace {

constexpr napi_type_tag cancellation_tag = {0x51c8'0b7e'9d24'4f6a, 0xa3f0'7c19'e85b'2d46};

struct Request {
  FileRange file;
  DiskPlan plan;
  std::vector<double> rates;
};

std::shared_ptr<Request> read_request(const Fields& fields) {
  const auto request = std::make_shared<Request>();
  request->file = whole_file(fields);
  for (const std::int32_t size : fields.integers("sizes")) {
    // What is below 0 becomes a size that is refused as too large.
    request->plan.sizes.push_back(static_cast<std::size_t>(size));
  }
  request->plan.depths = fields.integers("depths");
  request->plan.bytes_per_point = static_cast<std::uint64_t>(fields.whole_number("bytesPerPoint"));
  return request;
}

struct Replay {
  FileRange file;
  DirectFile::Options options;
  ReadLog reads;
  double seconds = 0;
};

std::shared_ptr<Replay> read_replay(const Fields& fields) {
  const auto replay = std::make_shared<Replay>();
  replay->file = whole_file(fields);
  replay->options.depth = fields.integer("depth");
  const auto offsets = fields.whole_numbers("offsets"), bytes = fields.whole_numbers("bytes");
  const auto pending = fields.integers("pending");
  if (bytes.size() != offsets.size() || pending.size() != offsets.size()) fields.refuse_field("offsets", "expected as many as bytes and pending.");
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    if (pending[i] < 0) fields.refuse_field("pending", "is below 0.");
    replay->reads.push_back({offsets[i], static_cast<std::size_t>(bytes[i]), static_cast<std::size_t>(pending[i])});
  }
  return replay;
}

}  // namespace

Napi::Function CancellationObject::define(Napi::Env env) {
  return DefineClass(env, "NativeCancellation", {InstanceMethod<&CancellationObject::cancel>("cancel")});
}

CancellationObject::CancellationObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<CancellationObject>(info) {
  guarded(info.Env(), [&] { info.This().As<Napi::Object>().TypeTag(&cancellation_tag); });
}

std::shared_ptr<const std::atomic<bool>> CancellationObject::flag_of(const Napi::Value& value) {
  if (value.IsUndefined()) return std::make_shared<std::atomic<bool>>(false);
  const bool is_one = value.IsObject() && value.As<Napi::Object>().CheckTypeTag(&cancellation_tag);
  if (!is_one) refuse(value.Env(), "[arguments] cancellation: expected a NativeCancellation.");
  return Unwrap(value.As<Napi::Object>())->flag_;
}

Napi::Value CancellationObject::cancel(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    *flag_ = true;
    return info.Env().Undefined();
  });
}

Napi::Value measure_disk_curve(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto request = read_request(Fields(info[0], "disk"));
    const auto cancelled = CancellationObject::flag_of(info[1]);
    return Work::start(
        info.Env(), std::make_shared<WorkQueue>(), [request, cancelled] { request->rates = measure_disk(request->file, request->plan, *cancelled); },
        [request](Napi::Env env) { return to_float64_array(env, request->rates); });
  });
}

Napi::Value replay_recorded_reads(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto replay = read_replay(Fields(info[0], "replay"));
    const auto cancelled = CancellationObject::flag_of(info[1]);
    return Work::start(
        info.Env(), std::make_shared<WorkQueue>(),
        [replay, cancelled] {
          DirectFile file(replay->file, replay->options);
          replay->seconds = replay_reads(file, replay->reads, *cancelled);
        },
        [replay](Napi::Env env) { return Napi::Number::New(env, replay->seconds); });
  });
}

}  // namespace retort::binding
