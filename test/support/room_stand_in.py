"""A meter of rooms that measures nothing, and can be sent to other processes."""

import os


class Doubler:
    def measure(self, seed: int) -> tuple[int, int]:
        if seed < 0:
            raise ValueError(f"no room {seed}")
        return 2 * seed, os.getpid()
