"""Property tests look for counterexamples, not for slowness.

What fails on one machine must fail on the next: the examples are the same in every run.
HYPOTHESIS_PROFILE=explore tries others, and
many of them.
"""

import os

from hypothesis import settings

settings.register_profile("unit", deadline=None, max_examples=40, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "unit"))
