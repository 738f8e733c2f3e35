// The JavaScript function scoreRows: retort/scoring.h applied to each row of matrices.
#pragma once

#include <napi.h>

namespace retort::binding {

Napi::Value score_matrices(const Napi::CallbackInfo& info);

}  // namespace retort::binding
