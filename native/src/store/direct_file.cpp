#include "direct_file.h"

#include <algorithm>
#include <cerrno>
#include <string>

namespace retort {
namespace {

constexpr std::size_t floor_to_page(std::size_t bytes) { return bytes - bytes % direct_page; }

const FileRange& checked(const FileRange& range, const DirectFile::Options& options) {
  if (range.offset % direct_page != 0) refuse_file(Status::bad_request, range, "direct reads begin at a multiple of 4096.");
  if (options.depth < 1 || options.depth > most_reads_in_flight) refuse_file(Status::bad_request, range, "1 to 64 reads may be in flight.");
  if (options.fail_read < 0) refuse_file(Status::bad_request, range, "the number of the read that is to fail is below 0.");
  return range;
}

std::unique_ptr<Reader> make_reader(const CheckedFile& file, const FileRange& range, const DirectFile::Options& options) {
  if (options.reader != ReaderKind::threads) {
    if (auto reader = make_system_reader(file, options.depth)) return reader;
    if (options.reader == ReaderKind::uring) refuse_file(Status::unsupported_feature, range, "this system has no io_uring, or forbids it.");
  }
  return make_thread_reader(file, options.depth);
}

}  // namespace

DirectFile::DirectFile(const FileRange& file, const Options& options)
    : range_(checked(file, options)),
      options_(options),
      file_(range_, options.is_refused ? CheckedFile::Way::uncached : CheckedFile::Way::direct),
      reader_(make_reader(file_, range_, options_)),
      under_way_(options.under_way ? options.under_way : std::make_shared<ReadsUnderWay>()) {}

DirectFile::~DirectFile() { drain(); }

void DirectFile::check(const DirectRead& read) const {
  const auto refuse = [this](const char* what) { refuse_file(Status::bad_request, range_, what); };
  if (read.is_begun()) refuse("a read that was begun is begun again.");
  const bool on_borders = read.offset % direct_page == 0 && read.into.size() % direct_page == 0 &&
                          reinterpret_cast<std::uintptr_t>(read.into.data()) % direct_page == 0;
  if (!on_borders) refuse("direct reads have offsets, sizes and addresses that are multiples of 4096.");
  if (read.into.empty() || read.into.size() > largest_direct_read) refuse("a read takes 4 KiB to 1 GiB.");
  if (read.offset >= range_.bytes) refuse("a read begins behind the end.");
}

void DirectFile::begin(DirectRead& read) {
  check(read);
  // Places that have become free since the last call are for the line.
  look();
  if (options_.log) options_.log->push_back({read.offset, read.into.size(), under_way_->pending()});
  line_.push_back(&read);
  ++under_way_->waiting_;
  ++begun_;
  read.is_to_fail_ = begun_ == options_.fail_read;
  read.filled_ = 0;
  read.wanted_ = static_cast<std::size_t>(std::min<std::uint64_t>(read.into.size(), range_.bytes - read.offset));
  read.error_ = 0;
  read.state_ = DirectRead::State::waiting;
  start_line();
}

void DirectFile::look() noexcept {
  while (reap()) {
  }
}

bool DirectFile::is_done(DirectRead& read) {
  if (!read.is_begun()) refuse_file(Status::bad_request, range_, "a read is asked for that was not begun.");
  look();
  return read.state_ != DirectRead::State::waiting && read.state_ != DirectRead::State::in_flight;
}

void DirectFile::finish(DirectRead& read) {
  while (!is_done(read)) wait_for_one();
  const DirectRead::State outcome = read.state_;
  read.state_ = DirectRead::State::idle;
  if (outcome != DirectRead::State::done) refuse_read(read, outcome);
}

void DirectFile::take_back(DirectRead& read) noexcept {
  if (read.state_ == DirectRead::State::waiting) {
    std::erase(line_, &read);
    --under_way_->waiting_;
  }
  while (read.state_ == DirectRead::State::in_flight) {
    if (!reap()) wait_for_one();
  }
  read.state_ = DirectRead::State::idle;
}

bool DirectFile::withdraw(DirectRead& read) noexcept {
  if (read.state_ != DirectRead::State::waiting) return false;
  std::erase(line_, &read);
  --under_way_->waiting_;
  forget(read);
  read.state_ = DirectRead::State::idle;
  return true;
}

// The last that was logged of that place.
void DirectFile::forget(const DirectRead& read) noexcept {
  if (!options_.log) return;
  const auto found = std::ranges::find(options_.log->rbegin(), options_.log->rend(), read.offset, &BegunRead::offset);
  if (found != options_.log->rend()) options_.log->erase(std::next(found).base());
}

void DirectFile::drain() noexcept {
  for (DirectRead* read : line_) read->state_ = DirectRead::State::idle;
  under_way_->waiting_ -= line_.size();
  line_.clear();
  is_draining_ = true;
  while (in_flight_ > 0) {
    if (!reap()) wait_for_one();
  }
  is_draining_ = false;
}

void DirectFile::start_line() noexcept {
  while (!line_.empty() && in_flight_ < static_cast<std::size_t>(options_.depth)) {
    DirectRead& read = *line_.front();
    line_.pop_front();
    --under_way_->waiting_;
    start(read);
  }
}

void DirectFile::start(DirectRead& read) noexcept {
  read.state_ = DirectRead::State::in_flight;
  ++in_flight_;
  under_way_->start();
  hand_over(read);
}

// What is still missing of it.
void DirectFile::hand_over(DirectRead& read) noexcept {
  read.piece_ = {read.into.data() + read.filled_, read.into.size() - read.filled_, range_.offset + read.offset + read.filled_, 0, &read};
  reader_->start(read.piece_);
}

bool DirectFile::reap() noexcept {
  if (in_flight_ == 0) return false;
  ReadPiece* const piece = reader_->next(false);
  if (piece == nullptr) return false;
  take(*piece);
  return true;
}

// Only while something is in flight, which is so whenever something waits in line.
void DirectFile::wait_for_one() noexcept { take(*reader_->next(true)); }

void DirectFile::take(ReadPiece& piece) noexcept {
  DirectRead& read = *piece.owner;
  if (piece.result > 0 && !is_direct()) file_.drop_pages(piece.offset, piece.bytes);
  const std::int64_t result = read.is_to_fail_ ? -EIO : piece.result;
  if (result < 0) {
    read.error_ = result;
    return end(read, DirectRead::State::failed);
  }
  const std::size_t filled = read.filled_ + static_cast<std::size_t>(result);
  if (filled >= read.wanted_) {
    ++counts_.reads;
    counts_.bytes += read.wanted_;
    return end(read, DirectRead::State::done);
  }
  // Less than was asked for: the rest is read again from the last whole page. Without a whole page there is no more to come: the file ends here.
  if (floor_to_page(filled) == read.filled_) return end(read, DirectRead::State::cut_short);
  read.filled_ = floor_to_page(filled);
  if (is_draining_) return end(read, DirectRead::State::done);
  hand_over(read);
}

void DirectFile::end(DirectRead& read, DirectRead::State state) noexcept {
  read.state_ = is_draining_ ? DirectRead::State::idle : state;
  --in_flight_;
  under_way_->end();
  start_line();
}

void DirectFile::refuse_read(const DirectRead& read, DirectRead::State outcome) const {
  const std::string place = " at byte " + std::to_string(range_.offset + read.offset);
  if (outcome == DirectRead::State::cut_short) refuse_file(Status::bad_file, range_, "the file became shorter while it was read" + place + ".");
  refuse_file(Status::file_unreadable, range_, "cannot be read" + place + ": " + system_error_text(read.error_) + ".");
}

}  // namespace retort
