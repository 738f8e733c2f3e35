// A test program in one header: TEST("title") { … } and three checks. `program "title"` runs one test, without a title all of them.
#pragma once

#include <cmath>
#include <cstdio>
#include <exception>
#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "retort/status.h"

namespace check {

struct Case {
  std::string_view title;
  void (*body)();
};

inline std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

struct Registration {
  Registration(std::string_view title, void (*body)()) { cases().push_back({title, body}); }
};

inline void fail(const std::string& what, std::source_location where) {
  throw std::runtime_error(std::string(where.file_name()) + ":" + std::to_string(where.line()) + ": " + what);
}

inline void is_true(bool condition, const char* what, std::source_location where = std::source_location::current()) {
  if (!condition) fail(what, where);
}

inline void near(double actual, double expected, double tolerance,
                 std::source_location where = std::source_location::current()) {
  if (actual == expected) return;
  if (!(std::fabs(actual - expected) <= tolerance)) {
    fail(std::to_string(actual) + " is not " + std::to_string(expected), where);
  }
}

template <class Body>
void refuses(retort::Status status, Body body, std::source_location where = std::source_location::current()) {
  try {
    body();
  } catch (const retort::Failure& failure) {
    if (failure.status() != status) fail(std::string("refused for another reason: ") + failure.what(), where);
    return;
  }
  fail("was not refused", where);
}

}  // namespace check

#define TEST_NAMED(title, name)                                      \
  static void name();                                                \
  static const check::Registration name##_registration(title, name); \
  static void name()
#define TEST_AT_LINE(title, line) TEST_NAMED(title, test_at_##line)
#define TEST_EXPANDED(title, line) TEST_AT_LINE(title, line)
#define TEST(title) TEST_EXPANDED(title, __LINE__)

int main(int count, char** arguments) {
  int ran = 0;
  int failed = 0;
  for (const check::Case& test : check::cases()) {
    if (count > 1 && test.title != arguments[1]) continue;
    ++ran;
    try {
      test.body();
    } catch (const std::exception& error) {
      ++failed;
      std::printf("%s: %s\n", std::string(test.title).c_str(), error.what());
    }
  }
  std::printf("%d ran, %d failed\n", ran, failed);
  return ran == 0 || failed != 0 ? 1 : 0;
}
