// Convolutions on the matrix units of x86-64 processors (AMX with bfloat16); empty elsewhere and for older compilers.
//
// The units multiply bfloat16 and sum in float32. A float32 is the sum of a bfloat16 (the first 8 bits of its mantissa)
// and of another one (the next 8), but for 2^-18 of it; so three products of theirs (high low, high high, low high) make
// one of float32, but for about 1e-5 of what a layer gives: Henry, Tang and Heinecke, "Leveraging the bfloat16
// artificial intelligence datatype for higher-precision computations", ARITH 2019.
#include "engine.h"
#if defined(__linux__) && defined(__AMX_TILE__) && defined(__AMX_BF16__) && defined(__AVX512F__)
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#define VECTOR_BYTES 64
#define TILE_ROWS 6
#define PANEL_REGISTERS 4
#define OUTER_ROWS 8
#include "kernels.h"

namespace {

constexpr int64_t kSide = 16;               // rows and columns of a tile of sums
constexpr int64_t kDepth = 32;              // channels that one instruction multiplies
constexpr int64_t kTile = kSide * kDepth;   // bfloat16 in a tile
constexpr int64_t kGroupRows = 2 * kSide;   // pairs that are multiplied at a time
constexpr int64_t kWide = 128;              // columns of the sums that one task holds
constexpr int64_t kDeep = 128;              // channels that are multiplied at a time

struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// What is in memory is as the program text has it: the compiler does not know what tile instructions read and write.
inline void settle() { __asm__ volatile("" ::: "memory"); }

// 32 numbers, the first half `a`, as bfloat16 and as what is then left of them; a[i] and b[i] lie side by side.
inline void split(__m512 a, __m512 b, uint16_t* high, uint16_t* low) {
  const __m512i half = _mm512_set1_epi32(0x8000), top = _mm512_set1_epi32(static_cast<int>(0xFFFF0000u));
  const __m512i high_a = _mm512_and_si512(_mm512_add_epi32(_mm512_castps_si512(a), half), top);
  const __m512i high_b = _mm512_and_si512(_mm512_add_epi32(_mm512_castps_si512(b), half), top);
  const __m512i rest_a = _mm512_castps_si512(_mm512_sub_ps(a, _mm512_castsi512_ps(high_a)));
  const __m512i rest_b = _mm512_castps_si512(_mm512_sub_ps(b, _mm512_castsi512_ps(high_b)));
  const __m512i low_a = _mm512_srli_epi32(_mm512_add_epi32(rest_a, half), 16);
  const __m512i low_b = _mm512_and_si512(_mm512_add_epi32(rest_b, half), top);
  _mm512_store_si512(high, _mm512_or_si512(high_b, _mm512_srli_epi32(high_a, 16)));
  _mm512_store_si512(low, _mm512_or_si512(low_b, low_a));
}

// weight [K, Ci, Co] as [K][columns / 16][Ci / 32][high, low][channels i and i + 16][16 columns][2].
void pack_tiles(const float* weight, uint16_t* packed, int64_t offsets, int64_t ci, int64_t co, int threads) {
  const int64_t panels = padded<float>(co) / kSide;
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t task = 0; task < offsets * panels; ++task) {
    const int64_t column = task % panels * kSide, columns = least(kSide, co - column);
    const float* from = weight + task / panels * ci * co + column;
    alignas(64) float rows[2][kSide] = {};
    for (int64_t c = 0; c < ci; ++c) {
      if (c % kDepth >= kSide) continue;
      memcpy(rows[0], from + c * co, sizeof(float) * columns);
      memcpy(rows[1], from + (c + kSide) * co, sizeof(float) * columns);
      uint16_t* tile = packed + (task * ci + c / kDepth * kDepth) * 2 * kSide + c % kDepth * kDepth;
      split(_mm512_load_ps(rows[0]), _mm512_load_ps(rows[1]), tile, tile + kTile);
    }
  }
}

template <int ROWS>
inline __attribute__((always_inline)) void load_rows(const uint16_t* from) {
  _tile_loadd(4, from, 64);
  if constexpr (ROWS > 1) _tile_loadd(5, from + kTile, 64);
}

template <int COLUMNS>
inline __attribute__((always_inline)) void load_weights(const uint16_t* from, int64_t stride) {
  _tile_loadd(6, from, 64);
  if constexpr (COLUMNS > 1) _tile_loadd(7, from + stride, 64);
}

template <int ROWS, int COLUMNS>
inline __attribute__((always_inline)) void multiply_loaded() {
  _tile_dpbf16ps(0, 4, 6);
  if constexpr (COLUMNS > 1) _tile_dpbf16ps(1, 4, 7);
  if constexpr (ROWS > 1) _tile_dpbf16ps(2, 5, 6);
  if constexpr (ROWS > 1 && COLUMNS > 1) _tile_dpbf16ps(3, 5, 7);
}

// products [16 ROWS, 16 COLUMNS] of split rows and panels of weights, which lie `stride` numbers apart. Three times for
// each of the chunks, once their multiplications are under way, `meanwhile` is called for other work.
template <int ROWS, int COLUMNS, typename Work>
inline __attribute__((always_inline)) void multiply_tiles(const uint16_t* rows, const uint16_t* weights, int64_t stride,
                                                          int64_t chunks, float* products, int64_t width,
                                                          Work meanwhile) {
  _tile_zero(0);
  if constexpr (COLUMNS > 1) _tile_zero(1);
  if constexpr (ROWS > 1) _tile_zero(2);
  if constexpr (ROWS > 1 && COLUMNS > 1) _tile_zero(3);
  for (int64_t c = 0; c < chunks; ++c, rows += 4 * kTile, weights += 2 * kTile) {
    load_rows<ROWS>(rows);
    load_weights<COLUMNS>(weights + kTile, stride);
    multiply_loaded<ROWS, COLUMNS>();  // high low
    meanwhile();
    load_weights<COLUMNS>(weights, stride);
    multiply_loaded<ROWS, COLUMNS>();  // high high
    meanwhile();
    load_rows<ROWS>(rows + 2 * kTile);
    multiply_loaded<ROWS, COLUMNS>();  // low high
    meanwhile();
  }
  const int64_t bytes = width * sizeof(float);
  _tile_stored(0, products, bytes);
  if constexpr (COLUMNS > 1) _tile_stored(1, products + kSide, bytes);
  if constexpr (ROWS > 1) _tile_stored(2, products + kSide * width, bytes);
  if constexpr (ROWS > 1 && COLUMNS > 1) _tile_stored(3, products + kSide * width + kSide, bytes);
}

// At most kGroupRows pairs of one block under one offset, and the panels of weights for the first column.
struct Group {
  const int32_t* in = nullptr;
  const int32_t* out = nullptr;
  int64_t count = 0;
  const uint16_t* weights = nullptr;
};

// Adds columns of one block to `sums` [rows, width]. While a group is multiplied, the next one's rows are split and the
// products of the one before are added: tiles do not get what still waits to be stored.
struct Summing {
  const float* x;    // from the first of the channels
  int64_t ci, channels;
  int64_t stride;    // numbers between panels of weights
  int64_t width;
  float* sums;       // of row 0 of the map
  alignas(64) uint16_t rows[2][kGroupRows * kDeep * 2];  // [channels / 32][high, low][32 rows][32]
  alignas(64) float products[2][kGroupRows * kWide];     // [32 rows, width]
  Group before, now;
  int turn = 0;
  int64_t done = 0;  // rows that were added and split

  void split_row(const Group& group, int64_t r, uint16_t* to) const {
    const float* row = x + group.in[r] * ci;
    for (int64_t c = 0; c < channels; c += kDepth) {
      uint16_t* high = to + c * 2 * kGroupRows + r * kDepth;
      split(_mm512_loadu_ps(row + c), _mm512_loadu_ps(row + c + kSide), high, high + 2 * kTile);
    }
  }

  void add_row(const Group& group, int64_t r, const float* from) const {
    float* to = sums + group.out[r] * width;
    for (int64_t c = 0; c < width; c += kSide)
      _mm512_store_ps(to + c, _mm512_add_ps(_mm512_load_ps(to + c), _mm512_load_ps(from + r * width + c)));
  }

  // Adds the products of the group before and splits the next one's, up to row `end`.
  void add_and_split(const Group& next, int64_t end) {
    for (; done < end; ++done) {
      if (done < before.count) add_row(before, done, products[1 - turn]);
      if (done < next.count) split_row(next, done, rows[1 - turn]);
    }
  }

  template <int ROWS>
  void multiply(const Group& next) {
    const int64_t chunks = channels / kDepth, steps = (width + 2 * kSide - 1) / (2 * kSide) * chunks * 3;
    const int64_t some = (kGroupRows + steps - 1) / steps;
    const auto meanwhile = [&] { add_and_split(next, least(done + some, kGroupRows)); };
    for (int64_t column = 0; column < width; column += 2 * kSide) {
      const uint16_t* weights = now.weights + column / kSide * stride;
      float* to = products[turn] + column;
      if (width - column > kSide)
        multiply_tiles<ROWS, 2>(rows[turn], weights, stride, chunks, to, width, meanwhile);
      else
        multiply_tiles<ROWS, 1>(rows[turn], weights, stride, chunks, to, width, meanwhile);
    }
  }

  void take(const Group& next) {
    done = 0;
    if (now.count > kSide)
      multiply<2>(next);
    else if (now.count)
      multiply<1>(next);
    add_and_split(next, kGroupRows);
    settle();
    before = now;
    now = next;
    turn = 1 - turn;
  }
};

void sum_block(const float* x, const uint16_t* packed, const Pairs& pairs, int64_t block, int64_t column, int64_t width,
               int64_t ci, int64_t co, float* sums) {
  const int64_t panels = padded<float>(co) / kSide, stride = ci / kDepth * 2 * kTile;
  const int64_t* starts = pairs.starts + block * pairs.offsets;
  Summing summing;
  summing.ci = ci, summing.stride = stride, summing.width = width, summing.sums = sums - block * kBlockRows * width;
  for (int64_t c = 0; c < ci; c += kDeep) {
    summing.x = x + c, summing.channels = least(kDeep, ci - c);
    for (int64_t k = 0; k < pairs.offsets; ++k) {
      const uint16_t* weights = packed + (k * panels + column / kSide) * stride + c / kDepth * 2 * kTile;
      for (int64_t p = starts[k]; p < starts[k + 1]; p += kGroupRows)
        summing.take({pairs.in + p, pairs.out + p, least(kGroupRows, starts[k + 1] - p), weights});
    }
    summing.take({});
    summing.take({});
  }
}

void convolve_tiles(const float* x, const uint16_t* packed, float* y, const Pairs& pairs, int64_t ci, int64_t co,
                    const Finish<float>& finish, int threads) {
  const int64_t across = padded<float>(co), panels = (across + kWide - 1) / kWide;
#pragma omp parallel num_threads(threads)
  {
    const TileConfig config;
    _tile_loadconfig(&config);
#pragma omp for schedule(dynamic, 1)
    for (int64_t task = 0; task < pairs.blocks() * panels; ++task) {
      alignas(64) float sums[kBlockRows * kWide];
      const int64_t block = task / panels, column = task % panels * kWide, width = least(kWide, across - column);
      memset(sums, 0, sizeof(float) * kBlockRows * width);
      sum_block(x, packed, pairs, block, column, width, ci, co, sums);
      finish_block(sums, y, pairs, block, column, width, co, finish);
    }
    _tile_release();
  }
}

constexpr TileKernels kTiles{pack_tiles, convolve_tiles};

// Whether the processor has the units and the system lets this process use them.
bool allowed() {
  constexpr unsigned kBfloat16 = 1u << 22, kTiles = 1u << 24;  // EDX of leaf 7
  constexpr int kRequestPermission = 0x1023, kTileData = 18;   // of arch_prctl
  unsigned a, b, c, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & kBfloat16) && (d & kTiles) &&
         syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

}  // namespace

const TileKernels* amx_kernels() {
  static const bool here = allowed();
  return here ? &kTiles : nullptr;
}
#else
const TileKernels* amx_kernels() { return nullptr; }
#endif
