// Rows are handled as 32-bit words: a chunk holds 4 columns of a row in one word, so that most types need only words copied or masked.
#include "matrix/group_packers.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "matrix/half.h"

namespace retort {

namespace {

// The eight rows of a group; those past the matrix' end repeat its last row, and their products are dropped.
struct Rows {
  std::array<const unsigned char*, group_rows> at;
  std::array<std::int64_t, group_rows> number;

  void advance(std::int64_t bytes) {
    for (const unsigned char*& row : at) row += bytes;
  }
};

Rows rows_of(const PackingJob& job, std::int64_t group) {
  Rows rows{};
  const auto* const bytes = reinterpret_cast<const unsigned char*>(job.bytes.data());
  for (std::size_t i = 0; i < rows.at.size(); ++i) {
    rows.number[i] = std::min(group * group_rows + static_cast<std::int64_t>(i), job.layout.rows - 1);
    rows.at[i] = bytes + (rows.number[i] - job.first_row) * job.row_bytes;
  }
  return rows;
}

// One 32-bit word of each row: what a load of the kernels holds.
using Words = std::array<std::uint32_t, group_rows>;

Words load(const Rows& rows, std::int64_t offset) {
  Words words;
  for (std::size_t i = 0; i < words.size(); ++i) std::memcpy(&words[i], rows.at[i] + offset, 4);
  return words;
}

void store(unsigned char* out, const Words& words) { std::memcpy(out, words.data(), sizeof words); }

// Loops over all eight rows become vectors.
template <class Make>
Words each(Make make) {
  Words words;
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = make(i);
  return words;
}

void copy_words(const Rows& rows, std::int64_t offset, int count, unsigned char* out) {
  for (int i = 0; i < count; ++i) store(out + 32 * i, load(rows, offset + 4 * i));
}

void copy_halves(const Rows& rows, std::int64_t offset, unsigned char* out, std::uint16_t flip = 0) {
  for (std::size_t i = 0; i < rows.at.size(); ++i) {
    std::uint16_t half;
    std::memcpy(&half, rows.at[i] + offset, 2);
    half ^= flip;
    std::memcpy(out + 2 * i, &half, 2);
  }
}

void pack_f32(const PackingJob& job, Rows rows, unsigned char* out) {
  for (std::int64_t column = 0; column < job.layout.columns; ++column, out += 32) store(out, load(rows, 4 * column));
}

void pack_16_bits(const PackingJob& job, Rows rows, unsigned char* out) {
  std::int64_t column = 0;
  for (; column + 2 <= job.layout.columns; column += 2, out += 32) {
    const Words pairs = load(rows, 2 * column);
    // Rows 2i and 2i + 1 of the first column, then of the second.
    store(out, each([&](std::size_t i) {
            const std::uint32_t even = pairs[i % 4 * 2];
            const std::uint32_t odd = pairs[i % 4 * 2 + 1];
            return i < 4 ? (even & 0xFFFFU) | (odd << 16) : (even >> 16) | (odd & 0xFFFF0000U);
          }));
  }
  if (column < job.layout.columns) copy_halves(rows, 2 * column, out);
}

// Q4_0, Q4_1 and Q8_0: `Halves` float16 numbers, then words in the kernels' order already.
template <int Halves, int WordCount>
void pack_words(const PackingJob& job, Rows rows, unsigned char* out) {
  for (std::int64_t step = 0; step < job.layout.steps; ++step) {
    for (int i = 0; i < Halves; ++i, out += 16) copy_halves(rows, 2 * i, out);
    copy_words(rows, 2 * Halves, WordCount, out);
    out += 32 * WordCount;
    rows.advance(2 * Halves + 4 * WordCount);
  }
}

// Bit k of `bits` is the fifth bit of column k: bit c of byte j wants column 4c + j.
std::uint32_t fifth_bits(std::uint32_t bits) {
  std::uint32_t result = 0;
  for (int chunk = 0; chunk < 8; ++chunk) {
    // Copies of the four bits 7 apart put bit j at the foot of byte j.
    const std::uint32_t spread = (((bits >> (4 * chunk)) & 15U) * 0x00204081U) & 0x01010101U;
    result |= spread << chunk;
  }
  return result;
}

void pack_q5_0(const PackingJob& job, Rows rows, unsigned char* out) {
  for (std::int64_t step = 0; step < job.layout.steps; ++step, out += 176, rows.advance(22)) {
    copy_halves(rows, 0, out);
    copy_words(rows, 6, 4, out + 16);
    const Words bits = load(rows, 2);
    store(out + 144, each([&](std::size_t i) { return fifth_bits(bits[i]); }));
  }
}

// The 6-bit factors of ggml's Q4_K and Q5_K: 8 of the scale, 8 of the minimum in 12 bytes.
void pack_k4_factors(const unsigned char* s, unsigned char* scales, unsigned char* offsets) {
  for (int k = 0; k < 4; ++k) {
    scales[8 * k] = s[k] & 63;
    offsets[8 * k] = s[k + 4] & 63;
    scales[8 * (k + 4)] = static_cast<unsigned char>((s[k + 8] & 15) | ((s[k] >> 6) << 4));
    offsets[8 * (k + 4)] = static_cast<unsigned char>((s[k + 8] >> 4) | ((s[k + 4] >> 6) << 4));
  }
}

// 32 bytes hold two steps: low nibbles the first, high nibbles the second.
void pack_k4_pair(const Rows& rows, std::int64_t offset, unsigned char* out) {
  for (int i = 0; i < 4; ++i) {
    const Words near = load(rows, offset + 4 * i);
    const Words far = load(rows, offset + 16 + 4 * i);
    store(out + 32 * i, each([&](std::size_t r) { return (near[r] & 0x0F0F0F0FU) | ((far[r] & 0x0F0F0F0FU) << 4); }));
    store(out + 128 + 32 * i, each([&](std::size_t r) { return ((near[r] >> 4) & 0x0F0F0F0FU) | (far[r] & 0xF0F0F0F0U); }));
  }
}

void pack_q4_k(const PackingJob& job, Rows rows, unsigned char* out) {
  for (std::int64_t step = 0; step < job.layout.steps; step += 8, out += 160 + 1024, rows.advance(144)) {
    copy_halves(rows, 0, out);
    // value = d·sc·q − dmin·mn: the offset's sign goes into its float16.
    copy_halves(rows, 2, out + 16, 0x8000U);
    for (std::size_t i = 0; i < rows.at.size(); ++i) pack_k4_factors(rows.at[i] + 4, out + 32 + i, out + 96 + i);
    for (std::int64_t pair = 0; pair < 4; ++pair) pack_k4_pair(rows, 16 + 32 * pair, out + 160 + 256 * pair);
  }
}

// The 16 columns 16·`step`… of a Q6_K block.
void pack_k6_step(const Rows& rows, std::int64_t step, unsigned char* out) {
  const std::int64_t half = step / 8;
  const std::int64_t quarter = step % 8 / 2;
  const std::int64_t start = 16 * (step % 2);
  std::array<Words, 4> low;
  Words top{};
  for (unsigned chunk = 0; chunk < 4; ++chunk) {
    const Words nibbles = load(rows, 64 * half + 32 * (quarter & 1) + start + 4 * chunk);
    const Words high = load(rows, 128 + 32 * half + start + 4 * chunk);
    low[chunk] = each([&](std::size_t i) { return (nibbles[i] >> (4 * (quarter >> 1))) & 0x0F0F0F0FU; });
    top = each([&](std::size_t i) { return top[i] | (((high[i] >> (2 * quarter)) & 0x03030303U) << (2 * chunk)); });
  }
  store(out, each([&](std::size_t i) { return low[0][i] | (low[2][i] << 4); }));
  store(out + 32, each([&](std::size_t i) { return low[1][i] | (low[3][i] << 4); }));
  store(out + 64, top);
}

void pack_q6_k(const PackingJob& job, Rows rows, unsigned char* out) {
  for (std::int64_t first = 0; first < job.layout.steps; first += 16, out += 144 + 1536, rows.advance(210)) {
    copy_halves(rows, 208, out);
    for (std::int64_t step = 0; step < 16; ++step) {
      for (std::size_t i = 0; i < rows.at.size(); ++i) out[16 + 8 * step + static_cast<std::int64_t>(i)] = rows.at[i][192 + step];
      pack_k6_step(rows, step, out + 144 + 96 * step);
    }
  }
}

// Header of block `block` for one row, from float32 scales and offsets.
void pack_header(const PackingJob& job, std::int64_t block, std::int64_t source_row, unsigned char* header, std::int64_t row) {
  const Layout& layout = job.layout;
  const std::int64_t blocks = (layout.columns + job.source.block - 1) / job.source.block;
  const auto index = static_cast<std::size_t>(source_row * blocks + block);
  const float scale = job.source.scales[index];
  const bool half = layout.scales == Scales::f16 || layout.scales == Scales::f16_offset || layout.scales == Scales::f16_point;
  const std::int64_t size = half ? 2 : 4;
  const auto put_float = [&](std::int64_t position, float value) {
    std::uint16_t bits = 0;
    if (half) to_f16_exactly(value, bits);
    std::memcpy(header + position, half ? static_cast<const void*>(&bits) : &value, static_cast<std::size_t>(size));
  };
  put_float(size * row, scale);
  if (layout.scales == Scales::f16_offset || layout.scales == Scales::f32_offset) put_float(size * (8 + row), job.source.offsets[index]);
  if (layout.scales == Scales::f16_point || layout.scales == Scales::f32_point) {
    std::int32_t point = 0;
    find_point(scale, job.source.offsets[index], layout.point_base, point);
    header[8 * size + row] = static_cast<unsigned char>(point);
  }
}

// Four codes of two bits in a byte → four bytes.
std::uint32_t spread_twos(std::uint32_t packed) {
  const std::uint32_t pairs = (packed | (packed << 12)) & 0x000F000FU;
  return (pairs | (pairs << 6)) & 0x03030303U;
}

// Four nibbles in 16 bits → four bytes.
std::uint32_t spread_nibbles(std::uint32_t packed) {
  const std::uint32_t pairs = (packed | (packed << 8)) & 0x00FF00FFU;
  return (pairs | (pairs << 4)) & 0x0F0F0F0FU;
}

// A word holds 16 columns, the first in its low bits: a chunk is a byte.
template <int Loads>
void pack_two_step(const Rows& rows, unsigned char* out) {
  std::array<Words, Loads> words;
  for (int i = 0; i < Loads; ++i) words[static_cast<std::size_t>(i)] = load(rows, 4 * i);
  const auto chunk = [&](int number, std::size_t r) { return spread_twos((words[static_cast<std::size_t>(number / 4)][r] >> (number % 4 * 8)) & 0xFFU); };
  for (int i = 0; i < Loads; ++i) {
    store(out + 32 * i, each([&](std::size_t r) {
            return chunk(i, r) | (chunk(i + Loads, r) << 2) | (chunk(i + 2 * Loads, r) << 4) | (chunk(i + 3 * Loads, r) << 6);
          }));
  }
}

// A word holds 8 columns, the first in its low bits: two chunks.
template <int Loads>
void pack_nibble_step(const Rows& rows, unsigned char* out) {
  for (int i = 0; i < Loads; i += 2) {
    const Words low = load(rows, 2 * i);
    const Words high = load(rows, 2 * (i + Loads));
    store(out + 32 * i, each([&](std::size_t r) { return spread_nibbles(low[r] & 0xFFFFU) | (spread_nibbles(high[r] & 0xFFFFU) << 4); }));
    store(out + 32 * (i + 1), each([&](std::size_t r) { return spread_nibbles(low[r] >> 16) | (spread_nibbles(high[r] >> 16) << 4); }));
  }
}

template <int Chunks>
void pack_byte_step(const Rows& rows, unsigned char* out) {
  for (int i = 0; i < Chunks; ++i) {
    const Words codes = load(rows, 4 * i);
    // Unsigned to signed: 128 less.
    store(out + 32 * i, each([&](std::size_t r) { return codes[r] ^ 0x80808080U; }));
  }
}

// PackStep takes `step_bytes` of every row. Rows of blocks8 end with their columns: the last step is completed with zeros.
template <auto PackStep>
void pack_steps(const PackingJob& job, Rows rows, unsigned char* out, std::int64_t step_bytes) {
  const Layout& layout = job.layout;
  for (std::int64_t step = 0; step < layout.steps; ++step, out += layout.step_bytes, rows.advance(step_bytes)) {
    if (step % layout.steps_per_header == 0) {
      for (std::size_t i = 0; i < rows.at.size(); ++i) pack_header(job, step / layout.steps_per_header, rows.number[i], out, static_cast<std::int64_t>(i));
      out += layout.header_bytes;
    }
    const std::int64_t left = job.row_bytes - step * step_bytes;
    if (left >= step_bytes) {
      PackStep(rows, out);
      continue;
    }
    std::array<std::array<unsigned char, 32>, group_rows> last{};
    Rows completed = rows;
    for (std::size_t i = 0; i < rows.at.size(); ++i) {
      std::memcpy(last[i].data(), rows.at[i], static_cast<std::size_t>(left));
      completed.at[i] = last[i].data();
    }
    PackStep(completed, out);
  }
}

void pack_twos(const PackingJob& job, Rows rows, unsigned char* out) {
  if (job.layout.step_columns == 32) return pack_steps<pack_two_step<2>>(job, rows, out, 8);
  pack_steps<pack_two_step<1>>(job, rows, out, 4);
}

void pack_nibbles(const PackingJob& job, Rows rows, unsigned char* out) {
  if (job.layout.step_columns == 32) return pack_steps<pack_nibble_step<4>>(job, rows, out, 16);
  pack_steps<pack_nibble_step<2>>(job, rows, out, 8);
}

void pack_bytes(const PackingJob& job, Rows rows, unsigned char* out) {
  if (job.layout.step_columns == 32) return pack_steps<pack_byte_step<8>>(job, rows, out, 32);
  pack_steps<pack_byte_step<4>>(job, rows, out, 16);
}

void pack_rows(const PackingJob& job, const Rows& rows, unsigned char* out) {
  switch (job.source.type) {
    case SourceType::f32:
      return pack_f32(job, rows, out);
    case SourceType::f16:
    case SourceType::bf16:
      return pack_16_bits(job, rows, out);
    case SourceType::q4_0:
      return pack_words<1, 4>(job, rows, out);
    case SourceType::q4_1:
      return pack_words<2, 4>(job, rows, out);
    case SourceType::q5_0:
      return pack_q5_0(job, rows, out);
    case SourceType::q8_0:
      return pack_words<1, 8>(job, rows, out);
    case SourceType::q4_k:
      return pack_q4_k(job, rows, out);
    case SourceType::q6_k:
      return pack_q6_k(job, rows, out);
    case SourceType::nbits2:
      return pack_twos(job, rows, out);
    case SourceType::nbits4:
      return pack_nibbles(job, rows, out);
    case SourceType::nbits8:
    case SourceType::blocks8:
      return pack_bytes(job, rows, out);
  }
}

}  // namespace

bool find_point(float scale, float offset, std::int32_t base, std::int32_t& point) {
  if (scale == 0) {
    point = base;
    return offset == 0;
  }
  const float distance = offset / scale;
  if (!(distance >= -256.0F && distance <= 256.0F)) return false;
  const auto nearest = static_cast<std::int32_t>(distance < 0 ? distance - 0.5F : distance + 0.5F);
  point = base - nearest;
  return point >= 0 && point <= 255 && scale * static_cast<float>(nearest) == offset;
}

void pack_group(const PackingJob& job, std::int64_t group, unsigned char* out) { pack_rows(job, rows_of(job, group), out); }

}  // namespace retort
