"""How far two numbers may be apart and still count as equal."""

from __future__ import annotations

RELATIVE_NOISE = 1e-6  # float32 carries seven digits; a sum over a test split loses one of them
ABSOLUTE_NOISE = 1e-12
