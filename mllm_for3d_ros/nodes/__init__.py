"""ROS 2 nodes: thin rims over scene/ and answering/. The only folder that imports rclpy."""

import os

# Read by BLAS, OpenMP and numba when they are loaded, which is after this. With their default of one
# thread a core, the small arrays of a node take several times as long on a busy robot.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
