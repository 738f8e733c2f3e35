#include "arguments.h"

#include <algorithm>
#include <cmath>

namespace retort::binding {
namespace {

template <class Element>
std::span<const Element> elements(const Napi::Value& value, const char* name, napi_typedarray_type type,
                                  const char* type_name) {
  const Napi::Env env = value.Env();
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) {
    refuse(env, std::string("[arguments] ") + name + ": expected " + type_name + ".");
  }
  // Not ArrayBuffer(), which takes the buffer's kind for granted.
  napi_value buffer = nullptr;
  void* data = nullptr;
  std::size_t length = 0;
  if (napi_get_typedarray_info(env, value, nullptr, &length, &data, &buffer, nullptr) != napi_ok) {
    refuse(env, std::string("[arguments] ") + name + ": cannot be read.");
  }
  if (!Napi::Value(env, buffer).IsArrayBuffer()) {
    refuse(env, std::string("[arguments] ") + name + ": shared memory is not accepted.");
  }
  if (data == nullptr) return {};
  return {static_cast<const Element*>(data), length};
}

template <class Array, class Element>
Array copied(Napi::Env env, std::span<const Element> values) {
  Array array = Array::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

}  // namespace

Napi::Error coded_error(Napi::Env env, Status status, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, std::string(status_code(status))));
  return error;
}

void refuse(Napi::Env env, const std::string& message) { throw coded_error(env, Status::bad_request, message); }

std::span<const float> float32_elements(const Napi::Value& value, const char* name) {
  return elements<float>(value, name, napi_float32_array, "a Float32Array");
}

std::span<const std::int32_t> int32_elements(const Napi::Value& value, const char* name) {
  return elements<std::int32_t>(value, name, napi_int32_array, "an Int32Array");
}

std::span<const std::uint32_t> uint32_elements(const Napi::Value& value, const char* name) {
  return elements<std::uint32_t>(value, name, napi_uint32_array, "a Uint32Array");
}

std::span<const double> float64_elements(const Napi::Value& value, const char* name) {
  return elements<double>(value, name, napi_float64_array, "a Float64Array");
}

std::span<const std::uint8_t> uint8_elements(const Napi::Value& value, const char* name) {
  return elements<std::uint8_t>(value, name, napi_uint8_array, "a Uint8Array");
}

double number(const Napi::Value& value, const char* name) {
  if (!value.IsNumber()) refuse(value.Env(), std::string("[arguments] ") + name + ": expected a number.");
  return value.As<Napi::Number>().DoubleValue();
}

std::int32_t integer(const Napi::Value& value, const char* name) {
  const double read = number(value, name);
  if (!(std::fabs(read) <= 0x7fffffff) || read != std::floor(read)) {
    refuse(value.Env(), std::string("[arguments] ") + name + ": expected a 32-bit integer.");
  }
  return static_cast<std::int32_t>(read);
}

std::int64_t whole_number(const Napi::Value& value, const char* name) {
  const double read = number(value, name);
  if (!(read >= 0) || read > 9007199254740991.0 || read != std::floor(read)) {
    refuse(value.Env(), std::string("[arguments] ") + name + ": expected a whole number that is not negative.");
  }
  return static_cast<std::int64_t>(read);
}

std::uint64_t unsigned64(const Napi::Value& value, const char* name) {
  bool lossless = false;
  if (value.IsBigInt()) {
    const std::uint64_t read = value.As<Napi::BigInt>().Uint64Value(&lossless);
    if (lossless) return read;
  }
  refuse(value.Env(), std::string("[arguments] ") + name + ": expected a BigInt from 0 to 2^64 - 1.");
}

Napi::Float64Array to_float64_array(Napi::Env env, std::span<const double> values) {
  return copied<Napi::Float64Array>(env, values);
}

Napi::Float32Array to_float32_array(Napi::Env env, std::span<const float> values) {
  return copied<Napi::Float32Array>(env, values);
}

Napi::Int32Array to_int32_array(Napi::Env env, std::span<const std::int32_t> values) {
  return copied<Napi::Int32Array>(env, values);
}

Napi::Uint8Array to_uint8_array(Napi::Env env, std::span<const std::uint8_t> values) {
  return copied<Napi::Uint8Array>(env, values);
}

}  // namespace retort::binding
