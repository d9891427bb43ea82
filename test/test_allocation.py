"""What a process keeps of the memory that it frees."""

import platform
import subprocess
import sys

import pytest

FILL = """
import resource, sys
import numpy as np
from mllm_for3d_ros.allocation import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for turn in range(3):
    before = faults()
    arrays = [np.ones(400_000, np.float32) for _ in range(40)]
    del arrays
print(faults() - before)
"""


def faults_of_the_third_time(how: str) -> int:
    result = subprocess.run([sys.executable, "-c", FILL, how], capture_output=True, text=True, check=True)
    return int(result.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="for the allocator of the GNU C library")
def test_what_was_freed_is_used_again():
    pages = 40 * 400_000 * 4 // 4096
    assert faults_of_the_third_time("keep") < pages // 20
    assert faults_of_the_third_time("leave") > pages // 2
