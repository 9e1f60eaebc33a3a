"""Optimizers that PyTorch does not have, written in its tensors from their papers."""

from __future__ import annotations

from typing import Any


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


class Extragradient:
    """PyTorch's gradient descent, back at where it was after it has looked ahead."""

    def __init__(self, torch: Any, parameters: Any, lr: float) -> None:
        self._sgd = torch.optim.SGD(parameters, lr=lr)
        self.param_groups = self._sgd.param_groups
        self._no_grad = torch.no_grad

    def step(self, closure: Any) -> None:
        """Make a step by the gradient at the next place."""
        parameters = self.param_groups[0]["params"]
        before = [parameter.detach().clone() for parameter in parameters]
        self._sgd.step()
        closure()
        with self._no_grad():
            for parameter, place in zip(parameters, before, strict=True):
                parameter.copy_(place)
        self._sgd.step()


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


class ConjugateGradients(Written):
    """Nocedal & Wright (2006), equations 5.41 and 5.45, with Newton's step along the direction, halved."""

    def __init__(self, torch: Any, parameters: Any, form: str) -> None:
        super().__init__(torch, parameters, 1.0)
        self._form, self._seen = form, []

    def step(self, closure: Any) -> None:
        """Make a step."""
        torch, start = self._torch, self._parameter.detach().clone()

        def evaluated(at: Any) -> tuple[float, Any]:
            with torch.no_grad():
                self._parameter.copy_(at)
            value = closure().item()
            return value, self._parameter.grad.clone()

        value, g = evaluated(start)
        d = -g
        if self._seen:
            before, direction = self._seen[-1]
            top = g @ g if self._form == "fletcher_reeves" else (g @ (g - before)).clamp(min=0)
            d = -g + top / (before @ before) * direction
            d = d if g @ d < 0 else -g
        e = 1e-3 * max(1.0, start.norm().item()) / d.norm()
        curvature = (d @ (evaluated(start + e * d)[1] - g)) / e
        t = min(-(g @ d) / curvature, 1 / d.norm()) if curvature > 0 else 1 / d.norm()
        while evaluated(start + t * d)[0] > value + 1e-4 * t * (g @ d):
            t = t / 2
        self._seen.append((g, d))


class BarzilaiBorwein(Written):
    """Barzilai & Borwein (1988), equations 5 and 6; the last rate where the function curves downwards."""

    def __init__(self, torch: Any, parameters: Any, first: float, form: str) -> None:
        super().__init__(torch, parameters, 1.0)
        self._rate, self._form, self._seen = first, form, []

    def moved(self, x: Any, g: Any) -> Any:
        """Return the next parameter."""
        if self._seen:
            before, slope = self._seen[-1]
            dot = self._torch.vdot
            s, y = (x - before).flatten(), (g - slope).flatten()
            even = len(self._seen) % 2 == 1
            if dot(s, y) > 0 and (self._form == "long" or (self._form == "alternate" and even)):
                self._rate = (dot(s, s) / dot(s, y)).item()
            elif dot(s, y) > 0:
                self._rate = (dot(s, y) / dot(y, y)).item()
        self._seen.append((x, g))
        return x - self._rate * g


class FISTA(Written):
    """Beck & Teboulle (2009), with a constant step size."""

    def __init__(self, torch: Any, parameters: Any, lr: float, strength: float, *, fast: bool) -> None:
        super().__init__(torch, parameters, lr)
        self._strength, self._fast, self._s = strength, fast, 1.0
        self._x = self._parameter.detach().clone()

    def moved(self, x: Any, g: Any) -> Any:
        """Return the next parameter."""
        lr, before = self.param_groups[0]["lr"], self._x
        self._x = self._torch.nn.functional.softshrink(x - lr * g, lr * self._strength)
        s = (1 + (1 + 4 * self._s**2) ** 0.5) / 2
        ahead = (self._s - 1) / s if self._fast else 0.0
        self._s = s
        return self._x + ahead * (self._x - before)

    def at(self) -> Any:
        """Return where it is evaluated."""
        return self._x
