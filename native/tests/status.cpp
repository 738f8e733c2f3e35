#include <set>

#include "check.h"

using retort::Status;

TEST("every status has its own code") {
  const std::set<std::string_view> codes(retort::status_codes.begin(), retort::status_codes.end());
  check::is_true(codes.size() == retort::status_codes.size(), "codes differ");
}

TEST("a status names its code") {
  check::is_true(retort::status_code(Status::cancelled) == "cancelled", "first");
  check::is_true(retort::status_code(Status::invalid_numbers) == "invalid-numbers", "middle");
  check::is_true(retort::status_code(Status::internal) == "internal", "last");
}
