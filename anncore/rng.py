"""Streams of random numbers, derived from what a trial is and from nothing else.

Every trial owns named streams (data, split, init, batches, ...). A stream depends on the sweep's seed,
the trial's seed and the stream's name alone, so all arms of one seed see the same data, the same split,
the same initial weights and the same order of batches: comparisons are paired.
"""

from __future__ import annotations

import hashlib

import numpy as np


def stream(sweep_seed: int, trial_seed: int, name: str) -> np.random.Generator:
    """Return the generator of one named stream of one trial.

    PCG64 seeded by NumPy's SeedSequence from (sweep_seed, trial_seed, SHA-256 of the name), so that
    streams of different names are independent and a new name never shifts an old stream.
    """
    digest = hashlib.sha256(name.encode()).digest()
    words = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4)]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([sweep_seed, trial_seed, *words])))
