// Checked reading of JavaScript arguments and the way errors leave: every function here throws a JavaScript Error with a `code`.
#pragma once

#include <napi.h>

#include <cstdint>
#include <span>
#include <string>

#include "retort/status.h"

namespace retort::binding {

// A JavaScript Error whose `code` is the status' string.
Napi::Error coded_error(Napi::Env env, Status status, const std::string& message);

[[noreturn]] void refuse(Napi::Env env, const std::string& message);

// Runs a body and turns whatever C++ throws into a coded error; errors already in JavaScript's hands pass through.
template <class Body>
auto guarded(Napi::Env env, Body body) -> decltype(body()) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (const BudgetFailure& failure) {
    Napi::Error error = coded_error(env, failure.status(), failure.what());
    error.Set("minimumBytes", static_cast<double>(failure.minimum_bytes()));
    throw error;
  } catch (const Failure& failure) {
    throw coded_error(env, failure.status(), failure.what());
  } catch (const std::bad_alloc&) {
    throw coded_error(env, Status::out_of_memory, "[native] not enough memory.");
  } catch (const std::exception& error) {
    throw coded_error(env, Status::internal, std::string("[native] ") + error.what());
  } catch (...) {
    throw coded_error(env, Status::internal, "[native] an unknown exception.");
  }
}

// The elements of a typed array. They stay valid until JavaScript runs again. Shared memory is refused: another thread could change
// a number between its check and its use.
std::span<const float> float32_elements(const Napi::Value& value, const char* name);
std::span<const std::int32_t> int32_elements(const Napi::Value& value, const char* name);
std::span<const std::uint32_t> uint32_elements(const Napi::Value& value, const char* name);
std::span<const double> float64_elements(const Napi::Value& value, const char* name);
std::span<const std::uint8_t> uint8_elements(const Napi::Value& value, const char* name);

double number(const Napi::Value& value, const char* name);
std::int32_t integer(const Napi::Value& value, const char* name);
// A whole number from 0 to 2^53 − 1, e.g. an offset in a file.
std::int64_t whole_number(const Napi::Value& value, const char* name);
std::uint64_t unsigned64(const Napi::Value& value, const char* name);

// Copies into memory that JavaScript owns (external buffers are forbidden in Electron).
Napi::Float64Array to_float64_array(Napi::Env env, std::span<const double> values);
Napi::Float32Array to_float32_array(Napi::Env env, std::span<const float> values);
Napi::Int32Array to_int32_array(Napi::Env env, std::span<const std::int32_t> values);
Napi::Uint8Array to_uint8_array(Napi::Env env, std::span<const std::uint8_t> values);

}  // namespace retort::binding
