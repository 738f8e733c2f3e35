// Which of a model's matrices lie in a pack, in the order that the blocks use them.
#pragma once

#include "retort/model.h"
#include "store/flash_store.h"

namespace retort {

// Of a model that check_model took. Throws Failure: bad_request where only some of a layer's experts lie in a pack.
FlashUses flash_uses(const Model& model);

}  // namespace retort
