"""The end of a network: output activation and loss, in their joint form if the pair has one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.derivatives import pullback
from anncore.contract.errors import ComponentError
from anncore.contract.kinds import Array, Draws
from anncore.contract.registry import Registry
from anncore.contract.trial import Trial
from anncore.engine.activations import needs_place
from anncore.engine.build import build_stack, runs_of_equal, structure
from anncore.engine.fusing import Formula
from anncore.engine.network import OUTPUT


class Pair(NamedTuple):
    """Output activation and loss of some trials."""

    loss: Any
    activation: Any
    link: str  # the activation's name where the pair has a joint form, else ""
    trials: slice
    grad: Formula  # of the loss, from z where there is a link, else from the predictions


class OutputAndLoss:
    """Turns pre-activations z (T, N, K) into predictions, losses (T,) and gradients (T, N, K)."""

    def __init__(self, trials: Sequence[Trial], registry: Registry, dtype: str) -> None:
        self._pairs: list[Pair] = []
        for _, members, rows in runs_of_equal(trials, lambda trial: output_structure(trial, registry)):
            losses = [trial.parts["loss"] for trial in members]
            outputs = [trial.parts["network"].refs[OUTPUT][0] for trial in members]
            for output in outputs:
                _refuse_place(registry.get("activation", output.name).cls)
            loss, link = build_stack(losses, registry, dtype), _link(members[0], registry)
            self._pairs.append(
                Pair(
                    loss,
                    build_stack(outputs, registry, dtype),
                    link,
                    rows,
                    Formula("grad_from_logits", loss, link) if link else Formula("grad", loss),
                )
            )

    @property
    def pairs(self) -> Sequence[Pair]:
        """Output activation and loss, for each run of trials that share them."""
        return self._pairs

    def predict(self, z: Array) -> Array:
        """Return the predictions: the loss's `predict` of the output activation of z."""
        return _joined([_predicted(pair, pair.activation.forward(z[pair.trials])) for pair in self._pairs])

    def value(self, z: Array, target: Array) -> Array:
        """Return each trial's mean loss, (T,)."""
        return _joined([_value(pair, z[pair.trials], target[pair.trials]) for pair in self._pairs])

    def grad(self, z: Array, target: Array) -> Array:
        """Return ∂loss/∂z."""
        if len(self._pairs) == 1:
            return _grad(self._pairs[0], z, target)
        return _joined([_grad(pair, z[pair.trials], target[pair.trials]) for pair in self._pairs])

    def residuals(self, z: Array, target: Array) -> Array:
        """Return the residuals of the loss, shaped as z; ComponentError for a loss that gives none."""
        return _joined([_residuals(pair, z[pair.trials], target[pair.trials]) for pair in self._pairs])

    def residual_grad(self, z: Array, target: Array, grad: Array) -> Array:
        """Return ∂L/∂z, from grad = ∂L/∂(residuals), both shaped as z."""
        return _joined(
            [
                _residual_grad(pair, z[pair.trials], target[pair.trials], grad[pair.trials])
                for pair in self._pairs
            ]
        )

    def draw(self, z: Array, draws: Callable[[slice], Draws]) -> Array:
        """Return targets drawn from what z predicts; ComponentError for a loss that is no likelihood.

        draws: returns the random numbers of some of the trials.
        """
        return _joined(
            [
                pair.loss.draw(pair.activation.forward(z[pair.trials]), draws(pair.trials))
                for pair in self._pairs
            ]
        )

    def observations(self, z: Array) -> Array:
        """Return how many observations, of which a loss is a likelihood, each trial has, (T, 1, 1)."""
        counts = np.empty((len(z), 1, 1), z.dtype)
        for pair in self._pairs:
            several = pair.loss.likelihood == "output"
            width = z.shape[2] // pair.loss.outputs_per_target
            counts[pair.trials] = z.shape[1] * (width if several else 1)
        return counts

    def value_of(self, output: Array, target: Array) -> Array:
        """Return each trial's mean loss of given predictions, (T,)."""
        return _joined([pair.loss.value(output[pair.trials], target[pair.trials]) for pair in self._pairs])


def _residuals(pair: Pair, z: Array, target: Array) -> Any:
    return pair.loss.residuals(pair.activation.forward(z), target)


def _residual_grad(pair: Pair, z: Array, target: Array, grad: Array) -> Any:
    output = pair.activation.forward(z)
    [slope] = pullback(pair.loss, _formula_of_residuals, [output, target], name="residuals", grad=grad)
    return pair.activation.backward(slope, z, output)


def _formula_of_residuals(loss: Any, output: Array, target: Array) -> Any:
    return loss.residuals(output, target)


def output_structure(trial: Trial, registry: Registry) -> str:
    """Return what must be equal for two trials to share one output activation and loss."""
    output = trial.parts["network"].refs[OUTPUT][0]
    return structure(trial.parts["loss"], registry) + structure(output, registry)


def _link(trial: Trial, registry: Registry) -> str:
    """Return the output activation's name if the loss has a joint form with that very component, else ""."""
    loss = registry.get("loss", trial.parts["loss"].name).cls
    output = registry.get("activation", trial.parts["network"].refs[OUTPUT][0].name)
    if output.name not in loss.joint:
        return ""
    # Another package's activation of the same short name may be another function.
    return output.name if registry.get("activation", output.name) is output else ""


def _refuse_place(activation: Any) -> None:
    if needs_place(activation):
        raise ComponentError(
            f"{activation.name} cannot be the output activation: it learns, draws or gates, which needs a "
            "place inside the network"
        )


def _value(pair: Pair, z: Array, target: Array) -> Any:
    if pair.link:
        return pair.loss.value_from_logits(z, target, pair.link)
    return pair.loss.value(pair.activation.forward(z), target)


def _predicted(pair: Pair, output: Array) -> Any:
    return pair.loss.predict(output)


def outputs_per_target(trial: Trial, registry: Registry) -> int:
    """Return the number of output units that a trial's loss needs for each target."""
    return int(registry.get("loss", trial.parts["loss"].name).cls.outputs_per_target)


def _grad(pair: Pair, z: Array, target: Array) -> Any:
    if pair.link:
        return pair.grad(z, target)
    output = pair.activation.forward(z)
    return pair.activation.backward(pair.grad(output, target), z, output)


def _joined(pieces: list[Any]) -> Array:
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
