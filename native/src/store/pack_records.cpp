#include "store/pack_records.h"

#include "store/crc32c.h"
#include "store/direct_file.h"

namespace retort {
namespace {

// Records from this size on begin at a page, smaller ones at a multiple of `small_border`.
constexpr std::uint64_t paged_bytes = 64 << 10;
constexpr std::uint64_t small_border = 64;
// Widened, a record is one read.
constexpr std::uint64_t largest_record = largest_direct_read - 2 * direct_page;

}  // namespace

PageRange pages_around(std::uint64_t offset, std::uint64_t bytes) {
  const std::uint64_t first = offset / direct_page * direct_page;
  const std::uint64_t end = (offset + bytes + direct_page - 1) / direct_page * direct_page;
  return {first, static_cast<std::size_t>(end - first), static_cast<std::size_t>(offset - first)};
}

PackRecords::PackRecords(const FileRange& file, std::vector<PackRecord> records) : file_(file), records_(std::move(records)) {
  for (std::size_t i = 0; i < records_.size(); ++i) {
    const auto& [offset, bytes, checksum] = records_[i];
    if (bytes == 0 || bytes > largest_record) refuse(i, "it has " + std::to_string(bytes) + " bytes.");
    if (bytes > file.file_bytes || offset > file.file_bytes - bytes) refuse(i, "it is not inside the file.");
    if (offset % (bytes >= paged_bytes ? direct_page : small_border) != 0) refuse(i, "it begins between the borders that packs keep to.");
  }
}

void PackRecords::verify(std::size_t record, std::span<const std::byte> pages) const {
  const PackRecord& known = records_[record];
  const auto bytes = pages.subspan(pages_around(known.offset, known.bytes).inset, static_cast<std::size_t>(known.bytes));
  if (crc32c(bytes) != known.checksum) refuse(record, "its checksum is wrong: the file is damaged. Pack the model again.");
}

void PackRecords::refuse(std::size_t record, const std::string& what) const {
  refuse_file(Status::bad_file, file_, "record " + std::to_string(record) + " at byte " + std::to_string(records_[record].offset) + ": " + what);
}

}  // namespace retort
