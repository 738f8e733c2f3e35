#include <array>
#include <cstdint>

#include "check.h"
#include "retort/sampling.h"

using retort::Pcg32;

TEST("the generator gives the numbers of the paper's demonstration") {
  Pcg32 generator(42, 54);
  const std::array<std::uint32_t, 6> expected = {0xa15c02b7, 0x7b47f409, 0xba1d3330, 0x83d2f293, 0xbfa4784b, 0xcbed606e};
  for (const std::uint32_t number : expected) check::is_true(generator.next() == number, "sequence");
}

TEST("a unit number is made of two outputs and stays below 1") {
  Pcg32 generator(42);
  check::is_true(generator.next_unit() == static_cast<double>(0xa15c02b77b47f409ULL >> 11U) / 9007199254740992.0, "value");
  for (int i = 0; i < 100'000; ++i) {
    const double unit = generator.next_unit();
    check::is_true(unit >= 0 && unit < 1, "range");
  }
}

TEST("a restored state goes on with the same numbers") {
  Pcg32 generator(7);
  generator.next();
  Pcg32 other(1);
  other.set_state(generator.state());
  for (int i = 0; i < 10; ++i) check::is_true(generator.next() == other.next(), "sequence");
}

TEST("an even increment is refused and changes nothing") {
  Pcg32 generator(7);
  check::refuses(retort::Status::bad_request, [&] { generator.set_state({1, 2}); });
  check::is_true(generator.next() == Pcg32(7).next(), "sequence");
}
