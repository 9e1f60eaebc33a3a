"""Streams of random numbers, derived only from the description of a trial.

Every trial owns named streams (data, split, init, batches, ...). A stream depends on the sweep's seed,
the trial's seed and the stream's name only, so all arms of one seed see the same data, the same split,
the same initial weights and the same order of batches: comparisons are paired.
"""

from __future__ import annotations

import hashlib

import numpy as np

from anncore.contract.kinds import Array


def stream(sweep_seed: int, trial_seed: int, name: str) -> np.random.Generator:
    """Return the generator of one named stream of one trial.

    PCG64 seeded by the SHA-256 of all three, so that no two streams are equal and a new name does not shift
    an old stream. (NumPy's SeedSequence with a list of integers is not enough: seeds beyond 32 bits take up
    the words of their neighbours.)
    """
    digest = hashlib.sha256(f"{int(sweep_seed)}/{int(trial_seed)}/{name}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))


# Standard deviation of the standard normal distribution cut off at ±2: √(1 - 4 φ(2) / (2 Φ(2) - 1)).
CUT_STD = 0.87962566103423978


def truncated_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Return float64 draws of `shape` from a normal cut off at two deviations, widened to variance 1.

    Values beyond ±2 are drawn again, then all are divided by 0.8796, so no magnitude exceeds 2 / 0.8796:
    the truncation of the initializers of Keras and JAX.
    """
    draw = rng.standard_normal(shape)
    while (outside := np.abs(draw) > 2).any():
        draw[outside] = rng.standard_normal(np.count_nonzero(outside))
    return draw / CUT_STD
