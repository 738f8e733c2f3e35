#include "source_file.h"

#include <algorithm>
#include <utility>

namespace retort {
namespace {

// One read call takes less than 2 GiB.
constexpr std::size_t largest_read = std::size_t{1} << 30;

}  // namespace

SourceFile::SourceFile(FileRange range) : range_(std::move(range)), file_(range_, CheckedFile::Way::ordinary) {}

void SourceFile::read(std::uint64_t offset, std::span<std::byte> out) const {
  if (out.size() > range_.bytes || offset > range_.bytes - out.size()) refuse_file(Status::bad_request, range_, "the bytes are not inside the range.");
  std::size_t done = 0;
  while (done < out.size()) {
    const std::size_t piece = std::min(largest_read, out.size() - done);
    const std::int64_t read = file_.read(out.data() + done, piece, range_.offset + offset + done);
    if (read < 0) refuse_file(Status::file_unreadable, range_, "cannot be read.");
    if (read == 0) refuse_file(Status::bad_file, range_, "the file became shorter while it was read.");
    done += static_cast<std::size_t>(read);
  }
}

}  // namespace retort
