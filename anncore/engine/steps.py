"""A recorded network as steps: what is called on which arrays, one after the other, forward and backward.

Runs of elementwise operations are one fused formula, a bias is added in the buffer of its product, gradients
are written where they belong, and an array is forgotten after its last use. None of this changes a result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.derivatives import primitives
from anncore.contract.derivatives.recipe import Recipe
from anncore.contract.derivatives.symbols import Graph, Node, Symbol, broadcasts
from anncore.contract.kinds import Array
from anncore.engine.arrays import plus, sum_examples, times_transposed
from anncore.engine.fusing import Formula
from anncore.engine.gathered import ADDITIONS, MATMULS
from anncore.engine.recorded import Back, Call

LAST_TWO = (("axes", (0, 2, 1)),)  # the options of a transpose of each trial's matrix
_RECIPES: dict[Any, Recipe] = {}  # of fused formulas, by structure: equal ones are verified once
_MOST_RECIPES = 4096
OFTEN = 30  # the number of calls after which it pays to make machine code of a formula, a function of steps


class Step(NamedTuple):
    """values[result] = function(*values at places), written into values[out] unless out is -1."""

    function: Callable[..., Any]
    places: tuple[int, ...]
    out: int
    result: int
    last: tuple[int, ...]  # what no later step reads


class _Planned:
    """A step before its arrays have places: what computes a node, and the nodes among its arguments."""

    __slots__ = ("args", "function", "node", "phase", "reads")

    def __init__(self, phase: int, function: Callable[..., Any], args: tuple[Any, ...], node: Node) -> None:
        self.phase, self.function, self.args, self.node = phase, function, args, node
        self.reads = [arg for arg in args if isinstance(arg, Node)]


class Later:
    """A formula that is fused when it has been called often enough to repay the making of machine code."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._plain, self._calls = function, 0
        self._formula: Formula | None = None

    def __call__(self, *arrays: Array, out: Array | None = None) -> Array:
        """Return the result, in `out` if given; `out` may be one of the arrays."""
        if self._formula is not None:
            return self._formula(*arrays, out=out)
        self._calls += 1
        if self._calls >= OFTEN:
            self._formula = Formula(self._plain)
        result: Array = self._plain(*arrays)
        if out is None:
            return result
        out[...] = result
        return out


class Steps:
    """The steps for some nodes of a graph, in phases; each phase goes on with the values of the one before.

    ends: for each phase the nodes to compute. into: what to write into arrays of the caller, by name: a
    symbol, an array, or None for 0.
    """

    def __init__(
        self,
        graph: Graph,
        ends: Sequence[Sequence[Node]],
        into: Mapping[str, Any] | None = None,
    ) -> None:
        self._graph = graph
        self._slots: dict[Any, int] = {}
        self._start: list[Any] = []
        self._phase = _phases(graph, ends)
        self._order = [node for node in graph.nodes if node in self._phase]
        self._at = {node: at for at, node in enumerate(self._order)}
        self._kept = {node for nodes in ends for node in nodes}
        self._users = self._uses()
        self._groups = self._grouped()
        self._formulas: dict[Any, Later] = {}
        self._into = into or {}
        self._outs = self._targets()
        self.phases = self._scheduled(len(ends))
        self._runs = [0] * len(ends)
        self._written: list[Callable[[list[Any]], None] | None] = [None] * len(ends)

    def slot(self, value: Any) -> int:
        """Return the place of a node's or constant's value."""
        if isinstance(value, Node):
            if value not in self._slots:
                self._slots[value] = len(self._start)
                self._start.append(value.value)
            return self._slots[value]
        self._start.append(value)
        return len(self._start) - 1

    def into(self, name: str) -> int:
        """Return the place of the array that a result is written into."""
        if ("into", name) not in self._slots:
            self._slots["into", name] = len(self._start)
            self._start.append(None)
        return self._slots["into", name]

    def values(self) -> list[Any]:
        """Return the values before the first step."""
        return self._start.copy()

    def run(self, phase: int, values: list[Any]) -> None:
        """Compute a phase; after OFTEN times by a function that has its steps as lines."""
        written = self._written[phase]
        if written is not None:
            written(values)
            return
        self._runs[phase] += 1
        if self._runs[phase] >= OFTEN:
            self._written[phase] = _as_function(self.phases[phase])
        for function, places, out, result, last in self.phases[phase]:
            args = [values[place] for place in places]
            values[result] = function(*args) if out < 0 else function(*args, out=values[out])
            for place in last:
                values[place] = None

    def _uses(self) -> dict[Node, list[Node]]:
        users: dict[Node, list[Node]] = {}
        for node in self._order:
            for arg in node.args:
                if isinstance(arg, Node):
                    users.setdefault(arg, []).append(node)
        return users

    def _grouped(self) -> dict[Node, set[Node]]:
        """Return, for each elementwise operation that ends a fused formula, all operations of it."""
        groups: dict[Node, set[Node]] = {}
        roots: dict[Node, list[Node]] = {}
        for node in reversed(self._order):
            if not _elementwise(node):
                continue
            above = self._above(node, roots)
            # Truth values are computed again in each formula that needs them.
            alone = len(above) == 1 and self._phase[above[0]] == self._phase[node]
            if alone or (above and node.dtype.kind == "b"):
                roots[node] = above
                for root in above:
                    groups[root].add(node)
            else:
                roots[node] = [node]
                groups[node] = {node}
        return groups

    def _above(self, node: Node, roots: Mapping[Node, list[Node]]) -> list[Node]:
        """Return the ends of the formulas that use a node; none unless all that use it are such formulas."""
        users = self._users.get(node)
        if users is None or node in self._kept:
            return []
        above: dict[Node, None] = {}
        for user in users:
            if user not in roots:
                return []
            above.update(dict.fromkeys(roots[user]))
        return list(above) if all(root.shape == node.shape for root in above) else []

    def _targets(self) -> dict[Node, str]:
        """Return the nodes that are computed right in an array of the caller."""
        targets: dict[Node, str] = {}
        for name, value in self._into.items():
            node = value.node if isinstance(value, Symbol) else None
            if node in self._phase and node not in targets and self._writes(node):
                targets[node] = name
        return targets

    def _writes(self, node: Node) -> bool:
        alone = len(self._groups.get(node, ())) == 1 and self._plain_single(node)
        direct = node.function in MATMULS or node.function is primitives.sum_examples
        return direct or (node in self._groups and not alone)

    def _plain_single(self, node: Node) -> bool:
        """Tell whether NumPy does as well as a kernel: one operation on arrays of one shape."""
        return all(arg.shape == node.shape for arg in node.args if isinstance(arg, (Node, np.ndarray)))

    def _scheduled(self, phases: int) -> list[list[Step]]:
        inside = {node for root, members in self._groups.items() for node in members if node is not root}
        planned = [
            _Planned(self._phase[node], *self._step(node), node) for node in self._order if node not in inside
        ]
        planned.sort(key=lambda step: step.phase)  # stable: within a phase in the order of recording
        keep = {*self._kept, *(value.node for value in self._into.values() if isinstance(value, Symbol))}
        read = set(keep)
        for step in reversed(planned):
            if step.node in read:
                read.update(step.reads)
        planned = [step for step in planned if step.node in read]
        last: dict[Node, int] = {}
        for at, step in enumerate(planned):
            for node in step.reads:
                last[node] = at
            last[step.node] = at
        steps: list[list[Step]] = [[] for _ in range(phases)]
        for at, step in enumerate(planned):
            nodes = dict.fromkeys((*step.reads, step.node))
            dying = [node for node in nodes if last[node] == at and not node.known and node not in keep]
            out = self._out(step.function, step.args, step.node, dying)
            places = tuple(map(self.slot, step.args))
            gone = tuple(map(self.slot, dying))
            steps[step.phase].append(Step(step.function, places, out, self.slot(step.node), gone))
        steps[-1] += self._copies()
        return steps

    def _copies(self) -> list[Step]:
        """Return the steps that write the results that no other step has written."""
        copies = []
        for name, value in self._into.items():
            place = self.into(name)
            if isinstance(value, Symbol):
                if self._outs.get(value.node) != name:
                    copies.append(Step(_copied, (self.slot(value.node),), place, self.slot(0.0), ()))
            else:
                number = 0.0 if value is None else value
                copies.append(Step(_copied, (self.slot(number),), place, self.slot(0.0), ()))
        return copies

    def _out(self, function: Any, args: Sequence[Any], node: Node, dying: Sequence[Node]) -> int:
        """Return the place of the array that a step writes into, -1 for a new one."""
        if node in self._outs:
            return self.into(self._outs[node])
        if not isinstance(function, Later) and function is not plus:
            return -1
        for arg in args:
            # A product that nobody else reads, also not as a view, gives its memory to what is made of it.
            fresh = isinstance(arg, Node) and arg.function in MATMULS and len(set(self._users[arg])) == 1
            if fresh and arg in dying and arg.shape == node.shape and arg.dtype == node.dtype:
                return self.slot(arg)
        return -1

    def _step(self, node: Node) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Return what computes a node, and from what."""
        if node in self._groups:
            members = self._groups[node]
            if len(members) == 1:
                if self._plain_single(node):
                    return _function(node), node.args
                if node.function in ADDITIONS and all(isinstance(arg, Node) for arg in node.args):
                    return plus, node.args
            return self._formula(node, members)
        if node.function in MATMULS and len(node.shape) == 3:
            left, right = node.args
            if _is_transpose(left) and len(_shape(right)) == 3:
                return _from_left, (left.args[0], right)
            # What is written into an array of the caller stays a product that NumPy can write there.
            own = self._phase[node] and node not in self._outs
            if own and _is_transpose(right) and len(_shape(left)) == 3:
                return times_transposed, (left, right.args[0])
        if node.function is primitives.sum_examples:
            return sum_examples, node.args
        if node.function is primitives.put_back:
            return _put_back(node)
        return _function(node), node.args

    def _formula(self, root: Node, members: set[Node]) -> tuple[Later, tuple[Any, ...]]:
        ordered = sorted(members, key=self._at.__getitem__)
        index = {node: at for at, node in enumerate(ordered)}
        leaves: dict[Node, int] = {}
        lines = []
        for node in ordered:
            args: list[Any] = []
            for arg in node.args:
                if isinstance(arg, Node) and arg in index:
                    args.append(("member", index[arg]))
                elif isinstance(arg, Node):
                    args.append(("leaf", leaves.setdefault(arg, len(leaves))))
                elif isinstance(arg, np.ndarray):
                    args.append(("array", id(arg)))
                else:
                    args.append((type(arg).__name__, repr(arg)))
            lines.append((node.function, tuple(args), node.options))
        key = tuple(lines)
        if key not in self._formulas:
            constant = any(kind == "array" for _, args, _ in lines for kind, _ in args)
            recipe = None if constant else _RECIPES.get(key)
            if recipe is None:
                recipe = Recipe(list(leaves), [Symbol(self._graph, root)])
                if not constant and len(_RECIPES) < _MOST_RECIPES:
                    _RECIPES[key] = recipe
            self._formulas[key] = Later(recipe.one)
        return self._formulas[key], tuple(leaves)


def _as_function(steps: Sequence[Step]) -> Callable[[list[Any]], None]:
    """Return a function that runs steps on values: of small arrays, a loop would cost as much as NumPy."""
    lines, names = ["def run(v):"], {}
    for at, (function, places, out, result, last) in enumerate(steps):
        names[f"f{at}"] = function
        args = [f"v[{place}]" for place in places] + ([f"out=v[{out}]"] if out >= 0 else [])
        lines.append(f" v[{result}] = f{at}({', '.join(args)})")
        lines += [f" v[{place}] = None" for place in last]
    lines += ["" if steps else " pass"]
    scope: dict[str, Any] = names
    exec("\n".join(lines), scope)
    run: Callable[[list[Any]], None] = scope["run"]
    return run


def _phases(graph: Graph, ends: Sequence[Sequence[Node]]) -> dict[Node, int]:
    """Return the first phase that needs each operation."""
    phase: dict[Node, int] = {}
    for at, nodes in enumerate(ends):
        waiting = list(nodes)
        while waiting:
            node = waiting.pop()
            if node in phase or node.function is None or node.known:
                continue
            phase[node] = at
            waiting += [arg for arg in node.args if isinstance(arg, Node)]
    return phase


def _elementwise(node: Node) -> bool:
    return len(node.shape) == 3 and broadcasts(node.function) and node.dtype.kind in "fb"


def _is_transpose(value: Any) -> bool:
    return isinstance(value, Node) and value.function is np.transpose and value.options == LAST_TWO


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(np.shape(value)) if not isinstance(value, Node) else value.shape


def _function(node: Node) -> Callable[..., Any]:
    assert node.function is not None
    if isinstance(node.function, (Call, Back)):
        return node.function.direct()
    return partial(node.function, **dict(node.options)) if node.options else node.function


def _from_left(left: Array, right: Array, out: Array | None = None) -> Array:
    """Return leftᵀ right of each trial."""
    return np.matmul(left.swapaxes(1, 2), right, out=out)


def _copied(value: Any, out: Array) -> Array:
    out[...] = value
    return out


def _put_back(node: Node) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Return the reverse of slices; if these are all parts of an axis, they are joined."""
    options = dict(node.options)
    plain = [_one_axis(index, node.shape) for index in options["indices"]]
    axes = {part[0] for part in plain if part is not None}
    if None in plain or len(axes) != 1:
        return _function(node), node.args
    (axis,) = axes
    places = [part[1] for part in plain if part is not None]
    order = sorted(range(len(places)), key=lambda at: _start(places[at]))
    ordered = [places[at] for at in order]
    pieces = tuple(node.args[at] for at in order)
    if all(isinstance(place, int) for place in ordered) and ordered == list(range(node.shape[axis])):
        return partial(primitives.stacked, axis=axis), pieces
    if all(isinstance(place, slice) for place in ordered):
        ends = [0, *(place.stop for place in ordered)]
        if [place.start for place in ordered] == ends[:-1] and ends[-1] == node.shape[axis]:
            return partial(primitives.joined, axis=axis), pieces
    return _function(node), node.args


def _start(place: Any) -> int:
    return int(place.start if isinstance(place, slice) else place)


def _one_axis(index: tuple[Any, ...], shape: tuple[int, ...]) -> tuple[int, Any] | None:
    """Return the axis that an index takes a part of, and the part; None if there is more to it."""
    if any(part is None or isinstance(part, np.ndarray) for part in index):
        return None
    parts = list(index)
    if Ellipsis in parts:
        at = parts.index(Ellipsis)
        parts[at : at + 1] = [slice(None)] * (len(shape) - len(parts) + 1)
    chosen = [(axis, part) for axis, part in enumerate(parts) if part != slice(None)]
    if len(chosen) != 1:
        return None
    axis, part = chosen[0]
    if isinstance(part, (int, np.integer)):
        return axis, int(part) % shape[axis]
    start, stop, step = part.indices(shape[axis])
    return (axis, slice(start, stop)) if step == 1 else None
