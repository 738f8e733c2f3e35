#include "checksum_function.h"

#include "../store/crc32c.h"
#include "arguments.h"

namespace retort::binding {

Napi::Value checksum(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const std::int64_t seed = whole_number(info[1], "seed");
    if (seed > 0xFFFF'FFFF) refuse(info.Env(), "[arguments] seed: expected a whole number below 2^32.");
    const auto bytes = uint8_elements(info[0], "bytes");
    return Napi::Number::New(info.Env(), crc32c(std::as_bytes(bytes), static_cast<std::uint32_t>(seed)));
  });
}

}  // namespace retort::binding
