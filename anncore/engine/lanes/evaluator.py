"""Scores of a stack in lanes: forward passes and losses are kernels, other metrics NumPy's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from anncore.contract.derivatives.symbols import Node
from anncore.contract.kinds import Array
from anncore.engine.evaluation import Evaluator, Outputs
from anncore.engine.lanes.compiling import Argument, Called
from anncore.engine.lanes.graphs import hyper_inputs, loss_graph
from anncore.engine.lanes.made import Made, made
from anncore.engine.lanes.places import Lanes, aligned
from anncore.engine.lanes.programs import FORWARD, LOSS, Program, loss_program, weighted_loss_program

MOST_TARGETS = 16  # arrays of targets that an evaluator keeps in lanes
BLOCK = 16  # examples of a forward pass outside training


class LaneOutputs(Outputs):
    """Pre-activations in lanes, (G, N, K, L); by trial only where they are asked for.

    They stand until the next pass over as many examples.
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
        self._targets: dict[Any, tuple[Array, Array]] = {}
        self._losses: dict[Any, tuple[Called, Array, Array]] = {}
        self._passes: tuple[Called, Array, Array] | None = None
        # By number of examples, the order of blocks, where it lies, and memory for what comes of them.
        self._places: dict[int, tuple[Array, Array, Array]] = {}
        self._firsts = stack.lanes.firsts(self._group)
        self._means = stack.lanes.empty(1)
        self._of_curve: Array | None = None

    def _forward(self, x: Array) -> Array:
        return self._outputs(x).by_trial()

    def _outputs(self, x: Array) -> LaneOutputs:
        stack, lanes = self._stack, self._stack.lanes
        if self._passes is None:
            own = stack.made_forward
            work = aligned((own.program.work, lanes.lanes), stack.dtype)
            self._passes = Called(own.program.text, FORWARD), stack.hypers(own.hypers), work
        function, hypers, work = self._passes
        examples = x.shape[1]
        blocks = -(-examples // BLOCK)
        if examples not in self._places:
            order = np.minimum(np.arange(blocks * BLOCK, dtype=np.int64), examples - 1)
            shape = (lanes.groups, blocks * BLOCK, stack.network_outputs, lanes.lanes)
            starts = np.full(len(lanes.rows), order.ctypes.data, np.int64)
            self._places[examples] = order, starts, aligned(shape, stack.dtype)
        _, starts, z = self._places[examples]
        theta, state = stack.evaluated_lanes()
        values: dict[str, Argument] = {
            "groups": lanes.groups,
            "steps": blocks,
            "theta": theta,
            "state": state,
            "hypers": hypers,
            "x": self._addresses(x),
            "order": starts,
            "firsts": self._firsts,
            "work": work,
            "z": z,
        }
        function(values)
        return LaneOutputs(lanes, z[:, :examples])

    def _addresses(self, x: Array) -> Array:
        """Return for each lane the address of its trial's data; those of a curve are the same every time."""
        if x is not self._curve[0]:
            self._other = np.ascontiguousarray(x)  # it must stay in memory during the call
            return self._stack.lanes.addresses(list(self._other), self._group)
        if self._of_curve is None:
            self._of_curve = self._stack.lanes.addresses(list(x), self._group)
        return self._of_curve

    def _target(self, y: Array) -> Array:
        """Return targets in lanes; those of an evaluation are the same arrays every time."""
        key = y.ctypes.data, y.shape, y.strides
        if key not in self._targets:
            if len(self._targets) >= MOST_TARGETS:
                self._targets.clear()
            # The array is kept, too, so that no other one takes its place in memory.
            self._targets[key] = y, self._stack.lanes.put(y.reshape(len(y), -1))
        return self._targets[key][1]

    def write(self) -> None:
        """Write the kernel of the loss, and compile nothing; ComponentError where lanes cannot do it."""
        stack = self._stack
        trials, examples = len(stack.trials), 1 if stack.weighted else BLOCK
        self._made_loss((trials, examples, stack.network_outputs), (trials, examples, stack.data[0].outputs))

    def _made_loss(self, z: tuple[int, ...], y: tuple[int, ...]) -> Made:
        stack = self._stack

        def make() -> tuple[Program, Sequence[Node], int]:
            pass_ = loss_graph(stack.output.pairs[0], (z, y), stack.dtype)
            program = weighted_loss_program if stack.weighted else loss_program
            return program(stack.dtype, pass_), hyper_inputs(pass_.graph), 0

        return made(("loss", *stack.structure, z[1:], y[1:]), stack.sources, make)

    def _loss(self, z: Outputs, y: Array, weights: Array | None) -> Array:
        assert isinstance(z, LaneOutputs)
        stack, lanes = self._stack, self._stack.lanes
        # Of examples with weights each one's loss is computed by itself.
        examples = z.shape[1]
        each = 1 if stack.weighted else examples
        shapes = (z.shape[0], each, *z.shape[2:]), (y.shape[0], each, *y.shape[2:])
        if shapes not in self._losses:
            own = self._made_loss(*shapes)
            work = aligned((own.program.work, lanes.lanes), stack.dtype)
            self._losses[shapes] = Called(own.program.text, LOSS), stack.hypers(own.hypers), work
        function, hypers, work = self._losses[shapes]
        targets = self._target(y)
        values: dict[str, Argument] = {
            "groups": lanes.groups,
            "z": z.laid,
            "z_apart": z.laid.strides[0] // z.laid.strides[3] // lanes.lanes,
            "y": targets,
            "y_apart": targets.shape[1],
            "hypers": hypers,
            "work": work,
            "out": self._means,
            "examples": examples,
            "w": targets if weights is None else lanes.put(np.asarray(weights, stack.dtype)),
        }
        function(values)
        result = np.empty((lanes.trials, 1), lanes.dtype)
        lanes.take(self._means, result)
        return result[:, 0]
