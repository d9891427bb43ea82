// The pair kernels, compiled once for each instruction set: the including file defines VECTOR_BYTES (of a register),
// TILE_ROWS and PANEL_REGISTERS (rows, and registers of their columns, whose sums stay in registers), and OUTER_ROWS
// (the same of weight gradients, two registers wide). Everything here has internal linkage and calls nothing inline
// from the standard library, so that no function built for a newer processor can stand in for a common one.
//
// Every number of the result has one owner and a fixed order of summation: the bits do not depend on the threads.
#pragma once
#include <cstdlib>
#include <cstring>

#include "engine.h"

namespace {

template <typename T>
struct Vector {
  static constexpr int lanes = VECTOR_BYTES / sizeof(T);
  typedef T type __attribute__((vector_size(VECTOR_BYTES), aligned(alignof(T)), may_alias));
};

template <typename T>
inline typename Vector<T>::type load(const T* from) {
  return *reinterpret_cast<const typename Vector<T>::type*>(from);
}

template <typename T>
inline void store(T* to, typename Vector<T>::type value) {
  *reinterpret_cast<typename Vector<T>::type*>(to) = value;
}

inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

template <typename T>
int64_t padded(int64_t columns) {
  return (columns + Vector<T>::lanes - 1) / Vector<T>::lanes * Vector<T>::lanes;
}

// Columns that are summed at a time: as few panels as fit, all of one width but perhaps the last.
template <typename T>
int64_t panel_width(int64_t columns) {
  const int64_t registers = padded<T>(columns) / Vector<T>::lanes;
  const int64_t panels = (registers + PANEL_REGISTERS - 1) / PANEL_REGISTERS;
  return panels ? (registers + panels - 1) / panels * Vector<T>::lanes : Vector<T>::lanes;
}

// sums[r] += x[r][0..ci) times a packed panel [ci, registers * lanes], for ROWS rows.
template <typename T, int ROWS, int REGISTERS>
inline __attribute__((always_inline)) void multiply(const T* const* x, T* const* sums, const T* panel, int64_t ci) {
  using V = typename Vector<T>::type;
  constexpr int lanes = Vector<T>::lanes;
  V total[ROWS][REGISTERS];
  for (int r = 0; r < ROWS; ++r)
    for (int v = 0; v < REGISTERS; ++v) total[r][v] = load(sums[r] + v * lanes);
  for (int64_t c = 0; c < ci; ++c, panel += REGISTERS * lanes) {
    V w[REGISTERS];
    for (int v = 0; v < REGISTERS; ++v) w[v] = load(panel + v * lanes);
    for (int r = 0; r < ROWS; ++r) {
      const V value = x[r][c] - V{};  // in every lane
      for (int v = 0; v < REGISTERS; ++v) total[r][v] += value * w[v];
    }
  }
  for (int r = 0; r < ROWS; ++r)
    for (int v = 0; v < REGISTERS; ++v) store(sums[r] + v * lanes, total[r][v]);
}

// The last, fewer than TILE_ROWS, rows.
template <typename T, int ROWS, int REGISTERS>
inline void multiply_rest(int64_t rows, const T* const* x, T* const* sums, const T* panel, int64_t ci) {
  if constexpr (ROWS > 0) {
    if (rows == ROWS) return multiply<T, ROWS, REGISTERS>(x, sums, panel, ci);
    multiply_rest<T, ROWS - 1, REGISTERS>(rows, x, sums, panel, ci);
  }
}

// All pairs of one block under one offset, for one panel of columns.
template <typename T, int REGISTERS>
void multiply_pairs(const T* x, T* sums, const int32_t* in, const int32_t* out, int64_t count, int64_t first_row,
                    const T* panel, int64_t ci) {
  constexpr int width = REGISTERS * Vector<T>::lanes;
  const T* from[TILE_ROWS];
  T* to[TILE_ROWS];
  for (int64_t start = 0; start < count; start += TILE_ROWS) {
    const int64_t rows = least(TILE_ROWS, count - start);
    for (int64_t r = 0; r < rows; ++r) {
      from[r] = x + in[start + r] * ci;
      to[r] = sums + (out[start + r] - first_row) * width;
    }
    if (rows == TILE_ROWS)
      multiply<T, TILE_ROWS, REGISTERS>(from, to, panel, ci);
    else
      multiply_rest<T, TILE_ROWS - 1, REGISTERS>(rows, from, to, panel, ci);
  }
}

// Stores columns [column, column + width) of the rows of one block, whose sums are [rows, width].
template <typename T>
inline void finish_block(T* sums, T* y, const Pairs& pairs, int64_t block, int64_t column, int64_t width, int64_t co,
                         const Finish<T>& finish) {
  const int64_t first = block * kBlockRows, rows = least(kBlockRows, pairs.rows_out - first);
  const int64_t columns = least(width, co - column);
  for (int64_t r = 0; r < rows; ++r) {
    T* sum = sums + r * width;
    const int64_t to = finish.rows ? finish.rows[first + r] : first + r;
    if (finish.bias)
      for (int64_t c = 0; c < columns; ++c) sum[c] += finish.bias[column + c];
    if (finish.residual) {
      const int64_t from = finish.residual_rows ? finish.residual_rows[first + r] : first + r;
      for (int64_t c = 0; c < columns; ++c) sum[c] += finish.residual[from * co + column + c];
    }
    if (finish.relu)
      for (int64_t c = 0; c < columns; ++c) sum[c] = sum[c] > 0 ? sum[c] : 0;
    memcpy(y + to * co + column, sum, sizeof(T) * columns);
  }
}

// Columns [column, column + width) of the rows of one block.
template <typename T, int REGISTERS>
void convolve_block(const T* x, const T* packed, T* y, const Pairs& pairs, int64_t block, int64_t column, int64_t ci,
                    int64_t co, const Finish<T>& finish) {
  constexpr int width = REGISTERS * Vector<T>::lanes;
  alignas(64) T sums[kBlockRows * width];
  const int64_t first = block * kBlockRows, rows = least(kBlockRows, pairs.rows_out - first);
  memset(sums, 0, sizeof(T) * rows * width);
  const int64_t* starts = pairs.starts + block * pairs.offsets;
  const int64_t layer = ci * padded<T>(co);
  for (int64_t k = 0; k < pairs.offsets; ++k)
    multiply_pairs<T, REGISTERS>(x, sums, pairs.in + starts[k], pairs.out + starts[k], starts[k + 1] - starts[k],
                                 first, packed + k * layer + column * ci, ci);
  finish_block<T>(sums, y, pairs, block, column, width, co, finish);
}

// convolve_block for the number of registers that `width` columns take.
template <typename T, int REGISTERS>
void convolve_panel(int64_t width, const T* x, const T* packed, T* y, const Pairs& pairs, int64_t block, int64_t column,
                    int64_t ci, int64_t co, const Finish<T>& finish) {
  if constexpr (REGISTERS > 1)
    if (width <= (REGISTERS - 1) * Vector<T>::lanes)
      return convolve_panel<T, REGISTERS - 1>(width, x, packed, y, pairs, block, column, ci, co, finish);
  convolve_block<T, REGISTERS>(x, packed, y, pairs, block, column, ci, co, finish);
}

template <typename T>
void convolve(const T* x, const T* packed, T* y, const Pairs& pairs, int64_t ci, int64_t co, const Finish<T>& finish,
              int threads) {
  const int64_t wide = panel_width<T>(co), blocks = pairs.blocks(), panels = (co + wide - 1) / wide;
  // What is larger, rows or weights, goes past once.
  const bool rows_outside = pairs.rows_out >= pairs.offsets * co;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (int64_t task = 0; task < blocks * panels; ++task) {
    const int64_t block = rows_outside ? task / panels : task % blocks;
    const int64_t column = (rows_outside ? task % panels : task / blocks) * wide;
    convolve_panel<T, PANEL_REGISTERS>(least(wide, co - column), x, packed, y, pairs, block, column, ci, co, finish);
  }
}

template <typename T>
void pack(const T* weight, T* packed, int64_t offsets, int64_t ci, int64_t co, bool transposed, bool mirrored,
          int threads) {
  const int64_t wide = panel_width<T>(co), across = padded<T>(co), panels = (co + wide - 1) / wide;
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t task = 0; task < offsets * panels; ++task) {
    const int64_t k = task / panels, column = task % panels * wide;
    const int64_t width = least(wide, across - column), columns = least(width, co - column);
    const T* from = weight + (mirrored ? offsets - 1 - k : k) * ci * co;
    T* to = packed + k * ci * across + column * ci;
    for (int64_t c = 0; c < ci; ++c, to += width) {
      for (int64_t j = 0; j < columns; ++j)
        to[j] = transposed ? from[(column + j) * ci + c] : from[c * co + column + j];
      for (int64_t j = columns; j < width; ++j) to[j] = 0;
    }
  }
}

constexpr int64_t kChunk = 128;      // pairs that are summed at a time
constexpr int64_t kGroup = 128;      // rows of the weight gradient that one task owns
constexpr int64_t kNear = 1 << 20;   // bytes of rows that all offsets go over before the next ones

template <typename T>
constexpr int kOuterColumns = 2 * Vector<T>::lanes;

inline int64_t tiled(int64_t rows) { return (rows + OUTER_ROWS - 1) / OUTER_ROWS * OUTER_ROWS; }

// sums [OUTER_ROWS, stride] += x^T dy over packed rows x [count, OUTER_ROWS] and dy [count, registers * lanes].
template <typename T, int REGISTERS>
void outer(const T* x, const T* dy, int64_t count, T* sums, int64_t stride) {
  using V = typename Vector<T>::type;
  constexpr int lanes = Vector<T>::lanes;
  V total[OUTER_ROWS][REGISTERS];
  for (int r = 0; r < OUTER_ROWS; ++r)
    for (int v = 0; v < REGISTERS; ++v) total[r][v] = load(sums + r * stride + v * lanes);
  for (int64_t p = 0; p < count; ++p, x += OUTER_ROWS, dy += REGISTERS * lanes) {
    V g[REGISTERS];
    for (int v = 0; v < REGISTERS; ++v) g[v] = load(dy + v * lanes);
    for (int r = 0; r < OUTER_ROWS; ++r) {
      const V value = x[r] - V{};
      for (int v = 0; v < REGISTERS; ++v) total[r][v] += value * g[v];
    }
  }
  for (int r = 0; r < OUTER_ROWS; ++r)
    for (int v = 0; v < REGISTERS; ++v) store(sums + r * stride + v * lanes, total[r][v]);
}

// sums [OUTER_ROWS, stride] += x[in]^T dy[out] over `count` pairs, for columns of x and dy that fill the registers.
template <typename T, int REGISTERS>
void outer_in_place(const T* x, const T* dy, const int32_t* in, const int32_t* out, int64_t count, int64_t ci,
                    int64_t co, T* sums, int64_t stride) {
  using V = typename Vector<T>::type;
  constexpr int lanes = Vector<T>::lanes;
  V total[OUTER_ROWS][REGISTERS];
  for (int r = 0; r < OUTER_ROWS; ++r)
    for (int v = 0; v < REGISTERS; ++v) total[r][v] = load(sums + r * stride + v * lanes);
  for (int64_t p = 0; p < count; ++p) {
    const T *row = x + in[p] * ci, *gradient = dy + out[p] * co;
    V g[REGISTERS];
    for (int v = 0; v < REGISTERS; ++v) g[v] = load(gradient + v * lanes);
    for (int r = 0; r < OUTER_ROWS; ++r) {
      const V value = row[r] - V{};
      for (int v = 0; v < REGISTERS; ++v) total[r][v] += value * g[v];
    }
  }
  for (int r = 0; r < OUTER_ROWS; ++r)
    for (int v = 0; v < REGISTERS; ++v) store(sums + r * stride + v * lanes, total[r][v]);
}

// The same for all of `rows` rows and co columns; false, and nothing done, where they do not fill the registers.
template <typename T>
bool sum_in_place(const T* x, const T* dy, const int32_t* in, const int32_t* out, int64_t count, int64_t rows,
                  int64_t ci, int64_t co, T* sums) {
  constexpr int64_t lanes = Vector<T>::lanes, wide = kOuterColumns<T>;
  if (rows % OUTER_ROWS || co % lanes) return false;
  for (int64_t column = 0; column < co; column += wide)
    for (int64_t row = 0; row < rows; row += OUTER_ROWS) {
      T* to = sums + row * co + column;
      if (co - column >= wide)
        outer_in_place<T, 2>(x + row, dy + column, in, out, count, ci, co, to, co);
      else
        outer_in_place<T, 1>(x + row, dy + column, in, out, count, ci, co, to, co);
    }
  return true;
}

// Part of a row into place `at` of panels [panel][kChunk][WIDTH], zeros to the end of the last panel, which may be
// less wide.
template <typename T, int WIDTH>
inline void spread(const T* row, int64_t columns, int64_t across, int64_t at, T* panels) {
  int64_t column = 0;
  for (; column + WIDTH <= columns; column += WIDTH)
    memcpy(panels + column * kChunk + at * WIDTH, row + column, sizeof(T) * WIDTH);
  if (column == columns) return;
  const int64_t wide = least(WIDTH, across - column);
  T* to = panels + column * kChunk + at * wide;
  for (int64_t j = 0; j < wide; ++j) to[j] = column + j < columns ? row[column + j] : 0;
}

// The pairs of one offset, gathered in chunks of copies of the rows of x and dy.
template <typename T>
struct Chunk {
  int64_t rows, co;  // of the gradient that is summed
  T *x, *dy;         // [tiled(rows) * kChunk], [padded(co) * kChunk]
  int64_t count;

  void add(const T* x_row, const T* dy_row, T* sums) {
    spread<T, OUTER_ROWS>(x_row, rows, tiled(rows), count, x);
    spread<T, kOuterColumns<T>>(dy_row, co, padded<T>(co), count, dy);
    if (++count == kChunk) flush(sums);
  }

  void flush(T* sums) {
    const int64_t across = padded<T>(co);
    for (int64_t column = 0; column < across; column += kOuterColumns<T>)
      for (int64_t row = 0; row < rows; row += OUTER_ROWS) {
        T* to = sums + row * across + column;
        if (across - column >= kOuterColumns<T>)
          outer<T, 2>(x + row * kChunk, dy + column * kChunk, count, to, across);
        else
          outer<T, 1>(x + row * kChunk, dy + column * kChunk, count, to, across);
      }
    count = 0;
  }
};

// Which thread sums which task (an offset, a group of rows): the largest first, to the thread with the least to do.
// The sums do not depend on it.
inline void share_out(const Pairs& pairs, int64_t groups, int threads, int64_t* load_of, int64_t* size, int* owner) {
  const int64_t tasks = pairs.offsets * groups;
  memset(load_of, 0, sizeof(int64_t) * threads);
  memset(size, 0, sizeof(int64_t) * tasks);
  for (int64_t block = 0; block < pairs.blocks(); ++block)
    for (int64_t task = 0; task < tasks; ++task) {
      const int64_t* starts = pairs.starts + block * pairs.offsets + task / groups;
      size[task] += starts[1] - starts[0];
    }
  for (int64_t placed = 0; placed < tasks; ++placed) {
    int64_t largest = 0;
    for (int64_t task = 1; task < tasks; ++task)
      if (size[task] > size[largest]) largest = task;
    int least_busy = 0;
    for (int t = 1; t < threads; ++t)
      if (load_of[t] < load_of[least_busy]) least_busy = t;
    owner[largest] = least_busy;
    load_of[least_busy] += size[largest];
    size[largest] = -1;
  }
}

template <typename T>
bool weight_gradient(const T* x, const T* dy, T* weight, const Pairs& pairs, int64_t ci, int64_t co, int threads) {
  const int64_t across = padded<T>(co), groups = (ci + kGroup - 1) / kGroup, tasks = pairs.offsets * groups;
  const int64_t blocks = pairs.blocks(), all_sums = tasks * tiled(least(ci, kGroup)) * across;
  const int64_t own_scratch = kChunk * (tiled(least(ci, kGroup)) + across);
  const int64_t near = kNear / (int64_t{sizeof(T)} * (ci + co) * kBlockRows) + 1;
  T* sums = static_cast<T*>(malloc(sizeof(T) * (all_sums + threads * own_scratch)));
  int64_t* numbers = static_cast<int64_t*>(malloc(sizeof(int64_t) * (tasks + threads)));
  int* owner = static_cast<int*>(malloc(sizeof(int) * tasks));
  const bool done = sums && numbers && owner;
  if (done) share_out(pairs, groups, threads, numbers, numbers + threads, owner);
  // One turn of the loop for each owner, whatever number of threads there really are.
#pragma omp parallel for schedule(static, 1) num_threads(threads)
  for (int t = 0; t < threads; ++t) {
    if (!done) continue;
    T* scratch = sums + all_sums + t * own_scratch;
    for (int64_t first = 0; first < blocks || first == 0; first += near)
      for (int64_t task = 0; task < tasks; ++task) {
        if (owner[task] != t) continue;
        const int64_t k = task / groups, row = task % groups * kGroup, rows = least(kGroup, ci - row);
        T* sum = sums + task * tiled(least(ci, kGroup)) * across;
        if (first == 0) memset(sum, 0, sizeof(T) * tiled(rows) * across);
        Chunk<T> chunk{rows, co, scratch, scratch + kChunk * tiled(rows), 0};
        for (int64_t block = first; block < least(first + near, blocks); ++block) {
          const int64_t* starts = pairs.starts + block * pairs.offsets + k;
          if (sum_in_place(x + row, dy, pairs.in + starts[0], pairs.out + starts[0], starts[1] - starts[0], rows, ci,
                           co, sum))
            continue;
          for (int64_t p = starts[0]; p < starts[1]; ++p)
            chunk.add(x + pairs.in[p] * ci + row, dy + pairs.out[p] * co, sum);
        }
        if (chunk.count) chunk.flush(sum);
        if (first + near >= blocks)
          for (int64_t r = 0; r < rows; ++r) memcpy(weight + (k * ci + row + r) * co, sum + r * across, sizeof(T) * co);
      }
  }
  free(sums);
  free(numbers);
  free(owner);
  return done;
}

template <typename T>
constexpr Kernels<T> kernels_of{Vector<T>::lanes, pack<T>, convolve<T>, weight_gradient<T>};

}  // namespace
