"""Scores of a stack in lanes: forward passes, losses and predictions are kernels, other metrics NumPy's."""

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
    PREDICTION,
    SCORING,
    Program,
    loss_program,
    scoring_program,
    weighted_loss_program,
)

BLOCK = 16  # examples of a forward pass outside training


class LaneOutputs(Outputs):
    """Pre-activations in lanes, (G, N, K, L), and what they predict; by trial only where that is asked for.

    They stand until the next pass over the same examples. stack: a `LaneStack`. laid: followed by as much
    memory as a block of examples takes.
    """

    def __init__(self, stack: Any, laid: Array) -> None:
        self._stack, self._laid = stack, laid
        self._parts: dict[tuple[int | None, int | None], LaneOutputs] = {}
        self._predicting: _Predicting | None = None

    def part(self, examples: slice) -> LaneOutputs:
        """Return those of some of the examples, of the same ones always the same."""
        ends = examples.start, examples.stop
        if ends not in self._parts:
            self._parts[ends] = LaneOutputs(self._stack, self._laid[:, examples])
        return self._parts[ends]

    def by_trial(self) -> Array:
        """Return them as (T, N, K)."""
        return _by_trial(self._stack.lanes, self._laid)

    def predictions(self) -> Array:
        """Return the predictions, (T, N, D), computed by a kernel."""
        if not self._stack.made_prediction.program.text:
            return self.by_trial()
        if self._predicting is None:
            self._predicting = _Predicting(self._stack, self._laid)
        return self._predicting()


def _by_trial(lanes: Lanes, laid: Array) -> Array:
    groups, examples, outputs, width = laid.shape
    values = np.empty((lanes.trials, examples, outputs), lanes.dtype)
    lanes.take(laid.reshape(groups, examples * outputs, width), values.reshape(len(values), -1))
    return values


class LaneEvaluator(Evaluator):
    """Scores by kernels: losses and predictions; other metrics are NumPy's, of these predictions.

    stack: a `LaneStack`.
    """

    _stack: Any

    def __init__(self, stack: Any) -> None:
        super().__init__(stack)
        self._firsts = stack.lanes.firsts(self._group)
        self._of_curve: _Scoring | None = None

    def outputs(self) -> LaneOutputs:
        """Return the outputs for the examples that curves are measured on."""
        x, y = self._curve
        return self._scored(x, y, self._parts, self._curve_weights)[0]

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
        # A block more, as predictions of a part pass in blocks of its own.
        whole = aligned(
            ((lanes.groups * blocks + 1) * BLOCK, stack.network_outputs, lanes.lanes), stack.dtype
        )
        z = whole[:-BLOCK].reshape(lanes.groups, blocks * BLOCK, *whole.shape[1:])
        means = aligned((len(parts), lanes.groups * lanes.lanes), stack.dtype)
        passes: dict[str, Argument] = {
            "steps": blocks,
            "x": lanes.addresses(list(rows), self._group),
            "order": np.full(len(lanes.rows), order.ctypes.data, np.int64),
            "firsts": self._firsts,
            "z": z,
        }
        scoring = _Scoring(stack, LaneOutputs(stack, z[:, :examples]), means, [rows, order])
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


class _InTurn:
    """Kernels, each with a table of its own, that one call runs for one group after the other."""

    def __init__(self, stack: Any) -> None:
        self._stack = stack
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

    def _run(self) -> None:
        """Run them all."""
        if self._call is not None:
            self._call({})
            return
        lanes = self._stack.lanes
        work = aligned((self._work, lanes.lanes), self._stack.dtype)
        for table in self._tables:
            table.fill({"work": work})
        self._call = Called(scoring_program().text, SCORING)
        values: dict[str, Argument] = {
            "groups": lanes.groups,
            "count": len(self._tables),
            "functions": np.array(self._functions, np.int64),
            "tables": np.array([table.address for table in self._tables], np.int64),
        }
        self._call(values)


class _Scoring(_InTurn):
    """A forward pass over some examples and losses of what it gives, group by group in one call.

    outputs: what the pass gives. means: a row for each loss, its lanes side by side. kept: what must stay in
    memory.
    """

    def __init__(self, stack: Any, outputs: LaneOutputs, means: Array, kept: Sequence[Array]) -> None:
        super().__init__(stack)
        self._outputs, self._means, self._kept = outputs, means, kept

    def __call__(self) -> tuple[LaneOutputs, list[Array]]:
        """Return outputs, which stand until the next call, and the losses, each (T,)."""
        stack = self._stack
        theta, state = stack.evaluated_lanes()
        self._tables[0].fill({"theta": theta, "state": state})
        self._run()
        return self._outputs, list(self._means.take(stack.lanes.places, axis=1))


class _Predicting(_InTurn):
    """The predictions for some examples, group by group in one call. laid: as `LaneOutputs` has it."""

    def __init__(self, stack: Any, laid: Array) -> None:
        super().__init__(stack)
        lanes, examples = stack.lanes, laid.shape[1]
        blocks = -(-examples // BLOCK)
        out = aligned((lanes.groups, blocks * BLOCK, stack.data[0].outputs, lanes.lanes), stack.dtype)
        values: dict[str, Argument] = {
            "steps": blocks,
            "z": laid,
            "z_apart": laid.strides[0] // laid.strides[3] // lanes.lanes,
            "out": out,
        }
        self.add(stack.made_prediction, PREDICTION, values)
        self._out = out[:, :examples]

    def __call__(self) -> Array:
        """Return the predictions by trial, (T, N, D)."""
        self._run()
        return _by_trial(self._stack.lanes, self._out)
