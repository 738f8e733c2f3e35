// Error codes of the native code and the one exception type that carries them.
// The same strings, in the same order, are the keys of errorTable in electron/contract/errors.ts; a test compares the two.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace retort {

enum class Status {
  cancelled,
  bad_request,
  not_found,
  file_unreadable,
  bad_file,
  outside_folder,
  unsupported_format,
  unsupported_architecture,
  unsupported_type,
  unsupported_operator,
  unsupported_feature,
  template_failed,
  tokenizer_failed,
  time_limit,
  memory_limit,
  context_full,
  invalid_numbers,
  out_of_memory,
  disk_full,
  no_device,
  engine_failed,
  engine_gone,
  internal,
};

inline constexpr std::array<std::string_view, static_cast<std::size_t>(Status::internal) + 1> status_codes = {
    "cancelled",
    "bad-request",
    "not-found",
    "file-unreadable",
    "bad-file",
    "outside-folder",
    "unsupported-format",
    "unsupported-architecture",
    "unsupported-type",
    "unsupported-operator",
    "unsupported-feature",
    "template-failed",
    "tokenizer-failed",
    "time-limit",
    "memory-limit",
    "context-full",
    "invalid-numbers",
    "out-of-memory",
    "disk-full",
    "no-device",
    "engine-failed",
    "engine-gone",
    "internal",
};

constexpr std::string_view status_code(Status status) { return status_codes[static_cast<std::size_t>(status)]; }

// What every function here throws. The message says first where, then what is wrong: "[sampling] history[3]: …".
class Failure : public std::runtime_error {
 public:
  Failure(Status status, const std::string& message) : std::runtime_error(message), status_(status) {}
  Status status() const noexcept { return status_; }

 private:
  Status status_;
};

// A budget of memory that is too small, and the least that would do.
class BudgetFailure : public Failure {
 public:
  BudgetFailure(const std::string& message, std::int64_t minimum) : Failure(Status::bad_request, message), minimum_(minimum) {}
  std::int64_t minimum_bytes() const noexcept { return minimum_; }

 private:
  std::int64_t minimum_;
};

}  // namespace retort
