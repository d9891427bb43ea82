"""Instruction and encoded scene in, 3D mask with instances and an explanation out."""
