"""Tests of the inputs see no cv_bridge unless they install a stand-in, wherever they run."""

import pytest
from ros_stand_ins import hide


@pytest.fixture(autouse=True)
def without_cv_bridge(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "cv_bridge")
