#include "fields.h"

#include <cmath>

namespace retort::binding {
namespace {

// Deeper or longer than any model; keeps a hostile array's length from being believed.
constexpr std::uint32_t most_objects = 1U << 20U;

template <class Element>
std::vector<Element> copied(std::span<const Element> elements) {
  return {elements.begin(), elements.end()};
}

bool is_absent(const Napi::Value& value) { return value.IsUndefined() || value.IsNull(); }

}  // namespace

Fields::Fields(const Napi::Value& value, std::string name) : name_(std::move(name)) {
  if (!value.IsObject()) refuse(value.Env(), "[arguments] " + (name_.empty() ? "the description" : name_) + ": expected an object.");
  object_ = value.As<Napi::Object>();
}

void Fields::refuse_field(const char* key, const std::string& what) const { refuse(object_.Env(), "[arguments] " + path(key) + ": " + what); }

bool Fields::has(const char* key) const { return !is_absent(get(key)); }

double Fields::number(const char* key) const { return binding::number(get(key), path(key).c_str()); }

float Fields::finite(const char* key) const {
  const auto read = static_cast<float>(number(key));
  if (!std::isfinite(read)) refuse_field(key, "expected a finite number.");
  return read;
}

std::int32_t Fields::integer(const char* key) const { return binding::integer(get(key), path(key).c_str()); }

std::int64_t Fields::whole_number(const char* key) const { return binding::whole_number(get(key), path(key).c_str()); }

bool Fields::flag(const char* key) const {
  const Napi::Value value = get(key);
  if (!value.IsBoolean()) refuse_field(key, "expected true or false.");
  return value.As<Napi::Boolean>();
}

std::string Fields::text(const char* key) const {
  const Napi::Value value = get(key);
  if (!value.IsString()) refuse_field(key, "expected a text.");
  std::string read = value.As<Napi::String>();
  if (read.find('\0') != std::string::npos) refuse_field(key, "holds a NUL character.");
  return read;
}

Fields Fields::object(const char* key) const { return {get(key), path(key)}; }

std::vector<Fields> Fields::objects(const char* key) const {
  const Napi::Value value = get(key);
  if (!value.IsArray()) refuse_field(key, "expected an array.");
  const auto array = value.As<Napi::Array>();
  const std::uint32_t length = array.Length();
  if (length > most_objects) refuse_field(key, "too many items.");
  std::vector<Fields> items;
  for (std::uint32_t i = 0; i < length; ++i) items.emplace_back(array.Get(i), path(key) + "[" + std::to_string(i) + "]");
  return items;
}

std::vector<float> Fields::floats(const char* key) const {
  const Napi::Value value = get(key);
  if (is_absent(value)) return {};
  return copied(float32_elements(value, path(key).c_str()));
}

std::vector<double> Fields::doubles(const char* key) const {
  const Napi::Value value = get(key);
  if (is_absent(value)) return {};
  return copied(float64_elements(value, path(key).c_str()));
}

std::vector<std::uint64_t> Fields::whole_numbers(const char* key) const {
  constexpr double largest = 9'007'199'254'740'991;
  std::vector<std::uint64_t> numbers;
  for (const double value : doubles(key)) {
    if (!(value >= 0 && value <= largest) || value != std::floor(value)) refuse_field(key, "expected whole numbers that are not negative.");
    numbers.push_back(static_cast<std::uint64_t>(value));
  }
  return numbers;
}

std::vector<std::int32_t> Fields::integers(const char* key) const {
  const Napi::Value value = get(key);
  if (is_absent(value)) return {};
  return copied(int32_elements(value, path(key).c_str()));
}

std::vector<std::uint32_t> Fields::unsigned_integers(const char* key) const {
  const Napi::Value value = get(key);
  if (is_absent(value)) return {};
  return copied(uint32_elements(value, path(key).c_str()));
}

std::vector<std::uint8_t> Fields::bytes(const char* key) const {
  const Napi::Value value = get(key);
  if (is_absent(value)) return {};
  return copied(uint8_elements(value, path(key).c_str()));
}

FileRange whole_file(const Fields& fields) {
  const auto bytes = static_cast<std::uint64_t>(fields.whole_number("fileBytes"));
  return {fields.text("path"), bytes, 0, bytes};
}

}  // namespace retort::binding
