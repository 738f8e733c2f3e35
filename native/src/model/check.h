// Every size a model, a session or a request names, checked before anything is computed from it: the blocks then index without looking.
#pragma once

#include <cstdint>
#include <span>

#include "retort/model.h"

namespace retort {

// All throw Failure: bad_request, naming the part.
void check_model(const Model& model);
// Ropes of a session against the layers that use them.
void check_ropes(const Model& model, std::span<const Rope> ropes);
// The number of new tokens. Throws also context_full where the model has no such position.
std::int64_t check_request(const Model& model, const EvaluateRequest& request);

}  // namespace retort
