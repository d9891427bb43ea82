"""Where the real recording lies, if it does."""

import os
from pathlib import Path

SHARED = Path(os.environ.get("MLLM_FOR3D_SHARED", Path(__file__).parents[2].parent / "shared"))
REDKITCHEN = SHARED / "data" / "redkitchen"
