"""Scores of a stack in lanes: forward passes and losses are kernels, other metrics NumPy's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from anncore.contract.derivatives.symbols import Node
from anncore.contract.kinds import Array
from anncore.engine.evaluation import Evaluator, Outputs
from anncore.engine.lanes.compiling import Argument, Called, Table, address
from anncore.engine.lanes.graphs import hyper_inputs, loss_graph
from anncore.engine.lanes.made import Made, made
from anncore.engine.lanes.places import Lanes, aligned
from anncore.engine.lanes.programs import (
    FORWARD,
    LOSS,
    SCORING,
    Program,
    loss_program,
    scoring_program,
    weighted_loss_program,
)

BLOCK = 16  # examples of a forward pass outside training


class LaneOutputs(Outputs):
    """Pre-activations in lanes, (G, N, K, L); by trial only where they are asked for.

    They stand until the next pass over the same examples.
    """

    def __init__(self, lanes: Lanes, laid: Array) -> None:
        self.lanes, self.laid = lanes, laid

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape by trial, (T, N, K)."""
        return (self.lanes.trials, *self.laid.shape[1:3])

    def part(self, examples: slice) -> LaneOutputs:
        """Return those of some of the examples."""
        return LaneOutputs(self.lanes, self.laid[:, examples])

    def by_trial(self) -> Array:
        """Return them as (T, N, K)."""
        z = np.empty(self.shape, self.lanes.dtype)
        groups, examples, outputs, lanes = self.laid.shape
        self.lanes.take(self.laid.reshape(groups, examples * outputs, lanes), z.reshape(len(z), -1))
        return z


class LaneEvaluator(Evaluator):
    """Scores by kernels: predictions and losses; other metrics are NumPy's, of these predictions.

    stack: a `LaneStack`.
    """

    _stack: Any

    def __init__(self, stack: Any) -> None:
        super().__init__(stack)
        self._firsts = stack.lanes.firsts(self._group)
        self._of_curve: _Scoring | None = None

    def _forward(self, x: Array) -> Array:
        z, _ = self._scored(x, x, (), None)
        return z.by_trial()

    def _scored(
        self, x: Array, y: Array, parts: Sequence[slice], weights: Array | None
    ) -> tuple[LaneOutputs, list[Array]]:
        if parts is not self._parts:
            return self._scoring(x, y, parts, weights)()
        if self._of_curve is None:  # a curve's arrays are the same every time
            self._of_curve = self._scoring(x, y, parts, weights)
        return self._of_curve()

    def _scoring(self, x: Array, y: Array, parts: Sequence[slice], weights: Array | None) -> _Scoring:
        """Return what computes outputs for all examples and the losses of parts of them."""
        stack, lanes, examples = self._stack, self._stack.lanes, x.shape[1]
        blocks, rows = -(-examples // BLOCK), np.ascontiguousarray(x)
        order = np.minimum(np.arange(blocks * BLOCK, dtype=np.int64), examples - 1)
        z = aligned((lanes.groups, blocks * BLOCK, stack.network_outputs, lanes.lanes), stack.dtype)
        means = aligned((len(parts), lanes.groups * lanes.lanes), stack.dtype)
        passes: dict[str, Argument] = {
            "steps": blocks,
            "x": lanes.addresses(list(rows), self._group),
            "order": np.full(len(lanes.rows), order.ctypes.data, np.int64),
            "firsts": self._firsts,
            "z": z,
        }
        scoring = _Scoring(stack, LaneOutputs(lanes, z[:, :examples]), means, [rows, order])
        scoring.add(stack.made_forward, FORWARD, passes)
        for part, out in zip(parts, means, strict=True):
            own, targets = z[:, :examples][:, part], y[:, part]
            # Of examples with weights each one's loss is computed by itself.
            each = 1 if stack.weighted else targets.shape[1]
            shapes = (lanes.trials, each, own.shape[2]), (lanes.trials, each, targets.shape[2])
            laid = lanes.put(targets.reshape(lanes.trials, -1))
            values: dict[str, Argument] = {
                "z": own,
                "z_apart": own.strides[0] // own.strides[3] // lanes.lanes,
                "y": laid,
                "y_apart": laid.shape[1],
                "out": out,
                "examples": targets.shape[1],
                "w": laid if weights is None else lanes.put(np.asarray(weights[:, part], stack.dtype)),
            }
            scoring.add(self._made_loss(*shapes), LOSS, values)
        return scoring

    def write(self) -> None:
        """Write the kernels of losses, and compile nothing; ComponentError where lanes cannot do one."""
        stack, data = self._stack, self._data[0]
        curve = self._curve[0].shape[1]
        wholes = (len(getattr(data, f"x_{name}")) for name in ("train", "valid", "test"))
        parts = (len(range(curve)[part]) for part in self._parts)
        sizes = {1} if stack.weighted else {*wholes, *parts} - {0}
        trials = len(stack.trials)
        for examples in sorted(sizes):
            z, y = (trials, examples, stack.network_outputs), (trials, examples, data.outputs)
            self._made_loss(z, y)

    def _made_loss(self, z: tuple[int, ...], y: tuple[int, ...]) -> Made:
        stack = self._stack

        def make() -> tuple[Program, Sequence[Node], int]:
            pass_ = loss_graph(stack.output.pairs[0], (z, y), stack.dtype)
            program = weighted_loss_program if stack.weighted else loss_program
            return program(stack.dtype, pass_), hyper_inputs(pass_.graph), 0

        return made(("loss", *stack.structure, z[1:], y[1:]), stack.sources, make)


class _Scoring:
    """A forward pass over some examples and losses of what it gives, group by group in one call.

    outputs: what the pass gives. means: a row for each loss, its lanes side by side. kept: what must stay in
    memory.
    """

    def __init__(self, stack: Any, outputs: LaneOutputs, means: Array, kept: Sequence[Array]) -> None:
        self._stack, self._outputs, self._means, self._kept = stack, outputs, means, kept
        self._tables: list[Table] = []
        self._functions: list[int] = []
        self._work = 0
        self._call: Called | None = None

    def add(self, own: Made, names: Sequence[str], values: Mapping[str, Argument]) -> None:
        """Add a kernel, which follows those that are there."""
        table = Table(names)
        table.fill({**values, "hypers": self._stack.hypers(own.hypers)})
        self._tables.append(table)
        self._functions.append(address(own.program.text))
        self._work = max(self._work, own.program.work)

    def __call__(self) -> tuple[LaneOutputs, list[Array]]:
        """Return outputs, which stand until the next call, and the losses, each (T,)."""
        stack = self._stack
        theta, state = stack.evaluated_lanes()
        self._tables[0].fill({"theta": theta, "state": state})
        if self._call is None:
            work = aligned((self._work, stack.lanes.lanes), stack.dtype)
            for table in self._tables:
                table.fill({"work": work})
            self._call = Called(scoring_program().text, SCORING)
            values: dict[str, Argument] = {
                "groups": stack.lanes.groups,
                "count": len(self._tables),
                "functions": np.array(self._functions, np.int64),
                "tables": np.array([table.address for table in self._tables], np.int64),
            }
            self._call(values)
        else:
            self._call({})
        return self._outputs, list(self._means.take(stack.lanes.places, axis=1))
