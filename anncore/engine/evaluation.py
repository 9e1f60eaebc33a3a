"""Evaluation: scores of a stack's trials on whole splits, outside training, and the history of these."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from anncore.contract.columns import metric_column, watched_curve
from anncore.contract.errors import ComponentError
from anncore.contract.float_maps import Series, series_of
from anncore.contract.hyperparameters import Interval
from anncore.contract.kinds import AnyNetwork, Array, Moment, overrides
from anncore.engine.batches import distinct
from anncore.engine.datasets import Prepared
from anncore.engine.decision_maps import corners, lattice, mappable, packed
from anncore.engine.network_stack import Buffer, Stack
from anncore.engine.output_and_loss import OutputAndLoss, outputs_per_target
from anncore.engine.snapshots import most_examples, taken
from anncore.engine.split import spread_over
from anncore.engine.weighting import weighted_mean

# A split is evaluated in pieces of about a batch, so that the values between two layers stay in the cache.
PIECE = 64
SLACK = 1e-4  # of a metric's bound, that a score may lie beyond it: sums in float32 round


class Outputs:
    """The outputs' pre-activations of some examples, and what they predict."""

    def __init__(self, z: Array, predict: Callable[[Array], Array]) -> None:
        self._z, self._predict = z, predict

    def part(self, examples: slice) -> Outputs:
        """Return those of some of the examples."""
        return Outputs(self._z[:, examples], self._predict)

    def predictions(self) -> Array:
        """Return the predictions, (T, N, D)."""
        return self._predict(self._z)


class Evaluator:
    """Forward passes over the splits of a stack's trials."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._data, self._group = distinct(stack.data)
        self._scale, self._shift = (
            np.stack([getattr(data, name) for data in stack.data])[:, None, :]
            for name in ("y_scale", "y_shift")
        )
        self._plain = not (self._shift.any() or (self._scale != 1).any())
        # What curves are made of, the same at every evaluation.
        self._curve = self._stacked("x", "curve"), self._stacked("y", "curve")[self._group]
        self._curve_weights = self._weights("curve")
        size = self._sample(self._data[0])
        self._parts = [slice(size), slice(size, None)] if self.has("valid") else [slice(size)]
        self._held = [
            np.ascontiguousarray(array[:, part]) for part in self._parts[1:] for array in self._curve
        ]

    def curve(self, metrics: Sequence[Any]) -> dict[str, Array]:
        """Return what curves are made of, each (T,): the losses on training and validation, and `metrics` of
        the latter. Of the training split, `Train.eval_train` says how much.
        """
        weights, parts = self._curve_weights, self._parts
        z, losses = self._scored(*self._curve, parts, weights)
        columns = {"train_loss": losses[0]}
        if len(parts) > 1:
            x, y = self._held
            columns[metric_column("valid")] = losses[1]
            columns |= self._metrics("valid", (x, z.part(parts[1]), y), metrics, _part(weights, parts[1]))
        return columns

    def has(self, name: str) -> bool:
        """Tell whether a split has examples."""
        return len(getattr(self._data[0], f"x_{name}")) > 0

    def _scored(
        self, x: Array, y: Array, parts: Sequence[slice], weights: Array | None
    ) -> tuple[Outputs, list[Array]]:
        """Return the outputs' pre-activations for the data of every group, and of parts of the examples each
        trial's mean loss, (T,), weighted where examples have weights (T, N).
        """
        z = self._forward(x)
        outputs = Outputs(z, self._stack.output.predict)
        return outputs, [self._loss(z[:, part], y[:, part], _part(weights, part)) for part in parts]

    def _loss(self, z: Array, y: Array, weights: Array | None) -> Array:
        if weights is None:
            return self._stack.output.value(z, y)
        return weighted_mean(self._stack.output.value, (z, y), weights)

    def _weights(self, name: str) -> Array | None:
        """Return the weights of a split's examples, (T, N); None where all count alike."""
        if self._data[0].w_train is None:
            return None
        rows = [self._weights_of(data, name) for data in self._data]
        return np.stack(rows)[self._group]

    def _weights_of(self, data: Prepared, name: str) -> Array:
        if name != "curve":
            return np.asarray(getattr(data, f"w_{name}"))
        examples = spread_over(len(data.x_train), self._sample(data))
        return np.concatenate([np.asarray(data.w_train)[examples], np.asarray(data.w_valid)])

    def watched(
        self, metrics: Sequence[Any], now: tuple[int, int], changes: Mapping[str, Array] | None = None
    ) -> dict[str, Array]:
        """Return what metrics that look inside find in the sample of the training split, each (T,).

        now: the step and the number of steps. changes: what the last update added to the weights.
        """
        if not metrics:
            return {}
        stack = self._stack
        size = self._sample(self._data[0])
        examples = spread_over(len(self._data[0].x_train), size)
        x, y = (self._stacked(what, "train")[:, examples].take(self._group, axis=0) for what in "xy")
        weights, grads = stack.evaluated(), Buffer(len(stack.trials), stack.specs, stack.dtype).views
        z, tape = stack.network.forward(weights, x)
        if stack.network.learns:  # what its learning rule gives in place of a gradient
            stack.watched_directions(weights, x, y, grads, now)
        else:
            stack.network.backward(weights, tape, self._loss_grad(z, y, examples), grads)
        layers = stack.network.layers(tape)
        gradient = None if stack.network.learns else self._gradient(weights, x, y, examples)
        moment = Moment(layers, weights, grads, changes, gradient)
        scores = {}
        for metric in sorted(metrics, key=lambda metric: bool(metric.probes)):  # these may overwrite layers
            values = metric.score(moment) if metric.probes else metric.score(layers, weights, grads)
            for value in values.values():
                _refuse_out_of_bounds(metric, value)
            scores[metric.name] = {watched_curve(metric.name, key): value for key, value in values.items()}
        return {key: value for metric in metrics for key, value in scores[metric.name].items()}

    def _loss_grad(self, z: Array, y: Array, examples: Array) -> Array:
        """Return ∂loss/∂z on these examples of training, weighted where they have weights."""
        grad, weights = self._stack.output.grad(z, y), self._weights("train")
        if weights is None:
            return grad
        # What NumPy picks by index lies column by column, and would be added up in another order than alone.
        mine = np.ascontiguousarray(weights[:, examples])
        return np.asarray(grad * (mine / mine.mean(axis=1, keepdims=True))[:, :, None], grad.dtype)

    def _gradient(
        self, weights: Mapping[str, Array], x: Array, y: Array, examples: Array
    ) -> Callable[[Mapping[str, Array]], Mapping[str, Array]]:
        """Return the gradient of the loss of some examples as a function of the weights."""
        stack = self._stack

        def gradient(other: Mapping[str, Array]) -> Mapping[str, Array]:
            elsewhere = {**weights, **other}
            grads = Buffer(len(stack.trials), stack.specs, stack.dtype).views
            z, tape = stack.network.forward(elsewhere, x)
            stack.network.backward(elsewhere, tape, self._loss_grad(z, y, examples), grads)
            return grads

        return gradient

    def split(self, name: str, metrics: Sequence[Any]) -> dict[str, Array]:
        """Return the loss and the metrics on the whole of a split, each (T,)."""
        x, y = self._stacked("x", name), self._stacked("y", name)[self._group]
        weights = self._weights(name)
        z, [loss] = self._scored(x, y, [slice(None)], weights)
        return {metric_column(name): loss} | self._metrics(name, (x, z, y), metrics, weights)

    def chance(self) -> Array:
        """Return the training loss of always predicting the mean training target, (T,)."""
        every = self._stacked("y", "train")
        outputs = every.shape[2] * outputs_per_target(self._stack.trials[0], self._stack.registry)
        if outputs != every.shape[2]:  # only such a loss knows which outputs stand for the mean
            return np.full(len(self._group), np.nan)
        weights, stack = self._weights("train"), self._stack
        if weights is None:
            # One trial tells it for all that have the same data and the same loss.
            kinds = [
                (int(group), trial.parts["loss"].text)
                for group, trial in zip(self._group, stack.trials, strict=True)
            ]
            first = {kind: row for row, kind in reversed(list(enumerate(kinds)))}
            rows = sorted(first.values())
            output = OutputAndLoss([stack.trials[row] for row in rows], stack.registry, stack.dtype)
            y = every[self._group[rows]]
            values = output.value_of(np.broadcast_to(y.mean(1, keepdims=True), y.shape), y)
            by_row = {row: at for at, row in enumerate(rows)}
            return values[[by_row[first[kind]] for kind in kinds]]
        y, value = every[self._group], stack.output.value_of
        shares = weights[:, :, None] / weights.sum(axis=1)[:, None, None]
        mean = (y * shares).sum(1, keepdims=True).astype(y.dtype)
        return weighted_mean(value, (np.broadcast_to(mean, y.shape), y), weights)

    def maps(self, rows: Sequence[int]) -> dict[int, bytes]:
        """Return the decision maps of the trials at some rows of the stack.

        See `anncore.engine.decision_maps`. A trial has no entry if no map can be made for it.
        """
        stack, first = self._stack, self._data[0]
        if not rows or not mappable(first):
            return {}
        spans = [
            corners(stack.trials[int(np.argmax(self._group == g))], stack.registry)
            for g in range(len(self._data))
        ]
        planes = [
            (lattice(*(span or (np.zeros(2), np.ones(2)))) - data.x_shift) / data.x_scale
            for span, data in zip(spans, self._data, strict=True)
        ]
        x = np.stack(planes).astype(stack.dtype)
        output = self._scored(x, x, (), None)[0].predictions()
        maps = {}
        for row in rows:
            span = spans[self._group[row]]
            if span is not None:
                maps[row] = packed(stack.data[row], span[0], span[1], output[row])
        return maps

    def _metrics(
        self,
        name: str,
        split: tuple[Array, Outputs, Array],
        metrics: Sequence[Any],
        weights: Array | None = None,
    ) -> dict[str, Array]:
        """Return the metrics of a split: its x (G, N, D), outputs, and y (T, N, K)."""
        x, z, y = split
        columns = self._measured(name, x, [metric for metric in metrics if metric.from_network])
        metrics = [metric for metric in metrics if not metric.from_network]
        if metrics:
            output, target = z.predictions(), y
            if not self._plain:
                output, target = (values * self._scale + self._shift for values in (output, target))
            for metric in metrics:
                values = (
                    metric.score(output, target)
                    if weights is None
                    else weighted_mean(metric.score, (output, target), weights)
                )
                _refuse_out_of_bounds(metric, values)
                columns[metric_column(name, metric.name)] = values
        return columns

    def _measured(self, name: str, x: Array, metrics: Sequence[Any]) -> dict[str, Array]:
        """Return what the network itself measures on a split."""
        if not metrics:
            return {}
        stack = self._stack
        values = stack.network.measures(stack.evaluated(), x.take(self._group, axis=0))
        for metric in metrics:
            shape = np.shape(values[metric.name]) if metric.name in values else None
            if shape != (len(self._group),):
                got = "nothing" if shape is None else f"shape {shape}"
                raise ComponentError(
                    f"{type(stack.network.component).name}: measures must return {metric.name!r} with a "
                    f"number for each of {len(self._group)} trials, got {got}"
                )
            _refuse_out_of_bounds(metric, values[metric.name])
        return {metric_column(name, metric.name): values[metric.name] for metric in metrics}

    def snapshots(self, rows: Sequence[int]) -> dict[int, bytes]:
        """Return what the networks at some rows of the stack show of themselves: see `Snapshot`."""
        stack, first = self._stack, self._data[0]
        if not overrides(type(stack.network.component), AnyNetwork.snapshot):
            return {}
        shown = next(name for name in ("test", "valid", "train") if self.has(name))
        examples = spread_over(len(getattr(first, f"x_{shown}")), most_examples(first.inputs))
        x, y = (self._stacked(what, shown)[:, examples].take(self._group, axis=0) for what in "xy")
        arrays = stack.network.snapshot(stack.evaluated(), x, y)
        return {
            row: taken({name: array[row] for name, array in arrays.items()}, x[row], y[row], stack.data[row])
            for row in rows
        }

    def _forward(self, x: Array) -> Array:
        """Return the outputs' pre-activations for the data of every group, (T, N, K)."""
        weights = self._stack.evaluated()
        n = x.shape[1]
        bounds = np.linspace(0, n, -(-n // PIECE) + 1).astype(int).tolist()
        pieces = [
            self._stack.network.forward(weights, x[:, start:end].take(self._group, axis=0))[0]
            for start, end in pairwise(bounds)
        ]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=1)

    def _stacked(self, what: str, name: str) -> Array:
        """Return a split's x (G, N, D) or y (G, N, K) of every group of trials that share their data."""
        if name != "curve":
            return np.stack([getattr(data, f"{what}_{name}") for data in self._data])
        examples = spread_over(len(self._data[0].x_train), self._sample(self._data[0]))
        return np.stack(
            [
                np.concatenate([getattr(data, f"{what}_train")[examples], getattr(data, f"{what}_valid")])
                for data in self._data
            ]
        )

    def _sample(self, data: Prepared) -> int:
        """Return the number of training examples that a curve is measured on."""
        whole = len(data.x_train)
        sample = self._stack.train.eval_train == "sample" and len(data.x_valid) > 0
        return min(whole, len(data.x_valid)) if sample else whole


def _part(weights: Array | None, examples: slice) -> Array | None:
    return None if weights is None else weights[:, examples]


@cache
def _bounds(text: str) -> tuple[Interval, float, float]:
    """Return a metric's bounds, and between which numbers a score must lie."""
    bounds = Interval.parse(text)
    low, high = (
        bound + sign * SLACK * max(1, abs(bound)) for bound, sign in ((bounds.low, -1), (bounds.high, 1))
    )
    return bounds, low, high


def _refuse_out_of_bounds(metric: Any, values: Array) -> None:
    """Raise ComponentError for a score outside the metric's bounds, beyond rounding; NaN is allowed."""
    bounds, low, high = _bounds(metric.bounds)
    outside = (values < low) | (values > high)
    if outside.any():
        raise ComponentError(
            f"metric {metric.name} must lie in its bounds {bounds}, got {float(values[outside][0]):g}; mend "
            "its score or its bounds."
        )


def of_one_sign(values: Array) -> Array:
    """Return numbers in which no NaN has a sign, as that depends on how many trials share an operation."""
    return np.where(np.isnan(values), np.nan, values)


class History:
    """The values of every evaluation, by trial."""

    def __init__(self, trials: int) -> None:
        self._trials = trials
        self._steps: list[int] = []
        self._added: list[tuple[Array, dict[str, Array]]] = []  # the newest evaluations, as they came
        self._values: dict[str, Array] = {}  # those before, (evaluations, T)

    def add(self, t: int, rows: Array, columns: dict[str, Array]) -> None:
        """Note columns of the trials `rows` at step t, which nobody changes from here on."""
        self._steps.append(t)
        self._added.append((rows, columns))

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps of all evaluations so far."""
        return tuple(self._steps)

    def curves(self, trials: Sequence[int]) -> list[Series]:
        """Return all values so far of some trials, by name."""
        for name in self._added[0][1] if self._added else ():
            values = np.full((len(self._added), self._trials), np.nan)
            for own, (rows, columns) in zip(values, self._added, strict=True):
                own[rows] = columns[name]
            before = self._values.get(name)
            self._values[name] = values if before is None else np.concatenate([before, values])
        self._added.clear()
        table = np.array([values[:, trials] for values in self._values.values()])
        return series_of(tuple(self._values), of_one_sign(table).transpose(2, 0, 1))
