#include "kernel_functions.h"

#include <memory>
#include <string>
#include <vector>

#include "../kernels/measure.h"
#include "arguments.h"
#include "retort/matrix.h"
#include "work.h"

namespace retort::binding {
namespace {

constexpr std::uint32_t most_sets = 16;

std::vector<const KernelSet*> read_sets(const Napi::Value& value) {
  if (!value.IsArray()) refuse(value.Env(), "[arguments] names: expected an array.");
  const auto names = value.As<Napi::Array>();
  const std::uint32_t count = names.Length();
  if (count > most_sets) refuse(value.Env(), "[arguments] names: more than " + std::to_string(most_sets) + ".");
  std::vector<const KernelSet*> sets;
  for (std::uint32_t i = 0; i < count; ++i) {
    const Napi::Value name = names[i];
    if (!name.IsString()) refuse(value.Env(), "[arguments] names: expected strings.");
    sets.push_back(&kernel_set(name.As<Napi::String>().Utf8Value()));
  }
  return sets;
}

struct Measured {
  std::vector<const KernelSet*> sets;
  std::vector<KernelTime> times;
};

Napi::Value as_array(Napi::Env env, const Measured& measured) {
  auto result = Napi::Array::New(env, measured.sets.size());
  for (std::uint32_t i = 0; i < measured.sets.size(); ++i) {
    auto entry = Napi::Object::New(env);
    entry.Set("kernels", std::string(kernel_set_name(*measured.sets[i])));
    entry.Set("decodeSeconds", measured.times[i].decode);
    entry.Set("prefillSeconds", measured.times[i].prefill);
    result.Set(i, entry);
  }
  return result;
}

}  // namespace

Napi::Value kernel_sets(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto names = available_kernels();
    auto result = Napi::Array::New(info.Env(), names.size());
    for (std::uint32_t i = 0; i < names.size(); ++i) result.Set(i, std::string(names[i]));
    return result;
  });
}

Napi::Value measure_kernel_sets(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto measured = std::make_shared<Measured>();
    measured->sets = read_sets(info[0]);
    return Work::start(
        info.Env(), std::make_shared<WorkQueue>(), [measured] { measured->times = measure_kernels(measured->sets); },
        [measured](Napi::Env env) { return as_array(env, *measured); });
  });
}

}  // namespace retort::binding
