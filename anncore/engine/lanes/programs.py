"""Kernels: training steps, forward passes, losses and predictions, each a function of one table of addresses.

Arrays are (G, n, L): G groups of trials, n numbers of each trial, L lanes. A kernel takes one group after the
other through all its steps, so that its weights stay in the cache.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

from anncore.contract.derivatives.symbols import Node
from anncore.contract.kinds import WeightSpec
from anncore.engine.lanes.code import Code, Index
from anncore.engine.lanes.counting import Way
from anncore.engine.lanes.drawing import Drawing
from anncore.engine.lanes.gathering import Gathered, gather
from anncore.engine.lanes.graphs import Pass, Prediction, hyper_inputs
from anncore.engine.lanes.lowering import Lowering
from anncore.engine.lanes.nests import size
from anncore.engine.lanes.update_graphs import UpdateGraph
from anncore.engine.lanes.workspace import Place, Workspace

TRAINING = (
    *("groups", "steps", "pass", "pass_of_the_rest", "kinds", "numbers", "theta", "grads", "state", "hypers"),
    *("x", "y", "w", "order", "starts", "firsts", "work"),
    *("drawn", "drawn_at", "drawn_shared"),
    *("turns", "updates", "tables", "sections"),
)
"""The table of training. A pass, and the pass of an epoch's last batch where that is smaller, are functions
of the table, a group and a step. `numbers` is of weights. Each step has the hyperparameters of its pass.
Random numbers lie by seed, those of a step from `drawn_at` on. The updates of group g are those from
`turns[g]` to `turns[g + 1]`: each has a function for each step, a table of its own, and which group of that
table g is."""
UPDATE = ("steps", "numbers", "theta", "grads", "hypers", "rates", "times", "times_apart", "owned", "work")
"""The table of an optimizer's updates; its states follow. Trials in lanes that it does not own stay as they
are, so that several optimizers can share a group. An update is a function of this, a group and a step. Each
step has hyperparameters, as updates of several ways have other ones, and numbers made of its count, `times`,
so far apart."""
SCORING = ("groups", "count", "functions", "tables")
"""The table of an evaluation: so many functions, each of a table of its own and a group."""
FORWARD = ("steps", "theta", "state", "hypers", "x", "order", "firsts", "work", "z")
"""The table of a forward pass over `steps` blocks of examples."""
LOSS = ("z", "z_apart", "y", "y_apart", "hypers", "work", "out", "examples", "w")
"""The table of a loss; the groups' z and y lie so many vectors apart. Where examples have weights, w, the
loss of each one is computed by itself."""
PREDICTION = ("steps", "z", "z_apart", "hypers", "work", "out")
"""The table of predictions for `steps` blocks of examples; the groups' z lie so many vectors apart."""
LENGTHS = frozenset(("groups", "steps", "count", "numbers", "times_apart", "z_apart", "y_apart", "examples"))
PLACE = ("%group", "%step")


def update_names(states: int) -> tuple[str, ...]:
    """Return the names of the entries of an optimizer's table."""
    return (*UPDATE, *(f"states{at}" for at in range(states)))


class Program(NamedTuple):
    """A kernel's text and what its caller must provide."""

    text: str
    work: int  # vectors of memory
    length: int  # of the text, about, and the same on all machines
    way: Way = Way()  # of an update, which steps it makes, and what it needs of their numbers
    drawn: tuple[Drawing, ...] = ()  # of a pass, its random numbers


class Layout(NamedTuple):
    """Where each array lies among the numbers of one trial, and how many there are."""

    offsets: Mapping[str, int]
    size: int

    @classmethod
    def of(cls, specs: Sequence[WeightSpec]) -> Layout:
        """Return the layout of arrays one after the other."""
        offsets, total = {}, 0
        for spec in specs:
            offsets[spec.name] = total
            total += spec.shape[0] * spec.shape[1]
        return cls(offsets, total)


class _Kernel:
    """A kernel under construction: the arguments, and the loop over groups."""

    def __init__(self, dtype: str, names: Sequence[str], parameters: Sequence[str] = ()) -> None:
        self.code = Code(dtype, parameters)
        self.arguments = {
            name: self.code.load_scalar("i64" if name in LENGTHS else "ptr", "%table", at)
            for at, name in enumerate(names)
        }

    def group(self, name: str, group: Index, vectors: Index) -> str:
        """Append the address of a group's part of an array."""
        return self.code.at(self.arguments[name], self.code.product(group, vectors))

    def hypers(self, nodes: Sequence[Node], pointer: str, start: int = 0) -> dict[Node, Place]:
        """Return the places of hyperparameters, one vector each."""
        return {node: Place(pointer, start + at) for at, node in enumerate(nodes)}

    def gathered(
        self, arrays: Sequence[tuple[str, int, int]], group: Index, batch: int, start: Index
    ) -> None:
        """Append the copying of a batch into the lanes.

        arrays: the name of a table of addresses (G, L), numbers per example, and the offset in the
        workspace. start: where the batch begins in the order of each lane's examples.
        """
        code, lanes = self.code, self.code.kind.lanes
        own = code.product(group, lanes)
        tables = [
            Gathered(code.at(self.arguments[name], own, "ptr"), width, offset)
            for name, width, offset in arrays
        ]
        order = code.at(self.arguments["order"], own, "ptr")
        firsts = code.at(self.arguments["firsts"], code.product(group, lanes + 1), "i64")
        gather(code, tables, order, firsts, self.arguments["work"], batch, start)

    def drawn(self, count: int, group: Index, step: Index, target: int) -> None:
        """Append the copying of a step's random numbers into the lanes."""
        code, lanes = self.code, self.code.kind.lanes
        at = code.load_scalar("i64", self.arguments["drawn_at"], step)
        shared = code.load_scalar("i64", self.arguments["drawn_shared"], group)
        table = code.at(self.arguments["drawn"], code.product(group, lanes), "ptr")

        def copied(owners: int) -> None:
            heads = [
                code.at(code.load_scalar("ptr", table, lane), at, code.kind.scalar) for lane in range(owners)
            ]
            self._row(heads, count, target)

        same = code.add(f"icmp ne i64 {shared}, 0")
        code.branch(same, lambda: copied(1), lambda: copied(lanes))

    def _row(self, heads: Sequence[str], width: int, target: Index) -> None:
        code = self.code

        def number(d: Index, _: Sequence[str]) -> Sequence[str]:
            values = [code.load_scalar(code.kind.scalar, head, d) for head in heads]
            if len(values) == 1:
                vector = code.splat(values[0])
            else:
                vector = "poison"
                for lane, value in enumerate(values):
                    vector = code.add(
                        f"insertelement {code.type} {vector}, {code.kind.scalar} {value}, i32 {lane}"
                    )
            code.store(vector, self.arguments["work"], code.sum(target, d))
            return []

        code.loop(width, number)


@cache
def driver_program() -> Program:
    """Return the kernel of training: for each group and step a pass, then the updates of the group."""
    kernel = _Kernel("float32", TRAINING)
    code, arguments = kernel.code, kernel.arguments

    def group(g: Index, _: Sequence[str]) -> Sequence[str]:
        first = code.load_scalar("i64", arguments["turns"], g)
        last = code.load_scalar("i64", arguments["turns"], code.sum(g, 1))
        turns = code.add(f"sub i64 {last}, {first}")

        def step(s: Index, _: Sequence[str]) -> Sequence[str]:
            kind = code.load_scalar("i64", arguments["kinds"], s)
            whole = code.add(f"icmp eq i64 {kind}, 0")
            one, other = arguments["pass"], arguments["pass_of_the_rest"]
            chosen = code.add(f"select i1 {whole}, ptr {one}, ptr {other}")
            code.lines.append(f"call void {chosen}(ptr %table, i64 {g}, i64 {s})")

            def turn(number: Index, _: Sequence[str]) -> Sequence[str]:
                at = code.sum(first, number)
                functions = code.load_scalar("ptr", arguments["updates"], at)
                function = code.load_scalar("ptr", functions, s)
                table = code.load_scalar("ptr", arguments["tables"], at)
                section = code.load_scalar("i64", arguments["sections"], at)
                code.lines.append(f"call void {function}(ptr {table}, i64 {section}, i64 {s})")
                return []

            code.loop(turns, turn)
            return []

        code.loop(arguments["steps"], step)
        return []

    code.loop(arguments["groups"], group)
    return Program(code.function(), 0, code.length)


@cache
def scoring_program() -> Program:
    """Return the kernel of an evaluation: for each group a forward pass, then losses of what it gave.

    Outputs of a group are read while they are in the cache.
    """
    kernel = _Kernel("float32", SCORING)
    code, arguments = kernel.code, kernel.arguments

    def group(g: Index) -> None:
        def call(at: Index) -> None:
            function = code.load_scalar("ptr", arguments["functions"], at)
            table = code.load_scalar("ptr", arguments["tables"], at)
            code.lines.append(f"call void {function}(ptr {table}, i64 {g})")

        code.turns(arguments["count"], call)

    code.turns(arguments["groups"], group)
    return Program(code.function(), 0, code.length)


def update_program(dtype: str, update: UpdateGraph) -> Program:
    """Return the kernel of an update of any number of weights.

    Hyperparameters lie in the order of `hyper_inputs`, without the rates, which lie by step.
    """
    names = update_names(len(update.states))
    kernel, states = _Kernel(dtype, names, PLACE), names[len(UPDATE) :]
    code, arguments = kernel.code, kernel.arguments
    group, step = PLACE
    numbers, pointer = arguments["numbers"], arguments["work"]
    first = code.product(step, arguments["times_apart"])
    for place in range(len(update.times)):
        now = code.load_scalar(code.kind.scalar, arguments["times"], code.sum(first, place))
        code.store(code.splat(now), pointer, place)
    at = code.sum(code.product(group, arguments["steps"]), step)
    own = [node for node in hyper_inputs(update.graph) if node not in update.rates]
    hypers = code.load_scalar("ptr", arguments["hypers"], step)
    moving = max(update.rates.values(), default=-1) + 1
    rates = code.at(arguments["rates"], code.product(at, moving))
    theta = Place(kernel.group("theta", group, numbers))
    held = [
        Place(kernel.group(name, group, numbers if update.length and size(node) > 1 else size(node)))
        for name, node in zip(states, update.states, strict=True)
    ]
    inputs = {
        update.weight: theta,
        update.grad: Place(kernel.group("grads", group, numbers)),
        update.owned: Place(kernel.group("owned", group, 1)),
        **{node: Place(pointer, place) for place, node in enumerate(update.times)},
        **dict(zip(update.states, held, strict=True)),
        **kernel.hypers(own, code.at(hypers, code.product(group, len(own)))),
        **{node: Place(rates, place) for node, place in update.rates.items()},
    }
    work = Workspace(pointer, max(len(update.times), 1))
    outputs = list(zip(update.results, [theta, *held], strict=True))
    Lowering(code, inputs, outputs, work, (update.length, numbers) if update.length else None)
    return Program(code.function(), work.vectors, code.length, update.way)


def pass_program(dtype: str, batch: int, pass_: Pass, weights: Layout, state: Layout) -> Program:
    """Return the kernel of a forward pass and its gradients, for batches of one size.

    Hyperparameters lie in the order of `hyper_inputs`.
    """
    kernel = _Kernel(dtype, TRAINING, PLACE)
    code, work = kernel.code, Workspace(kernel.arguments["work"], 1)
    group, step = PLACE
    hypers = hyper_inputs(pass_.graph)
    own = code.load_scalar("ptr", kernel.arguments["hypers"], step)
    theta, grads = (kernel.group(name, group, weights.size) for name in ("theta", "grads"))
    running = kernel.group("state", group, state.size)
    inputs = _batch(kernel, batch, pass_, work)
    inputs |= kernel.hypers(hypers, code.at(own, code.product(group, len(hypers))))
    inputs |= _drawn(kernel, pass_, work)
    inputs |= _weights(pass_.weights, weights, state, theta, running)
    outputs = [(node, Place(running, state.offsets[name])) for name, node in pass_.state.items()]
    for name, node in pass_.grads.items():
        if node is None:
            _cleared(code, grads, weights.offsets[name], size(pass_.weights[name]))
        else:
            outputs.append((node, Place(grads, weights.offsets[name])))
    Lowering(code, inputs, outputs, work)
    draws = tuple(drawing for _, drawing in pass_.drawn)
    return Program(code.function(), work.vectors, code.length, drawn=draws)


def _batch(kernel: _Kernel, batch: int, pass_: Pass, work: Workspace) -> dict[Node, Place]:
    """Append the gathering of a step's batch; return where its inputs, targets and weights lie."""
    assert pass_.y is not None
    nodes = {"x": pass_.x, "y": pass_.y}
    if pass_.weights_of_examples is not None:
        nodes["w"] = pass_.weights_of_examples
    group, step = PLACE
    start = kernel.code.load_scalar("i64", kernel.arguments["starts"], step)
    places = {name: work.take(size(node)) for name, node in nodes.items()}
    arrays = [(name, size(node) // batch, _offset(places[name])) for name, node in nodes.items()]
    kernel.gathered(arrays, group, batch, start)
    return {node: places[name] for name, node in nodes.items()}


def _drawn(kernel: _Kernel, pass_: Pass, work: Workspace) -> dict[Node, Place]:
    """Append the copying of a step's random numbers; return where they lie, one array after the other."""
    if not pass_.drawn:
        return {}
    count = sum(size(node) for node, _ in pass_.drawn)
    first = at = _offset(work.take(count))
    kernel.drawn(count, *PLACE, first)
    places = {}
    for node, _ in pass_.drawn:
        places[node] = Place(work.pointer, at)
        at += size(node)
    return places


def _offset(place: Place) -> int:
    """Return where in the workspace a place is."""
    assert isinstance(place.offset, int)
    return place.offset


def _weights(
    nodes: Mapping[str, Node], weights: Layout, state: Layout, theta: str, running: str
) -> dict[Node, Place]:
    return {
        node: Place(theta, weights.offsets[name])
        if name in weights.offsets
        else Place(running, state.offsets[name])
        for name, node in nodes.items()
    }


def _cleared(code: Code, pointer: str, offset: int, vectors: int) -> None:
    def clear(at: Index, _: Sequence[str]) -> Sequence[str]:
        code.store(code.number(0.0), pointer, code.sum(offset, at))
        return []

    code.loop(vectors, clear)


def forward_program(dtype: str, block: int, pass_: Pass, weights: Layout, state: Layout) -> Program:
    """Return the kernel of a group's forward pass over blocks of so many examples."""
    kernel = _Kernel(dtype, FORWARD, PLACE[:1])
    code, g = kernel.code, PLACE[0]
    hypers = hyper_inputs(pass_.graph)
    theta, running = kernel.group("theta", g, weights.size), kernel.group("state", g, state.size)
    own = kernel.group("hypers", g, len(hypers))
    steps = kernel.arguments["steps"]
    most = 0

    def step(s: Index) -> None:
        nonlocal most
        work = Workspace(kernel.arguments["work"], 1)
        x = work.take(size(pass_.x))
        assert isinstance(x.offset, int)
        start = code.product(s, block)
        kernel.gathered([("x", size(pass_.x) // block, x.offset)], g, block, start)
        inputs = {pass_.x: x, **kernel.hypers(hypers, own)}
        inputs |= _weights(pass_.weights, weights, state, theta, running)
        block_size = size(pass_.z)
        out = code.at(kernel.arguments["z"], code.product(code.sum(code.product(g, steps), s), block_size))
        Lowering(code, inputs, [(pass_.z, Place(out))], work)
        most = max(most, work.vectors)

    code.turns(steps, step)
    return Program(code.function(), most, code.length)


def loss_program(dtype: str, pass_: Pass) -> Program:
    """Return the kernel of a group's mean losses."""
    kernel = _Kernel(dtype, LOSS, PLACE[:1])
    code, g = kernel.code, PLACE[0]
    hypers = hyper_inputs(pass_.graph)
    assert pass_.y is not None
    assert pass_.loss is not None
    work = Workspace(kernel.arguments["work"], 1)
    inputs = {
        pass_.z: Place(kernel.group("z", g, kernel.arguments["z_apart"])),
        pass_.y: Place(kernel.group("y", g, kernel.arguments["y_apart"])),
        **kernel.hypers(hypers, kernel.group("hypers", g, len(hypers))),
    }
    Lowering(code, inputs, [(pass_.loss, Place(kernel.group("out", g, 1)))], work)
    return Program(code.function(), work.vectors, code.length)


def weighted_loss_program(dtype: str, pass_: Pass) -> Program:
    """Return the kernel of a group's weighted mean losses; `pass_` has one example.

    Σ w loss / Σ w, where what has no weight does not count: see `anncore.engine.weighting`.
    """
    kernel = _Kernel(dtype, LOSS, PLACE[:1])
    code, g = kernel.code, PLACE[0]
    hypers = hyper_inputs(pass_.graph)
    most = 0
    zero = code.number(0.0)
    z, y = (kernel.group(name, g, kernel.arguments[f"{name}_apart"]) for name in ("z", "y"))
    own = kernel.group("hypers", g, len(hypers))
    weights = kernel.group("w", g, kernel.arguments["examples"])
    out = kernel.group("out", g, 1)

    def example(n: Index, sums: Sequence[str]) -> Sequence[str]:
        nonlocal most
        assert pass_.y is not None
        assert pass_.loss is not None
        work = Workspace(kernel.arguments["work"], 1)
        inputs = {
            pass_.z: Place(code.at(z, code.product(n, size(pass_.z)))),
            pass_.y: Place(code.at(y, code.product(n, size(pass_.y)))),
            **kernel.hypers(hypers, own),
        }
        Lowering(code, inputs, [(pass_.loss, Place(out))], work)
        most = max(most, work.vectors)
        weight = code.load(weights, n)
        counts = code.compared("ogt", weight, zero)
        product = code.chosen(counts, code.times(weight, code.load(out)), zero)
        total, whole = sums
        return [code.plus(total, product), code.plus(whole, weight)]

    total, whole = code.loop(kernel.arguments["examples"], example, [zero, zero])
    code.store(code.over(total, whole), out)
    return Program(code.function(), most, code.length)


def prediction_program(dtype: str, prediction: Prediction) -> Program:
    """Return the kernel of a group's predictions, by blocks of as many examples as the graph has.

    Without text where z is what is predicted.
    """
    if prediction.predicted is prediction.z:
        return Program("", 0, 0)
    kernel = _Kernel(dtype, PREDICTION, PLACE[:1])
    code, g = kernel.code, PLACE[0]
    hypers, z = prediction.hypers, kernel.group("z", g, kernel.arguments["z_apart"])
    own = kernel.group("hypers", g, len(hypers))
    steps, length = kernel.arguments["steps"], size(prediction.predicted)
    most = 0

    def step(s: Index) -> None:
        nonlocal most
        work = Workspace(kernel.arguments["work"], 1)
        block = Place(code.at(z, code.product(s, size(prediction.z))))
        out = code.at(kernel.arguments["out"], code.product(code.sum(code.product(g, steps), s), length))
        inputs = {prediction.z: block, **kernel.hypers(hypers, own)}
        Lowering(code, inputs, [(prediction.predicted, Place(out))], work)
        most = max(most, work.vectors)

    code.turns(steps, step)
    return Program(code.function(), most, code.length)
