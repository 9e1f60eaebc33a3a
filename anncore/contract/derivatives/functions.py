"""What a formula may call besides ufuncs: NumPy's functions and the methods of arrays, as operations.

The first axis is that of the trials. An operation that would mix trials is refused, because every trial
must come out the same alone and in a stack.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from anncore.contract.derivatives import primitives
from anncore.contract.derivatives.refusals import MIXES, refuse_mixing
from anncore.contract.derivatives.symbols import FUNCTIONS, METHODS, Graph, Symbol, name_of, refuse


def _graph(values: Sequence[Any]) -> Graph:
    for value in values:
        if isinstance(value, Symbol):
            return value.graph
        if isinstance(value, (list, tuple)):
            try:
                return _graph(value)
            except LookupError:
                continue
    raise LookupError


def _record(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    return _graph(args).record(function, *args, **options)


def _known(array: Any) -> bool:
    return not isinstance(array, Symbol) or array.node.known


def _axes(array: Any, axis: Any, function: Any) -> tuple[int, ...]:
    """Return the axes that a reduction runs over, all from 0 up; it must leave the trials alone."""
    dimensions = len(array.shape)
    axes = range(dimensions) if axis is None else (axis,) if isinstance(axis, (int, np.integer)) else axis
    resolved = tuple(sorted(int(one) % dimensions for one in axes))
    if 0 in resolved and not _known(array):
        over = "all axes" if axis is None else f"axis {axis}"
        raise refuse_mixing(f"{name_of(function)} over {over}")
    return resolved


def _axis(array: Any, axis: int, function: Any) -> int:
    return _axes(array, axis, function)[0]


def _reduction(function: Any) -> Callable[..., Any]:
    def record(array: Any, axis: Any = None, *more: Any, **options: Any) -> Any:
        kept = {key: value for key, value in options.items() if key in ("keepdims", "ddof")}
        if function in (np.sum, np.mean) and options.get("dtype") is not None:
            kept["dtype"] = np.dtype(options.pop("dtype")).str
        others = {key for key, value in options.items() if key not in kept and value is not None}
        if more or others - {"where"} or options.get("where", True) is not True:
            raise refuse(f"{name_of(function)} with {next(iter(others), 'out')}=", "cannot be followed")
        axes = _axes(array, axis, function)
        kept["keepdims"] = bool(kept.get("keepdims", False))
        # One axis as a number and a tuple of one may be summed in another order.
        return _record(function, array, axis=axes[0] if len(axes) == 1 else axes, **kept)

    return record


def _chosen(function: Any) -> Callable[..., Any]:
    """Return the recording of a function that gives places: no gradient goes through it."""

    def record(array: Any, axis: Any = -1, **options: Any) -> Any:
        place = _axis(array, -1 if axis is None else axis, function)
        kept = {key: value for key, value in options.items() if value is not None}
        return _record(function, array, axis=place, **kept)

    return record


def _clip(array: Any, low: Any = None, high: Any = None, **options: Any) -> Any:
    low = options.pop("a_min", options.pop("min", low))
    high = options.pop("a_max", options.pop("max", high))
    if any(value is not None for value in options.values()):
        raise refuse(f"np.clip with {next(iter(options))}=", "cannot be followed")
    return _record(np.clip, array, -np.inf if low is None else low, np.inf if high is None else high)


def _where(condition: Any, *values: Any) -> Any:
    if len(values) != 2:
        raise refuse("np.where with one argument", "gives places that depend on values: give it three")
    return _record(np.where, condition, *values)


def _reshape(array: Any, *shape: Any, **options: Any) -> Any:
    sizes = options.pop("shape", options.pop("newshape", shape))
    if options:
        raise refuse(f"reshape with {next(iter(options))}=", "cannot be followed")
    while isinstance(sizes, (tuple, list)) and len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
        sizes = sizes[0]
    sizes = tuple(map(int, sizes if isinstance(sizes, (tuple, list)) else (sizes,)))
    if -1 in sizes:
        rest = int(np.prod([size for size in sizes if size != -1]))
        sizes = tuple(array.size // max(rest, 1) if size == -1 else size for size in sizes)
    if not _known(array) and (not sizes or sizes[0] != array.shape[0]):
        raise refuse(f"reshape from {array.shape} to {sizes}", MIXES)
    return _record(primitives.reshaped, array, shape=sizes)


def _transpose(array: Any, *axes: Any) -> Any:
    if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (tuple, list))):
        axes = tuple(axes[0] or ())
    named = axes if axes else tuple(range(array.ndim))[::-1]
    order = tuple(int(axis) % array.ndim for axis in named)
    if not _known(array) and order[0] != 0:
        raise refuse("a transpose of all axes", f"{MIXES}: use .swapaxes(1, 2)")
    return _record(np.transpose, array, axes=order)


def _swapaxes(array: Any, axis1: int, axis2: int) -> Any:
    order = list(range(array.ndim))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return _transpose(array, tuple(order))


def _moveaxis(array: Any, source: int, destination: int) -> Any:
    order = [axis for axis in range(array.ndim) if axis != source % array.ndim]
    order.insert(destination % array.ndim, source % array.ndim)
    return _transpose(array, tuple(order))


def _expand_dims(array: Any, axis: Any) -> Any:
    axes: tuple[Any, ...] = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    total = array.ndim + len(axes)
    places = {int(one) % total for one in axes}
    sizes = iter(array.shape)
    return _reshape(array, tuple(1 if place in places else next(sizes) for place in range(total)))


def _squeeze(array: Any, axis: Any = None) -> Any:
    if axis is None:
        raise refuse("squeeze without an axis", "would drop the trials of a stack of one: name the axis")
    gone = {int(one) % array.ndim for one in (axis if isinstance(axis, tuple) else (axis,))}
    return _reshape(array, tuple(size for place, size in enumerate(array.shape) if place not in gone))


def _ravel(array: Any, *_: Any, **__: Any) -> Any:
    raise refuse("ravel", f"{MIXES}: use .reshape(len(array), -1)")


def _broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    return _record(primitives.spread, array, shape=tuple(int(size) for size in shape))


def _concatenate(arrays: Sequence[Any], axis: int | None = 0, **options: Any) -> Any:
    if options or axis is None:
        raise refuse(f"np.concatenate with {next(iter(options), 'axis=None')}", "cannot be followed")
    [first, *_] = [array for array in arrays if isinstance(array, Symbol)]
    place = int(axis) % first.ndim
    if place == 0:
        raise refuse("np.concatenate along axis 0", f"{MIXES}; give another axis")
    return _record(primitives.joined, *arrays, axis=place)


def _stack(arrays: Sequence[Any], axis: int = 0, **options: Any) -> Any:
    [first, *_] = [array for array in arrays if isinstance(array, Symbol)]
    place = int(axis) % (first.ndim + 1)
    if options or place == 0:
        raise refuse("np.stack along axis 0", f"{MIXES}; give another axis")
    return _record(primitives.stacked, *arrays, axis=place)


def _split(array: Any, sections: Any, axis: int = 0) -> list[Any]:
    place = _axis(array, axis, np.split)
    size = array.shape[place]
    if isinstance(sections, (int, np.integer)):
        if size % sections:
            raise ValueError(f"np.split of {size} into {sections} parts, which are not equal")
        edges = [int(edge) for edge in np.linspace(0, size, int(sections) + 1)]
    else:
        edges = [0, *map(int, sections), size]
    start: tuple[Any, ...] = (slice(None),) * place
    return [array[(*start, slice(low, high))] for low, high in pairwise(edges)]


def _take(array: Any, indices: Any, axis: Any = None, **options: Any) -> Any:
    if isinstance(indices, Symbol) and not indices.node.known:
        raise refuse("np.take at places that depend on values", "cannot be followed: use np.take_along_axis")
    if axis is None or options.get("out") is not None:
        raise refuse("np.take without an axis", f"{MIXES}; give another axis")
    place = _axis(array, axis, np.take)
    start: tuple[Any, ...] = (slice(None),) * place
    return array[(*start, np.asarray(indices))]


def _take_along_axis(array: Any, indices: Any, axis: int = -1) -> Any:
    return _record(np.take_along_axis, array, indices, axis=_axis(array, axis, np.take_along_axis))


def _sort(array: Any, axis: int = -1, **options: Any) -> Any:
    places = _chosen(np.argsort)(array, axis, kind="stable")
    return _take_along_axis(array, places, axis)


def _cumsum(array: Any, axis: Any = None, **options: Any) -> Any:
    return _record(np.cumsum, array, axis=_axes(array, axis, np.cumsum)[-1])


def _flip(array: Any, axis: Any = None) -> Any:
    return _record(np.flip, array, axis=_axes(array, axis, np.flip))


def _roll(array: Any, shift: Any, axis: Any = None) -> Any:
    return _record(np.roll, array, shift=int(shift), axis=_axis(array, axis, np.roll))


def _diff(array: Any, n: int = 1, axis: int = -1) -> Any:
    place = _axis(array, axis, np.diff)
    start: tuple[Any, ...] = (slice(None),) * place
    for _ in range(n):
        array = array[(*start, slice(1, None))] - array[(*start, slice(None, -1))]
    return array


def _repeat(array: Any, repeats: Any, axis: Any = None) -> Any:
    if axis is None:
        raise refuse("np.repeat without an axis", f"{MIXES}; give another axis")
    place = _axis(array, axis, np.repeat)
    return _take(array, np.repeat(np.arange(array.shape[place]), repeats), place)


def _tile(array: Any, reps: Any) -> Any:
    counts = tuple(reps) if isinstance(reps, (tuple, list)) else (int(reps),)
    counts = (1,) * (array.ndim - len(counts)) + tuple(map(int, counts))
    if len(counts) > array.ndim or (counts[0] != 1 and not _known(array)):
        raise refuse(f"np.tile by {reps}", MIXES)
    for place, count in enumerate(counts):
        if count != 1:
            array = _record(primitives.joined, *[array] * count, axis=place)
    return array


def _array_split(array: Any, sections: Any, axis: int = 0) -> list[Any]:
    size = array.shape[_axis(array, axis, np.array_split)]
    if isinstance(sections, (int, np.integer)):
        sections = [int(part[0]) for part in np.array_split(np.arange(size), sections)[1:]]
    return _split(array, sections, axis)


def _pad(array: Any, pad_width: Any, mode: str = "constant", **options: Any) -> Any:
    if mode != "constant" or options.get("constant_values", 0) != 0:
        raise refuse("np.pad with values other than 0", "cannot be followed: use np.concatenate")
    widths = tuple((int(low), int(high)) for low, high in np.broadcast_to(pad_width, (array.ndim, 2)))
    if widths[0] != (0, 0):
        raise refuse("np.pad of axis 0", MIXES)
    return _record(np.pad, array, pad_width=widths)


def _triangle(function: Any) -> Callable[..., Any]:
    def record(array: Any, k: int = 0) -> Any:
        mask = function(np.ones(array.shape[-2:], dtype=bool), k)
        return _where(mask, array, 0.0)

    return record


def _windows(array: Any, window_shape: Any, axis: Any = None, **options: Any) -> Any:
    sizes = tuple(window_shape) if isinstance(window_shape, (tuple, list)) else (int(window_shape),)
    axes = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    places = tuple(_axis(array, one, np.lib.stride_tricks.sliding_window_view) for one in axes)
    return _record(primitives.windows, array, shape=sizes, axis=places)


def _norm(array: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    if ord not in (None, 2) or axis is None or isinstance(axis, tuple):
        raise refuse("np.linalg.norm other than the length along one axis")
    place = _axis(array, axis, np.linalg.norm)
    return _record(np.linalg.norm, array, axis=place, keepdims=bool(keepdims))


def _einsum(subscripts: Any, *arrays: Any, **options: Any) -> Any:
    if not isinstance(subscripts, str) or "->" not in subscripts or "." in subscripts:
        raise refuse("np.einsum without '->' or with '...'", "cannot be followed: name all axes")
    left, right = subscripts.replace(" ", "").split("->")
    terms = left.split(",")
    for term, array in zip(terms, arrays, strict=True):
        others = set(right).union(*(other for other in terms if other is not term))
        if len(set(term)) < len(term) or set(term) - others:
            raise refuse(f"np.einsum {subscripts!r}", "repeats or drops an axis: take that sum by itself")
        if not _known(array) and (not right or term[0] != right[0]):
            raise refuse(f"np.einsum {subscripts!r}", MIXES)
    return _record(primitives.einsum, *arrays, terms=tuple(terms), result=right)


def _astype(array: Any, dtype: Any, **_: Any) -> Any:
    return _record(primitives.cast, array, dtype=np.dtype(dtype).str)


def _filled(function: Any) -> Callable[..., Any]:
    """Return the recording of ones_like and the like: see `Graph.filled`."""

    def record(array: Any, *args: Any, **options: Any) -> Any:
        if not isinstance(array, Symbol):  # np.full_like(array, symbol)
            graph = _graph([*args, *options.values()])
            return graph.filled(function, graph.record(np.positive, array), *args, **options)
        return array.graph.filled(function, array, *args, **options)

    return record


def _round(array: Any, decimals: int = 0, **_: Any) -> Any:
    return _record(np.round, array, decimals=int(decimals))


_OF_NUMPY: dict[Any, Callable[..., Any]] = {
    **{function: _reduction(function) for function in (np.sum, np.mean, np.max, np.min, np.prod)},
    **{function: _reduction(function) for function in (np.amax, np.amin, np.var, np.std)},
    **{function: _reduction(function) for function in (np.any, np.all)},
    **{function: _chosen(function) for function in (np.argmax, np.argmin, np.argsort)},
    **{function: _filled(function) for function in (np.zeros_like, np.ones_like, np.full_like)},
    np.empty_like: _filled(np.zeros_like),
    np.clip: _clip,
    np.where: _where,
    np.reshape: _reshape,
    np.transpose: _transpose,
    np.swapaxes: _swapaxes,
    np.moveaxis: _moveaxis,
    np.expand_dims: _expand_dims,
    np.squeeze: _squeeze,
    np.ravel: _ravel,
    np.broadcast_to: _broadcast_to,
    np.concatenate: _concatenate,
    np.stack: _stack,
    np.split: _split,
    np.array_split: _array_split,
    np.repeat: _repeat,
    np.tile: _tile,
    np.matrix_transpose: lambda array: array.swapaxes(-1, -2),
    np.take: _take,
    np.take_along_axis: _take_along_axis,
    np.sort: _sort,
    np.cumsum: _cumsum,
    np.flip: _flip,
    np.roll: _roll,
    np.diff: _diff,
    np.pad: _pad,
    np.tril: _triangle(np.tril),
    np.triu: _triangle(np.triu),
    np.lib.stride_tricks.sliding_window_view: _windows,
    np.linalg.norm: _norm,
    np.einsum: _einsum,
    np.round: _round,
    np.copy: lambda array, *_, **__: array.copied(),
    np.shape: lambda array: array.shape,
    np.ndim: lambda array: array.ndim,
    np.size: lambda array, axis=None: array.size if axis is None else array.shape[axis],
}

FUNCTIONS.update(_OF_NUMPY)

AS_METHODS = (
    *("sum", "mean", "max", "min", "prod", "var", "std", "any", "all", "argmax", "argmin", "argsort"),
    *(
        "clip",
        "reshape",
        "transpose",
        "swapaxes",
        "squeeze",
        "ravel",
        "take",
        "cumsum",
        "round",
        "copy",
        "repeat",
    ),
)
METHODS.update({name: FUNCTIONS[getattr(np, name)] for name in AS_METHODS})
METHODS["flatten"] = _ravel
METHODS["astype"] = _astype
METHODS["item"] = lambda array: array._known().item()
