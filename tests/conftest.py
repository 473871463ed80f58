"""Hypothesis: no deadlines, the example to paste for each failure, and in CI the same examples in every run."""

import os

from hypothesis import settings

settings.register_profile("tinygrad_edu", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("tinygrad_edu")
