"""Programs: a traced graph as kernels and NumPy's own functions, one after the other, on given arrays."""

from __future__ import annotations

from array import array as Table
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.kinds import Array
from anncore.engine.fusing.emit import Operand, compiled, source
from anncore.engine.fusing.trace import Graph, Node, Small

HEAD = 3  # a table begins with T, N and D


class Call(NamedTuple):
    """A function that kernels do not have. args: places of arrays, numbers (float), or values per trial."""

    function: Callable[..., Any]
    args: tuple[int | float | Small, ...]
    result: int


class Stage(NamedTuple):
    """One kernel and the functions that follow it. Places are indices into the program's arrays."""

    text: str
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    smalls: tuple[Small, ...]
    calls: tuple[Call, ...]


class Plan(NamedTuple):
    """The stages that compute a graph. Its arrays are the inputs, then the outputs, then temporary ones."""

    stages: tuple[Stage, ...]
    shapes: tuple[tuple[int, ...], ...]
    inputs: int
    outputs: int
    dtype: np.dtype[Any]
    lengths: tuple[int, int, int]

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts of all kernels, which determine the machine code, and the names of the functions."""
        names = (getattr(call.function, "__name__", "") for stage in self.stages for call in stage.calls)
        return (*(stage.text for stage in self.stages), *names)


def plan(graph: Graph) -> Plan:
    """Divide a graph into stages: a NumPy function needs its whole argument, so a kernel ends before it."""
    order = _ordered(graph.outputs)
    level = _levels(order, graph.outputs)
    last = max(level.values(), default=0)
    results_of_calls = {
        node: len(graph.inputs) + i for i, node in enumerate(graph.outputs) if node.op == "call"
    }
    flat = all(shape == graph.shape for shape in graph.inputs)
    t, n, d = graph.shape
    lengths = (t, 1, n * d) if flat else (t, n, d)
    place: dict[Node, int] = {node: node.value for node in order if node.op == "input"}
    place.update(results_of_calls)
    shapes = list(graph.inputs) + [graph.shape] * len(graph.outputs)

    def stored(node: Node) -> int:
        if node not in place:
            place[node] = len(shapes)
            shapes.append(graph.shape)
        return place[node]

    def argument(node: Node) -> int | float | Small:
        """Return an argument of a function: a number, a value per trial, or the place of an array."""
        return node.value if node.op in ("const", "small") else stored(node)

    stages = []
    for now in range(last + 1):
        computed = [node for node in order if level.get(node) == now and _fused(node)]
        called = [node for node in order if level.get(node) == now and node.op == "call"]
        inside = set(computed)
        later = [node for node in order if level.get(node, -1) > now]
        wanted = {arg for node in (*called, *later) for arg in node.args if arg in inside}
        results = [node for node in computed if node in wanted]
        writes = [stored(node) for node in results]
        if now == last:
            final = [(i, node) for i, node in enumerate(graph.outputs) if node.op != "call"]
            results += [node for _, node in final]
            writes += [len(graph.inputs) + i for i, _ in final]
        if results:
            used = list(dict.fromkeys(arg for node in computed for arg in node.args if arg not in inside))
            used += [node for node in results if node not in inside and node not in used]
            reads = [node for node in used if node.op in ("input", "call") or _fused(node)]
            smalls = [node for node in used if node.op == "small"]
            operands = [_operand(shapes[place[node]], graph.shape, flat) for node in reads]
            text = source(
                graph.dtype.name, computed, list(zip(reads, operands, strict=True)), results, smalls
            )
            stage = text, tuple(place[node] for node in reads), tuple(writes), tuple(s.value for s in smalls)
        else:
            stage = "", (), (), ()
        calls = tuple(Call(node.value, tuple(map(argument, node.args)), stored(node)) for node in called)
        stages.append(Stage(*stage, calls))
    return Plan(tuple(stages), tuple(shapes), len(graph.inputs), len(graph.outputs), graph.dtype, lengths)


def _operand(shape: tuple[int, ...], whole: tuple[int, ...], flat: bool) -> Operand:
    return Operand(flat or shape[2] == whole[2], flat or shape[1] == whole[1])


def _fused(node: Node) -> bool:
    return node.op not in ("input", "small", "const", "call")


def _ordered(outputs: Iterable[Node]) -> list[Node]:
    ordered: dict[Node, None] = {}
    waiting = [(node, False) for node in reversed(list(outputs))]
    while waiting:  # no recursion: a formula may be a long loop
        node, ready = waiting.pop()
        if ready:
            ordered[node] = None
        elif node not in ordered:
            waiting.append((node, True))
            waiting += [(arg, False) for arg in reversed(node.args)]
    return list(ordered)


def _levels(order: Sequence[Node], outputs: Sequence[Node]) -> dict[Node, int]:
    """Return the stage of every fused node and call, as late as possible, so that less must be stored."""
    early: dict[Node, int] = {}
    for node in order:
        early[node] = max((early[arg] + (arg.op == "call") for arg in node.args), default=0)
    last = max((early[node] for node in outputs), default=0)
    late: dict[Node, int] = {node: last for node in outputs if _fused(node)}
    for node in reversed(order):
        if node.op == "call":
            late[node] = early[node]
        for arg in node.args:
            if _fused(arg):
                late[arg] = min(late.get(arg, last), late[node])
    return {node: at for node, at in late.items() if _fused(node) or node.op == "call"}


def _smalls(plan: Plan) -> Iterator[Small]:
    """Yield the values per trial that kernels or functions read."""
    for stage in plan.stages:
        yield from stage.smalls
        yield from (arg for call in stage.calls for arg in call.args if isinstance(arg, Small))


class Program:
    """A plan with its machine code and its tables, for arrays of the plan's shapes.

    It has its own temporary arrays, which every run uses again.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        first = plan.inputs + plan.outputs
        self._shape = plan.shapes[first - 1]
        self._arrays: list[Any] = [None] * first + [np.empty(s, plan.dtype) for s in plan.shapes[first:]]
        self._strides: list[tuple[int, ...]] = [()] * len(plan.shapes)
        self._slots: list[list[tuple[Table[int], int]]] = [[] for _ in plan.shapes]
        self._values = Values([*_smalls(plan)], plan)
        self._varying = self._values.varying
        self._called = any(stage.calls for stage in plan.stages)
        self._none = [None] * first
        self._known: list[Any] = []  # strides that need no check
        self._steps = [self._step(stage) for stage in plan.stages]
        for place in range(first, len(plan.shapes)):
            self._put(place, self._arrays[place])
        self._quick = [(place, table, slot) for place in range(first) for table, slot in self._slots[place]]
        alone = len(self._steps) == 1 and not self._called and not self._varying
        self._single = (self._steps[0][0], self._steps[0][2]) if alone else None

    def _step(self, stage: Stage) -> tuple[Any, Any, int, Any]:
        places = (*stage.reads, *stage.writes)
        smalls = [id(self._values.array(small)) for small in stage.smalls]
        table = Table("q", [*self.plan.lengths, *([0] * len(places)), *smalls])
        for slot, place in enumerate(places, start=HEAD):
            self._slots[place].append((table, slot))
        kernel = compiled(stage.text) if stage.text else None
        return kernel, table, table.buffer_info()[0], [*map(self._prepared, stage.calls)]

    def _prepared(self, call: Call) -> tuple[Callable[..., Any], list[tuple[int, Any]], int]:
        """Return a function, its arguments as (place, None) or (-1, what is passed), and its result."""
        args: list[tuple[int, Any]] = []
        for arg in call.args:
            if isinstance(arg, int):
                args.append((arg, None))
            else:
                args.append((-1, self._values.array(arg) if isinstance(arg, Small) else arg))
        return call.function, args, call.result

    def _sound(self, array: Array) -> bool:
        """Tell whether kernels can read an array: the numbers of each trial must be contiguous."""
        size, (_, n, d) = self.plan.dtype.itemsize, array.shape
        between, across, along = array.strides
        return (d == 1 or along == size) and (n == 1 or across == d * size) and between % size == 0

    def _put(self, place: int, array: Array) -> Array:
        if array.strides != self._strides[place]:
            if not self._sound(array):
                array = np.ascontiguousarray(array)
            self._strides[place] = array.strides
        for table, slot in self._slots[place]:
            table[slot] = id(array)
        return array

    def bind(self, inputs: Sequence[Array], outputs: Sequence[Array]) -> None:
        """Use these arrays from now on. An output may be one of the inputs: each number is read first."""
        for place, array in enumerate((*inputs, *outputs)):
            self._arrays[place] = array
            if self._put(place, array) is not array:
                raise ValueError("a bound array's examples must lie together")

    def run(self, step: int = 0) -> None:
        """Compute on the bound arrays; `step` is the step number."""
        if self._varying:
            self._values.renew(step)
        for kernel, _, table, calls in self._steps:
            if kernel is not None:
                kernel(table)
            for function, args, result in calls:
                values = [self._arrays[place] if place >= 0 else value for place, value in args]
                function(*values, out=self._arrays[result])

    def __call__(self, *inputs: Array, out: Array | None = None) -> Array:
        """Return the one output, in `out` or a new array."""
        if out is None:
            out = np.empty(self._shape, self.plan.dtype)
        arrays = (*inputs, out)
        if [array.strides for array in arrays] != self._known:
            return self._carefully(arrays)
        for place, table, slot in self._quick:
            table[slot] = id(arrays[place])
        if self._single is not None:
            self._single[0](self._single[1])
            return out
        if self._called:
            self._arrays[: len(arrays)] = arrays
        self.run()
        if self._called:
            self._arrays[: len(arrays)] = self._none
        return out

    def _carefully(self, arrays: tuple[Array, ...]) -> Array:
        # Held until the run ends, and no longer: freed memory is used again while it is in the cache.
        held = [self._put(place, array) for place, array in enumerate(arrays)]
        if self._called:
            self._arrays[: len(held)] = held
        self.run()
        if self._called:
            self._arrays[: len(held)] = self._none
        out = arrays[-1]
        if held[-1] is not out:
            out[...] = held[-1]
        if all(one is other for one, other in zip(held, arrays, strict=True)):
            self._known = [array.strides for array in arrays]
        return out


class Values:
    """The values per trial that kernels read: computed once, or at every step if they vary."""

    def __init__(self, smalls: Sequence[Small], plan: Plan) -> None:
        self._dtype, self._trials = plan.dtype, plan.lengths[0]
        self._arrays: dict[Small, Array] = {}
        self._known: list[Any] = [0]  # the step number first
        self._index: dict[Small, int] = {}
        self._recipes: list[tuple[int, Any, tuple[int, ...]]] = []
        self._renewed: list[tuple[Array, int]] = []
        for small in smalls:
            self._add(small)

    @property
    def varying(self) -> bool:
        """Whether any value must be computed at every step."""
        return bool(self._renewed)

    def array(self, small: Small) -> Array:
        """Return the array that holds a value, (T, 1, 1) and contiguous."""
        return self._arrays[small]

    def _add(self, small: Small) -> None:
        if small in self._arrays:
            return
        leaf = small.function is None and isinstance(small.sample, np.ndarray)
        if leaf and small.sample.flags.c_contiguous:
            self._arrays[small] = small.sample
            return
        held = np.empty((self._trials, 1, 1), self._dtype)
        held[...] = small.sample
        self._arrays[small] = held
        if small.varying:
            self._renewed.append((held, self._place(small)))

    def _place(self, value: Any) -> int:
        """Return the index at which `renew` writes a value."""
        small = value if isinstance(value, Small) else Small(value)
        if small.function is None and small.varying and not isinstance(small.sample, np.ndarray):
            return 0
        if small not in self._index:
            computed = small.function is not None and small.varying
            args = tuple(map(self._place, small.args)) if computed else ()
            self._known.append(
                None if computed else small.sample
            )  # the owner of an array may change it in place
            self._index[small] = len(self._known) - 1
            if computed:
                self._recipes.append((self._index[small], small.function, args))
        return self._index[small]

    def renew(self, step: int) -> None:
        """Compute the varying values of a step."""
        values = self._known
        values[0] = step
        for place, function, args in self._recipes:
            if len(args) == 2:
                values[place] = function(values[args[0]], values[args[1]])
            else:
                values[place] = function(*[values[arg] for arg in args])
        for held, place in self._renewed:
            held[...] = values[place]
