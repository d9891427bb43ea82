// Which input row meets which output row: sorting, neighbours, coarser levels, pair lists.
//
// A voxel's key packs (batch, x, y, z), each relative to the lowest one, into as few bits as the bounding box needs.
// In order of the keys a neighbour under one offset is found by walking, without a search: the wanted keys ascend too.
#include <cstring>
#include <new>
#include <vector>

#include "engine.h"

namespace {

enum Status { kDone = 0, kNoMemory = 1, kRepeated = 3, kTooWide = 4 };
constexpr int kAxes = 4;       // batch, x, y, z
constexpr int kKeyBits = 62;
constexpr int kDigit = 11;     // bits of a pass of the radix sort

int bits_for(int64_t values) {
  int bits = 0;
  while ((int64_t{1} << bits) < values) ++bits;
  return bits;
}

// Sorts keys and carries rows along, stable.
void radix_sort(int64_t* key, int32_t* row, int64_t n, int bits) {
  bool sorted = true;
  for (int64_t i = 1; i < n && sorted; ++i) sorted = key[i - 1] <= key[i];
  if (sorted) return;
  std::vector<int64_t> other_key(n);
  std::vector<int32_t> other_row(n);
  int64_t *from = key, *to = other_key.data();
  int32_t *from_row = row, *to_row = other_row.data();
  for (int shift = 0; shift < bits; shift += kDigit) {
    int64_t place[(1 << kDigit) + 1] = {0};
    const int64_t mask = (1 << kDigit) - 1;
    for (int64_t i = 0; i < n; ++i) ++place[((from[i] >> shift) & mask) + 1];
    for (int64_t d = 0; d < mask; ++d) place[d + 1] += place[d];
    for (int64_t i = 0; i < n; ++i) {
      const int64_t p = place[(from[i] >> shift) & mask]++;
      to[p] = from[i];
      to_row[p] = from_row[i];
    }
    int64_t* k = from;
    from = to, to = k;
    int32_t* r = from_row;
    from_row = to_row, to_row = r;
  }
  if (from != key) {
    memcpy(key, from, sizeof(int64_t) * n);
    memcpy(row, from_row, sizeof(int32_t) * n);
  }
}

// First place whose key is not below `wanted`.
int64_t lower_bound(const int64_t* key, int64_t n, int64_t wanted) {
  int64_t low = 0;
  for (int64_t count = n; count > 0;) {
    const int64_t half = count / 2;
    if (key[low + half] < wanted) {
      low += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return low;
}

// Which input row an output reads under an offset, -1 for none: a kernel map's table [offsets, rows], or, with the
// `chosen` [rows] outputs, links [., offsets] of theirs, which count from 1 and have 0 for none.
struct Table {
  const int32_t* entries;
  int64_t offsets, rows;
  const int64_t* chosen;
  int32_t at(int64_t k, int64_t i) const {
    return chosen ? entries[chosen[i] * offsets + k] - 1 : entries[k * rows + i];
  }
};

}  // namespace

extern "C" {

// Keys in ascending order and the rows they belong to. low and bits [4] describe the key: a coordinate less low,
// in so many bits, batch highest. There is an empty place to each side; low is even, so that halving a coordinate
// halves its part of the key.
int sparse_sort(const int32_t* coords, int64_t n, int64_t* key, int32_t* row, int32_t* low, int32_t* bits) try {
  int total = 0;
  for (int a = 0; a < kAxes; ++a) low[a] = bits[a] = 0;
  for (int a = 0; n > 0 && a < kAxes; ++a) {
    int64_t least = coords[a], most = coords[a];
    for (int64_t i = 1; i < n; ++i) {
      const int64_t c = coords[i * kAxes + a];
      least = c < least ? c : least;
      most = c > most ? c : most;
    }
    const int64_t start = a == 0 ? least : (least - 1) & ~int64_t{1};
    low[a] = static_cast<int32_t>(start);
    bits[a] = bits_for(most - start + 2);
    total += bits[a];
  }
  if (total > kKeyBits) return kTooWide;
  for (int64_t i = 0; i < n; ++i) {
    int64_t packed = 0;
    for (int a = 0; a < kAxes; ++a) packed = (packed << bits[a]) | (int64_t{coords[i * kAxes + a]} - low[a]);
    key[i] = packed;
    row[i] = static_cast<int32_t>(i);
  }
  radix_sort(key, row, n, total);
  for (int64_t i = 1; i < n; ++i)
    if (key[i - 1] == key[i]) return kRepeated;
  return kDone;
} catch (const std::bad_alloc&) {
  return kNoMemory;
}

// table [27, n]: row of the neighbour under each offset of (-1, 0, 1)^3 (x slowest, z fastest), -1 where there is none.
int sparse_neighbours(const int64_t* key, const int32_t* row, int64_t n, const int32_t* bits, int32_t* table,
                      int threads) {
  if (n == 0) return kDone;
  memset(table, 0xff, sizeof(int32_t) * 27 * n);
  const int64_t y_step = int64_t{1} << bits[3], x_step = y_step << bits[2];
  const int64_t chunk = 4096, chunks = (n + chunk - 1) / chunk;
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t c = 0; c < chunks; ++c) {
    const int64_t first = c * chunk, last = first + chunk < n ? first + chunk : n;
    for (int64_t i = first; i < last; ++i) table[13 * n + row[i]] = row[i];
    // The columns of three places (z - 1, z, z + 1) before this one; the last of its own column is itself.
    for (int column = 0; column < 5; ++column) {
      const int64_t step = (column / 3 - 1) * x_step + (column % 3 - 1) * y_step - 1;
      const int places = column == 4 ? 1 : 3;
      int64_t at = lower_bound(key, n, key[first] + step);
      for (int64_t i = first; i < last; ++i) {
        const int64_t wanted = key[i] + step;
        while (at < n && key[at] < wanted) ++at;
        for (int64_t p = at; p < n && key[p] < wanted + places; ++p) {
          const int64_t k = column * 3 + (key[p] - wanted);
          table[k * n + row[i]] = row[p];
          table[(26 - k) * n + row[p]] = row[i];
        }
      }
    }
  }
  return kDone;
}

// The voxels of the next coarser level: coordinates halved (towards -infinity), in ascending order, into coarse [n, 4]
// of which `count` rows are filled; parent [n]: which of them each row is in.
int sparse_coarsen(const int64_t* key, const int32_t* row, int64_t n, const int32_t* low, const int32_t* bits,
                   int32_t* coarse, int32_t* parent, int64_t* count) try {
  std::vector<int64_t> halved(n);
  std::vector<int32_t> place(row, row + n);
  const int y_shift = bits[3], x_shift = y_shift + bits[2], batch_shift = x_shift + bits[1];
  const int shifts[kAxes] = {batch_shift, x_shift, y_shift, 0};
  int64_t field[kAxes];
  for (int64_t i = 0; i < n; ++i) {
    int64_t packed = 0;
    for (int a = 0; a < kAxes; ++a) {
      field[a] = (key[i] >> shifts[a]) & ((int64_t{1} << bits[a]) - 1);
      packed |= (a == 0 ? field[a] : field[a] >> 1) << shifts[a];
    }
    halved[i] = packed;
  }
  radix_sort(halved.data(), place.data(), n, batch_shift + bits[0]);
  int64_t found = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (i == 0 || halved[i] != halved[i - 1]) {
      for (int a = 0; a < kAxes; ++a) {
        const int64_t part = (halved[i] >> shifts[a]) & ((int64_t{1} << bits[a]) - 1);
        coarse[found * kAxes + a] = static_cast<int32_t>((a == 0 ? low[a] : low[a] / 2) + part);
      }
      ++found;
    }
    parent[place[i]] = static_cast<int32_t>(found - 1);
  }
  *count = found;
  return kDone;
} catch (const std::bad_alloc&) {
  return kNoMemory;
}

// down [8, m]: which fine row is the k-th child of each coarse row; up [8, n]: the parent, under the k that each fine
// row is; -1 elsewhere.
int sparse_strided(const int32_t* coords, const int32_t* parent, int64_t n, int64_t m, int32_t* down, int32_t* up) {
  if (n == 0) return kDone;
  memset(down, 0xff, sizeof(int32_t) * 8 * m);
  memset(up, 0xff, sizeof(int32_t) * 8 * n);
  for (int64_t i = 0; i < n; ++i) {
    const int32_t* c = coords + i * kAxes;
    const int64_t k = 4 * (c[1] & 1) + 2 * (c[2] & 1) + (c[3] & 1);
    down[k * m + parent[i]] = static_cast<int32_t>(i);
    up[k * n + i] = parent[i];
  }
  return kDone;
}

// starts [blocks * offsets + 1] of the pairs in a table, see Table; the last one is their number.
int sparse_count_pairs(const int32_t* table, int64_t offsets, int64_t rows, const int64_t* chosen, int64_t* starts,
                       int threads) {
  const Table entries{table, offsets, rows, chosen};
  const int64_t blocks = (rows + kBlockRows - 1) / kBlockRows;
  starts[0] = 0;
#pragma omp parallel for schedule(dynamic, 8) num_threads(threads)
  for (int64_t b = 0; b < blocks; ++b) {
    const int64_t first = b * kBlockRows, last = first + kBlockRows < rows ? first + kBlockRows : rows;
    for (int64_t k = 0; k < offsets; ++k) {
      int64_t count = 0;
      for (int64_t i = first; i < last; ++i) count += entries.at(k, i) >= 0;
      starts[b * offsets + k + 1] = count;
    }
  }
  for (int64_t s = 0; s < blocks * offsets; ++s) starts[s + 1] += starts[s];
  return kDone;
}

int sparse_fill_pairs(const int32_t* table, int64_t offsets, int64_t rows, const int64_t* chosen, const int64_t* starts,
                      int32_t* in, int32_t* out, int threads) {
  const Table entries{table, offsets, rows, chosen};
  const int64_t blocks = (rows + kBlockRows - 1) / kBlockRows;
#pragma omp parallel for schedule(dynamic, 8) num_threads(threads)
  for (int64_t b = 0; b < blocks; ++b)
    for (int64_t k = 0; k < offsets; ++k) {
      const int64_t end = starts[b * offsets + k + 1];
      // Without a branch on the entry: what is no pair is written over by the next one, of which there is one.
      for (int64_t p = starts[b * offsets + k], i = b * kBlockRows; p < end; ++i) {
        const int32_t entry = entries.at(k, i);
        in[p] = entry;
        out[p] = static_cast<int32_t>(i);
        p += entry >= 0;
      }
    }
  return kDone;
}

}  // extern "C"
