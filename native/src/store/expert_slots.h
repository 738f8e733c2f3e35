// Experts of a mixture in fewer places than there are experts. A missing one takes the place of the least used: every use adds one, all counts shrink as tokens
// pass, and those that lost their place keep their count. Used by one thread at a time.
//
// One layer is computed at a time: `begin` says which experts it needs and starts the reads of those that are missing, `next` gives one after another, first
// those in memory, then those that come in. One that is still needed keeps its place.
//
// Meanwhile `guess` may say which experts the next layer will probably need: their reads wait behind the present layer's. `begin` of that layer takes back those
// that it does not need, as far as the disk has not begun them; what was read in vain stays until its place is wanted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "store/arena.h"
#include "store/direct_file.h"
#include "store/pack_records.h"

namespace retort {

class ExpertSlots {
 public:
  // Knows the experts, and what happens to those of a layer.
  class Owner {
   public:
    virtual ~Owner() = default;
    // Whether it lies in memory for good and needs no slot.
    virtual bool is_pinned(std::size_t expert) const = 0;
    // A hit needs no read of its own: it is in memory, or was read for a guess that turned out right only later.
    virtual void hit(std::size_t expert) = 0;
    virtual void missed(std::size_t expert) = 0;
    // Once for each read: needed, or begun by a guess that was wrong.
    virtual void was_read(std::size_t expert, std::size_t bytes, bool is_in_vain) = 0;
    // It lies in `pages` and was waited for so long. Throws where it is damaged.
    virtual void arrived(std::size_t expert, std::span<const std::byte> pages, std::int64_t waited_ns) = 0;
  };

  // `experts`: the record of each, over all layers. File and records outlive the slots.
  ExpertSlots(DirectFile& file, const PackRecords& records, std::vector<std::size_t> experts);
  ~ExpertSlots() { abandon(); }
  ExpertSlots(const ExpertSlots&) = delete;
  ExpertSlots& operator=(const ExpertSlots&) = delete;

  // Gives up places until there are no more than that many; what lies in them is forgotten.
  void shrink(std::size_t slots) noexcept;
  // Throws Failure: memory_limit, out_of_memory; then there are fewer.
  void grow(AlignedArena& arena, std::size_t slots, std::size_t slot_bytes);
  std::size_t size() const noexcept { return slots_.size(); }

  // Counts shrink by a fixed factor for each of so many tokens.
  void pass(std::int64_t tokens) noexcept;
  // Experts `first` … of one layer: how many tokens use each of them.
  void begin(std::size_t first, std::span<const std::int64_t> uses, Owner& owner);
  // Experts `likely` of those from `first` on, of a layer that comes later. Does nothing while the present layer's own reads wait for places.
  void guess(std::size_t first, std::span<const std::int32_t> likely, const Owner& owner);
  // The next expert to compute with, until the next call; −1: that was the last. Throws Failure: file_unreadable, bad_file, internal (there is no slot
  // for one that is missing), and what the owner throws.
  std::int64_t next(Owner& owner);
  // Takes all reads back and forgets what was begun and guessed.
  void abandon() noexcept;

  // The pages of an expert's record; null where it has no slot, or is still being read.
  const std::byte* memory(std::size_t expert) const noexcept;
  // Experts that were guessed since it was made and lie in no pinned place, and those of them that were needed.
  struct Guesses {
    std::int64_t made = 0, right = 0;
  };
  Guesses guesses() const noexcept { return guess_counts_; }
  // Decayed uses.
  double uses(std::size_t expert) const noexcept { return uses_[expert] / unit_; }
  // Of how often it was used and not in memory, decayed alike.
  double misses(std::size_t expert) const noexcept { return missed_[expert] / unit_; }

 private:
  static constexpr std::int32_t nowhere = -1;
  enum class Need : std::uint8_t { none, waiting, reading, given, guessed };

  struct Slot {
    std::byte* memory = nullptr;
    std::int32_t expert = nowhere;
    bool is_ready = false;
    // Guessed wrongly, and told.
    bool is_in_vain = false;
    DirectRead read;
  };
  // Slots whose memory was taken together.
  struct Slab {
    AlignedArena::Buffer memory;
    std::size_t slots;
  };

  void end_layer() noexcept;
  void take_back(std::size_t expert) noexcept;
  void need(std::size_t expert, Owner& owner);
  void end_guesses(Owner& owner);
  void forget_guesses(std::size_t from) noexcept;
  void start_reads();
  void start_read(std::size_t expert, std::int32_t place);
  bool may_give_way(Slot& slot);
  // nowhere: the present layer needs all of them, or the disk writes to them.
  std::int32_t least_used();
  bool is_used_less(std::size_t expert, std::size_t other) const noexcept;
  void empty(Slot& slot) noexcept;
  Slot& slot_of(std::size_t expert) noexcept { return slots_[static_cast<std::size_t>(places_[expert])]; }
  std::size_t first_to_come();

  DirectFile& file_;
  const PackRecords& records_;
  std::vector<std::size_t> experts_;
  std::vector<Slab> slabs_;
  // Stay where they are: the disk writes to their reads.
  std::deque<Slot> slots_;
  // Of each expert: its slot, its uses and misses in units that grow instead of all counts shrinking, when it was last used, and what the present layer
  // wants of it.
  std::vector<std::int32_t> places_;
  std::vector<double> uses_;
  std::vector<double> missed_;
  std::vector<std::int64_t> last_uses_;
  std::vector<Need> needs_;
  double unit_ = 1;
  std::int64_t layers_begun_ = 0;
  // Of the present layer.
  std::vector<std::size_t> needed_, hits_, misses_, reading_;
  std::size_t next_hit_ = 0, next_miss_ = 0;
  // Of a later layer.
  std::vector<std::size_t> guesses_;
  Guesses guess_counts_;
  std::int64_t given_ = nowhere;
};

}  // namespace retort
