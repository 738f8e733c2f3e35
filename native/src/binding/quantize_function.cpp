#include "quantize_function.h"

#include "arguments.h"
#include "retort/quantize.h"

namespace retort::binding {

namespace {

template <class Array>
auto elements_of(Array& array) {
  return std::span(array.Data(), array.ElementLength());
}

}  // namespace

Napi::Value quantize_rows(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const auto values = float32_elements(info[0], "values");
    const std::int64_t columns = whole_number(info[1], "columns");
    const RoundingRule rule{.bits = integer(info[2], "bits"), .block = whole_number(info[3], "block")};
    if (columns < 1 || rule.block < 1) refuse(env, "[arguments] columns and block: expected at least 1.");
    const bool has_zero_points = info[4].ToBoolean();
    const auto wide = static_cast<std::size_t>(columns);
    const std::size_t blocks = values.size() / wide * ((wide + static_cast<std::size_t>(rule.block) - 1) / static_cast<std::size_t>(rule.block));
    auto codes = Napi::Uint8Array::New(env, values.size());
    auto scales = Napi::Float32Array::New(env, blocks);
    auto zero_points = Napi::Uint8Array::New(env, has_zero_points ? blocks : 0);
    round_rows(values, columns, rule, {.codes = elements_of(codes), .scales = elements_of(scales), .zero_points = elements_of(zero_points)});
    auto result = Napi::Object::New(env);
    result.Set("codes", codes);
    result.Set("scales", scales);
    result.Set("zeroPoints", has_zero_points ? Napi::Value(zero_points) : env.Null());
    return result;
  });
}

}  // namespace retort::binding
