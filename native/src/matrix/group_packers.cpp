// Rows are handled as 32-bit words: a chunk holds 4 columns of a row in one word, so that most types need only words copied or masked.
#include "matrix/group_packers.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "matrix/half.h"

namespace retort {

namespace {

using Words4 = std::array<std::uint32_t, 4>;

std::uint32_t word(const unsigned char* bytes) {
  std::uint32_t value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

void put(unsigned char* bytes, std::uint32_t value) { std::memcpy(bytes, &value, sizeof value); }

void copy_half(unsigned char* out, const unsigned char* in) { std::memcpy(out, in, 2); }

// The row's bytes of a load or chunk `index`.
unsigned char* place(unsigned char* step, std::int64_t index, std::int64_t row) { return step + index * 32 + row * 4; }

const unsigned char* row_start(const PackingJob& job, std::int64_t row) {
  return reinterpret_cast<const unsigned char*>(job.source.bytes.data()) + row * job.row_bytes;
}

std::int64_t rows_of(const PackingJob& job, std::int64_t group) { return std::min(group_rows, job.layout.rows - group * group_rows); }

// Rows outside, steps inside: reads run along the file.
template <class PackRow>
void pack_rows(const PackingJob& job, std::int64_t group, unsigned char* out, PackRow pack_row) {
  const std::int64_t rows = rows_of(job, group);
  if (rows < group_rows) std::memset(out, 0, static_cast<std::size_t>(job.layout.group_bytes));
  for (std::int64_t row = 0; row < rows; ++row) pack_row(row_start(job, group * group_rows + row), out, row);
}

template <class Number>
void pack_floats(const PackingJob& job, std::int64_t group, unsigned char* out) {
  pack_rows(job, group, out, [&](const unsigned char* in, unsigned char* base, std::int64_t row) {
    constexpr std::int64_t size = sizeof(Number);
    for (std::int64_t column = 0; column < job.layout.columns; ++column) {
      std::memcpy(base + (column * group_rows + row) * size, in + column * size, static_cast<std::size_t>(size));
    }
  });
}

// 16 bytes whose low nibbles are columns 0…15 and high nibbles 16…31: already chunk L beside chunk L + 4.
void copy_nibbles(const unsigned char* in, unsigned char* step, std::int64_t row) {
  for (std::int64_t load = 0; load < 4; ++load) put(place(step, load, row), word(in + 4 * load));
}

void pack_q4_0(const PackingJob& job, std::int64_t group, unsigned char* out) {
  pack_rows(job, group, out, [&](const unsigned char* in, unsigned char* base, std::int64_t row) {
    for (std::int64_t step = 0; step < job.layout.steps; ++step, in += 18, base += 144) {
      copy_half(base + 2 * row, in);
      copy_nibbles(in + 2, base + 16, row);
    }
  });
}

void pack_q4_1(const PackingJob& job, std::int64_t group, unsigned char* out) {
  pack_rows(job, group, out, [&](const unsigned char* in, unsigned char* base, std::int64_t row) {
    for (std::int64_t step = 0; step < job.layout.steps; ++step, in += 20, base += 160) {
      copy_half(base + 2 * row, in);
      copy_half(base + 16 + 2 * row, in + 2);
      copy_nibbles(in + 4, base + 32, row);
    }
  });
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

void pack_q5_0(const PackingJob& job, std::int64_t group, unsigned char* out) {
  pack_rows(job, group, out, [&](const unsigned char* in, unsigned char* base, std::int64_t row) {
    for (std::int64_t step = 0; step < job.layout.steps; ++step, in += 22, base += 176) {
      copy_half(base + 2 * row, in);
      copy_nibbles(in + 6, base + 16, row);
      put(place(base + 16 + 128, 0, row), fifth_bits(word(in + 2)));
    }
  });
}

void pack_q8_0(const PackingJob& job, std::int64_t group, unsigned char* out) {
  pack_rows(job, group, out, [&](const unsigned char* in, unsigned char* base, std::int64_t row) {
    for (std::int64_t step = 0; step < job.layout.steps; ++step, in += 34, base += 272) {
      copy_half(base + 2 * row, in);
      for (std::int64_t chunk = 0; chunk < 8; ++chunk) put(place(base + 16, chunk, row), word(in + 2 + 4 * chunk));
    }
  });
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
void pack_k4_pair(const unsigned char* in, unsigned char* first, std::int64_t row) {
  for (std::int64_t load = 0; load < 4; ++load) {
    const std::uint32_t near = word(in + 4 * load);
    const std::uint32_t far = word(in + 16 + 4 * load);
    put(place(first, load, row), (near & 0x0F0F0F0FU) | ((far & 0x0F0F0F0FU) << 4));
    put(place(first + 128, load, row), ((near >> 4) & 0x0F0F0F0FU) | (far & 0xF0F0F0F0U));
  }
}

void pack_q4_k(const PackingJob& job, std::int64_t group, unsigned char* out) {
  pack_rows(job, group, out, [&](const unsigned char* in, unsigned char* base, std::int64_t row) {
    for (std::int64_t step = 0; step < job.layout.steps; step += 8, in += 144, base += 160 + 1024) {
      copy_half(base + 2 * row, in);
      // value = d·sc·q − dmin·mn: the offset's sign goes into its float16.
      std::uint16_t minimum;
      std::memcpy(&minimum, in + 2, 2);
      minimum ^= 0x8000U;
      std::memcpy(base + 16 + 2 * row, &minimum, 2);
      pack_k4_factors(in + 4, base + 32 + row, base + 96 + row);
      for (std::int64_t pair = 0; pair < 4; ++pair) pack_k4_pair(in + 16 + 32 * pair, base + 160 + 256 * pair, row);
    }
  });
}

// The 16 columns 16·`step`… of a Q6_K block.
void pack_k6_step(const unsigned char* in, std::int64_t step, unsigned char* out, std::int64_t row) {
  const std::int64_t half = step / 8;
  const std::int64_t quarter = step % 8 / 2;
  const std::int64_t start = 16 * (step % 2);
  const unsigned char* low = in + 64 * half + 32 * (quarter & 1) + start;
  const unsigned char* high = in + 128 + 32 * half + start;
  Words4 nibbles;
  std::uint32_t top = 0;
  for (unsigned chunk = 0; chunk < 4; ++chunk) {
    nibbles[chunk] = (word(low + 4 * chunk) >> (4 * (quarter >> 1))) & 0x0F0F0F0FU;
    top |= ((word(high + 4 * chunk) >> (2 * quarter)) & 0x03030303U) << (2 * chunk);
  }
  put(place(out, 0, row), nibbles[0] | (nibbles[2] << 4));
  put(place(out, 1, row), nibbles[1] | (nibbles[3] << 4));
  put(place(out, 2, row), top);
}

void pack_q6_k(const PackingJob& job, std::int64_t group, unsigned char* out) {
  pack_rows(job, group, out, [&](const unsigned char* in, unsigned char* base, std::int64_t row) {
    for (std::int64_t first = 0; first < job.layout.steps; first += 16, in += 210, base += 144 + 1536) {
      copy_half(base + 2 * row, in + 208);
      for (std::int64_t step = 0; step < 16; ++step) {
        base[16 + 8 * step + row] = in[192 + step];
        pack_k6_step(in, step, base + 144 + 96 * step, row);
      }
    }
  });
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

// One code per column, low bits first; columns past the end give 0.
std::uint32_t code_at(const PackingJob& job, const unsigned char* in, std::int64_t column) {
  if (column >= job.layout.columns) return 0;
  if (job.source.type != SourceType::nbits4) return in[column];
  return (in[column / 2] >> (4 * (column & 1))) & 15U;
}

std::uint32_t chunk_codes(const PackingJob& job, const unsigned char* in, std::int64_t column) {
  std::uint32_t codes = 0;
  for (int j = 0; j < 4; ++j) codes |= code_at(job, in, column + j) << (8 * j);
  return codes;
}

// Four nibbles in 16 bits → four bytes.
std::uint32_t spread_nibbles(std::uint32_t packed) {
  const std::uint32_t pairs = (packed | (packed << 8)) & 0x00FF00FFU;
  return (pairs | (pairs << 4)) & 0x0F0F0F0FU;
}

std::uint32_t chunk_nibbles(const PackingJob& job, const unsigned char* in, std::int64_t column) {
  if (column + 4 > job.layout.columns) return chunk_codes(job, in, column);
  std::uint16_t packed;
  std::memcpy(&packed, in + column / 2, 2);
  return spread_nibbles(packed);
}

void pack_nibble_step(const PackingJob& job, const unsigned char* in, std::int64_t column, unsigned char* step, std::int64_t row) {
  const std::int64_t loads = job.layout.step_columns / 8;
  for (std::int64_t load = 0; load < loads; ++load) {
    const std::uint32_t low = chunk_nibbles(job, in, column + 4 * load);
    const std::uint32_t high = chunk_nibbles(job, in, column + 4 * (load + loads));
    put(place(step, load, row), low | (high << 4));
  }
}

void pack_byte_step(const PackingJob& job, const unsigned char* in, std::int64_t column, unsigned char* step, std::int64_t row) {
  for (std::int64_t chunk = 0; chunk < job.layout.step_columns / 4; ++chunk, column += 4) {
    const std::uint32_t codes = column + 4 <= job.layout.columns ? word(in + column) : chunk_codes(job, in, column);
    // Unsigned to signed: 128 less.
    put(place(step, chunk, row), codes ^ 0x80808080U);
  }
}

template <auto PackStep>
void pack_blocks(const PackingJob& job, std::int64_t group, unsigned char* out) {
  const Layout& layout = job.layout;
  std::int64_t source_row = group * group_rows;
  pack_rows(job, group, out, [&](const unsigned char* in, unsigned char* base, std::int64_t row) {
    for (std::int64_t step = 0; step < layout.steps; ++step, base += layout.step_bytes) {
      if (step % layout.steps_per_header == 0) {
        pack_header(job, step / layout.steps_per_header, source_row, base, row);
        base += layout.header_bytes;
      }
      PackStep(job, in, step * layout.step_columns, base, row);
    }
    ++source_row;
  });
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

GroupPacker group_packer(SourceType type) {
  switch (type) {
    case SourceType::f32:
      return pack_floats<std::uint32_t>;
    case SourceType::f16:
    case SourceType::bf16:
      return pack_floats<std::uint16_t>;
    case SourceType::q4_0:
      return pack_q4_0;
    case SourceType::q4_1:
      return pack_q4_1;
    case SourceType::q5_0:
      return pack_q5_0;
    case SourceType::q8_0:
      return pack_q8_0;
    case SourceType::q4_k:
      return pack_q4_k;
    case SourceType::q6_k:
      return pack_q6_k;
    case SourceType::nbits4:
      return pack_blocks<pack_nibble_step>;
    case SourceType::nbits8:
    case SourceType::blocks8:
      return pack_blocks<pack_byte_step>;
  }
  return nullptr;
}

}  // namespace retort
