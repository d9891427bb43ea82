"""Say what you need, get its 3D mask in the map frame."""

__version__ = "0.1.0"
