// A pack as JavaScript describes it, and what a model read from one tells: NativePack, NativePlacedMatrix and NativeReads of
// electron/engine/native/addon.ts, StreamingState and WeightReads of electron/engine/engine.ts.
#pragma once

#include <memory>

#include "../store/flash_store.h"
#include "fields.h"

namespace retort::binding {

// How groups of so many rows and columns lie. Throws Failure: bad_file.
Layout read_layout(const Fields& fields, std::int64_t rows, std::int64_t columns);
// Opens the file. Throws Failure as FlashStore does, and JavaScript errors.
std::shared_ptr<FlashStore> open_store(const Fields& fields);
// Throws Failure: bad_file.
std::shared_ptr<const Matrix> read_placed(const Fields& fields, std::shared_ptr<FlashStore> store);

Napi::Object flash_state(Napi::Env env, const FlashState& state);
Napi::Object begun_reads(Napi::Env env, const ReadLog& reads);
Napi::Object flash_counts(Napi::Env env, const FlashCounts& counts);

}  // namespace retort::binding
