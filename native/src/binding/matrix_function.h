// The JavaScript function unpackGroups: the plain meaning of a packed matrix's bytes (matrix/codes.h).
#pragma once

#include <napi.h>

namespace retort::binding {

// (layout, rows, columns, bytes): the values of that many rows, whose groups lie in `bytes`, as a Float32Array.
Napi::Value unpack_groups(const Napi::CallbackInfo& info);

}  // namespace retort::binding
