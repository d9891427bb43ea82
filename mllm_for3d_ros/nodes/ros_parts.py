"""Parts of a ROS distribution that PyPI lacks: used where they are there and work, named where they are broken."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType


def find_part(name: str, say: Callable[[str], object]) -> ModuleType | None:
    """A module such as ``tf2_ros``, ``message_filters`` or ``cv_bridge``; None where our own code has to do.

    Args:
        name: of the module.
        say: is told, in a line, of a part that is there but cannot be imported: cv_bridge built for numpy 1, say.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name:
            return None
        reason: Exception = error
    except (ImportError, AttributeError, RuntimeError) as error:  # all of which a compiled module may raise
        reason = error
    say(f"{name} is installed but does not work here ({type(reason).__name__}: {reason}): using our own code instead")
    return None
