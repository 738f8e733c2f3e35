// Models whose weights are read from a pack: the bits of the resident model at every budget, what is counted, and everything that can go wrong.
#include "store/flash_store.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <thread>

#include "check.h"
#include "matrix_examples.h"
#include "model_examples.h"
#include "pack_examples.h"

#ifdef __linux__
#include <sys/resource.h>
#include <unistd.h>
#endif

using namespace retort;
using namespace examples;

namespace {

enum class Shape { tied, untied, recurrent, experts };
constexpr std::array shapes = {Shape::tied, Shape::untied, Shape::recurrent, Shape::experts};

std::shared_ptr<Model> make_shape(Shape shape) {
  Maker maker(11);
  auto model = std::make_shared<Model>();
  model->hidden_size = width;
  model->vocabulary_size = vocabulary;
  model->embedding_size = width;
  model->embedding = maker.linear(vocabulary, width).matrix;
  model->layers.emplace_back(maker.attention_layer(0));
  if (shape == Shape::recurrent) model->layers.emplace_back(maker.state_space_layer());
  if (shape == Shape::experts) {
    for (int i = 0; i < 3; ++i) model->layers.emplace_back(maker.attention_layer(6));
  }
  model->layers.emplace_back(maker.attention_layer(0));
  model->final_norm = maker.norm(width);
  model->head = shape == Shape::tied ? Linear{model->embedding, {}, {}} : maker.linear(vocabulary, width);
  return model;
}

// What a session does in its life: a prompt over the border of a part, single tokens, going back, a fork, a tree. All logits in one row.
std::vector<float> live(Session&& session, bool recurrent, const std::atomic<bool>& cancelled = never) {
  const auto ids = make_ids(330);
  std::vector<float> all;
  const auto keep = [&](const std::vector<float>& logits) { all.insert(all.end(), logits.begin(), logits.end()); };
  keep(evaluate(session, ids, 300, cancelled));
  for (std::size_t end = 301; end <= 304; ++end) keep(evaluate(session, ids, end, cancelled));
  session.truncate(303);
  const auto fork = session.fork();
  keep(evaluate(session, ids, 310, cancelled));
  keep(evaluate(*fork, ids, 306, cancelled));
  if (recurrent) return all;
  const std::vector<std::int32_t> positions{306, 307, 307, 308}, parents{-1, 0, 0, 2}, rows{3, 1};
  std::vector<float> logits(2 * vocabulary);
  fork->evaluate({std::span(ids).first(4), {}, positions, parents, rows, logits, false}, cancelled);
  keep(logits);
  return all;
}

std::vector<float> live_resident(Shape shape, const std::shared_ptr<Model>& model) { return live(make_session(model, 1), shape == Shape::recurrent); }

Session streamed_session(const PackedModel& packed, const std::shared_ptr<FlashStore>& store, int threads) {
  EngineContext context = make_context(threads);
  context.flash = store;
  return make_session(packed.over(store), std::move(context));
}

void set_budget(FlashStore& store, std::int64_t bytes) { check::is_true(store.set_budget(bytes, UINT64_MAX, never) == 0, "all is loaded"); }

void same_bits(const std::vector<float>& actual, const std::vector<float>& expected, const std::string& what) {
  check::is_true(actual.size() == expected.size() && std::memcmp(actual.data(), expected.data(), actual.size() * sizeof(float)) == 0, what.c_str());
}

std::int64_t held(const FlashState& state) { return state.pinned_bytes + state.ring_bytes + state.lookup_bytes + state.slots * state.slot_bytes; }

// From the minimum to all, each end included.
std::vector<std::int64_t> budgets_of(const FlashStore& store, std::int64_t steps) {
  const FlashState state = store.state();
  std::vector<std::int64_t> budgets;
  for (std::int64_t i = 0; i <= steps; ++i) budgets.push_back(state.minimum_bytes + (state.total_bytes - state.minimum_bytes) * i / steps);
  return budgets;
}

EvaluateOutcome decode(Session& session, std::int32_t id) {
  const std::vector<std::int32_t> ids{id}, positions{static_cast<std::int32_t>(session.length())}, rows{0};
  std::vector<float> logits(vocabulary);
  return session.evaluate({ids, {}, positions, {}, rows, logits, false}, never);
}

std::int64_t sum(const std::vector<std::int64_t>& counts) { return std::accumulate(counts.begin(), counts.end(), std::int64_t{0}); }

void test_budgets(DirectFile::Options options, int threads) {
  for (const Shape shape : shapes) {
    const auto model = make_shape(shape);
    const auto expected = live_resident(shape, model);
    for (const std::int64_t tile_groups : {1, 2, 100}) {
      const PackedModel packed(*model, tile_groups);
      const auto store = packed.file->open(options);
      const auto flash_model = packed.over(store);
      EngineContext context = make_context(threads);
      context.flash = store;
      for (const std::int64_t budget : budgets_of(*store, 7)) {
        set_budget(*store, budget);
        const std::string what = "shape " + std::to_string(static_cast<int>(shape)) + ", tiles of " + std::to_string(tile_groups) + ", budget " +
                                 std::to_string(budget);
        check::is_true(held(store->state()) <= budget, what.c_str());
        same_bits(live(make_session(flash_model, context), shape == Shape::recurrent), expected, what);
      }
    }
  }
}

}  // namespace

TEST("a plan keeps to its budget, uses it, and says from where on there is one") {
  std::minstd_rand random(3);
  for (int round = 0; round < 200; ++round) {
    FlashSizes sizes;
    const auto add = [&](std::vector<std::size_t>& list, std::size_t most) {
      for (std::size_t i = random() % (most + 1); i > 0; --i) list.push_back(4096 * (1 + random() % 500));
    };
    add(sizes.dense, 60);
    if (sizes.dense.empty()) sizes.dense.push_back(4096);
    sizes.looks_up_dense = round % 3 == 0;
    if (!sizes.looks_up_dense) add(sizes.rows, 20);
    sizes.lookup_bytes = 4096 * (1 + random() % 500);
    if (round % 2 == 0) add(sizes.experts, 80);
    sizes.experts_used = std::min<std::size_t>(sizes.experts.size(), 4);
    const std::int64_t minimum = minimum_budget(sizes), total = total_bytes(sizes);
    check::is_true(minimum <= total, "everything is always enough");
    check::refuses(Status::bad_request, [&] { plan_flash(sizes, minimum - 1); });
    std::vector<std::size_t> order;
    for (const std::size_t i : pin_order(sizes.dense.size())) order.push_back(sizes.dense[i]);
    order.insert(order.end(), sizes.rows.begin(), sizes.rows.end());
    order.insert(order.end(), sizes.experts.begin(), sizes.experts.end());
    for (std::int64_t budget = minimum; budget <= total + 4096; budget += 4096 * (1 + (total - minimum) / 4096 / 40)) {
      const FlashPlan plan = plan_flash(sizes, budget);
      std::size_t used = plan.ring_bytes + plan.lookup_bytes + plan.slots * plan.slot_bytes;
      for (std::size_t i = 0; i < plan.pinned; ++i) used += order[i];
      check::is_true(used <= static_cast<std::size_t>(budget), "not more than the budget");
      const bool is_all = plan.pinned == order.size();
      check::is_true(is_all || plan.pinned >= sizes.dense.size() || plan.ring_bytes > 0, "what is not in memory is read");
      check::is_true(is_all || sizes.experts.empty() || plan.slots >= sizes.experts_used, "a token's experts have slots");
      check::is_true(is_all == (budget >= total) || plan.pinned + plan.slots >= order.size(), "all where there is room");
      // What is left is smaller than what could still be used for something.
      const std::size_t largest = *std::max_element(order.begin(), order.end());
      const bool is_spent = used + 2 * largest + sizes.lookup_bytes >= static_cast<std::size_t>(budget);
      check::is_true(is_all || is_spent || plan.slots == sizes.experts.size(), "the budget is used");
    }
  }
}

TEST("whatever part of the records is pinned is spread evenly over them") {
  const std::vector<std::size_t> order = pin_order(400);
  check::is_true(std::set(order.begin(), order.end()).size() == 400, "each once");
  for (const std::size_t pinned : {40U, 100U, 200U, 300U, 360U}) {
    std::vector<bool> is_pinned(400, false);
    for (std::size_t i = 0; i < pinned; ++i) is_pinned[order[i]] = true;
    for (std::size_t first = 0; first + 50 <= 400; ++first) {
      const auto from = is_pinned.begin() + static_cast<std::ptrdiff_t>(first);
      check::near(static_cast<double>(std::count(from, from + 50, true)), 50.0 * static_cast<double>(pinned) / 400, 2.5);
    }
  }
}

TEST("a ring gives records in the order they were begun, as they lie in the file, however their sizes meet its end") {
  std::vector<std::byte> bytes(200 * direct_page);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 31 + i / direct_page);
  const PackFile file(bytes, {});
  DirectFile direct(file.range(), {});
  AlignedArena arena(1 << 20);
  std::minstd_rand random(5);
  for (std::size_t pages = 6; pages < 40; pages += 3) {
    ReadRing ring(direct, arena.take(pages * direct_page), 50);
    std::size_t begun = 0, given = 0;
    std::vector<PageRange> ranges;
    for (int i = 0; i < 400; ++i) ranges.push_back({direct_page * (random() % 190), direct_page * (1 + random() % 3), 0});
    while (given < ranges.size()) {
      while (begun < ranges.size() && ring.begin(begun, ranges[begun])) ++begun;
      check::is_true(!ring.is_empty() && ring.label() == given, "the oldest");
      if (random() % 5 != 0) {
        ring.finish();
        check::is_true(std::memcmp(ring.memory().data(), bytes.data() + ranges[given].offset, ranges[given].bytes) == 0, "its bytes");
      }
      ring.drop();
      ++given;
    }
    while (ring.begin(0, ranges[0])) {
    }
    ring.clear();
    check::is_true(ring.is_empty() && direct.pending() == 0, "nothing is left in flight");
  }
  check::is_true(arena.used() == 0, "its memory went back");
}

TEST("products and rows of a matrix in a pack are those of the matrix in memory, for every type") {
  ThreadPool pool(2);
  for (const Kind& kind : kinds()) {
    const Example example = make(kind, 333, kind.multiple == 1 ? 75 : 2 * kind.multiple, 5);
    const auto matrix = pack_matrix(example.source(), pool);
    PackMaker maker(9);
    const auto tiles = maker.add(*matrix);
    const auto file = maker.write();
    const auto store = file->open();
    const Layout& packed = dynamic_cast<const PackedMatrix&>(*matrix).shape();
    const auto flash = std::make_shared<FlashMatrix>(store, packed, matrix->layout(), tiles);
    FlashUses uses;
    uses.dense = {{flash.get(), 0}};
    uses.rows = flash.get();
    store->attach(uses);
    const std::vector<float> in = activations(3 * example.columns, 8);
    const std::vector<std::int32_t> rows{7, 332, 0, 7, 200, 8, 1, 331};
    for (const std::int64_t budget : budgets_of(*store, 2)) {
      set_budget(*store, budget);
      for (const Arithmetic arithmetic : {Arithmetic::fast, Arithmetic::reference}) {
        std::vector<float> expected(3 * 333), out(3 * 333);
        const MatrixProduct product{matrix.get(), expected}, other{flash.get(), out};
        multiply({&product, 1}, in, 3, arithmetic, kernel_set(""), pool);
        multiply({&other, 1}, in, 3, arithmetic, kernel_set(""), pool);
        same_bits(out, expected, kind.name);
      }
      std::vector<float> expected(rows.size() * static_cast<std::size_t>(example.columns)), out(expected.size());
      read_rows(*matrix, rows, expected, pool);
      // First whole records, then groups of them.
      for (int i = 0; i < 2; ++i) {
        read_rows(*flash, rows, out, pool);
        same_bits(out, expected, std::string("rows: ") + kind.name);
      }
    }
  }
}

TEST("at every budget a streamed model gives the bits of the resident one, with one thread") { test_budgets({}, 1); }
TEST("at every budget a streamed model gives the bits of the resident one, with two threads") { test_budgets({}, 2); }
TEST("at every budget a streamed model gives the bits of the resident one, read by threads") { test_budgets({ReaderKind::threads, 3, 0, false}, 2); }
TEST("at every budget a streamed model gives the bits of the resident one, where direct reads are refused") {
  test_budgets({ReaderKind::automatic, 1, 0, true}, 1);
}

TEST("a budget changes between evaluations without anything else changing") {
  for (const Shape shape : shapes) {
    const auto model = make_shape(shape);
    const PackedModel packed(*model, 2);
    const auto store = packed.file->open();
    Session session = streamed_session(packed, store, 2);
    Session resident = make_session(model, 1);
    const auto ids = make_ids(60);
    const auto budgets = budgets_of(*store, 9);
    std::minstd_rand random(9);
    for (std::size_t end = 1; end <= ids.size(); ++end) {
      const std::int64_t budget = budgets[random() % budgets.size()];
      set_budget(*store, budget);
      check::is_true(held(store->state()) <= budget && store->state().budget_bytes == budget, "the budget");
      same_bits(evaluate(session, ids, end), evaluate(resident, ids, end), "token " + std::to_string(end));
    }
  }
}

TEST("weights that stay are read in parts, and what is missing by the next evaluation") {
  const auto model = make_shape(Shape::untied);
  const PackedModel packed(*model, 1);
  const auto store = packed.file->open();
  Session session = streamed_session(packed, store, 1);
  const std::int64_t total = store->state().total_bytes;
  auto left = static_cast<std::uint64_t>(total);
  for (int i = 0; i < 4; ++i) {
    const std::uint64_t now = store->set_budget(total, direct_page, never);
    check::is_true(now < left && now > 0, "some of it");
    left = now;
  }
  const EvaluateOutcome outcome = decode(session, 1);
  check::is_true(sum(outcome.flash->bytes) == static_cast<std::int64_t>(left) && store->set_budget(total, 1, never) == 0, "all of it, and it is counted");
  check::is_true(sum(outcome.flash->reads) > 0 && sum(outcome.flash->misses) == 0 && sum(outcome.flash->stall_ns) > 0, "as reads that were waited for");
  check::is_true(store->state().reads.bytes == static_cast<std::uint64_t>(total), "each record once");
}

TEST("a budget below the minimum is refused with the minimum, and the one before stays") {
  for (const Shape shape : shapes) {
    const auto model = make_shape(shape);
    const PackedModel packed(*model, 2);
    const auto store = packed.file->open();
    Session session = streamed_session(packed, store, 1);
    const std::int64_t minimum = store->state().minimum_bytes;
    check::refuses(Status::bad_request, [&] { decode(session, 1); });
    set_budget(*store, minimum);
    for (const std::int64_t budget : {minimum - 1, std::int64_t{0}, std::int64_t{-5}}) {
      try {
        store->set_budget(budget, UINT64_MAX, never);
        check::is_true(false, "was not refused");
      } catch (const BudgetFailure& failure) {
        check::is_true(failure.status() == Status::bad_request && failure.minimum_bytes() == minimum, "the minimum");
      }
    }
    check::is_true(store->state().budget_bytes == minimum, "the one before");
    decode(session, 1);
  }
}

namespace {

// A bit of each record; a second time they are as they were.
void flip_all(const PackFile& file) {
  for (const PackRecord& record : file.records) file.flip(record.offset);
}

}  // namespace

TEST("where a change of the budget fails the one before is in force, and evaluation goes on") {
  for (const Shape shape : shapes) {
    const auto model = make_shape(shape);
    const auto ids = make_ids(12);
    Session resident = make_session(model, 1);
    const auto expected = evaluate(resident, ids, 12);
    const PackedModel packed(*model, 2);
    const auto store = packed.file->open();
    Session session = streamed_session(packed, store, 1);
    const auto budgets = budgets_of(*store, 3);
    const auto fails = [&](std::int64_t budget) {
      flip_all(*packed.file);
      check::refuses(Status::bad_file, [&] { store->set_budget(budget, UINT64_MAX, never); });
      flip_all(*packed.file);
    };
    fails(budgets[3]);
    check::is_true(store->state().budget_bytes == budgets[3], "there was none before");
    set_budget(*store, budgets[1]);
    const FlashState before = store->state();
    same_rows(evaluate(session, ids, 4), expected, 0, "before");
    fails(budgets[3]);
    check::is_true(store->state().budget_bytes == budgets[1] && held(store->state()) <= budgets[1], "the one before");
    check::is_true(store->state().ring_bytes == before.ring_bytes && store->state().slots == before.slots, "its buffers");
    same_rows(evaluate(session, ids, 8), expected, 4, "afterwards");
    check::is_true(store->state().pinned_bytes == before.pinned_bytes, "what it keeps in memory");
    set_budget(*store, budgets[3]);
    same_rows(evaluate(session, ids, 12), expected, 8, "the next change");
  }
}

namespace {

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// While it lives, the process gets so many bytes of memory more and no others.
class MemoryLimit {
 public:
  explicit MemoryLimit(std::size_t more) {
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    getrlimit(RLIMIT_AS, &before_);
    const rlimit limit{pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) + more, before_.rlim_max};
    check::is_true(setrlimit(RLIMIT_AS, &limit) == 0, "a limit");
  }
  ~MemoryLimit() { setrlimit(RLIMIT_AS, &before_); }
  MemoryLimit(const MemoryLimit&) = delete;
  MemoryLimit& operator=(const MemoryLimit&) = delete;

 private:
  rlimit before_{};
};

bool refuses_without_memory(FlashStore& store, std::int64_t budget) {
  const MemoryLimit limit(std::size_t{512} << 10);
  check::refuses(Status::out_of_memory, [&] { store.set_budget(budget, UINT64_MAX, never); });
  return true;
}
#else
bool refuses_without_memory(FlashStore&, std::int64_t) { return false; }
#endif

}  // namespace

TEST("where there is no memory for another budget the one before is in force") {
  ThreadPool pool(1);
  Maker maker(4);
  const Linear linear = maker.linear(8000, 500);
  PackMaker pack(4);
  const auto tiles = pack.add(*linear.matrix);
  const auto file = pack.write();
  const auto store = file->open();
  const auto& packed = dynamic_cast<const PackedMatrix&>(*linear.matrix);
  const FlashMatrix flash(store, packed.shape(), packed.layout(), tiles);
  FlashUses uses;
  uses.dense = {{&flash, 0}};
  store->attach(uses);
  const auto in = activations(500, 8);
  const auto same = [&](const char* what) {
    std::vector<float> expected(8000), out(8000);
    const MatrixProduct product{linear.matrix.get(), expected}, other{&flash, out};
    FlashEvaluation evaluation(store.get(), never);
    evaluation.begin_part(1, true);
    multiply({&product, 1}, in, 1, Arithmetic::reference, kernel_set(""), pool);
    multiply({&other, 1}, in, 1, Arithmetic::reference, kernel_set(""), pool);
    evaluation.finish();
    same_bits(out, expected, what);
  };
  const auto budgets = budgets_of(*store, 2);
  set_budget(*store, budgets[0]);
  same("before");
  const std::int64_t ring = store->state().ring_bytes;
  if (!refuses_without_memory(*store, budgets[1])) {
    std::printf("skipped: memory is not limited here\n");
    return;
  }
  check::is_true(store->state().budget_bytes == budgets[0] && store->state().ring_bytes == ring, "the one before");
  same("afterwards");
  set_budget(*store, budgets[1]);
  check::is_true(store->state().ring_bytes > ring, "another ring");
  same("the next change");
}

TEST("each token reads exactly what is not in memory, and it is counted where it is used") {
  const auto model = make_shape(Shape::untied);
  const PackedModel packed(*model, 1);
  const auto store = packed.file->open();
  const auto flash_model = packed.over(store);
  EngineContext context = make_context(2);
  context.flash = store;
  // Records of each layer, the last without the token rows.
  const FlashUses uses = flash_uses(*flash_model);
  std::vector<std::int64_t> records(3, 0);
  std::int64_t pages = 0;
  for (const auto& [matrix, layer] : uses.dense) {
    records[static_cast<std::size_t>(layer)] += static_cast<std::int64_t>(matrix->tiles().size());
    for (const PackTile& tile : matrix->tiles()) pages += static_cast<std::int64_t>(store->records().pages(tile.record).bytes);
  }
  for (const std::int64_t budget : budgets_of(*store, 5)) {
    set_budget(*store, budget);
    Session session = make_session(flash_model, context);
    decode(session, 3);
    const FlashState state = store->state();
    for (int token = 0; token < 3; ++token) {
      const EvaluateOutcome outcome = decode(session, 3);
      const FlashCounts& flash = *outcome.flash;
      for (std::size_t layer = 0; layer < 3; ++layer) {
        check::is_true(flash.hits[layer] + flash.misses[layer] == records[layer] + (layer == 2 ? 1 : 0), "each record once");
        check::is_true(flash.reads[layer] == flash.misses[layer] && flash.stall_ns[layer] >= 0, "reads are misses");
      }
      // A read that is waited for is in flight.
      check::is_true(sum(flash.stall_ns) <= flash.busy_ns + 1'000'000 * sum(flash.reads), "waited for what was being read");
      check::is_true((flash.busy_ns > 0) == (sum(flash.reads) > 0), "busy where something was read");
      // A group of token rows is read besides, of one page or two, unless it is in memory.
      const std::int64_t rows = sum(flash.bytes) - std::max<std::int64_t>(0, pages - state.pinned_bytes);
      check::is_true(rows == 0 || rows == direct_page || rows == 2 * direct_page, "the rest of the bytes");
      check::is_true((rows == 0) == (budget == state.total_bytes || state.pinned_bytes > pages), "the row");
    }
  }
}

TEST("a read that ends beside the computing is noticed by it, so that the disk is busy no longer than it was") {
  const auto model = make_shape(Shape::untied);
  const PackedModel packed(*model, 1);
  const auto store = packed.file->open();
  const auto flash_model = packed.over(store);
  set_budget(*store, budgets_of(*store, 2)[1]);
  const auto start = std::chrono::steady_clock::now();
  FlashEvaluation evaluation(store.get(), never);
  evaluation.begin_part(1, true);
  const auto passed = [&] { return std::chrono::steady_clock::now() - start; };
  while (store->pending_reads() > 0 && passed() < std::chrono::seconds(20)) store->use_in_memory(0);
  check::is_true(store->pending_reads() == 0, "all ended");
  const auto ended = std::chrono::nanoseconds(passed()).count();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  check::is_true(evaluation.finish()->busy_ns <= ended, "not busy while nothing is read");
}

TEST("token rows are hits or misses one by one, however many of them one read brings") {
  const auto model = make_shape(Shape::untied);
  const PackedModel packed(*model, 1);
  const auto store = packed.file->open();
  Session session = streamed_session(packed, store, 1);
  const std::vector<std::int32_t> ids{1, 2, 1, 3, 39, 1}, positions{0, 1, 2, 3, 4, 5};
  const FlashState state = store->state();
  for (const bool is_all : {false, true}) {
    set_budget(*store, is_all ? state.total_bytes : state.minimum_bytes);
    const FlashCounts flash = *session.evaluate({ids, {}, positions, {}, {}, {}, false}, never).flash;
    session.truncate(0);
    check::is_true(flash.hits.back() == (is_all ? 6 : 0) && flash.misses.back() == (is_all ? 0 : 6), "six rows");
    check::is_true(flash.reads.back() == (is_all ? 0 : 2), "of two records");
  }
}

TEST("what is read ahead in vain is waited for, and counted as such") {
  Maker maker(6);
  const Linear large = maker.linear(4000, 2000), small = maker.linear(8, 8);
  PackMaker pack(250);
  const auto large_tiles = pack.add(*large.matrix), small_tiles = pack.add(*small.matrix);
  const auto file = pack.write();
  const auto store = file->open({.depth = 1});
  const auto placed = [&](const Linear& linear, const std::vector<PackTile>& tiles) {
    const auto& packed = dynamic_cast<const PackedMatrix&>(*linear.matrix);
    return FlashMatrix(store, packed.shape(), packed.layout(), tiles);
  };
  const FlashMatrix skipped = placed(large, large_tiles), used = placed(small, small_tiles);
  FlashUses uses;
  uses.dense = {{&skipped, 0}, {&used, 0}};
  store->attach(uses);
  set_budget(*store, store->state().minimum_bytes);
  FlashEvaluation evaluation(store.get(), never);
  const auto start = std::chrono::steady_clock::now();
  evaluation.begin_part(1, true);
  store->acquire(small_tiles[0].record);
  const std::chrono::nanoseconds passed = std::chrono::steady_clock::now() - start;
  store->release(small_tiles[0].record);
  check::is_true(2 * sum(evaluation.finish()->stall_ns) > passed.count(), "most of the time");
}

TEST("where the weights that stay cannot be read an evaluation leaves nothing behind, and the next one reads them") {
  const auto model = make_shape(Shape::untied);
  const PackedModel packed(*model, 1);
  const auto store = packed.file->open();
  Session session = streamed_session(packed, store, 1);
  const std::int64_t total = store->state().total_bytes;
  store->set_budget(total, 1, never);
  flip_all(*packed.file);
  check::refuses(Status::bad_file, [&] { decode(session, 1); });
  flip_all(*packed.file);
  check::is_true(store->pending_reads() == 0 && store->state().pinned_bytes < total, "as it is said to be");
  decode(session, 1);
  check::is_true(store->state().pinned_bytes == total, "all");
}

TEST("a prompt reads no head where no logits are asked for, and each record once a part") {
  const auto model = make_shape(Shape::untied);
  const PackedModel packed(*model, 1);
  const auto store = packed.file->open();
  Session session = streamed_session(packed, store, 1);
  set_budget(*store, store->state().minimum_bytes);
  const auto ids = make_ids(512);
  std::vector<std::int32_t> positions(512);
  std::iota(positions.begin(), positions.end(), 0);
  const EvaluateOutcome outcome = session.evaluate({ids, {}, positions, {}, {}, {}, false}, never);
  const std::uint64_t read = store->state().reads.reads;
  check::is_true(outcome.flash->hits[0] + outcome.flash->misses[0] == 2 * 21, "two parts");
  check::is_true(read < static_cast<std::uint64_t>(2 * 2 * 21 + 20), "the head is not read in vain");
}

TEST("a cancelled evaluation leaves the session as it was and no read in flight") {
  for (const Shape shape : shapes) {
    const auto model = make_shape(shape);
    const auto expected = live_resident(shape, model);
    const PackedModel packed(*model, 1);
    for (const bool is_large : {false, true}) {
      const auto store = packed.file->open();
      Session session = streamed_session(packed, store, 2);
      const auto budgets = budgets_of(*store, 3);
      set_budget(*store, budgets[is_large ? 2 : 0]);
      const auto ids = make_ids(330);
      int cancelled_calls = 0;
      for (int delay_us = 0; delay_us < 6000; delay_us += 300) {
        std::atomic<bool> cancelled = delay_us == 0;
        std::thread canceller([&] {
          std::this_thread::sleep_for(std::chrono::microseconds(delay_us));
          cancelled = true;
        });
        try {
          evaluate(session, ids, 300, cancelled);
          session.truncate(0);
        } catch (const Failure& failure) {
          check::is_true(failure.status() == Status::cancelled && store->pending_reads() == 0, "cancelled, nothing in flight");
          ++cancelled_calls;
        }
        canceller.join();
        check::is_true(session.length() == 0, "the length");
      }
      check::is_true(cancelled_calls > 0, "some were cancelled");
      same_bits(live(std::move(session), shape == Shape::recurrent), expected, "as though nothing had been");
    }
  }
}

TEST("whichever read fails, the call fails, no read stays in flight, and the next call gives the same bits") {
  for (const Shape shape : shapes) {
    const auto model = make_shape(shape);
    const PackedModel packed(*model, 2);
    const auto ids = make_ids(8);
    Session resident = make_session(model, 1);
    const auto expected = evaluate(resident, ids, 8);
    for (const std::int64_t step : {0, 3}) {
      bool failed = true;
      std::int64_t failures = 0;
      for (std::int64_t k = 1; failed; ++k) {
        failed = false;
        const auto store = packed.file->open({ReaderKind::automatic, 4, k, false});
        Session session = streamed_session(packed, store, 2);
        const auto repeated = [&](auto body) {
          // Rows and weights are read apart, so that the k-th read of both may fail.
          for (int attempt = 0; attempt < 3; ++attempt) {
            try {
              return body();
            } catch (const Failure& failure) {
              check::is_true(failure.status() == Status::file_unreadable && store->pending_reads() == 0, failure.what());
              failed = true;
              ++failures;
            }
          }
          check::is_true(false, "goes on failing");
        };
        const auto budgets = budgets_of(*store, 3);
        repeated([&] { set_budget(*store, budgets[static_cast<std::size_t>(step)]); });
        repeated([&] { same_rows(evaluate(session, ids, 6), expected, 0, "the prompt"); });
        for (std::size_t end = 7; end <= 8; ++end) repeated([&] { same_rows(evaluate(session, ids, end), expected, end - 1, "a token"); });
      }
      check::is_true(failures > 10, "many reads");
    }
  }
}

TEST("a bit that changed in any record is found before its weights are used") {
  for (const Shape shape : shapes) {
    const auto model = make_shape(shape);
    const PackedModel packed(*model, 3);
    // All experts and all token rows are used.
    std::vector<std::int32_t> ids(300);
    for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>(i * 7 % vocabulary);
    Session resident = make_session(model, 1);
    const auto expected = evaluate(resident, ids, 300);
    for (std::size_t record = 0; record < packed.file->records.size(); ++record) {
      const PackRecord& place = packed.file->records[record];
      const std::uint64_t bit = place.offset + (record * 97) % place.bytes;
      packed.file->flip(bit);
      const auto store = packed.file->open();
      Session session = streamed_session(packed, store, 1);
      const auto budgets = budgets_of(*store, 3);
      try {
        set_budget(*store, budgets[record % 4]);
        evaluate(session, ids, 300);
        check::is_true(false, ("was not found: " + std::to_string(record) + " of shape " + std::to_string(static_cast<int>(shape))).c_str());
      } catch (const Failure& failure) {
        const std::string what = failure.what();
        check::is_true(failure.status() == Status::bad_file && what.find("record " + std::to_string(record) + " ") != std::string::npos, what.c_str());
        check::is_true(what.find(packed.file->path.filename().string()) != std::string::npos && store->pending_reads() == 0, what.c_str());
        check::is_true(session.length() == 0, "the session is as it was");
      }
      packed.file->flip(bit);
      set_budget(*store, budgets[record % 4]);
      same_bits(evaluate(session, ids, 300), expected, "healed");
    }
  }
}

TEST("a pack that becomes shorter while it is open fails, one that another replaces does not") {
  const auto model = make_shape(Shape::experts);
  const PackedModel packed(*model, 2);
  const auto ids = make_ids(20);
  Session resident = make_session(model, 1);
  const auto expected = evaluate(resident, ids, 20);
  const auto store = packed.file->open();
  Session session = streamed_session(packed, store, 1);
  set_budget(*store, store->state().minimum_bytes);
  evaluate(session, ids, 5);
  std::filesystem::rename(packed.file->path, packed.file->path.string() + ".old");
  packed.file->write(0, std::vector<std::byte>(packed.file->size));
  same_rows(evaluate(session, ids, 12), expected, 5, "the replaced");
  check::refuses(Status::bad_file, [&] {
    const auto other = packed.file->open();
    Session of_zeros = streamed_session(packed, other, 1);
    set_budget(*other, other->state().total_bytes);
  });
  std::filesystem::rename(packed.file->path.string() + ".old", packed.file->path);
  std::filesystem::resize_file(packed.file->path, packed.file->size / 2 / direct_page * direct_page);
  check::refuses(Status::bad_file, [&] { evaluate(session, ids, 20); });
  check::is_true(session.length() == 12 && store->pending_reads() == 0, "as it was");
}

TEST("records and tiles that do not fit the file or each other are refused before anything is read") {
  Maker maker(3);
  const auto matrix = maker.linear(40, width).matrix;
  const auto& packed = dynamic_cast<const PackedMatrix&>(*matrix);
  PackMaker pack(2);
  const auto tiles = pack.add(*matrix);
  const auto file = pack.write();
  const auto refused_record = [&](auto change) {
    auto records = file->records;
    change(records[1]);
    check::refuses(Status::bad_file, [&] { FlashStore(file->range(), records, {}); });
  };
  refused_record([](PackRecord& record) { record.bytes = 0; });
  refused_record([&](PackRecord& record) { record.bytes = file->size; });
  refused_record([](PackRecord& record) { record.bytes = UINT64_MAX; });
  refused_record([](PackRecord& record) { record.offset = UINT64_MAX - 63; });
  refused_record([](PackRecord& record) { record.offset += 1; });
  const auto store = file->open();
  const auto refused_tiles = [&](auto change) {
    auto changed = tiles;
    change(changed);
    check::refuses(Status::bad_file, [&] { FlashMatrix(store, packed.shape(), packed.layout(), changed); });
  };
  FlashMatrix(store, packed.shape(), packed.layout(), tiles);
  refused_tiles([](auto& list) { list.pop_back(); });
  refused_tiles([](auto& list) { list.push_back({0, 0, 1}); });
  refused_tiles([](auto& list) { list.clear(); });
  refused_tiles([](auto& list) { list[0].record = 100; });
  refused_tiles([](auto& list) { list[0].groups = 0; });
  refused_tiles([](auto& list) { list[0].groups = -2; });
  refused_tiles([](auto& list) { list[0].groups = 3; });
  refused_tiles([](auto& list) { list[0].groups = std::int64_t{1} << 60; });
  refused_tiles([](auto& list) { list[1].offset = 64; });
  refused_tiles([](auto& list) { list[1].offset = 1; });
  refused_tiles([](auto& list) { list[1].offset = UINT64_MAX - 63; });
  const FlashMatrix once(store, packed.shape(), packed.layout(), tiles), again(store, packed.shape(), packed.layout(), tiles);
  FlashUses uses;
  uses.dense = {{&once, 0}, {&again, 0}};
  check::refuses(Status::bad_file, [&] { store->attach(uses); });
  uses.dense = {{&once, 0}};
  uses.layers = 1;
  uses.expert_layers = {{0, 1, {{{&once, &once, &once}}}}};
  check::refuses(Status::bad_file, [&] { file->open()->attach(uses); });
  check::refuses(Status::bad_request, [&] { file->open()->read_record(3); });
  check::refuses(Status::bad_request, [&] { file->open()->set_budget(1 << 20, UINT64_MAX, never); });
  const std::vector<std::byte> first = store->read_record(0);
  check::is_true(std::memcmp(first.data(), packed.data(), first.size()) == 0 && first.size() == file->records[0].bytes, "a record's bytes");
}

TEST("a model that does not fit is refused for its own reason each time, and one that fits is taken after it") {
  const auto model = make_shape(Shape::experts);
  const PackedModel packed(*model, 2);
  const auto store = packed.file->open();
  Maker maker(3);
  const auto stranger = maker.linear(8, 8).matrix;
  const auto& layout = dynamic_cast<const PackedMatrix&>(*stranger);
  const FlashMatrix first(store, layout.shape(), layout.layout(), {{0, 0, 1}}), same(store, layout.shape(), layout.layout(), {{0, 0, 1}});
  const FlashMatrix second(store, layout.shape(), layout.layout(), {{1, 0, 1}});
  FlashUses twice, parted;
  twice.dense = {{&second, 0}, {&first, 0}, {&same, 0}};
  parted.layers = 1;
  parted.expert_layers = {{0, 1, {{{&second, &second, &second}}, {{&first, &first, &second}}}}};
  const auto refused = [&](const FlashUses& uses, const std::string& why) {
    std::string said;
    try {
      store->attach(uses);
    } catch (const Failure& failure) {
      said = failure.what();
    }
    check::is_true(said.find("record 0 ") != std::string::npos && said.ends_with(why), said.c_str());
  };
  for (int i = 0; i < 2; ++i) {
    refused(twice, "two matrices name it.");
    refused(parted, "an expert's three matrices must lie in one record.");
  }
  Session resident = make_session(model, 1);
  Session session = streamed_session(packed, store, 1);
  set_budget(*store, budgets_of(*store, 2)[1]);
  const auto ids = make_ids(6);
  same_bits(evaluate(session, ids, 6), evaluate(resident, ids, 6), "afterwards");
}

TEST("records are read while the model comes, and are counted at once") {
  const auto model = make_shape(Shape::untied);
  const PackedModel packed(*model, 2);
  const auto store = packed.file->open();
  check::is_true(!store->state().reader.empty(), "the reader");
  constexpr std::size_t count = 10;
  std::thread reading([&] {
    for (std::size_t record = 0; record < count; ++record) store->read_record(record);
  });
  const auto flash_model = packed.over(store);
  reading.join();
  const FlashState state = store->state();
  check::is_true(state.reads.reads == count && state.layers == 2, "both");
}

namespace {

// The experts each layer's router chose, of the whole of an evaluation.
std::map<int, std::vector<std::int32_t>> routes_of(const EvaluateOutcome& outcome) {
  std::map<int, std::vector<std::int32_t>> routes;
  for (const auto& state : outcome.hidden) {
    if (state.name.ends_with(".topk")) routes[std::stoi(state.name.substr(7))] = state.integers;
  }
  return routes;
}

// Least decayed use with ghosts, in the simplest words.
class Replay {
 public:
  explicit Replay(std::size_t slots) : slots_(slots) {}

  void pass(int tokens) {
    for (auto& [expert, uses] : uses_) uses *= std::exp2(-tokens / 128.0);
  }

  // Returns how many were there.
  std::int64_t use(int layer, const std::vector<std::int32_t>& chosen) {
    const std::set<std::int32_t> needed(chosen.begin(), chosen.end());
    std::int64_t hits = 0;
    for (const std::int32_t expert : chosen) uses_[{layer, expert}] += 1;
    for (const std::int32_t expert : needed) hits += held_.contains({layer, expert}) ? 1 : 0;
    for (const std::int32_t expert : needed) {
      if (held_.contains({layer, expert})) continue;
      if (held_.size() == slots_) evict(layer, needed);
      held_.insert({layer, expert});
    }
    return hits;
  }

 private:
  using Name = std::pair<int, std::int32_t>;

  void evict(int layer, const std::set<std::int32_t>& needed) {
    const Name* least = nullptr;
    for (const Name& name : held_) {
      if (name.first == layer && needed.contains(name.second)) continue;
      if (least == nullptr || uses_[name] < uses_[*least]) least = &name;
    }
    held_.erase(*least);
  }

  std::size_t slots_;
  std::map<Name, double> uses_;
  std::set<Name> held_;
};

}  // namespace

TEST("experts are kept by decayed use, as a replay of the routes says, and the map shows where they are") {
  const auto model = make_shape(Shape::experts);
  const PackedModel packed(*model, 2);
  const auto store = packed.file->open();
  Session session = streamed_session(packed, store, 1);
  const FlashState empty = store->state();
  check::is_true(empty.layers == 5 && empty.experts == 6, "the map's size");
  // Too few for guesses, which would take places of their own.
  const std::int64_t slots = 3;
  set_budget(*store, empty.minimum_bytes);
  const std::int64_t slot_bytes = store->state().slot_bytes;
  set_budget(*store, empty.minimum_bytes + (slots - 2) * slot_bytes);
  check::is_true(store->state().slots == slots, "the slots");
  Replay replay(static_cast<std::size_t>(slots));
  std::int64_t hits = 0, misses = 0;
  std::minstd_rand random(8);
  for (int token = 0; token < 400; ++token) {
    const std::vector<std::int32_t> ids{static_cast<std::int32_t>(random() % vocabulary)}, positions{token}, rows{0};
    std::vector<float> logits(vocabulary);
    const EvaluateOutcome outcome = session.evaluate({ids, {}, positions, {}, rows, logits, true}, never);
    replay.pass(1);
    for (const auto& [layer, chosen] : routes_of(outcome)) {
      const std::int64_t expected = replay.use(layer, chosen);
      // q, k, v, o and the router stay in memory: 3 + 2 + 2 + 3 groups of tiles of two, and one.
      const std::int64_t trunk = outcome.flash->hits[static_cast<std::size_t>(layer)] + outcome.flash->misses[static_cast<std::size_t>(layer)] - 2;
      check::is_true(outcome.flash->hits[static_cast<std::size_t>(layer)] - trunk == expected, "the same hits");
      check::is_true(outcome.flash->misses[static_cast<std::size_t>(layer)] == 2 - expected, "the others are read");
      hits += expected;
      misses += 2 - expected;
    }
    const FlashState state = store->state();
    check::is_true(std::count(state.resident.begin(), state.resident.end(), 1) <= slots, "as many as there are slots");
  }
  check::is_true(hits > 200 && misses > 200, "both occurred");
  const FlashState state = store->state();
  double uses = 0;
  for (const double each : state.uses) uses += each;
  // Each token uses six, and a token ago half to the 128th less.
  check::near(uses, 6.0 / (1 - std::exp2(-1.0 / 128)) * (1 - std::exp2(-400.0 / 128)), 1e-6 * uses);
  double missed = 0;
  for (std::size_t i = 0; i < state.uses.size(); ++i) {
    check::is_true(state.misses[i] <= state.uses[i] * (1 + 1e-9), "what was read was used");
    missed += state.misses[i];
  }
  check::is_true(missed > 0 && missed < uses, "some uses are misses");
}

TEST("a prompt reads each expert that it needs once a part, however few slots there are") {
  const auto model = make_shape(Shape::experts);
  const PackedModel packed(*model, 2);
  const auto store = packed.file->open();
  Session session = streamed_session(packed, store, 2);
  set_budget(*store, store->state().minimum_bytes);
  const auto ids = make_ids(256);
  std::vector<std::int32_t> positions(256);
  std::iota(positions.begin(), positions.end(), 0);
  const EvaluateOutcome outcome = session.evaluate({ids, {}, positions, {}, {}, {}, true}, never);
  for (const auto& [layer, chosen] : routes_of(outcome)) {
    const auto needed = static_cast<std::int64_t>(std::set(chosen.begin(), chosen.end()).size());
    check::is_true(needed > 2 && outcome.flash->misses[static_cast<std::size_t>(layer)] == needed, "each once");
  }
}

namespace {

class Watcher final : public ExpertSlots::Owner {
 public:
  bool is_pinned(std::size_t expert) const override { return expert == 9; }
  void hit(std::size_t) override { ++hits; }
  void missed(std::size_t) override { ++misses; }
  void was_read(std::size_t, std::size_t, bool is_in_vain) override { ++(is_in_vain ? vain : reads); }
  void arrived(std::size_t, std::span<const std::byte>, std::int64_t) override { ++arrivals; }
  int hits = 0, misses = 0, reads = 0, vain = 0, arrivals = 0;
};

// Experts of a page each, expert 9 pinned.
struct SmallExperts {
  explicit SmallExperts(std::size_t places, std::int32_t depth = 2)
      : file(std::vector<std::byte>(40 * direct_page), records()),
        log(std::make_shared<ReadLog>()),
        direct(file.range(), {ReaderKind::automatic, depth, 0, false, log}),
        listed(file.range(), records()),
        arena(places * direct_page),
        slots(direct, listed, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) {
    slots.grow(arena, places, direct_page);
  }

  static std::vector<PackRecord> records() {
    std::vector<PackRecord> records;
    for (std::size_t i = 0; i < 10; ++i) records.push_back({(1 + 2 * i) * direct_page, direct_page, 0});
    return records;
  }

  // Takes all of a layer that was begun.
  std::vector<std::int64_t> run(const std::vector<std::int64_t>& uses) {
    std::vector<std::int64_t> order;
    for (std::int64_t expert = slots.next(watcher); expert >= 0; expert = slots.next(watcher)) {
      check::is_true(expert == 9 || slots.memory(static_cast<std::size_t>(expert)) != nullptr, "in memory while it is computed with");
      order.push_back(expert);
    }
    check::is_true(static_cast<std::ptrdiff_t>(order.size()) == std::ranges::count_if(uses, [](auto each) { return each > 0; }), "each once");
    return order;
  }

  PackFile file;
  std::shared_ptr<ReadLog> log;
  DirectFile direct;
  PackRecords listed;
  AlignedArena arena;
  ExpertSlots slots;
  Watcher watcher;
};

}  // namespace

TEST("all missing experts are asked for before the first is computed with, and those in memory come first") {
  SmallExperts experts(6);
  auto& [file, log, direct, listed, arena, slots, watcher] = experts;
  const auto run = [&](const std::vector<std::int64_t>& uses) { return experts.run(uses); };
  const std::vector<std::int64_t> first{1, 0, 1, 0, 1, 0, 0, 0, 0, 1};
  slots.begin(0, first, watcher);
  check::is_true(log->size() == 3 && watcher.hits == 1, "three are missing");
  check::is_true(run(first)[0] == 9, "the pinned one first");
  const std::vector<std::int64_t> second{0, 1, 1, 1, 1, 1, 0, 0, 0, 0};
  slots.begin(0, second, watcher);
  check::is_true(log->size() == 6, "2 and 4 are there");
  const auto order = run(second);
  check::is_true(order[0] == 2 && order[1] == 4 && watcher.arrivals == 6, "and come first");
  // More than there are slots: those not needed any more make room.
  const std::vector<std::int64_t> third{1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  slots.begin(0, third, watcher);
  check::is_true(direct.pending() == 0, "all slots hold what is needed");
  check::is_true(run(third).size() == 10, "in waves");
  slots.begin(0, first, watcher);
  slots.abandon();
  check::is_true(direct.pending() == 0, "nothing in flight");
  slots.shrink(0);
  check::is_true(arena.used() == 0, "its memory went back");
  slots.begin(0, first, watcher);
  check::is_true(slots.next(watcher) == 9, "the pinned one needs no slot");
  check::refuses(Status::internal, [&] { slots.next(watcher); });
}

TEST("guesses are read behind what is needed, count as misses where they were right, and are taken back where they were wrong") {
  // Layers of three experts; two are used of each. One read at a time.
  SmallExperts experts(8, 1);
  auto& [file, log, direct, listed, arena, slots, watcher] = experts;
  slots.begin(0, std::vector<std::int64_t>{1, 1, 0}, watcher);
  slots.guess(3, std::vector<std::int32_t>{1, 0}, watcher);
  check::is_true(log->size() == 4, "two are needed, two guessed");
  experts.run({1, 1, 0});
  check::is_true(watcher.misses == 2 && watcher.reads == 2 && watcher.arrivals == 2, "guesses are not told yet");
  slots.begin(3, std::vector<std::int64_t>{1, 1, 0}, watcher);
  check::is_true(log->size() == 4, "nothing is asked for again");
  experts.run({1, 1, 0});
  check::is_true(watcher.misses == 4 && watcher.reads == 4 && watcher.vain == 0 && watcher.hits == 0, "right ones are read once, and are misses");

  // Wrong: 6 may be in flight, 7 waits in line behind it and is not read. What is in memory is guessed without a read.
  const std::size_t before = log->size();
  slots.begin(0, std::vector<std::int64_t>{1, 0, 0}, watcher);
  slots.guess(3, std::vector<std::int32_t>{0, 1}, watcher);
  check::is_true(log->size() == before, "all are there");
  slots.guess(6, std::vector<std::int32_t>{0, 1}, watcher);
  slots.begin(6, std::vector<std::int64_t>{0, 0, 1}, watcher);
  check::is_true(watcher.vain + static_cast<int>(log->size() - before) >= 2 && watcher.vain <= 2, "what was begun is told");
  const int vain = watcher.vain;
  const auto reads = static_cast<int>(log->size() - before);
  check::is_true(reads == vain + 1, "what was in line is not read");
  experts.run({0, 0, 1});

  // What was read in vain is a hit where it is asked for later.
  if (vain > 0) {
    const int hits = watcher.hits, counted = watcher.reads;
    slots.begin(6, std::vector<std::int64_t>{1, 0, 0}, watcher);
    experts.run({1, 0, 0});
    check::is_true(watcher.hits == hits + 1 && watcher.reads == counted, "its read was told before");
  }
  slots.begin(0, std::vector<std::int64_t>{1, 0, 0}, watcher);
  slots.guess(6, std::vector<std::int32_t>{0, 1, 2}, watcher);
  slots.abandon();
  check::is_true(direct.pending() == 0, "nothing in flight");
  slots.begin(0, std::vector<std::int64_t>{1, 1, 0}, watcher);
  experts.run({1, 1, 0});
  slots.shrink(0);
  check::is_true(arena.used() == 0, "its memory went back");
}

TEST("few places are not for guesses") {
  SmallExperts experts(6);
  experts.slots.begin(0, std::vector<std::int64_t>{1, 1, 0}, experts.watcher);
  experts.run({1, 1, 0});
  experts.slots.guess(3, std::vector<std::int32_t>{0, 1}, experts.watcher);
  check::is_true(experts.direct.pending() == 0, "6 places are fewer than 4 for each of 2");
}
