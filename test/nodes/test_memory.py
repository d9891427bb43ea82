"""Memory that is freed stays with the process."""

import subprocess
import sys

PROGRAM = """
import resource, sys
from mllm_for3d_ros.nodes.memory import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(3):
    before = faults()
    bytearray(40 << 20)
print(faults() - before)
"""


def page_faults(how: str) -> int:
    """Of the third block of 40 MB that was made and freed."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_a_block_that_was_freed_is_used_again_without_page_faults():
    assert 10 * page_faults("keep") < page_faults("leave")
