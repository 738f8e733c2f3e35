#include "store/flash_store.h"

#include <algorithm>
#include <new>
#include <numeric>
#include <string>
#include <utility>

#include "matrix/codes.h"
#include "retort/status.h"
#include "store/clock.h"

namespace retort {
namespace {

// Of small reads: one for a group of token rows.
constexpr std::int32_t row_reads = 8;
const std::atomic<bool> never = false;
// Whether guesses of experts are worth it is found out anew from time to time.
constexpr int evaluations_without_guesses = 16, evaluations_with_guesses = 256;
constexpr double stalled_share = 0.05;

std::size_t index_of(std::int64_t value) { return static_cast<std::size_t>(value); }

DirectFile::Options counted(DirectFile::Options options, const std::shared_ptr<ReadsUnderWay>& under_way) {
  options.under_way = under_way;
  return options;
}

DirectFile::Options for_rows(DirectFile::Options options) {
  options.depth = row_reads;
  return options;
}

}  // namespace

FlashStore::FlashStore(const FileRange& file, std::vector<PackRecord> records, const DirectFile::Options& options)
    : records_(file, std::move(records)),
      file_(file, counted(options, under_way_)),
      row_file_(std::make_unique<DirectFile>(file, counted(for_rows(options), under_way_))),
      log_(options.log),
      roles_(records_.size(), Role::none),
      layers_(records_.size(), 0),
      ranks_(records_.size(), nowhere) {
  state_.reader = file_.reader();
  state_.is_direct = file_.is_direct();
}

FlashStore::~FlashStore() = default;

std::vector<std::byte> FlashStore::read_record(std::size_t record) {
  if (record >= records_.size()) throw Failure(Status::bad_request, "[flash] there is no record " + std::to_string(record) + ".");
  const PageRange pages = records_.pages(record);
  AlignedArena arena(pages.bytes);
  const AlignedArena::Buffer memory = arena.take(pages.bytes);
  DirectRead read(pages.offset, memory.bytes());
  file_.begin(read);
  file_.finish(read);
  publish_reads();
  records_.verify(record, memory.bytes());
  const auto bytes = memory.bytes().subspan(pages.inset, static_cast<std::size_t>(records_[record].bytes));
  return {bytes.begin(), bytes.end()};
}

// ---- What the model uses.

void FlashStore::take_role(std::size_t record, Role role, std::int32_t layer) {
  if (roles_[record] != Role::none) records_.refuse(record, "two matrices name it.");
  roles_[record] = role;
  layers_[record] = layer;
}

void FlashStore::attach(const FlashUses& uses) {
  if (is_attached_) throw Failure(Status::bad_request, "[flash] it has its model.");
  try {
    learn(uses);
  } catch (...) {
    forget();
    throw;
  }
  is_attached_ = true;
  publish_weights();
}

void FlashStore::learn(const FlashUses& uses) {
  layer_count_ = uses.layers;
  expert_layers_.resize(index_of(uses.layers) + 1);
  for (std::size_t i = 0; i < uses.dense.size(); ++i) {
    if (i == uses.head) head_ = dense_.size();
    for (const PackTile& tile : uses.dense[i].matrix->tiles()) {
      take_role(tile.record, Role::dense, uses.dense[i].layer);
      dense_.push_back(tile.record);
    }
  }
  if (uses.head >= uses.dense.size()) head_ = dense_.size();
  const bool are_dense_rows = std::ranges::any_of(uses.dense, [&](const auto& dense) { return dense.matrix == uses.rows; });
  rows_ = uses.rows;
  if (rows_ != nullptr && !are_dense_rows) {
    for (const PackTile& tile : rows_->tiles()) take_role(tile.record, Role::rows, uses.layers);
  }
  attach_experts(uses, experts_);
  measure(uses, experts_);
  std::vector<std::size_t> order;
  for (const std::size_t i : pin_order(dense_.size())) order.push_back(dense_[i]);
  if (rows_ != nullptr && !are_dense_rows) {
    for (const PackTile& tile : rows_->tiles()) order.push_back(tile.record);
  }
  order.insert(order.end(), experts_.begin(), experts_.end());
  pinned_ = std::make_unique<PinnedRecords>(file_, records_, std::move(order));
  lookup_ = std::make_unique<RowLookup>(*row_file_, records_);
  slots_ = std::make_unique<ExpertSlots>(file_, records_, experts_);
  for (auto* counts : {&counts_.bytes, &counts_.reads, &counts_.hits, &counts_.misses, &counts_.stall_ns}) counts->resize(index_of(uses.layers) + 1);
}

void FlashStore::forget() noexcept {
  std::ranges::fill(roles_, Role::none);
  dense_.clear();
  experts_.clear();
  expert_layers_.clear();
  expert_of_.clear();
  sizes_ = {};
}

void FlashStore::attach_experts(const FlashUses& uses, std::vector<std::size_t>& records) {
  expert_of_.resize(records_.size(), nowhere);
  for (const FlashUses::ExpertLayer& layer : uses.expert_layers) {
    expert_layers_[index_of(layer.layer)] = {records.size(), layer.experts.size()};
    for (const FlashUses::Expert& expert : layer.experts) {
      const std::uint32_t record = expert.parts[0]->tiles()[0].record;
      for (const FlashMatrix* part : expert.parts) {
        if (part->tiles().size() != 1 || part->tiles()[0].record != record) records_.refuse(record, "an expert's three matrices must lie in one record.");
      }
      take_role(record, Role::expert, layer.layer);
      expert_of_[record] = records.size();
      records.push_back(record);
    }
  }
}

void FlashStore::measure(const FlashUses& uses, const std::vector<std::size_t>& experts) {
  for (const std::size_t record : dense_) sizes_.dense.push_back(records_.pages(record).bytes);
  for (const std::size_t record : experts) sizes_.experts.push_back(records_.pages(record).bytes);
  for (const auto& layer : uses.expert_layers) sizes_.experts_used = std::max(sizes_.experts_used, index_of(layer.used));
  if (rows_ == nullptr) return;
  std::size_t largest = 0;
  for (const PackTile& tile : rows_->tiles()) {
    const std::size_t bytes = records_.pages(tile.record).bytes;
    largest = std::max(largest, bytes);
    if (roles_[tile.record] == Role::rows) sizes_.rows.push_back(bytes);
  }
  sizes_.looks_up_dense = sizes_.rows.empty();
  sizes_.lookup_bytes = RowLookup::memory_bytes(largest, index_of(rows_->shape().group_bytes));
}

// ---- The budget.

std::uint64_t FlashStore::set_budget(std::int64_t bytes, std::uint64_t most, const std::atomic<bool>& cancelled) {
  if (!is_attached_) throw Failure(Status::bad_request, "[flash] give the engine its model first.");
  const FlashPlan plan = plan_flash(sizes_, bytes);
  try {
    const std::uint64_t left = spend(plan, bytes, most, cancelled);
    plan_ = plan;
    budget_ = bytes;
    publish();
    return left;
  } catch (...) {
    go_back_from(plan, bytes);
    publish();
    throw;
  }
}

std::uint64_t FlashStore::spend(const FlashPlan& plan, std::int64_t bytes, std::uint64_t most, const std::atomic<bool>& cancelled) {
  if (!is_carried_out_ || plan_ != plan) carry_out(plan, bytes);
  arena_.set_limit(index_of(bytes));
  pinned_->load(arena_, plan.pinned, most, cancelled);
  return pinned_->missing_bytes(plan.pinned);
}

void FlashStore::go_back_from(const FlashPlan& plan, std::int64_t bytes) noexcept {
  if (!plan_) {
    plan_ = plan;
    budget_ = bytes;
    return;
  }
  arena_.set_limit(index_of(budget_));
  if (*plan_ == plan) return;
  try {
    carry_out(*plan_, budget_);
  } catch (...) {
    // The next evaluation tries again, and says why it cannot.
  }
}

// What goes goes first, so that old and new are never held together.
void FlashStore::carry_out(const FlashPlan& plan, std::int64_t bytes) {
  is_carried_out_ = false;
  ring_.reset();
  lookup_->set_memory({});
  pinned_->shrink(plan.pinned);
  slots_->shrink(plan.slots);
  arena_.set_limit(index_of(bytes));
  if (plan.lookup_bytes > 0) lookup_->set_memory(arena_.take(plan.lookup_bytes));
  if (plan.ring_bytes > 0) ring_ = std::make_unique<ReadRing>(file_, arena_.take(plan.ring_bytes), dense_.size());
  slots_->grow(arena_, plan.slots, plan.slot_bytes);
  list_streamed(plan);
  is_carried_out_ = true;
}

void FlashStore::list_streamed(const FlashPlan& plan) {
  std::vector<bool> is_pinned(dense_.size(), false);
  const std::vector<std::size_t> order = pin_order(dense_.size());
  for (std::size_t i = 0; i < std::min(plan.pinned, order.size()); ++i) is_pinned[order[i]] = true;
  streamed_.clear();
  std::ranges::fill(ranks_, nowhere);
  for (std::size_t i = 0; i < dense_.size(); ++i) {
    if (i == head_) streamed_head_ = streamed_.size();
    if (is_pinned[i]) continue;
    ranks_[dense_[i]] = streamed_.size();
    streamed_.push_back(dense_[i]);
  }
  if (head_ == dense_.size()) streamed_head_ = streamed_.size();
  ahead_ = 0;
}

// ---- An evaluation.

void FlashStore::begin(const std::atomic<bool>& cancelled) {
  if (!plan_) throw Failure(Status::bad_request, "[flash] give the weights a budget first.");
  for (auto* counts : {&counts_.bytes, &counts_.reads, &counts_.hits, &counts_.misses, &counts_.stall_ns}) std::ranges::fill(*counts, 0);
  counts_.vain_bytes = 0;
  began_ns_ = now_ns();
  guesses_before_ = slots_->guesses();
  cancelled_ = &cancelled;
  // What ended while nothing was computed was busy before.
  file_.look();
  busy_before_ = under_way_->busy_ns();
  try {
    if (!is_carried_out_) carry_out(*plan_, budget_);
    // Read now, to be used as what is in memory.
    pinned_->load(arena_, plan_->pinned, UINT64_MAX, cancelled,
                  [this](std::size_t record, std::int64_t waited_ns) { count_read(layers_[record], records_.pages(record).bytes, waited_ns); });
  } catch (...) {
    abandon();
    throw;
  }
}

void FlashStore::begin_part(std::int64_t tokens, bool with_head) {
  slots_->pass(tokens);
  expects_head_ = with_head;
  read_ahead();
}

FlashCounts FlashStore::finish() {
  cancelled_ = nullptr;
  file_.look();
  counts_.busy_ns = under_way_->busy_ns() - busy_before_;
  counts_.guesses = slots_->guesses().made - guesses_before_.made;
  counts_.right_guesses = slots_->guesses().right - guesses_before_.right;
  weigh_guesses();
  publish();
  return counts_;
}

// Guesses cost reads in vain and the processor's time for them: they are made where there is waiting without them, for a while, and no longer
// where reading in vain takes more time than all reading beside the computing.
void FlashStore::weigh_guesses() noexcept {
  const auto sum = [](const std::vector<std::int64_t>& values) { return static_cast<double>(std::accumulate(values.begin(), values.end(), std::int64_t{0})); };
  const double bytes = sum(counts_.bytes), stalled = sum(counts_.stall_ns);
  ++weighed_;
  if (!is_guessing_) {
    stalled_ += stalled;
    elapsed_ += static_cast<double>(now_ns() - began_ns_);
    if (weighed_ < evaluations_without_guesses) return;
    is_guessing_ = stalled_ > stalled_share * elapsed_;
  } else {
    const auto busy = static_cast<double>(counts_.busy_ns);
    vain_ += bytes == 0 ? 0 : busy * static_cast<double>(counts_.vain_bytes) / bytes;
    beside_ += std::max(busy - stalled, 0.0);
    if (weighed_ < evaluations_with_guesses && (weighed_ < evaluations_without_guesses || vain_ <= beside_)) return;
    is_guessing_ = false;
  }
  weighed_ = 0;
  stalled_ = elapsed_ = vain_ = beside_ = 0;
}

void FlashStore::abandon() noexcept {
  cancelled_ = nullptr;
  if (ring_) ring_->clear();
  ahead_ = 0;
  slots_->abandon();
  publish();
}

void FlashStore::check_cancelled() const {
  if (cancelled_ != nullptr && cancelled_->load(std::memory_order_relaxed)) throw Failure(Status::cancelled, "[flash] cancelled.");
}

const std::byte* FlashStore::use_in_memory(std::size_t record) noexcept {
  if (!plan_ || !is_carried_out_) return nullptr;
  // Asked for often, while reads go on beside the computing: none ends long before it is noticed.
  file_.look();
  if (const std::byte* const memory = pinned_->memory(record)) {
    if (roles_[record] == Role::dense) ++counts_.hits[index_of(layers_[record])];
    return memory;
  }
  if (roles_[record] != Role::expert) return nullptr;
  const std::byte* const pages = slots_->memory(expert_of_[record]);
  return pages == nullptr ? nullptr : pages + records_.pages(record).inset;
}

bool FlashStore::is_ready(std::size_t record) {
  return ring_ && !ring_->is_empty() && ring_->label() == ranks_[record] && ring_->is_done();
}

const std::byte* FlashStore::acquire(std::size_t record) {
  check_cancelled();
  const std::size_t rank = ranks_[record];
  if (rank == nowhere || !ring_) throw Failure(Status::internal, "[flash] record " + std::to_string(record) + " is used, but was not announced.");
  std::int64_t waited = skip_to(rank);
  if (ring_->is_empty()) {
    ring_->begin(rank, records_.pages(record));
    ahead_ = following(rank);
  }
  read_ahead();
  const std::int64_t start = now_ns();
  ring_->finish();
  waited += now_ns() - start;
  // The disk goes on before this one is looked at.
  read_ahead();
  ++counts_.misses[index_of(layers_[record])];
  count_read(layers_[record], ring_->memory().size(), waited);
  records_.verify(record, ring_->memory());
  if (sizes_.looks_up_dense) lookup_->mark_verified(record);
  return ring_->memory().data() + records_.pages(record).inset;
}

// What was read ahead and is not used goes; one in flight is waited for. Returns how long.
std::int64_t FlashStore::skip_to(std::size_t rank) noexcept {
  const std::int64_t start = now_ns();
  while (!ring_->is_empty() && ring_->label() != rank) ring_->drop();
  return now_ns() - start;
}

void FlashStore::release(std::size_t) noexcept {
  ring_->drop();
  // What cannot be begun now is begun by the next acquire, which says why it fails.
  try {
    read_ahead();
  } catch (...) {
  }
}

std::size_t FlashStore::following(std::size_t rank) const noexcept {
  const std::size_t next = rank + 1;
  return next == streamed_.size() || (next == streamed_head_ && !expects_head_) ? 0 : next;
}

void FlashStore::read_ahead() {
  file_.look();
  if (!ring_ || streamed_.empty()) return;
  if (!expects_head_ && ahead_ == streamed_head_) ahead_ = 0;
  // Without the head there may be nothing to read.
  if (!expects_head_ && ahead_ >= streamed_head_ && ring_->is_empty()) return;
  while (ring_->begin(ahead_, records_.pages(streamed_[ahead_]))) ahead_ = following(ahead_);
}

void FlashStore::count_read(std::int32_t layer, std::size_t bytes, std::int64_t waited_ns) noexcept {
  counts_.bytes[index_of(layer)] += static_cast<std::int64_t>(bytes);
  ++counts_.reads[index_of(layer)];
  count_stall(layer, waited_ns);
}

void FlashStore::count_stall(std::int32_t layer, std::int64_t waited_ns) noexcept {
  counts_.stall_ns[index_of(layer)] += waited_ns;
  stalled_ns_ += waited_ns;
}

// ---- Token rows.

void FlashStore::read_rows(const FlashMatrix& matrix, std::span<const std::int32_t> rows, std::span<float> out, ThreadPool& pool) {
  const Layout& layout = matrix.shape();
  const auto group_memory = [&](std::int64_t group) -> const unsigned char* {
    const std::size_t tile = matrix.tile_of(group);
    const std::byte* const record = pinned_->memory(matrix.tiles()[tile].record);
    if (record == nullptr) return nullptr;
    const std::int64_t within = (group - matrix.pieces()[tile].first_group) * layout.group_bytes;
    return reinterpret_cast<const unsigned char*>(record + matrix.tiles()[tile].offset) + within;
  };
  wanted_.clear();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (group_memory(rows[i] / group_rows) == nullptr) wanted_.push_back({rows[i], i});
  }
  const auto table = index_of(layer_count_);
  counts_.hits[table] += static_cast<std::int64_t>(rows.size() - wanted_.size());
  counts_.misses[table] += static_cast<std::int64_t>(wanted_.size());
  each_row_of(rows, out, layout, pool, [&](std::int32_t row, float* to) {
    const unsigned char* const group = group_memory(row / group_rows);
    if (group != nullptr) read_values(layout, group, row % group_rows, 0, layout.columns, to);
  });
  if (wanted_.empty()) return;
  file_.look();
  if (lookup_->bytes() == 0) throw Failure(Status::internal, "[flash] rows are looked up of a table that nothing was planned for.");
  const LookupCounts read = lookup_->look_up(matrix, wanted_, out, cancelled_ == nullptr ? never : *cancelled_);
  counts_.bytes[table] += read.bytes;
  counts_.reads[table] += read.reads;
  counts_.stall_ns[table] += read.stall_ns;
  stalled_ns_ += read.stall_ns;
}

// ---- Experts.

void FlashStore::begin_experts(std::int64_t layer, std::span<const std::int64_t> uses) {
  present_layer_ = layer;
  slots_->begin(expert_layers_[index_of(layer)].first, uses, *this);
}

void FlashStore::guess_experts(std::int64_t layer, std::span<const std::int32_t> likely) {
  if (!is_guessing_) return;
  slots_->guess(expert_layers_[index_of(layer)].first, likely, *this);
}

std::int64_t FlashStore::next_expert() {
  check_cancelled();
  const std::int64_t expert = slots_->next(*this);
  return expert < 0 ? expert : expert - static_cast<std::int64_t>(expert_layers_[index_of(present_layer_)].first);
}

bool FlashStore::is_pinned(std::size_t expert) const { return pinned_->memory(experts_[expert]) != nullptr; }

void FlashStore::hit(std::size_t expert) { ++counts_.hits[index_of(layers_[experts_[expert]])]; }

void FlashStore::missed(std::size_t expert) { ++counts_.misses[index_of(layers_[experts_[expert]])]; }

void FlashStore::was_read(std::size_t expert, std::size_t bytes, bool is_in_vain) {
  const std::size_t layer = index_of(layers_[experts_[expert]]);
  counts_.bytes[layer] += static_cast<std::int64_t>(bytes);
  ++counts_.reads[layer];
  if (is_in_vain) counts_.vain_bytes += static_cast<std::int64_t>(bytes);
}

void FlashStore::arrived(std::size_t expert, std::span<const std::byte> pages, std::int64_t waited_ns) {
  count_stall(layers_[experts_[expert]], waited_ns);
  records_.verify(experts_[expert], pages);
}

// ---- What others see.

void FlashStore::publish() {
  publish_weights();
  publish_reads();
}

void FlashStore::publish_weights() {
  const std::scoped_lock lock(state_mutex_);
  state_.budget_bytes = budget_;
  state_.pinned_bytes = static_cast<std::int64_t>(pinned_->bytes());
  state_.ring_bytes = ring_ ? static_cast<std::int64_t>(plan_->ring_bytes) : 0;
  state_.lookup_bytes = static_cast<std::int64_t>(lookup_->bytes());
  state_.slots = static_cast<std::int64_t>(slots_->size());
  state_.slot_bytes = plan_ ? static_cast<std::int64_t>(plan_->slot_bytes) : 0;
  state_.layers = layer_count_;
  std::size_t most = 0;
  for (const ExpertLayer& layer : expert_layers_) most = std::max(most, layer.count);
  state_.experts = static_cast<std::int32_t>(most);
  state_.resident.resize(index_of(layer_count_) * most);
  state_.uses.resize(state_.resident.size());
  state_.misses.resize(state_.resident.size());
  for (std::size_t layer = 0; layer < index_of(layer_count_); ++layer) {
    for (std::size_t i = 0; i < expert_layers_[layer].count; ++i) {
      const std::size_t expert = expert_layers_[layer].first + i;
      state_.resident[layer * most + i] = is_pinned(expert) || slots_->memory(expert) != nullptr ? 1 : 0;
      state_.uses[layer * most + i] = slots_->uses(expert);
      state_.misses[layer * most + i] = slots_->misses(expert);
    }
  }
  state_.minimum_bytes = minimum_budget(sizes_);
  state_.total_bytes = total_bytes(sizes_);
}

void FlashStore::publish_reads() {
  const std::scoped_lock lock(state_mutex_);
  state_.reads = file_.counts();
  const ReadCounts rows = row_file_->counts();
  state_.reads.reads += rows.reads;
  state_.reads.bytes += rows.bytes;
  state_.pending_reads = under_way_->pending();
}

ReadLog FlashStore::take_reads() { return log_ ? std::exchange(*log_, {}) : ReadLog{}; }

FlashState FlashStore::state() const {
  const std::scoped_lock lock(state_mutex_);
  return state_;
}

FlashEvaluation::FlashEvaluation(FlashStore* store, const std::atomic<bool>& cancelled) : store_(store) {
  if (store_ != nullptr) store_->begin(cancelled);
}

FlashEvaluation::~FlashEvaluation() {
  if (store_ != nullptr) store_->abandon();
}

void FlashEvaluation::begin_part(std::int64_t tokens, bool with_head) {
  if (store_ != nullptr) store_->begin_part(tokens, with_head);
}

std::optional<FlashCounts> FlashEvaluation::finish() {
  if (store_ == nullptr) return std::nullopt;
  return std::exchange(store_, nullptr)->finish();
}

}  // namespace retort
