"""The nodes under a robot's load for minutes: frames fused, instructions answered, memory, latency, CPU.

A camera publishes from a process of its own, over real DDS; ``python -m bench.soak --help``.
"""
