// From the plain objects of NativeModelDescription (electron/engine/native/addon.ts) to retort::Model and what belongs to a session of it.
#pragma once

#include <functional>
#include <memory>

#include "fields.h"
#include "retort/model.h"

namespace retort::binding {

// Gives the packed matrix of a number; throws a JavaScript error where there is none.
using MatrixLookup = std::function<std::shared_ptr<const Matrix>(const Fields& fields, const char* key)>;

// Sizes are not compared with each other: check_model does.
Model read_model(const Fields& fields, const MatrixLookup& matrices);
std::vector<Rope> read_ropes(const Fields& fields);

}  // namespace retort::binding
