"""What makes a library's optimizer comparable: it is looked at elsewhere, or gets our numbers for its own."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
from oracles.optimizers.sides import PROBLEMS

from anncore import counted_normal, counted_signs


class Around:
    """An optimizer, what is done to the parameters before its steps and after them, and where to look."""

    def __init__(self, optimizer: Any, before: Any = None, after: Any = None, at: Any = None) -> None:
        self.param_groups, self._optimizer = optimizer.param_groups, optimizer
        self._before, self._after = before, after
        if at is not None:
            self.at = at

    def step(self, *closure: Any) -> None:
        """Make a step."""
        if self._before is not None:
            self._before()
        self._optimizer.step(*closure)
        if self._after is not None:
            self._after()


def behind(optimizer: Any, p: Any) -> Any:
    """Return Nesterov's momentum, looked at where the paper's θ is: before the step of the momentum."""

    def at() -> Any:
        (group,) = optimizer.param_groups
        return p[0] + group["lr"] * group["momentum"] * optimizer.state[p[0]]["momentum_buffer"]

    return Around(optimizer, at=at)


def mean_of(optimizer: Any, p: Any) -> Any:
    """Return PyTorch's averaged gradient descent, looked at where the average is."""
    return Around(optimizer, at=lambda: optimizer.state[p[0]]["ax"])


def slow(optimizer: Any, p: Any) -> Any:
    """Return a lookahead, looked at where its slow weights are."""
    return Around(optimizer, at=lambda: optimizer.state[p[0]]["slow_params"])


def free(optimizer: Any, p: Any) -> Any:
    """Return a schedule-free optimizer, looked at where it is to be evaluated."""

    def at() -> Any:
        optimizer.eval()
        weight = p[0].detach().clone()
        optimizer.train()
        return weight

    return Around(optimizer, at=at)


class Free:
    """A schedule-free optimizer, looked at where it is to be evaluated."""

    def __init__(self, optax: Any, optimizer: Any) -> None:
        self._optax = optax
        self.init, self.update = optimizer.init, optimizer.update

    def at(self, theta: Any, state: Any) -> Any:
        """Return the average."""
        return self._optax.contrib.schedule_free_eval_params(state, theta)


class Slow:
    """A lookahead, looked at where its slow weights are."""

    def __init__(self, optax: Any, optimizer: Any) -> None:
        self._optax, self._optimizer = optax, optimizer

    def init(self, theta: Any) -> Any:
        """Return the first state."""
        pair = self._optax.LookaheadParams.init_synced(theta)
        return self._optimizer.init(pair), pair.slow

    def update(self, grad: Any, state: Any, theta: Any) -> Any:
        """Return the change and the next state."""
        pair = self._optax.LookaheadParams(theta, state[1])
        changes, inner = self._optimizer.update(grad, state[0], pair)
        return changes.fast, (inner, state[1] + changes.slow)

    def at(self, theta: Any, state: Any) -> Any:
        """Return the slow weights."""
        return state[1]


class Averaged:
    """An optimizer, looked at where the average of its weights is."""

    def __init__(self, optimizer: Any, mean: Any) -> None:
        self._optimizer, self._mean = optimizer, mean

    def init(self, theta: Any) -> Any:
        """Return the first state."""
        return self._optimizer.init(theta), self._mean.init(theta), theta

    def update(self, grad: Any, state: Any, theta: Any) -> Any:
        """Return the change and the next state."""
        change, inner = self._optimizer.update(grad, state[0], theta)
        mean, kept = self._mean.update(theta + change, state[1])
        return change, (inner, kept, mean)

    def at(self, theta: Any, state: Any) -> Any:
        """Return the average."""
        return state[2]


def averaged(t: Any, p: Any, optimizer: Any) -> Any:
    """Return an optimizer with PyTorch's exponential moving average of its weights."""
    model = t.nn.Module()
    model.theta = t.nn.Parameter(p[0].detach())  # the same memory
    mean = t.optim.swa_utils.AveragedModel(model, multi_avg_fn=t.optim.swa_utils.get_ema_multi_avg_fn())
    return Around(optimizer, after=lambda: mean.update_parameters(model), at=lambda: mean.module.theta)


def swa(t: Any, p: Any, optimizer: Any, start: int = 1, every: int = 1) -> Any:
    """Return an optimizer with PyTorch's equal average of its weights, taken after some of the steps."""
    model = t.nn.Module()
    model.theta = t.nn.Parameter(p[0].detach())  # the same memory
    mean, steps = t.optim.swa_utils.AveragedModel(model), []

    def after() -> None:
        steps.append(len(steps) + 1)
        if steps[-1] >= start and (steps[-1] - start) % every == 0:
            mean.update_parameters(model)

    return Around(optimizer, after=after, at=lambda: mean.module.theta if len(steps) >= start else p[0])


class Within:
    """An optimizer of a network whose only parameter is ours, by a name of its own."""

    def __init__(self, parameters: Any, name: str, make: Any) -> None:
        import torch

        (self._parameter,) = parameters
        model = torch.nn.Module()
        model.register_module(name, torch.nn.Module())
        inner = getattr(model, name)
        inner.weight = torch.nn.Parameter(self._parameter.detach())  # the same memory
        self._inner, self._optimizer = inner, make(model)
        self.param_groups = self._optimizer.param_groups

    def step(self, closure: Any = None) -> None:
        """Make a step."""
        self._inner.weight.grad = self._parameter.grad.clone()
        self._optimizer.step()


class Preconditioned:
    """pytorch-optimizer's Kron, which gets our normal numbers in place of its own."""

    def __init__(self, make: Any) -> None:
        import torch

        self._torch, self._optimizer, self._t = torch, make(torch), 0
        self.param_groups = self._optimizer.param_groups

    def step(self, closure: Any = None) -> None:
        """Make a step."""
        self._t += 1
        with self._numbers():
            self._optimizer.step()

    @contextmanager
    def _numbers(self) -> Iterator[None]:
        seeds = np.full((1, 1, 1), zlib.crc32(b"W"), np.uint64)

        def noise(like: Any, **options: Any) -> Any:
            ours = counted_normal(seeds, self._t, np.zeros((1, *like.shape[::-1])))[0]
            return self._torch.tensor(ours.T.copy())

        with patch.object(self._torch, "randn_like", noise):
            yield


class Noisy:
    """An optimizer that gets our normal numbers in place of its own."""

    def __init__(self, optax: Any, optimizer: Any) -> None:
        self._optax, self._optimizer, self._t = optax, optimizer, 0
        self.init = optimizer.init

    def update(self, grad: Any, state: Any, theta: Any) -> Any:
        """Return the change and the next state."""
        self._t += 1
        seeds = np.zeros((1, 1, 1), np.uint64)
        noise = counted_normal(seeds, self._t, np.asarray(theta)[None])[0]
        with patch.object(self._optax.tree, "random_like", lambda *args, **options: noise):
            return self._optimizer.update(grad, state, theta)


class Valued:
    """An optimizer that is told the value of a function, and the function; it gets our random signs."""

    def __init__(self, optax: Any, optimizer: Any, problem: str) -> None:
        self._optax, self._optimizer, self._t = optax, optimizer, 0
        self._problem, self.init = PROBLEMS[problem], optimizer.init

    def update(self, grad: Any, state: Any, theta: Any) -> Any:
        """Return the change and the next state."""
        import jax

        self._t += 1
        signs = counted_signs(np.zeros((1, 1, 1), np.uint64), self._t, np.asarray(theta).reshape(1, 1, -1))
        signs = signs.reshape(theta.shape)

        def function(at: Any) -> Any:
            return self._problem(at, grad).sum()

        value, slope = jax.value_and_grad(function)(theta)
        with patch.object(self._optax.tree, "random_like", lambda *args, **options: signs):
            return self._optimizer.update(slope, state, theta, value=value, obj_fn=function)
