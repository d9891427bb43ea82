// What the parts of the sparse convolution engine share. The C interface that Python calls is in engine.cpp.
#pragma once
#include <cstdint>

// Rows of the output that one task computes. Their sums stay in the first two caches.
constexpr int64_t kBlockRows = 256;

// Pairs (input row, output row) of K kernel offsets, grouped by blocks of output rows: the pairs of block b under
// offset k are starts[b * K + k] up to starts[b * K + k + 1], in ascending order of the output row.
struct Pairs {
  const int32_t* in;
  const int32_t* out;
  const int64_t* starts;
  int64_t offsets;   // K
  int64_t rows_out;  // rows of the output
  int64_t blocks() const { return (rows_out + kBlockRows - 1) / kBlockRows; }
};

// What happens to the sums before they are stored: y = sum + bias + residual, negative values cut where relu is set.
template <typename T>
struct Finish {
  const T* bias;      // [Co], or null
  const T* residual;  // [rows_out, Co], or null
  int relu;
  const int64_t* residual_rows;  // [rows_out] row of residual for each output, or null: the same
  const int64_t* rows;           // [rows_out] row of y for each output, all different, or null: the same
};

// The kernels of one instruction set and number type.
template <typename T>
struct Kernels {
  // Columns of a packed panel; Co is padded to a multiple of `lanes`.
  int lanes;
  // weight [K, Ci, Co] (its layers [Co, Ci] where transposed, in reverse order where mirrored) into panels
  void (*pack)(const T* weight, T* packed, int64_t offsets, int64_t ci, int64_t co, bool transposed, bool mirrored,
               int threads);
  // y[out] = sum over k and pairs of x[in] W[k]
  void (*convolve)(const T* x, const T* packed, T* y, const Pairs& pairs, int64_t ci, int64_t co,
                   const Finish<T>& finish, int threads);
  // weight[k] = sum over pairs of x[in]^T dy[out]; returns whether there was memory for it
  bool (*weight_gradient)(const T* x, const T* dy, T* weight, const Pairs& pairs, int64_t ci, int64_t co, int threads);
};

// Kernels of matrix units: a layer's float32, but for about 1e-5 of what it gives. Ci is a multiple of 32.
struct TileKernels {
  // weight [K, Ci, Co] in two halves each, [K * Ci * Co padded to 16 * 2]
  void (*pack)(const float* weight, uint16_t* packed, int64_t offsets, int64_t ci, int64_t co, int threads);
  void (*convolve)(const float* x, const uint16_t* packed, float* y, const Pairs& pairs, int64_t ci, int64_t co,
                   const Finish<float>& finish, int threads);
};

// Null where the compiler could not build for that instruction set.
const TileKernels* amx_kernels();  // null too where the processor or the system does not have it
const Kernels<float>* avx512_kernels();
const Kernels<float>* avx2_kernels();
const Kernels<float>* baseline_kernels();
const Kernels<double>* baseline_kernels_double();
