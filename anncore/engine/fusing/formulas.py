"""Components' formulas: fused if possible, otherwise called as they are written.

Before a process first uses the kernel of a formula, it compares kernel and formula bit for bit on numbers of
every sort. If they differ, the formula itself is called. So no result depends on whether a formula is fused,
or on whether llvmlite is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from functools import partial
from typing import Any

import numpy as np

from anncore.contract.derivatives.pullback import DERIVED
from anncore.contract.hyperparameters import declared
from anncore.contract.kinds import Array
from anncore.engine.fusing.emit import available
from anncore.engine.fusing.program import Plan, Program, plan
from anncore.engine.fusing.trace import Big, Graph, Small, Unfusable, trace

_AGREED: dict[Any, bool] = {}  # by component and machine code: whether kernel and formula give the same bits
_MOST_SHAPES = 64  # the number of programs that one formula keeps; each has its own temporary arrays


class Formula:
    """A function of arrays (T, N, D) that returns one array, elementwise or not.

    function: the function, or the name of a method of `component`; called with the arrays, then `fixed`.
    Axes of length 1 are broadcast.
    """

    def __init__(self, function: str | Callable[..., Any], component: Any = None, *fixed: Any) -> None:
        self._function, self._component, self._fixed = function, component, fixed
        self._programs: dict[Any, Program | None] = {}  # by the shapes and dtypes of the arrays
        self._last: list[Any] = []
        self._program: Program | None = None  # the program for the last arrays
        self._possible = available()

    def __call__(self, *arrays: Array, out: Array | None = None) -> Array:
        """Return the function's result, in `out` if given; `out` may be one of the arrays."""
        if self._possible:
            kinds = [(array.shape, array.dtype) for array in arrays]
            if kinds != self._last:
                key = tuple(kinds)
                self._program = self._programs[key] if key in self._programs else self._fused(key, arrays)
                self._last = kinds
            if self._program is not None:
                return self._program(*arrays, out=out)
        result: Array = self._plain(self._component, arrays)
        if out is None:
            return result
        out[...] = result
        return out

    def _plain(self, component: Any, arrays: Sequence[Any]) -> Any:
        function = getattr(component, self._function) if isinstance(self._function, str) else self._function
        return function(*arrays, *self._fixed)

    def _fused(self, key: Any, arrays: Sequence[Array]) -> Program | None:
        if len(self._programs) >= _MOST_SHAPES:
            self._programs.clear()
        self._programs[key] = None
        try:
            program = Program(self._plan(arrays, self._component))
        except Unfusable:
            return None
        mark = (type(self._component), self._function, self._fixed, program.plan.texts)
        if mark not in _AGREED:
            _AGREED[mark] = self._agrees(arrays)
        if _AGREED[mark]:
            self._programs[key] = program
        return self._programs[key]

    def _agrees(self, arrays: Sequence[Array]) -> bool:
        """Compare kernel and formula on numbers of every sort, never for one trial alone.

        Of one trial NumPy may compute a power by another method (`derivatives.primitives.power`), and what a
        trial gives is what it gives among others.
        """
        component, shapes = self._component, [array.shape for array in arrays]
        if max(shape[0] for shape in shapes) == 1:
            doubled = [(2, *shape[1:]) for shape in shapes]
            try:
                return self._agrees_on(None if component is None else twice(component), doubled, arrays)
            except Unfusable:
                pass  # a recorded formula, whose hyperparameters are those of one trial
        return self._agrees_on(component, shapes, arrays)

    def _agrees_on(self, component: Any, shapes: Sequence[tuple[int, ...]], arrays: Sequence[Array]) -> bool:
        samples = [
            sample(shape, array.dtype, seed)
            for seed, (shape, array) in enumerate(zip(shapes, arrays, strict=True))
        ]
        with np.errstate(all="ignore"):
            return same(Program(self._plan(samples, component))(*samples), self._plain(component, samples))

    def _plan(self, arrays: Sequence[Array], component: Any) -> Plan:
        first = arrays[0]
        if any(array.ndim != 3 for array in arrays) or first.dtype.name not in ("float32", "float64"):
            raise Unfusable
        try:
            shape = np.broadcast_shapes(*(array.shape for array in arrays))
        except ValueError:  # several outputs for a target
            raise Unfusable from None
        graph = Graph(first.dtype, shape)
        component = None if component is None else symbolic(component)
        result = trace(lambda *symbols: self._plain(component, symbols), graph, arrays)
        if not isinstance(result, Big) or result.shape != graph.shape or result.node.boolean:
            raise Unfusable
        if result.node.op == "input":
            raise Unfusable  # it returns its argument, which costs nothing
        graph.outputs = [result.node]
        return plan(graph)


class Update:
    """A step of an elementwise optimizer in place: it overwrites weights and state.

    optimizer: the component, or a fitted one with others inside. scheduled: whether `lr` changes between
    steps. Raises Unfusable if the step cannot be fused, or if the kernel gives other bits.
    """

    def __init__(self, optimizer: Any, weight: Array, grad: Array, state: Any, *, scheduled: bool) -> None:
        if not available():
            raise Unfusable
        self._program = _update(optimizer, weight, grad, state, scheduled)
        kinds = optimizer.kinds if hasattr(optimizer, "kinds") else type(optimizer)
        mark = (kinds, "step", self._program.plan.texts)
        if mark not in _AGREED:
            _AGREED[mark] = _updates_agree(optimizer, weight, scheduled)
        if not _AGREED[mark]:
            raise Unfusable

    def step(self, t: int) -> None:
        """Make update t."""
        self._program.run(t)


def _update(optimizer: Any, weight: Array, grad: Array, state: Any, scheduled: bool) -> Program:
    graph = Graph(weight.dtype, weight.shape)
    states = list(_leaves(state))
    for place, leaf in enumerate(states):
        sound = leaf.shape == weight.shape and leaf.flags.writeable and leaf.flags.c_contiguous
        others = (weight, grad, *states[:place])
        if not sound or any(np.may_share_memory(leaf, other) for other in others):
            raise Unfusable
    made = partial(symbolic, varying=("lr",) if scheduled else ())
    component = optimizer.replaced(made) if hasattr(optimizer, "replaced") else made(optimizer)

    def step(weight: Any, grad: Any, *leaves: Any) -> list[Any]:
        before = _rebuilt(state, iter(leaves))
        change, after = component.step(weight, grad, before, Small(3, varying=True))
        return [weight + change, *_leaves(after)]

    results = trace(step, graph, [weight, grad, *states])
    if len(results) != 1 + len(states) or not all(
        isinstance(result, Big) and result.shape == weight.shape and not result.node.boolean
        for result in results
    ):
        raise Unfusable
    graph.outputs = [result.node for result in results]
    program = Program(plan(graph))
    try:
        program.bind([weight, grad, *states], [weight, *states])
    except ValueError:  # weights that do not lie together
        raise Unfusable from None
    return program


def _updates_agree(optimizer: Any, weight: Array, scheduled: bool) -> bool:
    """Compare two steps, fused and as written, of as many trials, two or more, on numbers of every sort."""
    if len(weight) == 1:
        optimizer = optimizer.replaced(twice) if hasattr(optimizer, "replaced") else twice(optimizer)
    shape = (max(len(weight), 2), 1, 71)
    fused, grad = sample(shape, weight.dtype, 1), sample(shape, weight.dtype, 2)
    plain = fused.copy()
    ours, theirs = optimizer.init(fused), optimizer.init(plain)
    ours = _rebuilt(ours, (leaf.copy() for leaf in _leaves(ours)))  # which may be the weights themselves
    try:
        program = _update(optimizer, fused, grad, ours, scheduled)
        with np.errstate(all="ignore"):
            for t in (1, 2):
                change, theirs = optimizer.step(plain, grad, theirs, t)
                plain = plain + change
                program.run(t)
    except Unfusable:
        return False
    pairs = zip([fused, *_leaves(ours)], [plain, *_leaves(theirs)], strict=True)
    return all(same(one, other) for one, other in pairs)


def same(one: Array, other: Array) -> bool:
    """Tell whether two arrays hold the same numbers; all NaN are equal."""
    return one.dtype == other.dtype and bool(np.array_equal(one, other, equal_nan=True))


def sample(shape: tuple[int, ...], dtype: np.dtype[Any], seed: int) -> Array:
    """Return numbers of every sort: ordinary, large, tiny, zero, infinite, NaN."""
    rng = np.random.default_rng(seed)
    size = int(np.prod(shape))
    numbers = rng.normal(size=size) * rng.choice([1e-6, 1.0, 1.0, 1.0, 30.0], size)
    special = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-30, 1e30]
    rows = rng.random(size) < 0.1
    numbers[rows] = rng.choice(special, int(rows.sum()))
    return numbers.astype(dtype).reshape(shape)


def symbolic(component: Any, varying: Sequence[str] = ()) -> Any:
    """Return a copy of the component with a symbol for each hyperparameter that is an array."""
    cls: Any = type(component)
    twin = copy(component)
    for key in declared(cls):
        value = getattr(component, key)
        if isinstance(value, np.ndarray):
            # Not by __init__: __post_init__ may look at values; the attributes that it set are copied.
            object.__setattr__(twin, key, Small(value, varying=key in varying))
    return twin


def twice(component: Any) -> Any:
    """Return a copy of the component for two trials, both like its one."""
    cls: Any = type(component)
    twin = copy(component)
    twin.__dict__.pop(DERIVED, None)  # which knows the numbers of the one trial
    for key in declared(cls):
        value = getattr(component, key)
        if isinstance(value, np.ndarray):
            object.__setattr__(twin, key, np.repeat(value, 2, axis=0))
    return twin


def _leaves(state: Any) -> Iterator[Any]:
    """Yield the arrays of a state; Unfusable if it holds anything but arrays in tuples."""
    if isinstance(state, tuple):
        for leaf in state:
            yield from _leaves(leaf)
    elif isinstance(state, (np.ndarray, Big)):
        yield state
    else:
        raise Unfusable


def _rebuilt(state: Any, leaves: Iterator[Any]) -> Any:
    if isinstance(state, tuple):
        items = [_rebuilt(item, leaves) for item in state]
        return type(state)(*items) if hasattr(state, "_fields") else tuple(items)
    return next(leaves)
