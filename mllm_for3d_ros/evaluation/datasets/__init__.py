"""Loaders and scores of public benchmarks: Reason3D, Instruct3D and Intent3D (docs/datasets.md)."""
