#include "store/arena.h"

#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "check.h"
#include "memory/large_memory.h"

namespace {

using retort::AlignedArena;
using retort::direct_page;
using retort::Status;

constexpr std::size_t mebibyte = std::size_t{1} << 20;

bool is_on_border(const AlignedArena::Buffer& buffer, std::size_t border) { return reinterpret_cast<std::uintptr_t>(buffer.bytes().data()) % border == 0; }

}  // namespace

TEST("buffers are whole pages on page borders, apart from each other") {
  AlignedArena arena(64 * mebibyte);
  std::vector<AlignedArena::Buffer> buffers;
  std::size_t total = 0;
  const std::vector<std::size_t> sizes = {0, 1, 4096, 4097, 2 * mebibyte - 1, 2 * mebibyte, 3 * mebibyte + 5, 9 * mebibyte};
  for (const std::size_t bytes : sizes) {
    buffers.push_back(arena.take(bytes));
    const auto memory = buffers.back().bytes();
    check::is_true(is_on_border(buffers.back(), direct_page) && memory.size() % direct_page == 0, "on a border");
    check::is_true(memory.size() >= bytes && memory.size() < bytes + direct_page + (bytes == 0), "as large as asked for");
    check::is_true(memory.front() == std::byte{0} && memory.back() == std::byte{0}, "zero");
    std::memset(memory.data(), static_cast<int>(buffers.size()), memory.size());
    total += memory.size();
    check::is_true(arena.used() == total, "every byte is counted");
  }
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    for (const std::byte each : buffers[i].bytes()) check::is_true(each == static_cast<std::byte>(i + 1), "nobody else wrote here");
  }
}

#ifdef __linux__
TEST("large buffers begin on a large page") {
  AlignedArena arena(16 * mebibyte);
  for (int i = 0; i < 3; ++i) check::is_true(is_on_border(arena.take(3 * mebibyte), retort::large_page_bytes), "on a large page");
}
#endif

TEST("the limit holds to the page, and what is given back can be taken again") {
  AlignedArena arena(3 * direct_page + 100);
  check::is_true(arena.left() == 3 * direct_page, "three pages fit");
  AlignedArena::Buffer first = arena.take(direct_page + 1);
  check::refuses(Status::memory_limit, [&] { arena.take(direct_page + 1); });
  check::is_true(arena.used() == 2 * direct_page, "a refusal counts nothing");
  AlignedArena::Buffer second = arena.take(direct_page);
  check::is_true(arena.left() == 0, "full");
  check::refuses(Status::memory_limit, [&] { arena.take(0); });
  first = {};
  check::is_true(arena.left() == 2 * direct_page && first.bytes().empty(), "given back");
  first = arena.take(2 * direct_page);
  second = std::move(first);
  check::is_true(arena.used() == 2 * direct_page && first.bytes().empty() && second.bytes().size() == 2 * direct_page, "moving counts once");
}

TEST("a lower limit refuses until enough was given back") {
  AlignedArena arena(4 * direct_page);
  AlignedArena::Buffer large = arena.take(3 * direct_page);
  arena.set_limit(2 * direct_page);
  check::is_true(arena.left() == 0 && arena.used() == 3 * direct_page, "over the limit");
  check::refuses(Status::memory_limit, [&] { arena.take(1); });
  large = {};
  check::is_true(arena.take(2 * direct_page).bytes().size() == 2 * direct_page, "within it again");
  check::is_true(arena.used() == 0, "all given back");
}

TEST("more memory than there is throws and counts nothing") {
  AlignedArena arena(SIZE_MAX);
  check::refuses(Status::out_of_memory, [&] { arena.take(std::size_t{1} << 60); });
  check::refuses(Status::out_of_memory, [&] { arena.take(SIZE_MAX - direct_page); });
  check::refuses(Status::memory_limit, [&] { arena.take(SIZE_MAX); });
  check::is_true(arena.used() == 0 && arena.take(1).bytes().size() == direct_page, "goes on");
}
