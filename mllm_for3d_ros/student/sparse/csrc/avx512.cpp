// Built with AVX-512 flags on x86-64, empty elsewhere.
#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#define TILE_ROWS 6
#define PANEL_REGISTERS 4
#define OUTER_ROWS 8
#include "kernels.h"
const Kernels<float>* avx512_kernels() { return &kernels_of<float>; }
#else
#include "engine.h"
const Kernels<float>* avx512_kernels() { return nullptr; }
#endif
