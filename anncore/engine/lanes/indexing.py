"""Where an element of a part of an array lies in the array: slices, single places, and lists of places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from anncore.engine.lanes.code import Code, Index
from anncore.engine.lanes.nests import Unlowerable

Indices = tuple[Index, ...]


def item_place(code: Code, given: Any, shape: Sequence[int], index: Indices) -> Indices:
    """Return the place in an array of which [given] is taken; the first axis, the trials', is whole."""
    parts = written_out(given, len(shape))
    lists = _lists(parts)
    left: Iterator[Index] = iter((0, *index))  # the trials' axis first
    chosen: list[Index] | None = None  # places in the lists, which share their axes
    place: list[Index] = []
    lengths = iter(shape)
    for at, part in enumerate(parts):
        if part is None:
            next(left)
            continue
        length = next(lengths)
        if isinstance(part, slice):
            start, _, step = part.indices(length)
            place.append(code.sum(start, code.product(next(left), step)))
        elif at in lists:
            if chosen is None:
                chosen = [next(left) for _ in lists[at].shape]
            place.append(_listed(code, lists[at] % length, chosen))
        else:
            place.append(int(part) % length)
    return tuple(place[1:])


def written_out(given: Any, axes: int) -> list[Any]:
    """Return the parts of an index of an array with so many axes; ... and what is left out are whole axes."""
    parts = list(given)
    named = sum(part is not None and part is not Ellipsis for part in parts)
    at = next((at for at, part in enumerate(parts) if part is Ellipsis), len(parts))
    parts[at : at + 1] = [slice(None)] * (axes - named)
    return parts


def _lists(parts: Sequence[Any]) -> dict[int, Any]:
    """Return the lists of places by axis, each with all the axes that they share."""
    if not any(isinstance(part, np.ndarray) and part.ndim for part in parts):
        return {}
    at = [n for n, part in enumerate(parts) if part is not None and not isinstance(part, slice)]
    if at != list(range(at[0], at[-1] + 1)):
        raise Unlowerable("lists of places with a slice between them, which NumPy puts on the first axis")
    wide = np.broadcast_arrays(*(np.asarray(parts[n]) for n in at))
    return dict(zip(at, wide, strict=True))


def _listed(code: Code, places: Any, index: Sequence[Index]) -> Index:
    """Append the reading of a place from a list."""
    linear: Index = 0
    for at, length in zip(index, places.shape, strict=True):
        linear = code.sum(code.product(linear, length), at)
    numbers = places.ravel().tolist()
    return numbers[linear] if isinstance(linear, int) else code.listed(numbers, linear)
