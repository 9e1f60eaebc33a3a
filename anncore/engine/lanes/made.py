"""Kernels by structure: what was recorded and written for some trials serves all others of that structure."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.derivatives.pullback import hypers_of
from anncore.contract.derivatives.symbols import Node, noting_reads
from anncore.contract.kinds import Array
from anncore.contract.trial import Part
from anncore.engine.lanes import written
from anncore.engine.lanes.clock import counted
from anncore.engine.lanes.facts import facts_of
from anncore.engine.lanes.nests import Unlowerable
from anncore.engine.lanes.places import Lanes
from anncore.engine.lanes.programs import Program


class Computed(NamedTuple):
    """Numbers, one per trial, that a formula computed from hyperparameters whose values it looked at."""

    array: Array


Source = tuple[int, str] | Computed
"""A hyperparameter: which of some components has it, and its name; or what a formula made of some."""


class Made(NamedTuple):
    """A kernel's program, and the hyperparameters that its callers give it, in this order."""

    program: Program
    hypers: tuple[Source, ...]
    rates: int  # learning rates that a schedule changes
    looks: bool  # whether a formula looked at a hyperparameter's value while it was recorded


class _Entry(NamedTuple):
    reads: tuple[Source, ...]  # whose values formulas looked at while they were recorded
    values: tuple[bytes, ...]
    made: Made


_MADE: dict[Any, list[_Entry]] = {}
_LOCK = threading.Lock()
_MOST = 4096
MOST_VALUES = 8  # of the hyperparameters that a formula looks at, whose kernels are kept on disk


def codes_of(part: Part) -> tuple[str, ...]:
    """Return what names the code of a component and of those inside it."""
    inner = (code for parts in part.refs.values() for one in parts for code in codes_of(one))
    return (part.code, *inner)


def components_of(stack: Any) -> list[Any]:
    """Return the components of a stack's passes, for one structure always in the same order."""
    activations = [run.component for place in stack.network.activations for run in place.runs]
    ends = [component for pair in stack.output.pairs for component in (pair.loss, pair.activation)]
    return [stack.network.component, *activations, *ends]


class Sources:
    """The hyperparameters of components with so many trials, by component and name."""

    def __init__(self, components: Sequence[Any], trials: int) -> None:
        self.components, self._trials = components, trials
        self._by_array = {
            id(array): (at, name)
            for at, component in enumerate(components)
            for name, array in {**hypers_of(component), **facts_of(component)}.items()
            if isinstance(array, np.ndarray)
        }

    def of(self, array: Array | None) -> Source:
        """Return which hyperparameter an array is."""
        source = self._by_array.get(id(array))
        if source is None:
            raise Unlowerable("a number per trial that is no hyperparameter")
        return source

    def given(self, node: Node) -> Source:
        """Return what a caller gives for a known input of a graph."""
        known = self._by_array.get(id(node.value))
        return Computed(np.asarray(node.value)) if known is None else known

    def array(self, source: Source) -> Array:
        """Return a hyperparameter's numbers, one per trial: (T, 1, 1)."""
        if isinstance(source, Computed):
            return source.array
        at, name = source
        array: Array = getattr(self.components[at], name)
        return array

    def laid(self, sources: Sequence[Source], lanes: Lanes) -> Array:
        """Return hyperparameters in lanes, in this order: (G, n, L)."""
        values = np.empty((self._trials, len(sources)), lanes.dtype)
        for at, source in enumerate(sources):
            value = self.array(source)
            if value.dtype != lanes.dtype or value.size != len(value):
                raise Unlowerable(f"a hyperparameter of shape {value.shape} and type {value.dtype}")
            values[:, at] = value.reshape(-1)  # one for all trials, or one for each
        return lanes.put(values)

    def values(self, sources: Sequence[Source]) -> tuple[bytes, ...]:
        """Return what is equal for equal sets of values."""
        if not sources:
            return ()
        columns = [np.broadcast_to(self.array(source).ravel(), self._trials) for source in sources]
        # By rows, as a formula may compare one hyperparameter with another.
        rows = np.stack(columns, axis=1)
        same = (rows == rows[0]).all()
        return ((rows[:1] if same else np.unique(rows, axis=0)).tobytes(),)


def made(key: Any, sources: Sources, make: Callable[[], tuple[Program, Sequence[Node], int]]) -> Made:
    """Return the program for a structure; `make` writes it, and returns its hyperparameters and rates.

    key: equal for stacks of one structure and shapes. Where a formula looks at a hyperparameter while it is
    recorded, the program serves those with the same values of it. What was written is kept on disk, too.
    """
    with _LOCK:
        if key not in _MADE:
            if len(_MADE) >= _MOST:
                _MADE.clear()
            _MADE[key] = written.read(written.name_of(key, sources.components))
        entries = _MADE[key]
        for entry in entries:
            if sources.values(entry.reads) == entry.values:
                return entry.made
        with counted(), noting_reads() as read:
            program, nodes, rates = make()
        reads = tuple(sorted({sources.of(array) for array in read}))
        result = Made(program, tuple(sources.given(node) for node in nodes), rates, bool(reads))
        if any(isinstance(source, Computed) for source in result.hypers):
            return result  # for these trials alone; others have the same machine code
        entries.append(_Entry(reads, sources.values(reads), result))
        written.write(written.name_of(key, sources.components), entries[-MOST_VALUES:])
        return result
