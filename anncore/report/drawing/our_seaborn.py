"""seaborn without what no figure of ours asks of it: it imports scipy.stats for densities, half a second."""

from __future__ import annotations

import importlib
import sys
from functools import cache
from typing import Any

HEAVY = ("scipy.stats", "scipy.cluster")  # without them seaborn has no densities by SciPy and no dendrograms


@cache
def our_seaborn() -> Any:
    """Return seaborn, a copy of our own where this process has not imported it yet.

    The copy does without `HEAVY`. Who imports seaborn afterwards gets a whole one.
    """
    if "seaborn" in sys.modules or all(name in sys.modules for name in HEAVY):
        return importlib.import_module("seaborn")
    absent: dict[str, Any] = {name: None for name in HEAVY if name not in sys.modules}
    sys.modules.update(absent)  # what is None here raises ImportError
    try:
        return importlib.import_module("seaborn")
    finally:
        for name in [*absent, *(name for name in sys.modules if name.partition(".")[0] == "seaborn")]:
            del sys.modules[name]
