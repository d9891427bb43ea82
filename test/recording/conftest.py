"""Makes the helpers in test/support importable, and leaves out what needs a recording that is not there."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from redkitchen_support import REDKITCHEN

collect_ignore = [] if REDKITCHEN.is_dir() else ["test_redkitchen.py"]


def pytest_report_header() -> str:
    if collect_ignore:
        return f"test_redkitchen.py is left out: no recording at {REDKITCHEN} (set MLLM_FOR3D_SHARED)"
    return f"redkitchen: {REDKITCHEN}"
