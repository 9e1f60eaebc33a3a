"""Optimizer: levenberg_marquardt."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from anncore import Array, CurvatureOptimizer, Evaluation, Hyper, hookimpl, hyper, log

LEAST, MOST = 1e-15, 1e15  # of the damping: beyond, it says no more in the digits of a float64


class LevenbergMarquardtState(NamedTuple):
    """The state of the method of Levenberg and Marquardt."""

    damping: Array  # λ, (T, 1, 1)


@dataclass(frozen=True)
class LevenbergMarquardt(CurvatureOptimizer):
    """Least squares by linear models of the residuals, with damped steps, on the full batch.

        L(θ) = Σ r(θ)² and a constant,  J = ∂r/∂θ
        θ ← θ - (JᵀJ + λ D²)⁻¹ Jᵀr
        λ ← λ decrease if L falls, else λ ← λ increase and another try, `attempts` at most

    D is 1 with scaling "identity" (Levenberg), or has the lengths of J's columns with "columns" (Marquardt;
    1 for a column of zeros): then the steps do not depend on the units of the weights. With a small λ it is
    the method of Gauss and Newton, with a large one a short step down the gradient. λ stays between 1e-15
    and 1e15.

    Choose it for small networks and fits with a squared error: near a minimum with small residuals it
    converges like Newton's method, in tens of steps. `lbfgs` does for any smooth loss; a step there costs a
    few gradients, here one for every output of every example and a decomposition of J, so hundreds of weights
    and of examples are many.

    Domain: damping > 0, 0 < decrease < 1 < increase, attempts ≥ 1; a loss or an objective that is a sum of
    squares (`mse`, `rosenbrock`); [train] batch_size = "full".

    Levenberg, "A Method for the Solution of Certain Non-Linear Problems in Least Squares", Quarterly of
    Applied Mathematics 2 (1944), 164-168. https://doi.org/10.1090/qam/10666. Marquardt, "An Algorithm for
    Least-Squares Estimation of Nonlinear Parameters", Journal of SIAM 11 (1963), 431-441.
    https://doi.org/10.1137/0111030. On networks: Hagan & Menhaj, "Training Feedforward Networks with the
    Marquardt Algorithm", IEEE Transactions on Neural Networks 5 (1994), 989-993.
    https://doi.org/10.1109/72.329697, whose factors are the defaults. Here J is that of a mean of squares,
    not of a sum, so a λ of theirs is N times as large.
    """

    name: ClassVar[str] = "levenberg_marquardt"
    scope: ClassVar[str] = "trial"
    full_batch: ClassVar[bool] = True
    needs: ClassVar[str] = "residuals"

    damping: Hyper = hyper(1e-3, "(0, inf)", search=log(1e-5, 1.0))
    decrease: Hyper = hyper(0.1, "(0, 1)")
    increase: Hyper = hyper(10.0, "(1, inf)")
    scaling: str = hyper("identity", ("identity", "columns"))
    attempts: int = hyper(12, "int [1, inf)")

    def init(self, weight: Array) -> LevenbergMarquardtState:
        first = np.ones((len(weight), 1, 1), weight.dtype)
        return LevenbergMarquardtState(first * np.asarray(self.damping, weight.dtype))

    def step(
        self, weight: Array, grad: Array, state: LevenbergMarquardtState, t: int, evaluate: Evaluation
    ) -> tuple[Array, LevenbergMarquardtState]:
        residuals, slopes = evaluate.residuals(weight)
        start = evaluate(weight)[0] + 0  # a copy, in case the next loss overwrites it
        finite = np.isfinite(slopes).all(axis=(1, 2), keepdims=True)
        slopes = np.where(finite, slopes, 0)  # the decomposition of a trial with NaN would end those of all
        scales = np.ones_like(weight)
        if self.scaling == "columns":
            lengths = np.sqrt((slopes * slopes).sum(axis=1, keepdims=True))
            scales = np.where(lengths > 0, lengths, 1)
        # With J = U S Vᵀ every λ costs two products, and JᵀJ, which squares the condition, is never formed.
        u, s, v = np.linalg.svd(slopes / scales, full_matrices=False)
        s, along = s[:, None, :], np.matmul(residuals, u)
        damping, change, seeking = state.damping, np.zeros_like(weight), finite
        for _ in range(self.attempts):
            step = -np.matmul(along * (s / (s * s + damping)), v) / scales
            falls = seeking & (evaluate(weight + np.where(seeking, step, 0))[0] < start)
            change = np.where(falls, step, change)
            rate = np.where(falls, self.decrease, np.where(seeking, self.increase, 1)).astype(weight.dtype)
            damping = np.clip(damping * rate, LEAST, MOST)
            seeking = seeking & ~falls
            if not seeking.any():
                break
        return change, LevenbergMarquardtState(damping)


@hookimpl
def annx_optimizers() -> list[type[CurvatureOptimizer]]:
    return [LevenbergMarquardt]
