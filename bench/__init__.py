"""Benchmarks: `python -m bench.<name> [--quick]`; the last line printed is one JSON object.

Importing this package pins the libraries for arrays to one thread, unless the environment says otherwise:
with more, figures on a busy machine say little (numpy and torch slow down up to tenfold).
"""

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
