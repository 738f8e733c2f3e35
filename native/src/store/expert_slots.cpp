#include "store/expert_slots.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "retort/status.h"
#include "store/clock.h"

namespace retort {
namespace {

// Half of a count is gone after 128 tokens: long enough to tell an expert that is often used from one that was used just now, short enough to follow a text
// that turns to something else.
const double factor_per_token = std::exp2(-1.0 / 128);
// Units are brought back to one before they leave what a double holds.
constexpr double largest_unit = 1e100;
// Slots taken together, so that small experts share large pages.
constexpr std::size_t slab_bytes = std::size_t{16} << 20;
// With fewer places than that for each guess, guesses would drive out what is needed soon.
constexpr std::size_t slots_per_guess = 4;

}  // namespace

ExpertSlots::ExpertSlots(DirectFile& file, const PackRecords& records, std::vector<std::size_t> experts)
    : file_(file),
      records_(records),
      experts_(std::move(experts)),
      places_(experts_.size(), nowhere),
      uses_(experts_.size(), 0.0),
      missed_(experts_.size(), 0.0),
      last_uses_(experts_.size(), 0),
      needs_(experts_.size(), Need::none) {}

void ExpertSlots::shrink(std::size_t slots) noexcept {
  abandon();
  while (!slabs_.empty() && slots_.size() > slots) {
    for (std::size_t i = 0; i < slabs_.back().slots; ++i) {
      empty(slots_.back());
      slots_.pop_back();
    }
    slabs_.pop_back();
  }
}

void ExpertSlots::grow(AlignedArena& arena, std::size_t slots, std::size_t slot_bytes) {
  while (slots_.size() < slots) {
    const std::size_t together = std::min(std::max<std::size_t>(slab_bytes / slot_bytes, 1), slots - slots_.size());
    slabs_.push_back({arena.take(together * slot_bytes), 0});
    Slab& slab = slabs_.back();
    for (; slab.slots < together; ++slab.slots) {
      slots_.emplace_back();
      slots_.back().memory = slab.memory.bytes().data() + slab.slots * slot_bytes;
    }
  }
  // What one layer needs is at most as many as there are; nothing is allocated from token to token.
  reading_.reserve(slots);
}

void ExpertSlots::empty(Slot& slot) noexcept {
  // Of a guess; where it may still be in flight its place is not taken.
  file_.take_back(slot.read);
  if (slot.expert != nowhere) places_[static_cast<std::size_t>(slot.expert)] = nowhere;
  slot.expert = nowhere;
  slot.is_ready = false;
  slot.is_in_vain = false;
}

void ExpertSlots::pass(std::int64_t tokens) noexcept {
  unit_ /= std::pow(factor_per_token, static_cast<double>(tokens));
  if (unit_ < largest_unit) return;
  for (auto* const counts : {&uses_, &missed_}) {
    for (double& count : *counts) count /= unit_;
  }
  unit_ = 1;
}

void ExpertSlots::begin(std::size_t first, std::span<const std::int64_t> uses, Owner& owner) {
  end_layer();
  ++layers_begun_;
  for (std::size_t i = 0; i < uses.size(); ++i) {
    if (uses[i] == 0) continue;
    const std::size_t expert = first + i;
    uses_[expert] += static_cast<double>(uses[i]) * unit_;
    last_uses_[expert] = layers_begun_;
    need(expert, owner);
  }
  end_guesses(owner);
  start_reads();
}

void ExpertSlots::need(std::size_t expert, Owner& owner) {
  const bool is_in_memory = owner.is_pinned(expert) || memory(expert) != nullptr;
  const bool is_guessed = !is_in_memory && places_[expert] != nowhere;
  // In a list first: only what is in one is forgotten again.
  needed_.push_back(expert);
  needs_[expert] = is_guessed ? Need::reading : Need::waiting;
  (is_in_memory ? hits_ : is_guessed ? reading_ : misses_).push_back(expert);
  if (is_in_memory || (is_guessed && slot_of(expert).is_in_vain)) return owner.hit(expert);
  missed_[expert] += unit_;
  owner.missed(expert);
}

// What the disk has not begun of those that the layer does not need is not read.
void ExpertSlots::end_guesses(Owner& owner) {
  for (const std::size_t expert : guesses_) {
    ++guess_counts_.made;
    if (needs_[expert] != Need::guessed) {
      ++guess_counts_.right;
      continue;
    }
    needs_[expert] = Need::none;
    Slot& slot = slot_of(expert);
    if (slot.is_ready || slot.is_in_vain) continue;
    if (file_.withdraw(slot.read)) {
      empty(slot);
      continue;
    }
    slot.is_in_vain = true;
    owner.was_read(expert, slot.read.into.size(), true);
  }
  guesses_.clear();
}

void ExpertSlots::guess(std::size_t first, std::span<const std::int32_t> likely, const Owner& owner) {
  if (next_miss_ < misses_.size() || slots_.size() < slots_per_guess * likely.size()) return;
  const std::size_t before = guesses_.size();
  for (const std::int32_t index : likely) {
    const std::size_t expert = first + static_cast<std::size_t>(index);
    if (needs_[expert] != Need::none || owner.is_pinned(expert)) continue;
    guesses_.push_back(expert);
    needs_[expert] = Need::guessed;
  }
  // After all are marked: none of them shall give way to another.
  for (std::size_t i = before; i < guesses_.size(); ++i) {
    if (places_[guesses_[i]] != nowhere) continue;
    const std::int32_t place = least_used();
    if (place == nowhere) return forget_guesses(i);
    start_read(guesses_[i], place);
  }
}

void ExpertSlots::forget_guesses(std::size_t from) noexcept {
  for (std::size_t i = from; i < guesses_.size(); ++i) needs_[guesses_[i]] = Need::none;
  guesses_.resize(from);
}

std::int64_t ExpertSlots::next(Owner& owner) {
  if (given_ != nowhere) needs_[static_cast<std::size_t>(given_)] = Need::given;
  // What was given just now may give up its place.
  start_reads();
  if (next_hit_ < hits_.size()) return given_ = static_cast<std::int64_t>(hits_[next_hit_++]);
  if (reading_.empty()) {
    const bool is_all = next_miss_ == misses_.size();
    end_layer();
    if (!is_all) throw Failure(Status::internal, "[flash] a layer needs experts that there is no place for.");
    return nowhere;
  }
  const std::int64_t start = now_ns();
  const std::size_t expert = first_to_come();
  Slot& slot = slot_of(expert);
  file_.finish(slot.read);
  const std::int64_t waited = now_ns() - start;
  if (!std::exchange(slot.is_in_vain, false)) owner.was_read(expert, slot.read.into.size(), false);
  owner.arrived(expert, slot.read.into, waited);
  slot.is_ready = true;
  return given_ = static_cast<std::int64_t>(expert);
}

// One that is there already, else the oldest; it leaves `reading_`.
std::size_t ExpertSlots::first_to_come() {
  auto found = std::ranges::find_if(reading_, [&](std::size_t expert) { return file_.is_done(slot_of(expert).read); });
  if (found == reading_.end()) found = reading_.begin();
  const std::size_t expert = *found;
  reading_.erase(found);
  return expert;
}

void ExpertSlots::start_reads() {
  for (; next_miss_ < misses_.size(); ++next_miss_) {
    const std::int32_t place = least_used();
    if (place == nowhere) return;
    const std::size_t expert = misses_[next_miss_];
    start_read(expert, place);
    needs_[expert] = Need::reading;
    reading_.push_back(expert);
  }
}

void ExpertSlots::start_read(std::size_t expert, std::int32_t place) {
  Slot& slot = slots_[static_cast<std::size_t>(place)];
  const PageRange pages = records_.pages(experts_[expert]);
  empty(slot);
  slot.read.offset = pages.offset;
  slot.read.into = {slot.memory, pages.bytes};
  file_.begin(slot.read);
  slot.expert = static_cast<std::int32_t>(expert);
  places_[expert] = place;
}

// An empty slot, else that of the expert used least, the longest ago among equals.
std::int32_t ExpertSlots::least_used() {
  std::int32_t best = nowhere;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const auto place = static_cast<std::int32_t>(i);
    if (slots_[i].expert == nowhere) return place;
    if (!may_give_way(slots_[i])) continue;
    const auto expert = static_cast<std::size_t>(slots_[i].expert);
    if (best == nowhere || is_used_less(expert, static_cast<std::size_t>(slots_[static_cast<std::size_t>(best)].expert))) best = place;
  }
  return best;
}

bool ExpertSlots::may_give_way(Slot& slot) {
  const Need need = needs_[static_cast<std::size_t>(slot.expert)];
  if (need == Need::waiting || need == Need::reading || need == Need::guessed) return false;
  return !slot.is_in_vain || !slot.read.is_begun() || file_.is_done(slot.read);
}

bool ExpertSlots::is_used_less(std::size_t expert, std::size_t other) const noexcept {
  return uses_[expert] != uses_[other] ? uses_[expert] < uses_[other] : last_uses_[expert] < last_uses_[other];
}

void ExpertSlots::abandon() noexcept {
  // The last first: those in line go without being read.
  for (auto expert = guesses_.rbegin(); expert != guesses_.rend(); ++expert) take_back(*expert);
  for (auto expert = reading_.rbegin(); expert != reading_.rend(); ++expert) take_back(*expert);
  // One that failed or was found damaged is in none of the lists any more, one that was guessed wrongly in none of them yet.
  for (Slot& slot : slots_) {
    if (!slot.is_ready) empty(slot);
  }
  forget_guesses(0);
  end_layer();
}

void ExpertSlots::take_back(std::size_t expert) noexcept {
  if (places_[expert] != nowhere && !slot_of(expert).is_ready) empty(slot_of(expert));
}

void ExpertSlots::end_layer() noexcept {
  for (const std::size_t expert : needed_) needs_[expert] = Need::none;
  needed_.clear();
  hits_.clear();
  misses_.clear();
  reading_.clear();
  next_hit_ = next_miss_ = 0;
  given_ = nowhere;
}

const std::byte* ExpertSlots::memory(std::size_t expert) const noexcept {
  if (places_[expert] == nowhere) return nullptr;
  const Slot& slot = slots_[static_cast<std::size_t>(places_[expert])];
  return slot.is_ready ? slot.memory : nullptr;
}

}  // namespace retort
