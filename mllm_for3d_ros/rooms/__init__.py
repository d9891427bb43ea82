"""Rooms: a synthetic benchmark of furnished rooms with exact ground truth, made from a seed and nothing else."""
