// The steps before temperature: mask, bias, penalties. Logits become float64 here.
#pragma once

#include <cstdint>
#include <vector>

#include "retort/sampling.h"

namespace retort {

// Throws Failure: bad_request unless every parameter is within its limits.
void check_parameters(const SamplingParameters& parameters);

// Throws Failure: bad_request unless the ids of history and bias are in the vocabulary.
void check_ids(const SamplingParameters& parameters, const SamplingInput& input);

// Whether the logits stay as the model gave them.
bool adjusts_nothing(const SamplingParameters& parameters, const SamplingInput& input);

// Fills `adjusted` (V); what cannot be drawn becomes −infinity. `counts` is scratch of V zeros, left as V zeros. Ids were checked.
// Throws Failure: bad_request (a mask of the wrong size or that allows nothing, a sum that overflows).
void adjust_logits(const SamplingParameters& parameters, const SamplingInput& input, std::vector<double>& adjusted,
                   std::vector<std::uint32_t>& counts);

}  // namespace retort
