// A file for a test, which goes with it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <system_error>

#include "store/checked_file.h"

namespace examples {

class TemporaryFile {
 public:
  explicit TemporaryFile(std::span<const std::byte> contents, const std::filesystem::path& folder = std::filesystem::temp_directory_path())
      : path(folder / own_name()), size(contents.size()) {
    std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(contents.data()), static_cast<std::streamsize>(size));
  }
  ~TemporaryFile() {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  retort::FileRange range() const { return {std::filesystem::canonical(path).string(), size, 0, size}; }

  const std::filesystem::path path;
  const std::uint64_t size;

 private:
  // Of all test programs that run beside each other.
  static std::string own_name() {
    static std::atomic<unsigned> number = 0;
    const auto time = std::chrono::steady_clock::now().time_since_epoch().count();
    return "retort-test-" + std::to_string(time) + "-" + std::to_string(++number);
  }
};

}  // namespace examples
