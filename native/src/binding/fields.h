// Checked reading of a description: a JavaScript object of numbers, names, typed arrays and further objects. Errors name the field by its path.
// Reading a field may run JavaScript (a getter), so that everything is copied at once.
#pragma once

#include <napi.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../store/checked_file.h"
#include "arguments.h"

namespace retort::binding {

class Fields {
 public:
  Fields(const Napi::Value& value, std::string name);

  // Neither undefined nor null.
  bool has(const char* key) const;
  double number(const char* key) const;
  float finite(const char* key) const;
  std::int32_t integer(const char* key) const;
  std::int64_t whole_number(const char* key) const;
  bool flag(const char* key) const;
  std::string text(const char* key) const;
  Fields object(const char* key) const;
  std::vector<Fields> objects(const char* key) const;
  // Absent and null: empty.
  std::vector<float> floats(const char* key) const;
  std::vector<double> doubles(const char* key) const;
  // From 0 to 2^53 - 1.
  std::vector<std::uint64_t> whole_numbers(const char* key) const;
  std::vector<std::int32_t> integers(const char* key) const;
  std::vector<std::uint32_t> unsigned_integers(const char* key) const;
  std::vector<std::uint8_t> bytes(const char* key) const;

  // Which of the names the field holds.
  template <std::size_t count>
  std::size_t choice(const char* key, const std::array<std::string_view, count>& names) const {
    const std::string given = text(key);
    for (std::size_t i = 0; i < count; ++i) {
      if (names[i] == given) return i;
    }
    refuse_field(key, std::string("\"").append(given, 0, 40).append("\" is not known."));
  }

  [[noreturn]] void refuse_field(const char* key, const std::string& what) const;

 private:
  Napi::Value get(const char* key) const { return object_.Get(key); }
  std::string path(const char* key) const { return name_.empty() ? key : name_ + "." + key; }

  Napi::Object object_;
  std::string name_;
};

// All of the file that `path` and `fileBytes` name.
FileRange whole_file(const Fields& fields);

}  // namespace retort::binding
