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
from typing import Any

import numpy as np

from anncore.contract.float_maps import FloatMap, Numbers, Series, numbers_in, series_in

SHORT = 4096  # bytes


def pack_floats(series: Mapping[str, Sequence[float]], steps: Sequence[int] = ()) -> bytes:
    """Return named series of floats, all of one length, and their steps as a compact blob.

    JSON with the names and steps, a zero byte, and the floats' bytes. Long series are compressed, first bytes
    of all first, which takes about half off, as neighbours share their exponents; of short ones it would take
    little but time.
    """
    return _packed(series_in(series), tuple(steps))


def pack_numbers(numbers: Mapping[str, float]) -> bytes:
    """Return named floats as a compact blob, as series of one number each."""
    return _packed(numbers_in(numbers), ())


def _packed(floats: FloatMap[Any], steps: tuple[int, ...]) -> bytes:
    raw = floats.raw
    head = _head(floats.names, floats.length if floats.names else 0, steps)
    if len(raw) < SHORT:
        return head + b"\0" + raw
    planes = np.frombuffer(raw, np.uint8).reshape(-1, 8).T.tobytes()
    return zlib.compress(head + b"\0" + planes, 1)


@lru_cache(maxsize=64)
def _head(names: tuple[str, ...], length: int, steps: tuple[int, ...]) -> bytes:
    """Return what a sweep's trials have in common: most of them share names and steps."""
    return json.dumps([names, length, steps], separators=(",", ":")).encode()


def unpack_floats(blob: bytes) -> tuple[tuple[int, ...], Series]:
    """Return what `pack_floats` was given: steps, and series by name; raises ValueError for another blob."""
    names, length, steps, raw = _unpacked(blob)
    return steps, Series(names, length, raw)


def unpack_numbers(blob: bytes) -> Numbers:
    """Return what `pack_numbers` was given; raises ValueError for another blob."""
    names, _, _, raw = _unpacked(blob)
    return Numbers(names, 1, raw)


def _unpacked(blob: bytes) -> tuple[tuple[str, ...], int, tuple[int, ...], bytes]:
    """Return the names, the length of a series, the steps, and the floats' bytes."""
    short = blob[:1] == b"["  # where zlib's own begin with another byte
    try:
        head, _, body = (blob if short else zlib.decompress(blob)).partition(b"\0")
    except zlib.error as error:
        raise ValueError(str(error)) from None
    names, length, steps = _read_head(head)
    if not short:
        body = np.frombuffer(body, np.uint8).reshape(8, -1).T.tobytes()
    return names, length, steps, body


@lru_cache(maxsize=64)
def _read_head(head: bytes) -> tuple[tuple[str, ...], int, tuple[int, ...]]:
    """Return what `_head` was given; trials that have it in common share the objects too."""
    names, length, steps = json.loads(head)
    return tuple(names), length, tuple(steps)
