import subprocess
import sys

import pytest

BURST = """
import array
from mllm_for3d_ros.nodes.diagnostics import memory_mib
from mllm_for3d_ros.nodes.freed_memory import give_back_freed

give_back_freed()
first = memory_mib()
images = [array.array("B", bytes(100_000)) for _ in range(600)]  # too small to be mapped one by one
last = images[-1]
del images[:-1]
burst = memory_mib()
give_back_freed()
print(first, burst, memory_mib(), len(last))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the C library of others gives memory back when it likes")
def test_what_a_burst_took_goes_back_to_the_system() -> None:
    done = subprocess.run([sys.executable, "-c", BURST], capture_output=True, text=True, check=True)
    first, burst, after, _ = map(float, done.stdout.split())
    assert burst > first + 40
    assert after < first + 10
