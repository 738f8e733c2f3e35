// The weights of one model that lie in a pack and take less memory than they have: what stays, what is read for every token, and when.
//
// Records of three kinds. Dense ones are used by every token in one order: an evenly spread part of them is pinned, the others are read ahead, round and round,
// into a ring. Experts lie in slots (expert_slots.h), for which everything else is pinned. Token rows are looked up (row_lookup.h). Nothing here knows
// what the weights mean; results are the same bits whatever the budget.
//
// Used by one thread at a time, which may change between calls, but for `state`, and for `attach`, beside which a record may be read.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "retort/matrix.h"
#include "retort/model.h"
#include "store/arena.h"
#include "store/direct_file.h"
#include "store/expert_slots.h"
#include "store/flash_matrix.h"
#include "store/flash_plan.h"
#include "store/pack_records.h"
#include "store/pinned_records.h"
#include "store/read_ring.h"
#include "store/row_lookup.h"

namespace retort {

// Which matrices of a model are read from a pack, and in which order.
struct FlashUses {
  struct Dense {
    const FlashMatrix* matrix;
    std::int32_t layer;
  };
  struct Expert {
    // gate, up, down: in one record.
    std::array<const FlashMatrix*, 3> parts;
  };
  struct ExpertLayer {
    std::int32_t layer;
    // Of one token.
    std::int32_t used;
    std::vector<Expert> experts;
  };
  // The index `layers` stands for what is in no layer.
  std::int32_t layers = 0;
  std::vector<Dense> dense;
  // dense[head…] are used for chosen rows only.
  std::size_t head = 0;
  std::vector<ExpertLayer> expert_layers;
  // Token rows; null: they are in memory. May be one of the dense ones too.
  const FlashMatrix* rows = nullptr;
};

struct FlashState {
  // 0: none was given yet.
  std::int64_t budget_bytes = 0;
  std::int64_t minimum_bytes = 0;
  // All weights of the pack, in whole pages: from there on nothing is read twice.
  std::int64_t total_bytes = 0;
  std::int64_t pinned_bytes = 0;
  std::int64_t ring_bytes = 0;
  std::int64_t lookup_bytes = 0;
  std::int64_t slots = 0;
  std::int64_t slot_bytes = 0;
  std::int32_t layers = 0;
  // The most of a layer.
  std::int32_t experts = 0;
  // layers × experts: whether each is in memory, its decayed uses, and how often it was read, decayed alike.
  std::vector<std::uint8_t> resident;
  std::vector<double> uses;
  std::vector<double> misses;
  // Since it was opened.
  ReadCounts reads;
  // In line or in flight: what is read ahead for the next evaluation.
  std::size_t pending_reads = 0;
  std::string_view reader;
  bool is_direct = false;
};

class FlashStore final : private ExpertSlots::Owner {
 public:
  // Throws Failure: bad_file (records), and what DirectFile throws.
  FlashStore(const FileRange& file, std::vector<PackRecord> records, const DirectFile::Options& options);
  ~FlashStore() override;
  FlashStore(const FlashStore&) = delete;
  FlashStore& operator=(const FlashStore&) = delete;

  const PackRecords& records() const noexcept { return records_; }
  // The bytes of a record, verified: what is small and kept by others. Throws Failure: bad_request (no such record), file_unreadable, bad_file, out_of_memory.
  std::vector<std::byte> read_record(std::size_t record);

  // Once, when the model is known. Throws Failure: bad_file where a record would be used in two ways, or an expert is not one record; then it has none still.
  void attach(const FlashUses& uses);
  // Spends another number of bytes. What stays in memory is read until `most` bytes were read; returns how many are left to be read, by calls with the same
  // budget or by the next evaluation. Throws BudgetFailure below the minimum, cancelled, file_unreadable, bad_file, out_of_memory: then the budget before is
  // in force again, where there was one, and what is missing in memory is read by the next evaluation.
  std::uint64_t set_budget(std::int64_t bytes, std::uint64_t most, const std::atomic<bool>& cancelled);

  // ---- While something is evaluated.

  // Where a record lies that is in memory, counted as a hit where it is dense; null: it must be acquired.
  const std::byte* use_in_memory(std::size_t record) noexcept;
  bool is_ready(std::size_t record);
  const std::byte* acquire(std::size_t record);
  void release(std::size_t record) noexcept;
  void read_rows(const FlashMatrix& matrix, std::span<const std::int32_t> rows, std::span<float> out, ThreadPool& pool);

  bool has_experts(std::int64_t layer) const noexcept { return expert_layers_[static_cast<std::size_t>(layer)].count > 0; }
  // How many tokens use each of the layer's experts.
  void begin_experts(std::int64_t layer, std::span<const std::int64_t> uses);
  // Between the two: experts that a later layer will probably use.
  void guess_experts(std::int64_t layer, std::span<const std::int32_t> likely);
  // The next expert of the layer to compute with, in memory until the next call; −1: that was the last.
  std::int64_t next_expert();

  // Begun and not over: what is read ahead stays so between evaluations, and nothing after one that failed.
  std::size_t pending_reads() const noexcept { return under_way_->pending(); }

  // That was waited for reads in evaluations since it was opened.
  std::int64_t stalled_ns() const noexcept { return stalled_ns_; }

  // The reads begun since it was opened or they were taken last; none where the options have no log.
  ReadLog take_reads();

  // Any thread; as of the last evaluation or budget.
  FlashState state() const;

 private:
  friend class FlashEvaluation;
  enum class Role : std::uint8_t { none, dense, rows, expert };
  struct ExpertLayer {
    // Among all experts.
    std::size_t first = 0;
    std::size_t count = 0;
  };
  static constexpr std::size_t nowhere = static_cast<std::size_t>(-1);

  void learn(const FlashUses& uses);
  void forget() noexcept;
  void take_role(std::size_t record, Role role, std::int32_t layer);
  void attach_experts(const FlashUses& uses, std::vector<std::size_t>& records);
  void measure(const FlashUses& uses, const std::vector<std::size_t>& experts);
  std::uint64_t spend(const FlashPlan& plan, std::int64_t bytes, std::uint64_t most, const std::atomic<bool>& cancelled);
  void carry_out(const FlashPlan& plan, std::int64_t bytes);
  // After spending it failed.
  void go_back_from(const FlashPlan& plan, std::int64_t bytes) noexcept;
  void list_streamed(const FlashPlan& plan);

  void begin(const std::atomic<bool>& cancelled);
  void begin_part(std::int64_t tokens, bool with_head);
  FlashCounts finish();
  void abandon() noexcept;
  void check_cancelled() const;

  std::int64_t skip_to(std::size_t rank) noexcept;
  std::size_t following(std::size_t rank) const noexcept;
  void read_ahead();
  void weigh_guesses() noexcept;
  void publish();
  void publish_weights();
  void publish_reads();

  bool is_pinned(std::size_t expert) const override;
  void hit(std::size_t expert) override;
  void missed(std::size_t expert) override;
  void was_read(std::size_t expert, std::size_t bytes, bool is_in_vain) override;
  void arrived(std::size_t expert, std::span<const std::byte> pages, std::int64_t waited_ns) override;
  void count_read(std::int32_t layer, std::size_t bytes, std::int64_t waited_ns) noexcept;
  void count_stall(std::int32_t layer, std::int64_t waited_ns) noexcept;

  const PackRecords records_;
  // Of both files.
  const std::shared_ptr<ReadsUnderWay> under_way_ = std::make_shared<ReadsUnderWay>();
  // Before what reads by them, which takes its reads back.
  DirectFile file_;
  // Rows are looked up beside what is read ahead, not behind it.
  std::unique_ptr<DirectFile> row_file_;
  AlignedArena arena_{0};
  const std::shared_ptr<ReadLog> log_;

  std::vector<Role> roles_;
  std::vector<std::int32_t> layers_;
  std::int32_t layer_count_ = 0;
  // Records, in order of use; those from `head_` on are for chosen rows only.
  std::vector<std::size_t> dense_;
  std::size_t head_ = 0;
  std::vector<std::size_t> experts_;
  std::vector<ExpertLayer> expert_layers_;
  // Of a record that is an expert's: which.
  std::vector<std::size_t> expert_of_;
  const FlashMatrix* rows_ = nullptr;
  FlashSizes sizes_;
  bool is_attached_ = false;

  std::int64_t budget_ = 0;
  // What the budget is spent on.
  std::optional<FlashPlan> plan_;
  // Whether buffers and slots are those of the plan: not where there was no memory for them.
  bool is_carried_out_ = false;
  std::unique_ptr<PinnedRecords> pinned_;
  std::unique_ptr<ReadRing> ring_;
  std::unique_ptr<RowLookup> lookup_;
  std::unique_ptr<ExpertSlots> slots_;

  // Dense records that are not pinned, in order of use, and the place of each record among them.
  std::vector<std::size_t> streamed_;
  std::vector<std::size_t> ranks_;
  std::size_t streamed_head_ = 0;
  // The rank to be read next.
  std::size_t ahead_ = 0;
  bool expects_head_ = true;

  const std::atomic<bool>* cancelled_ = nullptr;
  FlashCounts counts_;
  // How long the disk had been busy when the evaluation began.
  std::int64_t busy_before_ = 0;
  std::int64_t stalled_ns_ = 0;
  ExpertSlots::Guesses guesses_before_;
  // Of the evaluations since it was last decided: time waited and time in all without guesses, reading in vain and reading beside the computing with them.
  bool is_guessing_ = false;
  int weighed_ = 0;
  double stalled_ = 0, elapsed_ = 0, vain_ = 0, beside_ = 0;
  std::int64_t began_ns_ = 0;
  std::int64_t present_layer_ = 0;
  std::vector<WantedRow> wanted_;

  mutable std::mutex state_mutex_;
  FlashState state_;
};

// One evaluation. Where it is not finished, no read stays in flight.
class FlashEvaluation {
 public:
  // Null: the weights are in memory, and nothing is done. Throws Failure: bad_request where no budget was given, and what loading throws.
  FlashEvaluation(FlashStore* store, const std::atomic<bool>& cancelled);
  ~FlashEvaluation();
  FlashEvaluation(const FlashEvaluation&) = delete;
  FlashEvaluation& operator=(const FlashEvaluation&) = delete;

  // Some of its tokens come next; `with_head`: logits of some are asked for.
  void begin_part(std::int64_t tokens, bool with_head);
  std::optional<FlashCounts> finish();

 private:
  FlashStore* store_;
};

}  // namespace retort
