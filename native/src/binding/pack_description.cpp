#include "pack_description.h"

#include <algorithm>
#include <utility>

#include "../matrix/layout_names.h"
#include "../matrix/type_facts.h"

namespace retort::binding {
namespace {

// In the order of ReaderKind.
constexpr std::array<std::string_view, 3> readers = {"automatic", "uring", "threads"};

std::vector<PackRecord> read_records(const Fields& fields) {
  const auto offsets = fields.whole_numbers("offsets");
  const auto bytes = fields.whole_numbers("bytes");
  const auto checksums = fields.unsigned_integers("checksums");
  if (bytes.size() != offsets.size()) fields.refuse_field("bytes", "expected as many as offsets.");
  if (checksums.size() != offsets.size()) fields.refuse_field("checksums", "expected as many as offsets.");
  std::vector<PackRecord> records;
  for (std::size_t i = 0; i < offsets.size(); ++i) records.push_back({offsets[i], bytes[i], checksums[i]});
  return records;
}

DirectFile::Options read_options(const Fields& fields) {
  DirectFile::Options options;
  if (fields.has("reader")) options.reader = static_cast<ReaderKind>(fields.choice("reader", readers));
  if (fields.has("depth")) options.depth = fields.integer("depth");
  if (fields.has("recordReads") && fields.flag("recordReads")) options.log = std::make_shared<ReadLog>();
  if (fields.has("failRead")) options.fail_read = fields.whole_number("failRead");
  return options;
}

PackTile read_tile(const Fields& fields) {
  const std::int64_t record = fields.whole_number("record");
  if (record > std::int64_t{0xFFFF'FFFF}) fields.refuse_field("record", "there is no such record.");
  return {static_cast<std::uint32_t>(record), static_cast<std::uint64_t>(fields.whole_number("offset")), fields.whole_number("groups")};
}

Napi::Float64Array to_doubles(Napi::Env env, const std::vector<std::int64_t>& values) {
  const std::vector<double> doubles(values.begin(), values.end());
  return to_float64_array(env, doubles);
}

}  // namespace

Layout read_layout(const Fields& fields, std::int64_t rows, std::int64_t columns) {
  Layout layout;
  layout.codes = static_cast<Codes>(fields.choice("codes", codes_names));
  layout.scales = static_cast<Scales>(fields.choice("scales", scales_names));
  layout.zero = fields.integer("zero");
  layout.point_base = fields.integer("pointBase");
  layout.step_columns = fields.whole_number("stepColumns");
  layout.steps_per_header = fields.whole_number("stepsPerHeader");
  layout.rows = rows;
  layout.columns = columns;
  return checked_layout(layout, fields.text("name"));
}

std::shared_ptr<FlashStore> open_store(const Fields& fields) {
  return std::make_shared<FlashStore>(whole_file(fields), read_records(fields), read_options(fields));
}

std::shared_ptr<const Matrix> read_placed(const Fields& fields, std::shared_ptr<FlashStore> store) {
  const Fields named = fields.object("layout");
  const Layout layout = read_layout(named, fields.whole_number("rows"), fields.whole_number("columns"));
  std::vector<PackTile> tiles;
  for (const Fields& tile : fields.objects("tiles")) tiles.push_back(read_tile(tile));
  return std::make_shared<const FlashMatrix>(std::move(store), layout, layout_name(named.text("name")), std::move(tiles));
}

Napi::Object flash_state(Napi::Env env, const FlashState& state) {
  auto result = Napi::Object::New(env);
  const auto set = [&result](const char* key, auto value) { result.Set(key, static_cast<double>(value)); };
  set("budgetBytes", state.budget_bytes);
  set("minimumBytes", state.minimum_bytes);
  set("totalBytes", state.total_bytes);
  set("pinnedBytes", state.pinned_bytes);
  set("ringBytes", state.ring_bytes);
  set("lookupBytes", state.lookup_bytes);
  set("slots", state.slots);
  set("slotBytes", state.slot_bytes);
  set("layers", state.layers);
  set("experts", state.experts);
  result.Set("resident", to_uint8_array(env, state.resident));
  result.Set("uses", to_float64_array(env, state.uses));
  result.Set("misses", to_float64_array(env, state.misses));
  set("bytesRead", state.reads.bytes);
  set("reads", state.reads.reads);
  set("pendingReads", state.pending_reads);
  result.Set("reader", std::string(state.reader));
  result.Set("direct", state.is_direct);
  return result;
}

Napi::Object begun_reads(Napi::Env env, const ReadLog& reads) {
  std::vector<double> offsets, bytes;
  std::vector<std::int32_t> pending;
  for (const BegunRead& read : reads) {
    offsets.push_back(static_cast<double>(read.offset));
    bytes.push_back(static_cast<double>(read.bytes));
    pending.push_back(static_cast<std::int32_t>(read.pending));
  }
  auto result = Napi::Object::New(env);
  result.Set("offsets", to_float64_array(env, offsets));
  result.Set("bytes", to_float64_array(env, bytes));
  result.Set("pending", to_int32_array(env, pending));
  return result;
}

Napi::Object flash_counts(Napi::Env env, const FlashCounts& counts) {
  auto result = Napi::Object::New(env);
  result.Set("bytes", to_doubles(env, counts.bytes));
  result.Set("reads", to_doubles(env, counts.reads));
  result.Set("hits", to_doubles(env, counts.hits));
  result.Set("misses", to_doubles(env, counts.misses));
  result.Set("stallNs", to_doubles(env, counts.stall_ns));
  result.Set("busyNs", static_cast<double>(counts.busy_ns));
  result.Set("vainBytes", static_cast<double>(counts.vain_bytes));
  result.Set("guesses", static_cast<double>(counts.guesses));
  result.Set("rightGuesses", static_cast<double>(counts.right_guesses));
  return result;
}

}  // namespace retort::binding
