"""What asking optimizers ask of networks on the batch of a step, and what answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.kinds import Array, Draws
from anncore.contract.streams import counted_normal, counted_uniform

TARGETS = "targets"  # the name of the stream that drawn targets come from


class Place(NamedTuple):
    """Where the weights of one optimizer lie in those of a stack, (T, P), and in which turn of a step."""

    rows: slice
    columns: Any
    turn: int | None


class SeededDraws:
    """See `anncore.contract.kinds.Draws`: numbers determined by each trial's seed and the step."""

    def __init__(self, seeds: Array, t: int) -> None:
        self._seeds, self._t = seeds, t

    def uniform(self, like: Array) -> Array:
        """Return numbers in [0, 1), shaped as `like`."""
        return counted_uniform(self._seeds, self._t, like)

    def normal(self, like: Array) -> Array:
        """Return numbers from N(0, 1), shaped as `like`."""
        return counted_normal(self._seeds, self._t, like)


class Asked:
    """Answers for the trials of one optimizer: see `anncore.contract.kinds.Evaluation`.

    theta: all numbers of the stack, (T, P), to be written to; weights: the same memory by name, with the
    network's state; gradients: a buffer of the same layout.
    """

    def __init__(
        self, stack: Any, theta: Array, weights: Mapping[str, Array], gradients: Any, place: Place
    ) -> None:
        self._stack, self._theta, self._weights, self._place = stack, theta, weights, place
        self._gradients = gradients
        self._x, self._y = stack.batch

    def __call__(self, weight: Array, /) -> tuple[Array, Array]:
        """Return loss and gradient."""
        stack, network = self._stack, self._stack.network
        self._put(weight)
        if network.learns:
            z, _ = network.forward(self._weights, self._x)
            into, turn = self._gradients.views, self._place.turn
            network.learn(stack.apart(self._weights), self._x, self._y, into, now=stack.now, turn=turn)
        else:
            z, tape = self._forward()
            self._backward(tape, stack.loss_grad(z, self._y))
        value = stack.loss(z, self._y)[self._place.rows].astype(self._theta.dtype)
        return value[:, None, None], self._gradient()

    def residuals(self, weight: Array) -> tuple[Array, Array]:
        """Return the residuals of all outputs, and their derivatives, one pass for each."""
        self._put(weight)
        z, _ = self._forward()
        share = self._share(z)
        rows = self._place.rows
        values = (self._stack.output.residuals(z, self._y) * share)[rows]
        trials, size = len(values), self._theta[:, self._place.columns].shape[1]
        slopes = np.empty((trials, values[0].size, size), self._theta.dtype)
        for m, grad in enumerate(self._output_grads(z, share)):
            _, tape = self._forward()  # gradients may write over what a pass leaves for them
            self._backward(tape, grad)
            slopes[:, m] = self._gradient()[:, 0]
        return values.reshape(trials, 1, -1), slopes

    def sampled_gradient(self, weight: Array) -> Array:
        """Return √n times the gradient for drawn targets."""
        stack = self._stack
        self._put(weight)
        z, tape = self._forward()
        drawn = stack.output.draw(z, self._draws)
        grad = stack.output.grad(z, drawn) * np.sqrt(stack.output.observations(z))
        if stack.batches.weights is not None:
            grad = grad * np.sqrt(stack.batches.weights)  # whose square then is that of its example
        self._backward(tape, grad)
        return self._gradient()

    def _put(self, weight: Array) -> None:
        self._theta[self._place.rows, self._place.columns] = weight[:, 0, :]

    def _forward(self) -> tuple[Array, Any]:
        z, tape = self._stack.network.forward(self._weights, self._x, training=True, first=False)
        return z, tape

    def _backward(self, tape: Any, grad: Array) -> None:
        self._stack.network.backward(self._weights, tape, grad, self._gradients.views)

    def _gradient(self) -> Array:
        """Return what the last pass has written, (T, 1, P)."""
        gradient: Array = self._gradients.all[self._place.rows, self._place.columns][:, None, :].copy()
        return gradient

    def _share(self, z: Array) -> Any:
        """Return the factor on each example's residuals: the loss is a mean, weighted or not."""
        weights = self._stack.batches.weights
        count = np.asarray(z.shape[1], z.dtype)
        return 1 / np.sqrt(count) if weights is None else np.sqrt(weights / count)

    def _output_grads(self, z: Array, share: Any) -> Iterator[Array]:
        """Yield ∂r/∂z, (T, N, K), of every residual r: example by example, output by output."""
        by_output = []
        for k in range(z.shape[2]):
            one = np.zeros_like(z)
            one[:, :, k] = 1
            by_output.append(self._stack.output.residual_grad(z, self._y, one) * share)
        for n in range(z.shape[1]):
            for grad in by_output:
                alone = np.zeros_like(z)
                alone[:, n] = grad[:, n]
                yield alone

    def _draws(self, trials: slice) -> Draws:
        return SeededDraws(self._stack.seeds(TARGETS)[trials], self._stack.now[0])
