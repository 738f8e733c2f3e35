#include "engine_object.h"

#include <utility>

#include "../matrix/layout_names.h"
#include "../matrix/packed_matrix.h"
#include "../model/check.h"
#include "../model/flash_uses.h"
#include "../store/source_file.h"
#include "model_description.h"
#include "pack_description.h"
#include "session_object.h"

namespace retort::binding {
namespace {

constexpr napi_type_tag engine_tag = {0x6f1d'7a0b'94c2'4e58, 0xb1c3'2d7e'5fa0'8891};

constexpr std::array<std::string_view, 2> arithmetics = {"reference", "fast"};
// In the order of SourceType.
constexpr std::array<std::string_view, 13> source_types = {"f32",  "f16",  "bf16",   "q4_0",   "q4_1",   "q5_0",   "q8_0",
                                                           "q4_k", "q6_k", "nbits2", "nbits4", "nbits8", "blocks8"};

// A matrix as it was described: its bytes, or where in a file they lie.
struct Description {
  MatrixSource source{};
  std::optional<FileRange> file;
  std::vector<std::uint8_t> bytes;
  std::vector<float> scales;
  std::vector<float> offsets;
};

Description read_description(const Fields& fields) {
  Description description;
  MatrixSource& source = description.source;
  source.type = static_cast<SourceType>(fields.choice("type", source_types));
  source.rows = fields.whole_number("rows");
  source.columns = fields.whole_number("columns");
  if (fields.has("file")) {
    const Fields file = fields.object("file");
    const auto number = [&](const char* key) { return static_cast<std::uint64_t>(file.whole_number(key)); };
    description.file = FileRange{file.text("path"), number("fileBytes"), number("offset"), number("bytes")};
  } else {
    description.bytes = fields.bytes("bytes");
  }
  if (!fields.has("block")) return description;
  source.block = fields.whole_number("block");
  source.zero = fields.integer("zero");
  description.scales = fields.floats("scales");
  description.offsets = fields.floats("offsets");
  return description;
}

// On a thread of libuv's.
std::unique_ptr<Matrix> pack_described(const Description& description, ThreadPool& pool, std::shared_ptr<Slabs> slabs) {
  MatrixSource source = description.source;
  source.scales = description.scales;
  source.offsets = description.offsets;
  source.bytes = std::as_bytes(std::span(description.bytes));
  std::optional<SourceFile> file;
  if (description.file) {
    file.emplace(*description.file);
    source.read = [&file](std::uint64_t offset, std::span<std::byte> out) { file->read(offset, out); };
    source.read_bytes = description.file->bytes;
  }
  return pack_matrix(source, pool, std::move(slabs));
}

Napi::Value packed_matrix(Napi::Env env, EngineHandle& engine, std::shared_ptr<const Matrix> matrix) {
  if (engine.closed) refuse(env, "[engine] it was closed.");
  auto result = Napi::Object::New(env);
  result.Set("number", static_cast<double>(engine.matrices.size()));
  result.Set("bytes", static_cast<double>(matrix->bytes()));
  result.Set("layout", std::string(matrix->layout()));
  engine.matrices.push_back(std::move(matrix));
  ++engine.held;
  return result;
}

Napi::Object layout_object(Napi::Env env, const PackedMatrix& matrix) {
  const Layout& shape = matrix.shape();
  auto result = Napi::Object::New(env);
  const auto set = [&result](const char* key, std::int64_t value) { result.Set(key, static_cast<double>(value)); };
  result.Set("name", std::string(matrix.layout()));
  result.Set("codes", std::string(codes_names[static_cast<std::size_t>(shape.codes)]));
  result.Set("scales", std::string(scales_names[static_cast<std::size_t>(shape.scales)]));
  set("zero", shape.zero);
  set("pointBase", shape.point_base);
  set("stepColumns", shape.step_columns);
  set("stepsPerHeader", shape.steps_per_header);
  set("rows", shape.rows);
  set("columns", shape.columns);
  set("groups", shape.groups);
  set("groupBytes", shape.group_bytes);
  return result;
}

const PackedMatrix& packed(Napi::Env env, const Matrix& matrix) {
  const auto* const known = dynamic_cast<const PackedMatrix*>(&matrix);
  if (known == nullptr) refuse(env, "[engine] the matrix was not packed here.");
  return *known;
}

}  // namespace

Napi::Function EngineObject::define(Napi::Env env) {
  return DefineClass(env, "NativeEngine",
                     {InstanceMethod<&EngineObject::pack>("pack"), InstanceMethod<&EngineObject::matrix_layout>("matrixLayout"),
                      InstanceMethod<&EngineObject::copy_groups>("copyGroups"), InstanceMethod<&EngineObject::release>("release"),
                      InstanceMethod<&EngineObject::open_pack>("openPack"), InstanceMethod<&EngineObject::place>("place"),
                      InstanceMethod<&EngineObject::read_record>("readRecord"),
                      InstanceMethod<&EngineObject::set_weight_budget>("setWeightBudget"), InstanceMethod<&EngineObject::flash_state>("flashState"),
                      InstanceMethod<&EngineObject::take_reads>("takeReads"),
                      InstanceMethod<&EngineObject::set_model>("setModel"),
                      InstanceMethod<&EngineObject::close>("close"), InstanceAccessor<&EngineObject::kernels>("kernels")});
}

EngineObject::EngineObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<EngineObject>(info) {
  guarded(info.Env(), [&] {
    const Fields fields(info[0], "");
    auto handle = std::make_shared<EngineHandle>();
    handle->context.arithmetic = static_cast<Arithmetic>(fields.choice("arithmetic", arithmetics));
    handle->context.kernels = &kernel_set(fields.text("kernels"));
    handle->context.pool = std::make_shared<ThreadPool>(fields.integer("threads"));
    info.This().As<Napi::Object>().TypeTag(&engine_tag);
    handle_ = std::move(handle);
  });
}

std::shared_ptr<EngineHandle> EngineObject::handle_of(const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&engine_tag)) refuse(value.Env(), "[arguments] engine: expected a NativeEngine.");
  return Unwrap(value.As<Napi::Object>())->open_handle(value.Env());
}

std::shared_ptr<EngineHandle> EngineObject::open_handle(Napi::Env env) const {
  if (handle_->closed) refuse(env, "[engine] it was closed.");
  return handle_;
}

Napi::Value EngineObject::pack(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    auto description = std::make_shared<Description>(read_description(Fields(info[0], "matrix")));
    const auto engine = open_handle(info.Env());
    if (engine->model) refuse(info.Env(), "[engine] its model is complete.");
    const auto matrix = std::make_shared<std::shared_ptr<const Matrix>>();
    return Work::start(
        info.Env(), engine->queue,
        [description, pool = engine->context.pool, slabs = engine->slabs, matrix] { *matrix = pack_described(*description, *pool, slabs); },
        [engine, matrix](Napi::Env env) { return packed_matrix(env, *engine, std::move(*matrix)); });
  });
}

std::shared_ptr<const Matrix>& EngineObject::matrix_of(const Napi::Value& number) const {
  const auto index = static_cast<std::size_t>(whole_number(number, "number"));
  auto& matrices = open_handle(number.Env())->matrices;
  if (index >= matrices.size() || matrices[index] == nullptr) refuse(number.Env(), "[engine] there is no matrix " + std::to_string(index) + ".");
  return matrices[index];
}

Napi::Value EngineObject::matrix_layout(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value { return layout_object(info.Env(), packed(info.Env(), *matrix_of(info[0]))); });
}

Napi::Value EngineObject::copy_groups(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const PackedMatrix& matrix = packed(info.Env(), *matrix_of(info[0]));
    const Layout& shape = matrix.shape();
    const std::int64_t first = whole_number(info[1], "first");
    const std::int64_t count = whole_number(info[2], "count");
    if (first > shape.groups || count > shape.groups - first) {
      refuse(info.Env(), "[engine] the matrix has " + std::to_string(shape.groups) + " groups, not those from " + std::to_string(first) + " on, " +
                             std::to_string(count) + " of them.");
    }
    const auto bytes = static_cast<std::size_t>(count * shape.group_bytes);
    return to_uint8_array(info.Env(), std::span(matrix.data() + first * shape.group_bytes, bytes));
  });
}

Napi::Value EngineObject::release(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    matrix_of(info[0]).reset();
    // Matrices share slabs, whose memory goes back when the last of them goes; one that is being packed keeps those it lies in.
    if (--handle_->held == 0) handle_->slabs = weight_slabs();
    return info.Env().Undefined();
  });
}

Napi::Value EngineObject::open_pack(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    auto store = open_store(Fields(info[0], "pack"));
    const auto engine = open_handle(info.Env());
    if (engine->model || engine->context.flash) refuse(info.Env(), "[engine] it has its model or its pack.");
    engine->context.flash = std::move(store);
    return info.Env().Undefined();
  });
}

std::shared_ptr<FlashStore> EngineObject::store_of(Napi::Env env) const {
  const auto& store = open_handle(env)->context.flash;
  if (!store) refuse(env, "[engine] open a pack first.");
  return store;
}

Napi::Value EngineObject::place(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    auto matrix = read_placed(Fields(info[0], "matrix"), store_of(info.Env()));
    const auto engine = open_handle(info.Env());
    if (engine->model) refuse(info.Env(), "[engine] its model is complete.");
    return packed_matrix(info.Env(), *engine, std::move(matrix));
  });
}

Napi::Value EngineObject::read_record(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto record = static_cast<std::size_t>(whole_number(info[0], "record"));
    const auto bytes = std::make_shared<std::vector<std::byte>>();
    return Work::start(
        info.Env(), open_handle(info.Env())->queue, [store = store_of(info.Env()), record, bytes] { *bytes = store->read_record(record); },
        [bytes](Napi::Env env) { return to_uint8_array(env, {reinterpret_cast<const std::uint8_t*>(bytes->data()), bytes->size()}); });
  });
}

Napi::Value EngineObject::set_weight_budget(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const std::int64_t bytes = whole_number(info[0], "bytes");
    const auto most = info[1].IsUndefined() ? UINT64_MAX : static_cast<std::uint64_t>(whole_number(info[1], "most"));
    const auto engine = open_handle(info.Env());
    const auto left = std::make_shared<std::uint64_t>(0);
    return Work::start(
        info.Env(), engine->queue, [engine, store = store_of(info.Env()), bytes, most, left] { *left = store->set_budget(bytes, most, engine->is_closing); },
        [left](Napi::Env env) { return Napi::Number::New(env, static_cast<double>(*left)); });
  });
}

Napi::Value EngineObject::flash_state(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto& store = open_handle(info.Env())->context.flash;
    return store ? Napi::Value(binding::flash_state(info.Env(), store->state())) : info.Env().Null();
  });
}

Napi::Value EngineObject::take_reads(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto reads = std::make_shared<ReadLog>();
    return Work::start(
        info.Env(), open_handle(info.Env())->queue, [store = store_of(info.Env()), reads] { *reads = store->take_reads(); },
        [reads](Napi::Env env) { return begun_reads(env, *reads); });
  });
}

Napi::Value EngineObject::set_model(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const MatrixLookup lookup = [this](const Fields& fields, const char* key) {
      const auto number = static_cast<std::size_t>(fields.whole_number(key));
      if (number >= handle_->matrices.size() || handle_->matrices[number] == nullptr) fields.refuse_field(key, "there is no such matrix.");
      return handle_->matrices[number];
    };
    auto model = std::make_shared<Model>(read_model(Fields(info[0], "model"), lookup));
    check_model(*model);
    const auto engine = open_handle(info.Env());
    if (engine->model) refuse(info.Env(), "[engine] it has its model.");
    if (engine->context.flash) engine->context.flash->attach(flash_uses(*model));
    engine->model = std::move(model);
    // The model holds what it took; nothing more will be packed.
    engine->matrices.clear();
    engine->slabs.reset();
    return info.Env().Undefined();
  });
}

Napi::Value EngineObject::close(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    handle_->closed = true;
    handle_->is_closing = true;
    handle_->matrices.clear();
    handle_->model.reset();
    handle_->context.flash.reset();
    for (const auto& weak : handle_->sessions) {
      if (const auto session = weak.lock()) session->close();
    }
    handle_->sessions.clear();
    return info.Env().Undefined();
  });
}

Napi::Value EngineObject::kernels(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return Napi::String::New(info.Env(), std::string(kernel_set_name(*handle_->context.kernels)));
  });
}

}  // namespace retort::binding
