// The C interface of the convolutions: Python passes data pointers, checked there. Status 0 is success.
#include <cstring>

#include "engine.h"

namespace {

enum Status { kDone = 0, kNoMemory = 1, kUnsupported = 2 };

struct InstructionSet {
  const char* name;
  const Kernels<float>* (*kernels)();
  bool (*runs_here)();
};

#if defined(__x86_64__)
bool has_avx512() { return __builtin_cpu_supports("avx512f"); }
bool has_amx() { return amx_kernels() && has_avx512(); }
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
#else
bool has_avx512() { return false; }
bool has_amx() { return false; }
bool has_avx2() { return false; }
#endif
bool always() { return true; }

// Best first. The first one is the second with matrix units, for who asks for them.
constexpr char kMatrixUnits[] = "amx";
const InstructionSet kSets[] = {{kMatrixUnits, avx512_kernels, has_amx},
                                {"avx512", avx512_kernels, has_avx512},
                                {"avx2", avx2_kernels, has_avx2},
                                {"baseline", baseline_kernels, always}};
const InstructionSet* chosen = nullptr;

template <typename T>
const Kernels<T>* kernels();
template <>
const Kernels<float>* kernels<float>() {
  return chosen->kernels();
}
template <>
const Kernels<double>* kernels<double>() {
  return baseline_kernels_double();
}

}  // namespace

extern "C" {

// Version of this interface; Python refuses another one.
int sparse_version() { return 4; }

int64_t sparse_block_rows() { return kBlockRows; }

// Choose the instruction set by name, or the best that runs here where `name` is null.
int sparse_choose(const char* name) {
  for (const auto& set : kSets)
    if ((!name || !strcmp(name, set.name)) && set.kernels() && set.runs_here()) {
      chosen = &set;
      return kDone;
    }
  return kUnsupported;
}

const char* sparse_chosen() { return chosen->name; }

int sparse_pack_tiles(const float* weight, uint16_t* packed, int64_t offsets, int64_t ci, int64_t co, int threads) {
  if (strcmp(chosen->name, kMatrixUnits)) return kUnsupported;
  amx_kernels()->pack(weight, packed, offsets, ci, co, threads);
  return kDone;
}

int sparse_convolve_tiles(const float* x, const uint16_t* packed, float* y, const int32_t* in, const int32_t* out,
                          const int64_t* starts, int64_t offsets, int64_t rows_out, int64_t ci, int64_t co,
                          const float* bias, const float* residual, int relu, const int64_t* residual_rows,
                          const int64_t* rows, int threads) {
  if (strcmp(chosen->name, kMatrixUnits)) return kUnsupported;
  amx_kernels()->convolve(x, packed, y, {in, out, starts, offsets, rows_out}, ci, co,
                          {bias, residual, relu, residual_rows, rows}, threads);
  return kDone;
}

#define DEFINE_CONVOLUTIONS(T, SUFFIX)                                                                            \
  int sparse_lanes_##SUFFIX() { return kernels<T>()->lanes; }                                                     \
  int sparse_pack_##SUFFIX(const T* weight, T* packed, int64_t offsets, int64_t ci, int64_t co, int transposed,   \
                           int mirrored, int threads) {                                                           \
    kernels<T>()->pack(weight, packed, offsets, ci, co, transposed != 0, mirrored != 0, threads);                 \
    return kDone;                                                                                                 \
  }                                                                                                               \
  int sparse_convolve_##SUFFIX(const T* x, const T* packed, T* y, const int32_t* in, const int32_t* out,          \
                               const int64_t* starts, int64_t offsets, int64_t rows_out, int64_t ci, int64_t co,  \
                               const T* bias, const T* residual, int relu, const int64_t* residual_rows,          \
                               const int64_t* rows, int threads) {                                                \
    kernels<T>()->convolve(x, packed, y, {in, out, starts, offsets, rows_out}, ci, co,                            \
                           {bias, residual, relu, residual_rows, rows}, threads);                                 \
    return kDone;                                                                                                 \
  }                                                                                                               \
  int sparse_weight_gradient_##SUFFIX(const T* x, const T* dy, T* weight, const int32_t* in, const int32_t* out,  \
                                      const int64_t* starts, int64_t offsets, int64_t rows_out, int64_t ci,       \
                                      int64_t co, int threads) {                                                  \
    const bool done =                                                                                             \
        kernels<T>()->weight_gradient(x, dy, weight, {in, out, starts, offsets, rows_out}, ci, co, threads);      \
    return done ? kDone : kNoMemory;                                                                              \
  }

DEFINE_CONVOLUTIONS(float, f32)
DEFINE_CONVOLUTIONS(double, f64)

}  // extern "C"
