// The JavaScript functions scoreRows and divergenceRows: retort/scoring.h applied to each row of a matrix.
#pragma once

#include <napi.h>

namespace retort::binding {

Napi::Value score_rows(const Napi::CallbackInfo& info);
Napi::Value divergence_rows(const Napi::CallbackInfo& info);

}  // namespace retort::binding
