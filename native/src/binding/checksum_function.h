// The JavaScript function crc32c: store/crc32c.h.
#pragma once

#include <napi.h>

namespace retort::binding {

// (bytes, seed): the checksum as a whole number below 2^32.
Napi::Value checksum(const Napi::CallbackInfo& info);

}  // namespace retort::binding
