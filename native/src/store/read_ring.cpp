#include "store/read_ring.h"

#include <algorithm>

namespace retort {

ReadRing::ReadRing(DirectFile& file, AlignedArena::Buffer memory, std::size_t most)
    : file_(file), memory_(std::move(memory)), entries_(std::clamp<std::size_t>(most, 1, memory_.bytes().size() / direct_page)) {}

bool ReadRing::find_room(std::size_t bytes, std::size_t& start) const noexcept {
  if (count_ == entries_.size()) return false;
  const std::size_t size = memory_.bytes().size();
  if (count_ == 0) {
    start = 0;
    return bytes <= size;
  }
  const Entry& last = entries_[(first_ + count_ - 1) % entries_.size()];
  const std::size_t end = last.start + last.read.into.size();
  const std::size_t begin = entries_[first_].start;
  if (end <= begin) {
    // The free part lies between the last and the first.
    start = end;
    return bytes <= begin - end;
  }
  // A record lies in one piece: where the end is too short for it, it goes to the beginning.
  start = bytes <= size - end ? end : 0;
  return start == end || bytes <= begin;
}

bool ReadRing::begin(std::size_t label, const PageRange& pages) {
  std::size_t start = 0;
  if (!find_room(pages.bytes, start)) return false;
  Entry& entry = entries_[(first_ + count_) % entries_.size()];
  entry.label = label;
  entry.start = start;
  entry.read.offset = pages.offset;
  entry.read.into = memory_.bytes().subspan(start, pages.bytes);
  file_.begin(entry.read);
  ++count_;
  return true;
}

void ReadRing::drop() noexcept {
  file_.take_back(entries_[first_].read);
  first_ = (first_ + 1) % entries_.size();
  --count_;
}

void ReadRing::clear() noexcept {
  // The last first: those in line go without being read.
  for (std::size_t i = count_; i > 0; --i) file_.take_back(entries_[(first_ + i - 1) % entries_.size()].read);
  first_ = count_ = 0;
}

}  // namespace retort
