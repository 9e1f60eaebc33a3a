"""Functions that recorded formulas and their gradients call besides NumPy's own, with plain arguments."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from anncore.contract.arrays import Array


def item(array: Array, *, index: Any) -> Array:
    """Return array[index]."""
    return np.asarray(array[index])


def joined(*arrays: Array, axis: int) -> Array:
    """Return the arrays one after the other along an axis."""
    return np.concatenate(arrays, axis=axis)


def stacked(*arrays: Array, axis: int) -> Array:
    """Return the arrays as the entries of a new axis."""
    return np.stack(arrays, axis=axis)


def reshaped(array: Array, *, shape: tuple[int, ...]) -> Array:
    """Return the array in another shape."""
    return array.reshape(shape)


def cast(array: Array, *, dtype: str) -> Array:
    """Return the array in another type."""
    return array.astype(dtype)


def spread(array: Array, *, shape: tuple[int, ...]) -> Array:
    """Return the array written out at a larger shape."""
    return np.ascontiguousarray(np.broadcast_to(array, shape))


def power(base: Any, exponent: Any) -> Any:
    """Return base ** exponent for an exponent with one number per trial, the same for one trial as for many.

    If the whole exponent is one number, NumPy squares or takes the root where that is 2 or 0.5, and the last
    digit may differ from that of its general method. An exponent written out takes no such way.
    """
    if isinstance(base, np.ndarray) and isinstance(exponent, np.ndarray) and base.shape != exponent.shape:
        return np.power(base, spread(exponent, shape=np.broadcast_shapes(base.shape, exponent.shape)))
    return np.power(base, exponent)


def put_back(*pieces: Array, indices: tuple[Any, ...], shape: tuple[int, ...]) -> Array:
    """Return zeros of a shape to which every piece is added at its index: the reverse of slices.

    Only an index with an integer array may name a place twice.
    """
    total = np.zeros(shape, pieces[0].dtype)
    for piece, index in zip(pieces, indices, strict=True):
        if any(isinstance(part, np.ndarray) for part in index):
            np.add.at(total, index, piece)
        else:
            total[index] += piece
    return total


def put_along(grad: Array, places: Array, *, axis: int, shape: tuple[int, ...]) -> Array:
    """Return zeros of a shape to which `grad` is added at `places` of an axis: take_along_axis in reverse."""
    total = np.zeros(shape, grad.dtype)
    mesh: list[Any] = list(np.ogrid[tuple(slice(n) for n in shape)])  # places may be broadcast against it
    mesh[axis] = places
    np.add.at(total, tuple(mesh), grad)
    return total


def product_of_others(array: Array, *, axis: int) -> Array:
    """Return, for each entry along an axis, the product of all others, also where some are 0."""
    ones = np.ones_like(np.take(array, [0], axis=axis))
    count = array.shape[axis]
    before = np.cumprod(np.concatenate([ones, np.take(array, range(count - 1), axis=axis)], axis=axis), axis)
    reverse = np.flip(array, axis)
    after = np.cumprod(np.concatenate([ones, np.take(reverse, range(count - 1), axis=axis)], axis=axis), axis)
    return before * np.flip(after, axis)


def windows(array: Array, *, shape: tuple[int, ...], axis: tuple[int, ...]) -> Array:
    """Return the windows of this shape that slide along some axes; their axes come last."""
    return np.lib.stride_tricks.sliding_window_view(array, shape, axis)


def windows_back(grad: Array, *, axis: tuple[int, ...], shape: tuple[int, ...]) -> Array:
    """Return the sum over all windows of what each gives to the entries that it holds."""
    total = np.zeros(shape, grad.dtype)
    counts = grad.shape[len(shape) :]
    for offset in np.ndindex(*counts):
        index: list[Any] = [slice(None)] * len(shape)
        for at, place in zip(axis, offset, strict=True):
            index[at] = slice(place, place + grad.shape[at])
        total[tuple(index)] += grad[(..., *offset)]
    return total


def sum_examples(values: Array, out: Array | None = None) -> Array:
    """Return Σₙ values, (T, N, D) to (T, 1, D), as the product of a row of ones with each trial's matrix.

    BLAS is several times as fast here as NumPy, which is slow at sums along a middle axis.
    """
    return np.matmul(_ones(values.shape[1], values.dtype), values, out=out)


@lru_cache(maxsize=64)
def _ones(count: int, dtype: np.dtype[Any]) -> Array:
    ones = np.ones((1, 1, count), dtype)
    ones.flags.writeable = False
    return ones


def einsum(*arrays: Array, terms: tuple[str, ...], result: str) -> Array:
    """Return np.einsum of arrays whose axes are named by `terms`."""
    return np.asarray(np.einsum(f"{','.join(terms)}->{result}", *arrays))
