// Built with AVX2 and FMA flags on x86-64, empty elsewhere.
#if defined(__AVX2__) && defined(__FMA__)
#define VECTOR_BYTES 32
#define TILE_ROWS 6
#define PANEL_REGISTERS 2
#define OUTER_ROWS 6
#include "kernels.h"
const Kernels<float>* avx2_kernels() { return &kernels_of<float>; }
#else
#include "engine.h"
const Kernels<float>* avx2_kernels() { return nullptr; }
#endif
