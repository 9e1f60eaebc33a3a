"""A training step that is looked at: the real step of a stack of one trial, and the pass that led to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from anncore.contract.errors import ComponentError, ExperimentError
from anncore.contract.kinds import Array
from anncore.contract.registry import Registry
from anncore.contract.trial import Trial
from anncore.engine.build import build_part
from anncore.engine.datasets import Prepared
from anncore.engine.explaining.traced_pass import PassInputs, TracedPass
from anncore.engine.network_stack import Stack
from anncore.engine.optimizing import OptimizerRun
from anncore.engine.problem import ON_DATA, problem_of
from anncore.engine.process import one_blas_thread, prepare_process
from anncore.engine.training import total_steps

MOST_UNITS = 64
"""Of a layer, and of the inputs, that a text or page shows."""
MOST_NUMBERS = 250_000
"""Weights of a network whose step is explained at all."""
AGREE = {"float64": 1e-9, "float32": 1e-3}
"""How far the gradient of the explained pass may be from that of the step: both are the engine's, and only
the order of sums differs."""


@dataclass(frozen=True)
class GivenNumbers:
    """Numbers that take the place of data and initial weights. x (N, D), y (N, K); weights by name.

    Without y the targets are the inputs, which only a data set without targets allows.
    """

    x: Array | None = None
    y: Array | None = None
    weights: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """What is to be explained.

    step: the update, from 1. example: which example of its batch, from 0. transposed: whether weights are
    written with the unit first, z = W x.
    """

    step: int = 1
    example: int = 0
    transposed: bool = False


@dataclass(frozen=True, eq=False)
class ObservedStep:
    """One update of one trial: what the engine computed, before, in and after it.

    x, y, z: the batch (N, ...). weights: how much each example counts (N,), None where all count alike.
    losses: of every example. loss: of the batch, their mean, each times its weight. loss_after: with the new
    weights. before, after, gradients: by weight, (r, c); of a network with a rule, `gradients` are what the
    rule lets the optimizer descend.
    state_before, state_after: the optimizer's. row: the example's row in `traced`, whose examples are
    those that depend on each other.
    """

    trial: Trial
    stack: Any
    question: Question
    steps: int
    x: Array
    y: Array
    z: Array
    weights: Array | None
    seed: Array
    loss: float
    losses: Array
    loss_after: float
    before: Mapping[str, Array]
    gradients: Mapping[str, Array]
    after: Mapping[str, Array]
    state_before: Any
    state_after: Any
    traced: TracedPass
    row: int

    @property
    def optimizer(self) -> Any:
        """The optimizer, with the learning rate of this step."""
        run: OptimizerRun = self.stack.optimizers[0]
        return run.optimizer


def observe(trial: Trial, registry: Registry, given: GivenNumbers, question: Question) -> ObservedStep:
    """Train a trial up to a step, make it, and return what happened.

    Raises ExperimentError for what cannot be explained: a problem without a network, a learning rule of a
    network whose passes the core does not record, a step or an example that there is not, numbers that do
    not fit.
    """
    prepare_process()
    with one_blas_thread(), np.errstate(all="ignore"):
        stack, steps = _stack(trial, registry, given)
        if not 1 <= question.step <= steps:
            raise ExperimentError(f"--step must be from 1 to {steps}, the file's steps, got {question.step}.")
        _train(stack, question.step - 1, steps)
        before = {name: array.copy() for name, array in stack.weights.items()}
        state_before = _copied(stack.optimizers[0].state_of(0)[0])
        stack.step(question.step, steps)
        return _observed(stack, steps, question, before, state_before)


def _stack(trial: Trial, registry: Registry, given: GivenNumbers) -> tuple[Stack, int]:
    if problem_of(trial) is not ON_DATA:
        raise ExperimentError(
            "explain shows networks on data, and this experiment minimises a function; 'annx show NAME' has "
            "the formulas of function and optimizer."
        )
    if given.x is not None:
        given = _with_targets(given, trial, registry)
        trial = replace(trial, train=replace(trial.train, shuffle=False))  # in the order in which they stand
        data = _prepared(given, trial.train.dtype)
    else:
        [data] = ON_DATA.load([trial], registry)
    stack = Stack([trial], registry, [data])
    if given.y is not None:
        _refuse_targets(stack, given.y)
    if stack.network.learns and not stack.network.is_followed:
        raise ExperimentError(
            f"explain shows gradients, and {stack.network.component.name} learns by a rule of its own; "
            f"'annx show {stack.network.component.name}' has it."
        )
    numbers = sum(spec.shape[0] * spec.shape[1] for spec in stack.network.specs)
    if numbers > MOST_NUMBERS:
        raise ExperimentError(
            f"explain takes networks of up to {MOST_NUMBERS:,} weights, and this one has {numbers:,}; choose "
            "a smaller one."
        )
    stack.initialize()
    for name, values in given.weights.items():
        _set(stack, name, values)
    if given.weights:
        for run in stack.optimizers:  # some keep the first weights
            run.initialize()
    return stack, total_steps(trial.train, len(data.x_train))


def _with_targets(given: GivenNumbers, trial: Trial, registry: Registry) -> GivenNumbers:
    """Return given examples whose targets are the inputs, where the data set has no others."""
    if given.y is not None:
        return given
    [data] = ON_DATA.load([trial], registry)
    if data.task != "unsupervised":
        raise ExperimentError(
            "[explain] needs y: examples have inputs x and targets y, except of a data set without targets."
        )
    return replace(given, y=given.x)


def _refuse_targets(stack: Stack, y: Array) -> None:
    """Refuse given targets that a loss for classes has no number for."""
    pair = stack.output.pairs[0]
    outputs = type(pair.loss).outputs
    if "regression" in outputs:
        return
    name, several = pair.loss.name, outputs.get("multiclass")
    if y.shape[1] == 1 and pair.activation.name == several != outputs.get("binary"):
        raise ExperimentError(
            f"[explain] y must have a number for each class with {name}, 1 for the right one, such as "
            f"[0, 1, 0], got {y[0, 0]:g}."
        )
    if y.min() < 0 or y.max() > 1:
        wrong = y[(y < 0) | (y > 1)][0]
        raise ExperimentError(
            f"[explain] y must be from 0 to 1 with {name}, a loss for classes, got {wrong:g}."
        )


def _set(stack: Stack, name: str, values: Array) -> None:
    array = stack.weights.get(name)
    if array is None:
        names = ", ".join(stack.weights)
        raise ExperimentError(f"[explain] weights: there is no {name!r}; the network has {names}.")
    is_row = values.ndim < 2 and 1 in array[0].shape  # in a matrix, a row alone would say no order
    if values.size != array[0].size or (values.shape != array[0].shape and not is_row):
        got = _shape(values.shape) if values.ndim > 1 else f"{values.size} in a row"
        raise ExperimentError(
            f"[explain] weights: {name} must be {_shape(array[0].shape)} (inputs x units), got {got}; with "
            'layout = "out_in" it is units x inputs.'
        )
    array[0] = values.reshape(array[0].shape)


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _prepared(given: GivenNumbers, dtype: str) -> Prepared:
    """Return given examples as the data of a trial: nothing is scaled, shuffled or held out."""
    assert given.x is not None
    assert given.y is not None
    x, y = given.x.astype(dtype), given.y.astype(dtype)
    ones, zeros = np.ones(x.shape[1]), np.zeros(x.shape[1])
    return Prepared(
        task="regression",  # no metric is asked; the loss has been chosen
        classes=(),
        features=tuple(f"x{i}" for i in range(1, x.shape[1] + 1)),
        x_train=x,
        y_train=y,
        x_valid=x,
        y_valid=y,
        x_test=x,
        y_test=y,
        x_scale=ones,
        x_shift=zeros,
        y_scale=np.ones(y.shape[1]),
        y_shift=np.zeros(y.shape[1]),
    )


def _train(stack: Stack, steps: int, total: int) -> None:
    """Make the first steps, as training does: schedules that observe the validation loss get it."""
    constant = build_part(stack.trials[0].parts["schedule"], stack.registry).constant
    evaluator = None if constant else ON_DATA.evaluator(stack)
    if evaluator is not None and not evaluator.has("valid"):
        evaluator = None
    if evaluator is not None and steps:
        stack.observe(evaluator.curve([])["valid_loss"], 0)
    for t in range(1, steps + 1):
        stack.step(t, total)
        if evaluator is not None and t % stack.train.eval_every == 0:
            stack.observe(evaluator.curve([])["valid_loss"], t)


def _observed(
    stack: Stack, steps: int, question: Question, before: Mapping[str, Array], state_before: Any
) -> ObservedStep:
    x, y = stack.batch
    count = x.shape[1]
    if not 0 <= question.example < count:
        raise ExperimentError(
            f"--example must be from 1 to {count}, the examples of the batch, got {question.example + 1}."
        )
    network, output = stack.network, stack.output
    z, _ = network.forward({name: array.copy() for name, array in before.items()}, x, training=True)
    z = np.array(z)
    after, _ = network.forward(stack.weights, x, training=True, first=False)
    weights = stack.batches.weights
    seed = np.array(output.grad(z, y) if weights is None else output.grad(z, y) * weights)
    traced, row = _traced(stack, before, question, z, seed)
    names = network.trained

    def losses_of(made: Array) -> Array:
        return np.array([float(output.value(made[:, n : n + 1], y[:, n : n + 1])[0]) for n in range(count)])

    def loss_of(made: Array) -> float:
        if weights is None:
            return float(output.value(made, y)[0])
        return float(np.mean(losses_of(made) * weights[0, :, 0]))

    return ObservedStep(
        trial=stack.trials[0],
        stack=stack,
        question=question,
        steps=steps,
        x=x[0],
        y=y[0],
        z=z[0],
        weights=None if weights is None else weights[0, :, 0].copy(),
        seed=seed[0],
        loss=loss_of(z),
        losses=losses_of(z),
        loss_after=loss_of(after),
        before={name: before[name][0] for name in names},
        gradients={name: stack.grad_views[name][0].copy() for name in names},
        after={name: stack.weights[name][0].copy() for name in names},
        state_before=state_before,
        state_after=_copied(stack.optimizers[0].state_of(0)[0]),
        traced=traced,
        row=row,
    )


def _traced(
    stack: Stack, before: Mapping[str, Array], question: Question, z: Array, seed: Array
) -> tuple[TracedPass, int]:
    """Return the pass of the example alone; of the whole batch where its examples depend on each other."""
    x, k = stack.batch[0], question.example
    network = stack.network

    def pass_of(rows: slice) -> TracedPass:
        weights = {name: array.copy() for name, array in before.items()}
        inputs = PassInputs(weights, x[:, rows], z.shape[2], seed[:, rows])
        return TracedPass(network, inputs, transposed=question.transposed)

    tolerance = AGREE[stack.dtype]
    count = x.shape[1]
    if count == 1 or not (network.draws or network.component.modes):
        alone = pass_of(slice(k, k + 1))
        if np.allclose(alone.z, z[:, k : k + 1], rtol=tolerance, atol=tolerance):
            return alone, 0
    whole = pass_of(slice(0, count))
    if not np.allclose(whole.z, z, rtol=tolerance, atol=tolerance, equal_nan=True):
        raise ComponentError(
            f"{network.component.name}: a second pass over the batch gives other numbers, so the step cannot "
            "be explained; its forward must depend on weights, inputs and mode alone"
        )
    return whole, k


def _copied(state: Any) -> Any:
    if isinstance(state, np.ndarray):
        return state.copy()
    if isinstance(state, dict):
        return {key: _copied(value) for key, value in state.items()}
    if isinstance(state, tuple):
        items = [_copied(value) for value in state]
        return type(state)(*items) if hasattr(state, "_fields") else tuple(items)
    return state
