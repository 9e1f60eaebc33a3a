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


_WEYL, _FIRST, _SECOND = (
    np.uint64(number) for number in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)


def _mixed(words: Array) -> Array:
    """Return 64-bit words that look random, by SplitMix64's finalizer."""
    words = (words ^ (words >> np.uint64(30))) * _FIRST
    words = (words ^ (words >> np.uint64(27))) * _SECOND
    return words ^ (words >> np.uint64(31))


def counted_words(seeds: Array, t: int, shape: tuple[int, ...], lane: int = 0) -> Array:
    """Return random words (T, *shape) of uint64, determined by each trial's seed, t, and their place.

    seeds: (T, 1, 1) of uint64. lane: another number gives others. There is no generator to keep: the same
    arguments give the same words, as in Salmon, Moraes, Dror & Shaw, "Parallel Random Numbers: As Easy as 1,
    2, 3", SC 2011, https://doi.org/10.1145/2063384.2063405; words are mixed as in Steele, Lea & Flood, "Fast
    Splittable Pseudorandom Number Generators", OOPSLA 2014, https://doi.org/10.1145/2660193.2660195.
    """
    size = int(np.prod(shape))
    now = _mixed(seeds.reshape(-1, 1) + np.array([t], np.uint64) * _WEYL)
    now = _mixed(now + np.array([lane + 1], np.uint64) * _WEYL)
    words = _mixed(now + np.arange(1, size + 1, dtype=np.uint64) * _WEYL)
    return words.reshape(len(seeds), *shape)


def counted_uniform(seeds: Array, t: int, like: Array) -> Array:
    """Return numbers in [0, 1) for step t, with shape and dtype of `like` (T, ...)."""
    digits = 24 if like.dtype == np.float32 else 53  # as many as the dtype holds, so that none rounds to 1
    words = counted_words(seeds, t, like.shape[1:]) >> np.uint64(64 - digits)
    return (words * 2.0**-digits).astype(like.dtype)


def counted_normal(seeds: Array, t: int, like: Array) -> Array:
    """Return standard normal numbers for step t, with shape and dtype of `like` (T, ...).

    By Box & Muller, "A Note on the Generation of Random Normal Deviates", Annals of Mathematical Statistics
    29 (1958), 610-611. https://doi.org/10.1214/aoms/1177706645
    """
    one, other = (
        (counted_words(seeds, t, like.shape[1:], lane) >> np.uint64(11)) * 2.0**-53 for lane in (0, 1)
    )
    normal: Array = np.sqrt(-2 * np.log1p(-one)) * np.cos(2 * np.pi * other)
    return normal.astype(like.dtype)


def counted_signs(seeds: Array, t: int, like: Array) -> Array:
    """Return 1 or -1 with equal chance for step t, with shape and dtype of `like` (T, ...)."""
    bits = counted_words(seeds, t, like.shape[1:]) >> np.uint64(63)
    return 1 - 2 * bits.astype(like.dtype)
