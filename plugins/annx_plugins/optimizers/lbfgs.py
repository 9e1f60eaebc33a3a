"""Optimizer: lbfgs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, AskingOptimizer, Evaluate, Hyper, hookimpl, hyper

CURVED = 1e-10  # the least sᵀy of a stored pair, as in PyTorch

Line = Callable[[Array], tuple[Array, Array]]
"""From step lengths to the loss and its slope along the direction, each (T, 1, 1)."""


class LBFGSState(NamedTuple):
    """The state of L-BFGS; pairs are ordered from old to new, and 0 if there is none yet."""

    theta: Array  # the weights before the last step, (T, 1, P)
    grad: Array  # the gradient there
    s: Array  # changes of the weights, (T, history, P)
    y: Array  # changes of the gradient
    rho: Array  # 1 / sᵀy, (T, history, 1)
    scale: Array  # sᵀy / yᵀy of the newest pair, (T, 1, 1)


class End(NamedTuple):
    """One end of the interval in which the line search looks, all arrays (T, 1, 1)."""

    t: Array
    f: Array
    slope: Array


@dataclass(frozen=True)
class LBFGS(AskingOptimizer):
    """Limited-memory BFGS: steps that use the curvature along the last few steps, on the full batch.

        d = -H g by the two-loop recursion over the last `history` pairs s = θ - θ₋, y = g - g₋
        θ ← θ + t d,  t found along d from lr on (in the first step from lr min(1, 1 / ‖g‖₁))

    line_search "strong_wolfe" looks for L(θ + t d) ≤ L(θ) + c1 t gᵀd and |∇L(θ + t d)ᵀd| ≤ c2 |gᵀd| by
    cubic interpolation; "armijo" halves t until the first condition holds. Both evaluate the loss at the
    first t and at most at `evaluations` others. There is no step if all |g| ≤ tolerance_grad, if gᵀd >
    -tolerance_change, or if the search finds no better point. Pairs with sᵀy ≤ 1e-10 are left out.

    Choose it for small smooth problems without noise, with full batches: it needs no rate and far fewer
    steps. `conjugate_gradients` keeps less, `barzilai_borwein` asks for no further gradients.

    Domain: lr > 0, history and evaluations ≥ 1 whole numbers, 0 < c1 < c2 < 1, tolerances ≥ 0;
    [train] batch_size = "full".

    Liu & Nocedal, "On the limited memory BFGS method for large scale optimization", Mathematical Programming
    45 (1989), 503-528. https://doi.org/10.1007/BF01589116. Line search: Nocedal & Wright, "Numerical
    Optimization", 2nd edition, Springer 2006, algorithms 3.5 and 3.6, with the bounds and the defaults of
    PyTorch's LBFGS(line_search_fn="strong_wolfe"), which has a history of 100. One step is one of its
    iterations.
    """

    name: ClassVar[str] = "lbfgs"
    scope: ClassVar[str] = "trial"
    full_batch: ClassVar[bool] = True
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "torch": {"lr": 1.0, "history": 100, "line_search": "strong_wolfe", "c1": 1e-4, "c2": 0.9},
    }

    lr: Hyper = hyper(1.0, "(0, inf)")
    history: int = hyper(10, "int [1, inf)")
    line_search: str = hyper("strong_wolfe", ("strong_wolfe", "armijo"))
    evaluations: int = hyper(25, "int [1, inf)")
    c1: Hyper = hyper(1e-4, "(0, 1)")
    c2: Hyper = hyper(0.9, "(0, 1)")
    tolerance_grad: Hyper = hyper(1e-7, "[0, inf)")
    tolerance_change: Hyper = hyper(1e-9, "[0, inf)")

    def validate(self) -> None:
        if self.c1 >= self.c2:
            raise ValueError(f"c1 must be less than c2, got c1 = {self.c1} and c2 = {self.c2}")

    def init(self, weight: Array) -> LBFGSState:
        trials, _, size = weight.shape
        pairs = np.zeros((2, trials, self.history, size), weight.dtype)
        rho = np.zeros((trials, self.history, 1), weight.dtype)
        scale = np.ones((trials, 1, 1), weight.dtype)
        return LBFGSState(weight.copy(), np.zeros_like(weight), pairs[0], pairs[1], rho, scale)

    def step(
        self, weight: Array, grad: Array, state: LBFGSState, t: int, evaluate: Evaluate
    ) -> tuple[Array, LBFGSState]:
        state = state._replace(theta=weight.copy(), grad=grad.copy()) if t == 1 else _met(weight, grad, state)
        direction = _direction(grad, state)
        value, ahead = evaluate(weight)
        slope = _dot(ahead, direction)
        moves = (np.abs(grad).max(axis=2, keepdims=True) > self.tolerance_grad) & (
            slope <= -self.tolerance_change
        )
        if not moves.any():
            return np.zeros_like(weight), state
        direction = np.where(moves, direction, 0)
        size = np.abs(grad).sum(axis=2, keepdims=True)
        first = self.lr / np.maximum(size, 1) if t == 1 else self.lr + 0 * slope

        def line(length: Array) -> tuple[Array, Array]:
            f, g = evaluate(weight + length * direction)
            return f, _dot(g, direction)

        # Trials that are done or have failed divide by 0 while the others continue.
        with np.errstate(all="ignore"):
            start = End(0 * slope, value, slope)
            if self.line_search == "armijo":
                length = self._armijo(line, start, first, moves)
            else:
                widest = np.abs(direction).max(axis=2, keepdims=True)
                length = self._strong_wolfe(line, start, first, moves, widest)
            return np.where(moves, length * direction, 0), state

    def _armijo(self, line: Line, start: End, t: Array, seeking: Array) -> Array:
        for _ in range(self.evaluations + 1):
            f, _ = line(t)
            seeking = seeking & ~(f <= start.f + self.c1 * t * start.slope)
            if not seeking.any():
                break
            t = np.where(seeking, t / 2, t)
        return np.where(seeking, 0, t)

    def _strong_wolfe(self, line: Line, start: End, t: Array, seeking: Array, widest: Array) -> Array:
        """Return step lengths. Every trial searches by itself, and trials that are done wait.

        At first (`seeking`) steps grow until two of them enclose a minimum; `low` is the last one. Then
        (`closing`) the interval shrinks; `low` is always its better end, and the result.
        """
        low = high = start
        closing = np.zeros_like(seeking)
        timid = np.zeros_like(seeking)  # whether the last step length was close to an end of the interval
        for count in range(self.evaluations + 1):
            new = End(t, *line(t))
            # Written so that NaN counts as too high.
            rises = ~(new.f <= start.f + self.c1 * t * start.slope)
            flat = np.abs(new.slope) <= -self.c2 * start.slope
            worse = rises | ~(new.f < low.f)
            inside = closing & ~worse
            around = inside & (new.slope * (high.t - low.t) >= 0)
            # What has been seeking:
            last = count == self.evaluations
            enclosed = seeking & (rises | (worse & (count > 1)) | last)
            arrived = (seeking & ~enclosed | inside) & flat
            enclosed |= seeking & ~arrived & (new.slope >= 0)
            grows = seeking & ~enclosed & ~arrived
            longer = _cubic(low, new, t + 0.01 * (t - low.t), 10 * t)
            # The new ends:
            before = _chosen(seeking & last, start, low)
            low_is_new = (enclosed & (new.f < before.f)) | arrived | inside | grows
            high_is_new = (enclosed & ~low_is_new) | (closing & worse)
            high = _chosen(
                high_is_new, new, _chosen((enclosed & low_is_new) | (around & ~arrived), before, high)
            )
            low = _chosen(low_is_new, new, before)
            swap = closing & worse & (high.f < low.f)
            low, high = _chosen(swap, high, low), _chosen(swap, low, high)
            seeking = grows
            closing = (closing | enclosed) & ~arrived
            closing &= ~(np.abs(high.t - low.t) * widest < self.tolerance_change)
            if last or not (seeking | closing).any():
                break
            shorter, timid = _inside(low, high, timid & ~enclosed)
            t = np.where(seeking, longer, np.where(closing, shorter, low.t))
        return low.t


def _dot(one: Array, other: Array) -> Array:
    return (one * other).sum(axis=2, keepdims=True)


def _met(weight: Array, grad: Array, state: LBFGSState) -> LBFGSState:
    """Return the state with the newest pair added, if the loss curves upwards along it."""
    s, y = weight - state.theta, grad - state.grad
    product = _dot(s, y)
    curved = product > CURVED
    product = np.where(curved, product, 1)
    square = np.where(curved, _dot(y, y), 1)

    def pushed(old: Array, new: Array) -> Array:
        return np.where(curved, np.concatenate([old[:, 1:], new], axis=1), old)

    return LBFGSState(
        weight.copy(),
        grad.copy(),
        pushed(state.s, s),
        pushed(state.y, y),
        pushed(state.rho, 1 / product),
        np.where(curved, product / square, state.scale),
    )


def _direction(grad: Array, state: LBFGSState) -> Array:
    """Return -H g by the two-loop recursion; missing pairs are 0 and have no effect."""
    pairs = [
        (state.s[:, i : i + 1], state.y[:, i : i + 1], state.rho[:, i : i + 1])
        for i in range(state.s.shape[1])
    ]
    d, alphas = -grad, []
    for s, y, rho in reversed(pairs):
        alphas.append(rho * _dot(s, d))
        d = d - alphas[-1] * y
    d = state.scale * d
    for (s, y, rho), alpha in zip(pairs, reversed(alphas), strict=True):
        d = d + (alpha - rho * _dot(y, d)) * s
    return d


def _chosen(where: Array, one: End, other: End) -> End:
    return End(*(np.where(where, a, b) for a, b in zip(one, other, strict=True)))


def _cubic(one: End, other: End, least: Array, most: Array) -> Array:
    """Return the minimum of the cubic through two ends, within bounds; the middle if it has none."""
    left, right = _chosen(one.t <= other.t, one, other), _chosen(one.t <= other.t, other, one)
    middle = left.slope + right.slope - 3 * (left.f - right.f) / (left.t - right.t)
    square = middle * middle - left.slope * right.slope
    root = np.sqrt(np.maximum(square, 0))
    share = (right.slope + root - middle) / (right.slope - left.slope + 2 * root)
    t = right.t - (right.t - left.t) * share
    valid = (square >= 0) & np.isfinite(t)
    return np.where(valid, np.minimum(np.maximum(t, least), most), (least + most) / 2)


def _inside(low: End, high: End, timid: Array) -> tuple[Array, Array]:
    """Return the next length to try, and whether it is close to an end; not twice in a row, nor at one."""
    least, most = np.minimum(low.t, high.t), np.maximum(low.t, high.t)
    t = _cubic(low, high, least, most)
    margin = 0.1 * (most - least)
    close = np.minimum(most - t, t - least) < margin
    moved = close & (timid | (t >= most) | (t <= least))
    inner = np.where(np.abs(t - most) < np.abs(t - least), most - margin, least + margin)
    return np.where(moved, inner, t), close & ~moved


@hookimpl
def annx_optimizers() -> list[type[AskingOptimizer]]:
    return [LBFGS]
