#include "store/direct_file.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <deque>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "store/arena.h"
#include "store/source_file.h"
#include "temporary_file.h"

#ifdef __linux__
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace {

using retort::AlignedArena;
using retort::direct_page;
using retort::DirectFile;
using retort::DirectRead;
using retort::FileRange;
using retort::ReaderKind;
using retort::Status;

// Not a whole number of pages.
constexpr std::size_t file_bytes = 768 * direct_page + 1234;

std::vector<std::byte> random_bytes(std::size_t size) {
  std::minstd_rand random(static_cast<unsigned>(std::chrono::steady_clock::now().time_since_epoch().count()) | 1U);
  std::vector<std::byte> bytes(size);
  for (std::byte& each : bytes) each = static_cast<std::byte>(random() >> 8);
  return bytes;
}

// A file of random bytes and what is in it.
class RandomFile : public examples::TemporaryFile {
 public:
  explicit RandomFile(const std::filesystem::path& folder = std::filesystem::temp_directory_path(), std::size_t bytes = file_bytes)
      : RandomFile(random_bytes(bytes), folder) {}

  // Whether the read's memory holds what the file does, where that is.
  bool is_right(const DirectRead& read) const {
    const std::size_t wanted = std::min(read.into.size(), contents.size() - static_cast<std::size_t>(read.offset));
    return std::memcmp(read.into.data(), contents.data() + read.offset, wanted) == 0;
  }

  const std::vector<std::byte> contents;

 private:
  RandomFile(std::vector<std::byte> bytes, const std::filesystem::path& folder) : TemporaryFile(bytes, folder), contents(std::move(bytes)) {}
};

// Reads with memory of their own.
class Reads {
 public:
  DirectRead& add(std::uint64_t offset, std::size_t bytes) {
    buffers_.push_back(arena_.take(bytes));
    return all.emplace_back(offset, buffers_.back().bytes());
  }
  // One after the other from the file's start.
  void add_row(std::size_t count, std::size_t bytes) {
    for (std::size_t i = 0; i < count; ++i) add(i * bytes, bytes);
  }
  void mark(char value) {
    for (const DirectRead& read : all) std::memset(read.into.data(), value, read.into.size());
  }
  bool are_marked(char value) const {
    const auto is_marked = [value](std::byte each) { return each == static_cast<std::byte>(value); };
    return std::ranges::all_of(all, [&](const DirectRead& read) { return std::ranges::all_of(read.into, is_marked); });
  }

  std::deque<DirectRead> all;

 private:
  AlignedArena arena_{std::size_t{1} << 30};
  std::vector<AlignedArena::Buffer> buffers_;
};

bool has_uring(const RandomFile& file) {
  try {
    DirectFile(file.range(), {.reader = ReaderKind::uring});
    return true;
  } catch (const retort::Failure&) {
    return false;
  }
}

// Each way of reading there is on this system.
void for_each_way(const RandomFile& file, const auto& body) {
  std::vector<ReaderKind> kinds = {ReaderKind::threads};
  if (has_uring(file)) kinds.push_back(ReaderKind::uring);
  for (const ReaderKind kind : kinds) {
    for (const bool is_refused : {false, true}) body(DirectFile::Options{.reader = kind, .depth = 4, .is_refused = is_refused});
  }
}

}  // namespace

TEST("direct reads give the file's bytes, whatever their order") {
  const RandomFile file;
  for_each_way(file, [&](const DirectFile::Options& options) {
    std::minstd_rand random(7);
    DirectFile direct(file.range(), options);
    Reads reads;
    std::uint64_t bytes = 0;
    for (int i = 0; i < 80; ++i) {
      const std::uint64_t page = random() % (file_bytes / direct_page + 1);
      const DirectRead& read = reads.add(page * direct_page, (1 + random() % 64) * direct_page);
      bytes += std::min<std::uint64_t>(read.into.size(), file_bytes - read.offset);
    }
    for (DirectRead& read : reads.all) direct.begin(read);
    std::vector<DirectRead*> order;
    for (DirectRead& read : reads.all) order.push_back(&read);
    std::ranges::shuffle(order, random);
    for (DirectRead* read : order) {
      direct.finish(*read);
      check::is_true(file.is_right(*read) && !read->is_begun(), "the file's bytes");
    }
    const retort::ReadCounts counts = direct.counts();
    check::is_true(counts.reads == 80 && counts.bytes == bytes, "every read and byte is counted");
    check::is_true(direct.under_way().busy_ns() > 0 && direct.pending() == 0, "a time, and nothing left");
  });
}

TEST("a read past the end of the file fills what there is") {
  const RandomFile file;
  for_each_way(file, [&](const DirectFile::Options& options) {
    DirectFile direct(file.range(), options);
    Reads reads;
    DirectRead& read = reads.add(767 * direct_page, 8 * direct_page);
    reads.mark('x');
    const auto memory = read.into;
    read.into = memory.first(4 * direct_page);
    direct.begin(read);
    direct.finish(read);
    check::is_true(file.is_right(read) && direct.counts().bytes == direct_page + 1234, "a page and the tail");
    check::is_true(memory[4 * direct_page] == std::byte{'x'}, "nothing behind the memory is written to");
  });
}

TEST("a range inside the file is read from its start and ends where it ends") {
  const RandomFile file;
  FileRange range = file.range();
  range.offset = 3 * direct_page;
  range.bytes = 5 * direct_page;
  DirectFile direct(range, {});
  Reads reads;
  DirectRead& read = reads.add(direct_page, 2 * direct_page);
  direct.begin(read);
  direct.finish(read);
  check::is_true(std::memcmp(read.into.data(), file.contents.data() + 4 * direct_page, 2 * direct_page) == 0, "counted from the range's start");
  check::is_true(direct.bytes() == range.bytes, "its size");
  read.offset = 5 * direct_page;
  check::refuses(Status::bad_request, [&] { direct.begin(read); });
}

TEST("reads start in the order they were begun, at most as many as allowed at once") {
  const RandomFile file;
  for_each_way(file, [&](DirectFile::Options options) {
    for (const std::int32_t depth : {1, 3, 64}) {
      options.depth = depth;
      DirectFile direct(file.range(), options);
      Reads reads;
      reads.add_row(12, 16 * direct_page);
      for (DirectRead& read : reads.all) direct.begin(read);
      for (DirectRead& read : reads.all) {
        check::is_true(direct.in_flight() == std::min(direct.pending(), static_cast<std::size_t>(depth)), "as many as may be");
        direct.is_done(read);
      }
      direct.finish(reads.all[7]);
      if (depth == 1) {
        check::is_true(direct.pending() <= 4, "those before it have ended too");
        for (std::size_t i = 0; i < 7; ++i) check::is_true(direct.is_done(reads.all[i]), "ended before");
      }
      for (std::size_t i = 0; i < 12; ++i) {
        if (i != 7) direct.finish(reads.all[i]);
      }
      for (const DirectRead& read : reads.all) check::is_true(file.is_right(read), "the file's bytes");
    }
  });
}

TEST("files that share what is under way count their reads together, and their busy time once") {
  const RandomFile file;
  for_each_way(file, [&](DirectFile::Options options) {
    options.depth = 2;
    options.log = std::make_shared<retort::ReadLog>();
    options.under_way = std::make_shared<retort::ReadsUnderWay>();
    DirectFile one(file.range(), options), other(file.range(), options);
    Reads ones, others;
    ones.add_row(4, 8 * direct_page);
    others.add_row(4, 8 * direct_page);
    const auto start = std::chrono::steady_clock::now();
    for (DirectRead& read : ones.all) one.begin(read);
    const std::size_t before = one.pending();
    for (DirectRead& read : others.all) {
      const std::size_t pending = one.pending() + other.pending();
      other.begin(read);
      check::is_true(options.log->back().pending <= pending && options.log->back().pending >= before, "both files' reads");
    }
    check::is_true(options.under_way->pending() == one.pending() + other.pending(), "together");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    one.take_back(ones.all.back());
    for (std::size_t i = 0; i < 3; ++i) one.finish(ones.all[i]);
    other.drain();
    const std::chrono::nanoseconds passed = std::chrono::steady_clock::now() - start;
    const std::int64_t busy = options.under_way->busy_ns();
    check::is_true(busy >= 20'000'000 && busy <= passed.count(), "not twice");
    check::is_true(options.under_way->pending() == 0 && one.pending() + other.pending() == 0, "nothing is left");
  });
}

TEST("what is taken back is written to no more") {
  const RandomFile file;
  for_each_way(file, [&](const DirectFile::Options& options) {
    DirectFile direct(file.range(), options);
    Reads reads, later;
    reads.add_row(12, 32 * direct_page);
    later.add_row(12, 32 * direct_page);
    for (DirectRead& read : reads.all) direct.begin(read);
    // The last ones wait in line; the first are in flight or have ended.
    for (auto read = reads.all.rbegin(); read != reads.all.rend(); ++read) direct.take_back(*read);
    check::is_true(direct.pending() == 0, "nothing is left");
    reads.mark('x');
    for (DirectRead& read : later.all) direct.begin(read);
    for (DirectRead& read : later.all) direct.finish(read);
    check::is_true(reads.are_marked('x'), "nobody writes any more");
    for (const DirectRead& read : later.all) check::is_true(file.is_right(read), "the file's bytes");
    check::refuses(Status::bad_request, [&] { direct.finish(reads.all[0]); });
    direct.take_back(reads.all[0]);
    direct.begin(reads.all[0]);
    direct.finish(reads.all[0]);
    check::is_true(file.is_right(reads.all[0]), "it may be begun again");
  });
}

TEST("draining leaves nothing in flight, and so does the end of the file object") {
  const RandomFile file;
  for_each_way(file, [&](const DirectFile::Options& options) {
    auto direct = std::make_unique<DirectFile>(file.range(), options);
    Reads reads;
    reads.add_row(12, 32 * direct_page);
    direct->begin(reads.all[0]);
    while (!direct->is_done(reads.all[0])) std::this_thread::yield();
    for (std::size_t i = 1; i < 12; ++i) direct->begin(reads.all[i]);
    direct->drain();
    check::is_true(direct->pending() == 0 && direct->in_flight() == 0, "nothing is left");
    direct->finish(reads.all[0]);
    check::is_true(file.is_right(reads.all[0]), "what had ended keeps its result");
    for (std::size_t i = 1; i < 12; ++i) {
      if (reads.all[i].is_begun()) direct->finish(reads.all[i]);
    }
    for (DirectRead& read : reads.all) direct->begin(read);
    direct.reset();
    reads.mark('x');
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    check::is_true(reads.are_marked('x'), "nobody writes any more");
  });
}

TEST("a file that became shorter is said to be damaged, and what it still has is read") {
  const RandomFile file;
  for_each_way(file, [&](const DirectFile::Options& options) {
    for (const std::size_t left : {std::size_t{0}, 8 * direct_page, 8 * direct_page + 100}) {
      const RandomFile shorter;
      DirectFile direct(shorter.range(), options);
      std::filesystem::resize_file(shorter.path, left);
      Reads reads;
      reads.add_row(3, 4 * direct_page);
      for (DirectRead& read : reads.all) direct.begin(read);
      for (DirectRead& read : reads.all) {
        if (read.offset + read.into.size() <= left) {
          direct.finish(read);
          check::is_true(shorter.is_right(read), "the file's bytes");
        } else {
          check::refuses(Status::bad_file, [&] { direct.finish(read); });
        }
      }
      check::is_true(direct.pending() == 0 && direct.counts().reads == left / (4 * direct_page), "nothing is left");
    }
  });
}

TEST("the read that is to fail fails, whichever it is, and no other") {
  const RandomFile file;
  constexpr std::size_t count = 10;
  for_each_way(file, [&](DirectFile::Options options) {
    for (std::size_t failing = 0; failing < count; ++failing) {
      options.fail_read = static_cast<std::int64_t>(failing) + 1;
      DirectFile direct(file.range(), options);
      Reads reads;
      reads.add_row(count, 8 * direct_page);
      for (DirectRead& read : reads.all) direct.begin(read);
      for (std::size_t i = 0; i < count; ++i) {
        if (i == failing) {
          check::refuses(Status::file_unreadable, [&] { direct.finish(reads.all[i]); });
        } else {
          direct.finish(reads.all[i]);
          check::is_true(file.is_right(reads.all[i]), "the others are read");
        }
      }
      check::is_true(direct.pending() == 0 && direct.counts().reads == count - 1, "nothing is left");
      direct.begin(reads.all[failing]);
      direct.finish(reads.all[failing]);
      check::is_true(file.is_right(reads.all[failing]), "it fails once");
    }
  });
}

TEST("an error names the file, the place and the reason") {
  const RandomFile file;
  DirectFile direct(file.range(), {.fail_read = 1});
  Reads reads;
  DirectRead& read = reads.add(8 * direct_page, direct_page);
  direct.begin(read);
  std::string said;
  try {
    direct.finish(read);
  } catch (const retort::Failure& failure) {
    said = failure.what();
  }
  const std::string name = file.path.filename().string();
  check::is_true(said.starts_with("[store] " + name + ": cannot be read at byte 32768: ") && !said.ends_with(": ."), "what it says");
}

TEST("reads that are not on page borders, outside the file or begun twice are refused") {
  const RandomFile file;
  DirectFile direct(file.range(), {});
  Reads reads;
  DirectRead& read = reads.add(0, 4 * direct_page);
  const auto memory = read.into;
  const auto refuses = [&](std::uint64_t offset, std::span<std::byte> into) {
    DirectRead wrong(offset, into);
    check::refuses(Status::bad_request, [&] { direct.begin(wrong); });
    check::is_true(!wrong.is_begun() && direct.pending() == 0, "it is not begun");
  };
  refuses(512, memory);
  refuses(direct_page - 1, memory);
  refuses(0, memory.first(100));
  refuses(0, memory.subspan(512, direct_page));
  refuses(0, {});
  refuses(769 * direct_page, memory);
  refuses(~std::uint64_t{4095}, memory);
  refuses(0, {memory.data(), retort::largest_direct_read + direct_page});
  direct.begin(read);
  check::refuses(Status::bad_request, [&] { direct.begin(read); });
  direct.finish(read);
  check::refuses(Status::bad_request, [&] { direct.finish(read); });
  check::refuses(Status::bad_request, [&] { direct.is_done(read); });
}

TEST("wrong ranges and options are refused") {
  const RandomFile file;
  const auto refuses = [&](Status status, FileRange range, DirectFile::Options options = {}) { check::refuses(status, [&] { DirectFile(range, options); }); };
  refuses(Status::bad_request, file.range(), {.depth = 0});
  refuses(Status::bad_request, file.range(), {.depth = 65});
  refuses(Status::bad_request, file.range(), {.fail_read = -1});
  FileRange range = file.range();
  range.offset = 512;
  range.bytes = 4096;
  refuses(Status::bad_request, range);
  range.offset = 768 * direct_page;
  refuses(Status::bad_request, range);
  range = file.range();
  range.file_bytes += direct_page;
  refuses(Status::bad_file, range);
  range = file.range();
  range.path = std::filesystem::temp_directory_path().string();
  refuses(Status::bad_file, range);
  range.path = file.range().path + "-absent";
  refuses(Status::file_unreadable, range);
}

#ifndef _WIN32
TEST("a link is not followed, and a file put in the place of an open one does not matter") {
  const RandomFile file;
  const RandomFile other;
  FileRange link = file.range();
  link.path += "-link";
  std::filesystem::create_symlink(file.path, link.path);
  check::refuses(Status::bad_file, [&] { DirectFile(link, {}); });
  std::filesystem::remove(link.path);
  DirectFile direct(file.range(), {});
  std::filesystem::rename(other.path, file.path);
  Reads reads;
  DirectRead& read = reads.add(direct_page, 4 * direct_page);
  direct.begin(read);
  direct.finish(read);
  check::is_true(file.is_right(read), "the bytes of the file that was opened");
}
#endif

TEST("a thread may begin reads and end, and another finishes them") {
  const RandomFile file;
  for_each_way(file, [&](const DirectFile::Options& options) {
    DirectFile direct(file.range(), options);
    for (int round = 0; round < 8; ++round) {
      Reads reads;
      reads.add_row(12, 64 * direct_page);
      std::thread([&] {
        for (DirectRead& read : reads.all) direct.begin(read);
      }).join();
      for (DirectRead& read : reads.all) {
        direct.finish(read);
        check::is_true(file.is_right(read), "the file's bytes");
      }
    }
  });
}

TEST("an empty file has nothing to read") {
  const RandomFile file(std::filesystem::temp_directory_path(), 0);
  DirectFile direct(file.range(), {});
  Reads reads;
  DirectRead& read = reads.add(0, direct_page);
  check::refuses(Status::bad_request, [&] { direct.begin(read); });
}

#ifdef __linux__

namespace {

// Pages of a file that are in the page cache.
std::size_t resident_pages(const std::filesystem::path& path, std::size_t bytes) {
  const int descriptor = open(path.c_str(), O_RDWR | O_CLOEXEC);
  void* const mapped = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, descriptor, 0);
  close(descriptor);
  if (mapped == MAP_FAILED) throw std::runtime_error("the file cannot be mapped");
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> pages((bytes + page - 1) / page);
  const int answer = mincore(mapped, bytes, pages.data());
  munmap(mapped, bytes);
  if (answer != 0) throw std::runtime_error("the system does not say what is in memory");
  return static_cast<std::size_t>(std::ranges::count_if(pages, [](unsigned char each) { return (each & 1) != 0; }));
}

// Written to the disk and out of the page cache.
void drop_from_cache(const std::filesystem::path& path) {
  const int descriptor = open(path.c_str(), O_RDWR | O_CLOEXEC);
  fsync(descriptor);
  posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
  close(descriptor);
}

void read_whole(DirectFile& direct, const RandomFile& file) {
  Reads reads;
  for (std::uint64_t offset = 0; offset < file_bytes; offset += 64 * direct_page) reads.add(offset, 64 * direct_page);
  for (DirectRead& read : reads.all) direct.begin(read);
  for (DirectRead& read : reads.all) {
    direct.finish(read);
    check::is_true(file.is_right(read), "the file's bytes");
  }
}

}  // namespace

TEST("io_uring is there") {
  const RandomFile file;
  if (!has_uring(file)) {
    std::printf("skipped: this system has no io_uring, or forbids it\n");
    return;
  }
  check::is_true(DirectFile(file.range(), {}).reader() == "io_uring", "what is chosen by itself");
  check::is_true(DirectFile(file.range(), {.reader = ReaderKind::threads}).reader() == "threads", "what was asked for");
}

namespace {

// Runs `body` on a thread to which the kernel answers one system call by EPERM, as a sandbox does. False where the kernel has no such filters.
bool without_call(unsigned call, const auto& body) {
  std::string failure;
  bool is_filtered = false;
  std::thread([&] {
    sock_filter steps[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
                           BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const sock_fprog program = {static_cast<unsigned short>(std::size(steps)), steps};
    is_filtered = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
    if (!is_filtered) return;
    try {
      body();
    } catch (const std::exception& error) {
      failure = error.what();
    }
  }).join();
  check::is_true(failure.empty(), failure.c_str());
  return is_filtered;
}

}  // namespace

TEST("where io_uring is forbidden, wholly or only its use, threads read") {
  const RandomFile file;
  for (const unsigned call : {static_cast<unsigned>(__NR_io_uring_setup), static_cast<unsigned>(__NR_io_uring_enter)}) {
    const bool is_filtered = without_call(call, [&] {
      DirectFile direct(file.range(), {});
      check::is_true(direct.reader() == "threads", "another reader");
      read_whole(direct, file);
      check::refuses(Status::unsupported_feature, [&] { DirectFile(file.range(), {.reader = ReaderKind::uring}); });
    });
    if (!is_filtered) std::printf("skipped: the kernel filters no system calls\n");
  }
}

TEST("where the file system refuses direct reads, ordinary ones are made") {
  // sysfs has no direct reads. It gives every file the size of a page, whatever is in it.
  const FileRange range{"/sys/kernel/fscaps", 4096, 0, 4096};
  if (!std::filesystem::exists(range.path)) {
    std::printf("skipped: no file system here refuses\n");
    return;
  }
  for (const ReaderKind kind : {ReaderKind::automatic, ReaderKind::threads}) {
    DirectFile direct(range, {.reader = kind});
    check::is_true(!direct.is_direct(), "not direct");
    Reads reads;
    DirectRead& read = reads.add(0, direct_page);
    direct.begin(read);
    check::refuses(Status::bad_file, [&] { direct.finish(read); });
    check::is_true(read.into[0] != std::byte{0}, "what there is was read");
  }
}

TEST("direct reads leave nothing in the page cache") {
  const RandomFile file;
  if (!DirectFile(file.range(), {}).is_direct()) {
    std::printf("skipped: this file system refuses direct reads\n");
    return;
  }
  drop_from_cache(file.path);
  if (resident_pages(file.path, file_bytes) > 0) {
    std::printf("skipped: this file system keeps files in memory\n");
    return;
  }
  for_each_way(file, [&](const DirectFile::Options& options) {
    DirectFile direct(file.range(), options);
    read_whole(direct, file);
    check::is_true(direct.is_direct() == !options.is_refused, "direct, or said not to be");
    const std::size_t pages = resident_pages(file.path, file_bytes);
    check::is_true(pages == 0, ("pages in the cache: " + std::to_string(pages)).c_str());
  });
  std::vector<std::byte> all(file_bytes);
  retort::SourceFile(file.range()).read(0, all);
  check::is_true(resident_pages(file.path, file_bytes) == 769, "ordinary reads are seen there");
}

TEST("files in memory are read too, directly or not") {
  if (!std::filesystem::is_directory("/dev/shm")) {
    std::printf("skipped: no file system in memory\n");
    return;
  }
  const RandomFile file("/dev/shm");
  for_each_way(file, [&](const DirectFile::Options& options) {
    DirectFile direct(file.range(), options);
    read_whole(direct, file);
  });
}

#endif
