// Runs maps, convolutions and gradients of odd sizes on buffers that end where the data ends, for AddressSanitizer.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <set>
#include <vector>

extern "C" {
int sparse_choose(const char*);
const char* sparse_chosen();
int sparse_sort(const int32_t*, int64_t, int64_t*, int32_t*, int32_t*, int32_t*);
int sparse_neighbours(const int64_t*, const int32_t*, int64_t, const int32_t*, int32_t*, int);
int sparse_coarsen(const int64_t*, const int32_t*, int64_t, const int32_t*, const int32_t*, int32_t*, int32_t*,
                   int64_t*);
int sparse_strided(const int32_t*, const int32_t*, int64_t, int64_t, int32_t*, int32_t*);
int sparse_count_pairs(const int32_t*, int64_t, int64_t, const int64_t*, int64_t*, int);
int sparse_fill_pairs(const int32_t*, int64_t, int64_t, const int64_t*, const int64_t*, int32_t*, int32_t*, int);
int64_t sparse_block_rows();
int sparse_pack_tiles(const float*, uint16_t*, int64_t, int64_t, int64_t, int);
int sparse_convolve_tiles(const float*, const uint16_t*, float*, const int32_t*, const int32_t*, const int64_t*, int64_t,
                          int64_t, int64_t, int64_t, const float*, const float*, int, const int64_t*, const int64_t*,
                          int);
#define DECLARE(T, S)                                                                                               \
  int sparse_lanes_##S();                                                                                           \
  int sparse_pack_##S(const T*, T*, int64_t, int64_t, int64_t, int, int, int);                                      \
  int sparse_convolve_##S(const T*, const T*, T*, const int32_t*, const int32_t*, const int64_t*, int64_t, int64_t, \
                          int64_t, int64_t, const T*, const T*, int, const int64_t*, const int64_t*, int);          \
  int sparse_weight_gradient_##S(const T*, const T*, T*, const int32_t*, const int32_t*, const int64_t*, int64_t,   \
                                 int64_t, int64_t, int64_t, int);
DECLARE(float, f32)
DECLARE(double, f64)
}

template <typename T>
struct Calls;
template <>
struct Calls<float> {
  static constexpr auto lanes = sparse_lanes_f32;
  static constexpr auto pack = sparse_pack_f32;
  static constexpr auto convolve = sparse_convolve_f32;
  static constexpr auto gradient = sparse_weight_gradient_f32;
};
template <>
struct Calls<double> {
  static constexpr auto lanes = sparse_lanes_f64;
  static constexpr auto pack = sparse_pack_f64;
  static constexpr auto convolve = sparse_convolve_f64;
  static constexpr auto gradient = sparse_weight_gradient_f64;
};

// Matrix units, where they are chosen: they take so many channels only.
int convolve_tiles(const std::vector<int32_t>& in, const std::vector<int32_t>& out, const std::vector<int64_t>& starts,
                   int64_t offsets, int64_t rows_in, int64_t rows_out, int64_t ci, int64_t co) {
  const std::vector<float> x(rows_in * ci, 1), w(offsets * ci * co, 0.5), bias(co, 1);
  std::vector<float> y(rows_out * co);
  const int64_t size = offsets * ci * ((co + 15) / 16 * 16) * 2;
  uint16_t* packed = static_cast<uint16_t*>(aligned_alloc(64, size * sizeof(uint16_t)));
  int status = sparse_pack_tiles(w.data(), packed, offsets, ci, co, 2);
  status |= sparse_convolve_tiles(x.data(), packed, y.data(), in.data(), out.data(), starts.data(), offsets, rows_out,
                                  ci, co, bias.data(), nullptr, 1, nullptr, nullptr, 2);
  free(packed);
  return status;
}

template <typename T>
int convolve(const std::vector<int32_t>& table, int64_t offsets, int64_t rows_in, int64_t rows_out, int64_t ci,
             int64_t co) {
  using C = Calls<T>;
  const int64_t blocks = (rows_out + sparse_block_rows() - 1) / sparse_block_rows();
  std::vector<int64_t> starts(blocks * offsets + 1);
  int status = sparse_count_pairs(table.data(), offsets, rows_out, nullptr, starts.data(), 2);
  std::vector<int32_t> in(starts.back()), out(starts.back());
  status |= sparse_fill_pairs(table.data(), offsets, rows_out, nullptr, starts.data(), in.data(), out.data(), 2);
  std::vector<int32_t> links(table.size());
  std::vector<int64_t> chosen(rows_out), same(starts.size());
  for (int64_t i = 0; i < rows_out; ++i) {
    chosen[i] = rows_out - 1 - i;
    for (int64_t k = 0; k < offsets; ++k) links[chosen[i] * offsets + k] = table[k * rows_out + i] + 1;
  }
  status |= sparse_count_pairs(links.data(), offsets, rows_out, chosen.data(), same.data(), 2);
  std::vector<int32_t> in_again(in.size()), out_again(in.size());
  status |= sparse_fill_pairs(links.data(), offsets, rows_out, chosen.data(), starts.data(), in_again.data(),
                              out_again.data(), 2);
  status |= same != starts || in_again != in || out_again != out;
  if (!strcmp(sparse_chosen(), "amx") && ci % 32 == 0)
    status |= convolve_tiles(in, out, starts, offsets, rows_in, rows_out, ci, co);
  std::vector<T> x(rows_in * ci, T(1)), w(offsets * ci * co, T(0.5)), y(rows_out * co), dw(w.size()), bias(co, T(1));
  const int64_t across = (co + C::lanes() - 1) / C::lanes() * C::lanes();
  std::vector<T> packed(offsets * ci * across);
  status |= C::pack(w.data(), packed.data(), offsets, ci, co, 0, 0, 2);
  status |= C::convolve(x.data(), packed.data(), y.data(), in.data(), out.data(), starts.data(), offsets, rows_out, ci,
                        co, bias.data(), nullptr, 1, nullptr, nullptr, 2);
  std::vector<int64_t> rows(rows_out);
  for (int64_t i = 0; i < rows_out; ++i) rows[i] = rows_out - 1 - i;
  const std::vector<T> residual(y);
  status |= C::convolve(x.data(), packed.data(), y.data(), in.data(), out.data(), starts.data(), offsets, rows_out, ci,
                        co, bias.data(), residual.data(), 1, rows.data(), rows.data(), 2);
  status |= C::gradient(x.data(), y.data(), dw.data(), in.data(), out.data(), starts.data(), offsets, rows_out, ci, co,
                        2);
  const int64_t back = (ci + C::lanes() - 1) / C::lanes() * C::lanes();
  std::vector<T> turned(offsets * co * back);
  return status | C::pack(w.data(), turned.data(), offsets, co, ci, 1, 1, 2);
}

int scene(int64_t wanted, int64_t ci, int64_t co, std::mt19937& random) {
  std::uniform_int_distribution<int32_t> place(-5, 5), batch(0, 1);
  std::set<std::vector<int32_t>> unique;
  for (int64_t i = 0; i < wanted; ++i) unique.insert({batch(random), place(random), place(random), place(random)});
  std::vector<int32_t> coords;
  for (auto voxel = unique.rbegin(); voxel != unique.rend(); ++voxel)
    coords.insert(coords.end(), voxel->begin(), voxel->end());
  const int64_t n = unique.size();
  std::vector<int64_t> key(n);
  std::vector<int32_t> row(n), low(4), bits(4), table(27 * n), coarse(4 * n), parent(n);
  int64_t m = 0;
  int status = sparse_sort(coords.data(), n, key.data(), row.data(), low.data(), bits.data());
  status |= sparse_neighbours(key.data(), row.data(), n, bits.data(), table.data(), 2);
  status |= sparse_coarsen(key.data(), row.data(), n, low.data(), bits.data(), coarse.data(), parent.data(), &m);
  std::vector<int32_t> down(8 * m), up(8 * n);
  status |= sparse_strided(coords.data(), parent.data(), n, m, down.data(), up.data());
  status |= convolve<float>(table, 27, n, n, ci, co) | convolve<double>(table, 27, n, n, ci, co);
  status |= convolve<float>(down, 8, n, m, ci, co) | convolve<float>(up, 8, m, n, ci, co);
  return status;
}

int main() {
  std::mt19937 random(0);
  for (const char* name : {"amx", "avx512", "avx2", "baseline"}) {
    if (sparse_choose(name)) continue;
    for (int64_t n : {0, 1, 7, 255, 256, 257, 700})
      for (auto [ci, co] : {std::pair<int64_t, int64_t>{1, 1}, {3, 17}, {8, 33}, {31, 5}, {129, 15}, {16, 32}, {32, 17}, {160, 130}})
        if (scene(n, ci, co, random)) {
          printf("%s failed at %ld rows, %ld to %ld\n", name, long(n), long(ci), long(co));
          return 1;
        }
  }
  puts("done");
}
