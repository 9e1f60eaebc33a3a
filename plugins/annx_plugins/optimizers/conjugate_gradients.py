"""Optimizer: conjugate_gradients."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from anncore import Array, AskingOptimizer, Evaluate, Hyper, hookimpl, hyper


class ConjugateGradientsState(NamedTuple):
    """The state of the method of conjugate gradients."""

    grad: Array  # the gradient of the step before, (T, 1, P)
    d: Array  # its direction; 0 starts afresh


@dataclass(frozen=True)
class ConjugateGradients(AskingOptimizer):
    """Descent along directions that do not undo each other, on the full batch: nonlinear conjugate gradients.

        d ← -g + β d                                    d = -g at first, and where gᵀd ≥ 0
        β = max(gᵀ(g - g₋) / g₋ᵀg₋, 0)                  form "polak_ribiere"
        β = gᵀg / g₋ᵀg₋                                 form "fletcher_reeves"
        κ = dᵀ(∇L(θ + e d) - g) / e,  e = probe max(1, ‖θ‖) / ‖d‖
        θ ← θ + t d,  t = -gᵀd / κ, but longest / ‖d‖ where κ ≤ 0 or t would be longer

    κ is the curvature along d. t is halved until L(θ + t d) ≤ L(θ) + c1 t gᵀd, at most `halvings` times; then
    there is no step, and the next one starts afresh. On a quadratic of n numbers it is the linear method and
    arrives in n steps. Choose it where gradients are exact and memory is short: it keeps two arrays, `lbfgs`
    twenty or more, which needs fewer steps as a rule; `barzilai_borwein` does without a search.

    Domain: probe > 0, longest > 0, 0 < c1 < 1, halvings ≥ 0; [train] batch_size = "full".

    Hestenes & Stiefel, "Methods of Conjugate Gradients for Solving Linear Systems", Journal of Research of
    the National Bureau of Standards 49 (1952), 409-436. https://doi.org/10.6028/jres.049.044. Nonlinear:
    Nocedal & Wright, "Numerical Optimization", 2nd edition, Springer 2006, section 5.2, equations 5.41 and
    5.45. There a line search finds t; here it is Newton's step along d, by a difference of gradients.
    """

    name: ClassVar[str] = "conjugate_gradients"
    scope: ClassVar[str] = "trial"
    full_batch: ClassVar[bool] = True

    form: str = hyper("polak_ribiere", ("polak_ribiere", "fletcher_reeves"))
    probe: Hyper = hyper(1e-3, "(0, inf)")
    longest: Hyper = hyper(1.0, "(0, inf)")
    c1: Hyper = hyper(1e-4, "(0, 1)")
    halvings: int = hyper(20, "int [0, inf)")

    def init(self, weight: Array) -> ConjugateGradientsState:
        return ConjugateGradientsState(np.zeros_like(weight), np.zeros_like(weight))

    def step(
        self, weight: Array, grad: Array, state: ConjugateGradientsState, t: int, evaluate: Evaluate
    ) -> tuple[Array, ConjugateGradientsState]:
        d = self._direction(grad, state)
        slope, size = _dot(grad, d), np.sqrt(_dot(d, d))
        moves = slope < 0
        unit = np.where(moves, size, 1)
        start = evaluate(weight)[0] + 0  # a copy, in case the next loss overwrites it
        e = self.probe * np.maximum(np.sqrt(_dot(weight, weight)), 1) / unit
        curvature = _dot(d, evaluate(weight + e * d)[1] - grad) / e
        cap = self.longest / unit
        curved = curvature * cap > -slope
        length = np.where(curved, -slope / np.where(curved, curvature, 1), cap)
        seeking = moves
        for _ in range(self.halvings + 1):
            # Written so that NaN counts as too high.
            seeking = seeking & ~(evaluate(weight + length * d)[0] <= start + self.c1 * length * slope)
            if not seeking.any():
                break
            length = np.where(seeking, length / 2, length)
        done = moves & ~seeking
        change = np.where(done, length * d, 0)
        return change, ConjugateGradientsState(grad + 0, np.where(done, d, 0))

    def _direction(self, grad: Array, state: ConjugateGradientsState) -> Array:
        """Return d; it is -g where there is no direction before, or the new one would not go down."""
        before = _dot(state.grad, state.grad)
        along = _dot(grad, grad - state.grad) if self.form == "polak_ribiere" else _dot(grad, grad)
        beta = np.maximum(along / np.where(before > 0, before, 1), 0)
        d = beta * state.d - grad
        return np.where(_dot(grad, d) < 0, d, -grad)


def _dot(one: Array, other: Array) -> Array:
    return (one * other).sum(axis=2, keepdims=True)


@hookimpl
def annx_optimizers() -> list[type[AskingOptimizer]]:
    return [ConjugateGradients]
