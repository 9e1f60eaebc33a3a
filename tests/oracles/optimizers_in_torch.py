"""Optimizers that PyTorch lacks, written in its tensors, and others' that need names or numbers of ours."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np

from anncore import counted_normal


class Written:
    """An optimizer of one parameter that PyTorch does not have, written in its tensors."""

    def __init__(self, torch: Any, parameters: Any, lr: float) -> None:
        (self._parameter,) = parameters
        self._torch, self.param_groups = torch, [{"lr": lr}]

    def step(self, closure: Any = None) -> None:
        """Make a step."""
        with self._torch.no_grad():
            self._parameter.copy_(self.moved(self._parameter.detach().clone(), self._parameter.grad.clone()))

    def moved(self, x: Any, g: Any) -> Any:
        """Return the next parameter."""
        raise NotImplementedError


class SummedAdEMAMix(Written):
    """Simplified AdEMAMix with a sum of gradients, as its authors have it."""

    def __init__(
        self, torch: Any, parameters: Any, lr: float, alpha: float, beta1: float, beta2: float
    ) -> None:
        super().__init__(torch, parameters, lr)
        self._alpha, self._beta1, self._beta2 = alpha, beta1, beta2
        self._seen: list[Any] = []

    def moved(self, x: Any, g: Any) -> Any:
        """Return the next parameter: both moments are summed anew from all gradients."""
        self._seen.append(g)
        ages = self._torch.arange(len(self._seen) - 1, -1, -1, dtype=g.dtype)
        past = self._torch.stack(self._seen)
        m = self._torch.tensordot(self._beta1**ages, past, 1)
        weights = self._beta2**ages
        v = self._torch.tensordot(weights / weights.sum(), past**2, 1)
        return x - self.param_groups[0]["lr"] * (m + self._alpha * g) / (v.sqrt() + 1e-8)


class ExactMARS(Written):
    """MARS-AdamW with both gradients of one batch: a difference at two weights."""

    def __init__(self, torch: Any, parameters: Any, lr: float, gamma: float, *, lion: bool) -> None:
        super().__init__(torch, parameters, lr)
        self._gamma, self._lion, self._t = gamma, lion, 0
        self._before = self._parameter.detach().clone()
        self._m = self._v = torch.zeros_like(self._before)

    def step(self, closure: Any = None) -> None:
        """Make a step."""
        torch, here = self._torch, self._parameter.detach().clone()
        g = self._parameter.grad.clone()
        with torch.no_grad():
            self._parameter.copy_(self._before)
        closure()
        behind = self._parameter.grad.clone()
        self._before, self._t = here, self._t + 1
        c = g + self._gamma * 0.95 / 0.05 * (g - behind)
        c = c / c.norm().clamp(min=1)
        self._m = torch.lerp(c, self._m, 0.95)
        self._v = torch.lerp(c**2, self._v, 0.99)
        lr, correction = self.param_groups[0]["lr"], (1 - 0.99**self._t) ** 0.5
        step = self._m * correction / (1 - 0.95**self._t) / (self._v.sqrt() + 1e-8)
        with torch.no_grad():
            self._parameter.copy_(here - lr * (self._m.sign() if self._lion else step))


class Damped(Written):
    """Levenberg and Marquardt on the valley: normal equations, with the derivatives of PyTorch's jacrev."""

    def __init__(self, torch: Any, parameters: Any, damping: float, *, marquardt: bool) -> None:
        super().__init__(torch, parameters, 1.0)
        self._damping, self._marquardt = damping, marquardt

    def residuals(self, x: Any) -> Any:
        """Return the terms whose squares are Rosenbrock's function."""
        return self._torch.cat([10 * (x[1:] - x[:-1] ** 2), 1 - x[:-1]])

    def moved(self, x: Any, g: Any) -> Any:
        """Return the next parameter."""
        torch = self._torch
        jacobian, r = torch.func.jacrev(self.residuals)(x), self.residuals(x)
        normal = jacobian.T @ jacobian
        scale = torch.diag(torch.diag(normal)) if self._marquardt else torch.eye(len(x), dtype=x.dtype)
        for _ in range(12):
            ahead = x - torch.linalg.solve(normal + self._damping * scale, jacobian.T @ r)
            lower = (self.residuals(ahead) ** 2).sum() < (r**2).sum()
            self._damping = min(max(self._damping * (0.1 if lower else 10), 1e-15), 1e15)
            if lower:
                return ahead
        return x


class Within:
    """An optimizer of a network whose only parameter is ours, by a name of its own."""

    def __init__(self, torch: Any, parameters: Any, name: str, make: Any) -> None:
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

    def __init__(self, torch: Any, optimizer: Any) -> None:
        self._torch, self._optimizer, self._t = torch, optimizer, 0
        self.param_groups = optimizer.param_groups

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
