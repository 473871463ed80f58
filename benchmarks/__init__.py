"""How long a training step takes, and how much memory, beside hand-written NumPy and other engines: `python -m benchmarks`."""
