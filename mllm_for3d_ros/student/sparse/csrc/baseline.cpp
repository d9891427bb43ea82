// What every processor of the architecture has: SSE2 on x86-64 (16 registers), NEON on aarch64 (32 registers).
#define VECTOR_BYTES 16
#define PANEL_REGISTERS 2
#if defined(__aarch64__)
#define TILE_ROWS 8
#define OUTER_ROWS 8
#else
#define TILE_ROWS 6
#define OUTER_ROWS 6
#endif
#include "kernels.h"
const Kernels<float>* baseline_kernels() { return &kernels_of<float>; }
const Kernels<double>* baseline_kernels_double() { return &kernels_of<double>; }
