"""Whether a network in evaluation takes each example by itself, as it must where examples pass in blocks.

The axis of the examples is followed from the inputs to the outputs. Where it is lost, as in a reshape that
joins it to another axis, nothing is refused: the comparison of a kernel with its formulas has the last word.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from anncore.contract.derivatives import primitives
from anncore.contract.derivatives.symbols import Node
from anncore.engine.lanes.indexing import written_out
from anncore.engine.lanes.nests import MATMULS, SUMS, Unlowerable, ordered


class _Together(Exception):
    """An operation takes examples together, or apart from the others."""


def refuse_examples_together(outputs: Node, inputs: Node) -> None:
    """Refuse what takes examples together in evaluation; those of inputs (T, N, D) are on axis 1."""
    axes = {inputs: 1}
    for node in ordered([outputs]):
        if any(arg in axes for arg in node.args if isinstance(arg, Node)):
            try:
                axis = _axis_of(node, axes)
            except _Together:
                raise Unlowerable(
                    "it takes examples together in evaluation, whose examples pass in blocks"
                ) from None
            if axis is not None:
                axes[node] = axis


def _axis_of(node: Node, axes: Mapping[Node, int]) -> int | None:
    """Return the axis of the examples in a result, None where it is lost; axes: those of the arguments."""
    function, options = node.function, dict(node.options)
    known = {arg: axes[arg] for arg in node.args if isinstance(arg, Node) and arg in axes}
    if function in MATMULS:
        return _of_product(node, known)
    if function is primitives.put_back:
        return None
    [axis, *others] = {*known.values()}
    if others:
        raise _Together
    if function in SUMS:
        return _of_sum(node, axis)
    if function is np.transpose:
        at: int = options["axes"].index(axis)
        return at
    if function is primitives.reshaped:
        return _of_reshaped(node.args[0].shape, node.shape, axis)
    if function is primitives.item:
        return _of_item(options["index"], node.args[0].shape, axis)
    if function is primitives.joined and options["axis"] == axis:
        raise _Together
    if function is primitives.stacked:
        return axis + (options["axis"] <= axis)
    if any(_differs(arg, axis - len(node.shape)) for arg in node.args if isinstance(arg, np.ndarray)):
        raise _Together
    return axis  # of elementwise operations, which need equally many axes


def _differs(constant: Any, axis: int) -> bool:
    """Tell whether a constant has other numbers for other examples, whose axis is counted from the last."""
    if constant.ndim < -axis:
        return False
    first = np.broadcast_to(constant.take([0], axis=axis), constant.shape)
    return not np.array_equal(constant, first, equal_nan=True)


def _of_product(node: Node, known: Mapping[Node, int]) -> int | None:
    left, right = (known.get(arg) if isinstance(arg, Node) else None for arg in node.args)
    last = len(node.shape) - 1
    if left == last or right == last - 1:  # the sum runs over the examples
        raise _Together
    [axis, *others] = {*known.values()}
    if others:
        raise _Together
    return axis


def _of_sum(node: Node, axis: int) -> int:
    options = dict(node.options)
    summed = options.get("axis", 1)  # of sum_examples
    summed = summed if isinstance(summed, tuple) else (summed,)
    if axis in summed:
        raise _Together
    return axis if options.get("keepdims", True) else axis - sum(one < axis for one in summed)


def _of_reshaped(before: tuple[int, ...], after: tuple[int, ...], axis: int) -> int | None:
    for at, length in enumerate(after):
        if length == before[axis] and math.prod(after[:at]) == math.prod(before[:axis]):
            return at
    return None


def _of_item(given: Any, shape: tuple[int, ...], axis: int) -> int:
    """Return where the axis lies in a part of an array; it must be there as a whole."""
    parts = written_out(given, len(shape))
    lists = [np.ndim(part) for part in parts if isinstance(part, np.ndarray)]
    place, source = 0, 0
    for part in parts:
        whole = isinstance(part, slice) and part.indices(shape[source]) == (0, shape[source], 1)
        if part is not None and source == axis:
            if not whole:
                raise _Together
            return place
        source += part is not None
        if part is None or isinstance(part, slice):
            place += 1
        elif isinstance(part, np.ndarray):
            place += max(lists)  # the axes that all lists share come where the first one is
            lists = [0]
    raise AssertionError("an array has its axes")
