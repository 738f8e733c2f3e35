#include "saved_session.h"

#include <array>
#include <cstring>

#include "retort/status.h"

namespace retort {
namespace {

constexpr std::uint64_t magic = 0x3153'5352'4554'5253;  // "SRTERSS1"

struct Header {
  std::uint64_t magic;
  std::int64_t length;
  std::uint64_t cache_bytes;
  std::uint64_t recurrent_bytes;
};

}  // namespace

std::vector<std::byte> encode(const SavedSession& session) {
  const Header header{magic, session.length, session.cache.size(), session.recurrent.size() * sizeof(float)};
  std::vector<std::byte> bytes(sizeof(header) + header.cache_bytes + header.recurrent_bytes);
  std::byte* at = bytes.data();
  std::memcpy(at, &header, sizeof(header));
  at += sizeof(header);
  if (header.cache_bytes > 0) std::memcpy(at, session.cache.data(), header.cache_bytes);
  if (header.recurrent_bytes > 0) std::memcpy(at + header.cache_bytes, session.recurrent.data(), header.recurrent_bytes);
  return bytes;
}

SavedSession decode(std::span<const std::byte> bytes) {
  const auto refuse = [](const char* what) { throw Failure(Status::bad_file, std::string("[session] ") + what); };
  Header header{};
  if (bytes.size() < sizeof(header)) refuse("the saved session ends early.");
  std::memcpy(&header, bytes.data(), sizeof(header));
  const auto rest = bytes.subspan(sizeof(header));
  if (header.magic != magic) refuse("these bytes are no saved session of this version.");
  if (header.length < 0) refuse("the saved length is negative.");
  if (header.cache_bytes > rest.size() || header.recurrent_bytes != rest.size() - header.cache_bytes) refuse("the saved session has another size than it says.");
  if (header.recurrent_bytes % sizeof(float) != 0) refuse("the saved states are no whole numbers.");
  SavedSession session;
  session.length = header.length;
  session.cache.assign(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(header.cache_bytes));
  session.recurrent.resize(header.recurrent_bytes / sizeof(float));
  if (header.recurrent_bytes > 0) std::memcpy(session.recurrent.data(), rest.data() + header.cache_bytes, header.recurrent_bytes);
  return session;
}

}  // namespace retort
