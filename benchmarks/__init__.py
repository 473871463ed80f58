"""The time and memory of a training step, beside NumPy by hand and other engines.

`python -m benchmarks` measures them.
"""
