// The records of a pack as its header names them: checked against the file's size, widened to whole pages for direct reads, verified once read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "store/checked_file.h"

namespace retort {

struct PackRecord {
  // Of its first byte in the file.
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  // CRC32C of its bytes.
  std::uint32_t checksum = 0;
};

// The whole pages around some bytes.
struct PageRange {
  std::uint64_t offset = 0;
  std::size_t bytes = 0;
  // Where the bytes begin in it.
  std::size_t inset = 0;
};
PageRange pages_around(std::uint64_t offset, std::uint64_t bytes);

class PackRecords {
 public:
  // Throws Failure: bad_file, naming the file and the record.
  PackRecords(const FileRange& file, std::vector<PackRecord> records);

  std::size_t size() const noexcept { return records_.size(); }
  const PackRecord& operator[](std::size_t record) const noexcept { return records_[record]; }
  PageRange pages(std::size_t record) const { return pages_around(records_[record].offset, records_[record].bytes); }

  // `pages`: what was read of pages(record). Throws Failure: bad_file where the record's checksum is another one.
  void verify(std::size_t record, std::span<const std::byte> pages) const;
  // Throws Failure: bad_file.
  [[noreturn]] void refuse(std::size_t record, const std::string& what) const;

 private:
  // Only its name is used.
  FileRange file_;
  std::vector<PackRecord> records_;
};

}  // namespace retort
