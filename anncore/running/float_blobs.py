"""Series of floats as a compact blob that gives every bit back, NaN and infinities too.

NumPy's own formats were measured in its place, on twelve metrics, and on four curves of 11 and of 201 points:
a structured array by np.save takes 552, 696 and 8296 bytes (here 272, 462 and 3494) and 0.5 to 1.1 ms to read
(here 12 us, 13 us and 0.4 ms); an .npz takes up to 3.4 kB and 7 ms. A store of 100,000 trials has 200,000 of
them, and what a trial costs beside its training is to stay below 100 us.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

SHORT = 4096  # bytes


def pack_floats(series: Mapping[str, Sequence[float]], steps: Sequence[int] = ()) -> bytes:
    """Return named series of floats, all of one length, and their steps as a compact blob.

    JSON with the names and steps, a zero byte, and the floats' bytes. Long series are compressed, first bytes
    of all first, which takes about half off, as neighbours share their exponents; of short ones it would take
    little but time.
    """
    names = list(series)
    length = len(series[names[0]]) if names else 0
    values = np.array([series[name] for name in names], "<f8").reshape(len(names), length)
    head = _head(tuple(names), length, tuple(steps))
    if values.nbytes < SHORT:
        return head + b"\0" + values.tobytes()
    planes = values.view(np.uint8).reshape(-1, 8).T.tobytes()
    return zlib.compress(head + b"\0" + planes, 1)


@lru_cache(maxsize=64)
def _head(names: tuple[str, ...], length: int, steps: tuple[int, ...]) -> bytes:
    """Return what a sweep's trials have in common: most of them share names and steps."""
    return json.dumps([names, length, steps], separators=(",", ":")).encode()


def unpack_floats(blob: bytes) -> tuple[tuple[int, ...], dict[str, tuple[float, ...]]]:
    """Return what `pack_floats` was given: steps, and series by name; raises ValueError for another blob."""
    short = blob[:1] == b"["  # where zlib's own begin with another byte
    try:
        head, _, body = (blob if short else zlib.decompress(blob)).partition(b"\0")
    except zlib.error as error:
        raise ValueError(str(error)) from None
    names, length, steps = _read_head(head)
    if not short:
        body = np.frombuffer(body, np.uint8).reshape(8, -1).T.tobytes()
    values = np.frombuffer(body, "<f8").reshape(len(names), length)
    return steps, {name: tuple(row) for name, row in zip(names, values.tolist(), strict=True)}


@lru_cache(maxsize=64)
def _read_head(head: bytes) -> tuple[tuple[str, ...], int, tuple[int, ...]]:
    """Return what `_head` was given; trials that have it in common share the objects too."""
    names, length, steps = json.loads(head)
    return tuple(names), length, tuple(steps)
