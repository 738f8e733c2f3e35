#include "store/crc32c.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "check.h"

namespace {

using retort::crc32c;
using retort::crc32c_by_instruction;
using retort::crc32c_by_table;

constexpr std::size_t lanes_bytes = std::size_t{3} * 4096;

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

// Bytes without a pattern, the same every time.
std::vector<std::byte> noise(std::size_t count) {
  std::vector<std::byte> bytes(count);
  std::uint32_t state = 1;
  for (std::byte& byte : bytes) {
    state = state * 1'664'525 + 1'013'904'223;
    byte = static_cast<std::byte>(state >> 24);
  }
  return bytes;
}

// The definition: the message as a polynomial, bit by bit.
std::uint32_t by_definition(std::span<const std::byte> bytes) {
  std::uint32_t state = 0xFFFF'FFFF;
  for (const std::byte byte : bytes) {
    state ^= std::to_integer<std::uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) state = (state >> 1) ^ ((state & 1) != 0 ? 0x82F6'3B78 : 0);
  }
  return ~state;
}

}  // namespace

// The check value of the Rocksoft catalogue, and the examples of RFC 3720, B.4.
TEST("checksums are those that are published") {
  const auto both = [](std::span<const std::byte> bytes, std::uint32_t expected) {
    check::is_true(crc32c(bytes) == expected, "by the fastest way");
    check::is_true(crc32c_by_instruction(bytes) == expected, "by the instruction");
    check::is_true(crc32c_by_table(bytes) == expected, "by the table");
  };
  both(bytes_of("123456789"), 0xE306'9283);
  both({}, 0);
  std::vector<std::byte> block(32);
  both(block, 0x8A91'36AA);
  for (std::byte& byte : block) byte = std::byte{0xFF};
  both(block, 0x62A8'AB43);
  for (std::size_t i = 0; i < block.size(); ++i) block[i] = static_cast<std::byte>(i);
  both(block, 0x46DD'794E);
  for (std::size_t i = 0; i < block.size(); ++i) block[i] = static_cast<std::byte>(31 - i);
  both(block, 0x113F'DB5C);
}

TEST("every length and alignment gives what the definition says") {
  const std::vector<std::byte> bytes = noise(3 * lanes_bytes + 40);
  const auto same = [&](std::size_t start, std::size_t length) {
    const auto part = std::span(bytes).subspan(start, length);
    const std::uint32_t expected = by_definition(part);
    check::is_true(crc32c(part) == expected, "by the fastest way");
    check::is_true(crc32c_by_instruction(part) == expected, "by the instruction");
    check::is_true(crc32c_by_table(part) == expected, "by the table");
  };
  for (std::size_t length = 0; length < 100; ++length) same(length % 9, length);
  for (std::size_t lanes = 1; lanes <= 3; ++lanes) {
    for (std::size_t around = 0; around < 20; ++around) same(around, lanes * lanes_bytes + around - 10);
  }
  for (std::size_t blocks = 1; blocks <= 5; ++blocks) {
    for (std::size_t around = 0; around < 20; ++around) same(around, blocks * 256 + around - 10);
  }
}

TEST("parts one after another give the checksum of the whole") {
  const std::vector<std::byte> bytes = noise(20'000);
  const auto all = std::span<const std::byte>(bytes);
  const std::uint32_t whole = crc32c(all);
  for (std::size_t cut = 0; cut <= bytes.size(); cut += 997) {
    check::is_true(crc32c(all.subspan(cut), crc32c(all.first(cut))) == whole, "by the fastest way");
    check::is_true(crc32c_by_instruction(all.subspan(cut), crc32c_by_instruction(all.first(cut))) == whole, "by the instruction");
    check::is_true(crc32c_by_table(all.subspan(cut), crc32c_by_table(all.first(cut))) == whole, "by the table");
  }
}

TEST("a flipped bit anywhere changes the checksum") {
  std::vector<std::byte> bytes = noise(4096);
  const std::uint32_t whole = crc32c(bytes);
  for (std::size_t bit = 0; bit < 8 * bytes.size(); bit += 13) {
    const auto mask = static_cast<std::byte>(1U << (bit % 8));
    bytes[bit / 8] ^= mask;
    check::is_true(crc32c(bytes) != whole, "another checksum");
    bytes[bit / 8] ^= mask;
  }
}
