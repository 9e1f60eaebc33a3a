"""Which numbers the engine computes: its own number-version, and the library that every trial computes with.

The engine's files do not enter a trial's key, as most of their changes move no bit. NUMBER_VERSION stands for
them and for annx's own components. It is raised when bits change; `tests/engine/test_bits.py` notices that.

Formulas run as machine code (llvmlite) give the bits that NumPy gives, so llvmlite is no part of the key. What
only some components import, such as SciPy, is part of their `Component.code`.
"""

from __future__ import annotations

from functools import cache

NUMBER_VERSION = 1


@cache
def engine_version() -> str:
    """Return what the engine's numbers depend on in this process, as "numbers 1, numpy 2.3.5"."""
    import numpy as np

    return f"numbers {NUMBER_VERSION}, numpy {np.__version__}"
