"""Makes the example, and the helpers of test/support, importable."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
for folder in ("test/support", "examples"):
    sys.path.insert(0, str(ROOT / folder))
