// The JavaScript function quantizeRows: retort/quantize.h.
#pragma once

#include <napi.h>

namespace retort::binding {

// (values, columns, bits, block, hasZeroPoints): { codes, scales, zeroPoints }, zeroPoints null where there are none.
Napi::Value quantize_rows(const Napi::CallbackInfo& info);

}  // namespace retort::binding
