"""The derivatives of scipy.special's functions (Abramowitz & Stegun, chapters 6, 7, 9)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from anncore.contract.derivatives.cotangents import masked_out, negated, over, times

ROOT = 1 / math.sqrt(2 * math.pi)

RULES: dict[Any, tuple[Any, ...]] = {
    special.erf: (lambda g, out, x: times(g, 2 / math.sqrt(math.pi) * np.exp(-(x * x))),),
    special.erfc: (lambda g, out, x: times(g, -2 / math.sqrt(math.pi) * np.exp(-(x * x))),),
    special.erfcx: (lambda g, out, x: times(g, 2 * x * out - 2 / math.sqrt(math.pi)),),
    special.erfinv: (lambda g, out, x: times(g, math.sqrt(math.pi) / 2 * np.exp(out * out)),),
    special.ndtr: (lambda g, out, x: times(g, ROOT * np.exp(-0.5 * (x * x))),),
    special.log_ndtr: (lambda g, out, x: times(g, ROOT * np.exp(-0.5 * (x * x) - out)),),
    special.ndtri: (lambda g, out, x: times(g, np.exp(0.5 * (out * out)) / ROOT),),
    special.expit: (lambda g, out, x: times(g, out * (1.0 - out)),),
    special.log_expit: (lambda g, out, x: times(g, special.expit(-x)),),
    special.logit: (lambda g, out, x: over(g, x * (1.0 - x)),),
    special.gammaln: (lambda g, out, x: times(g, special.psi(x)),),
    special.gamma: (lambda g, out, x: times(g, out * special.psi(x)),),
    special.psi: (lambda g, out, x: times(g, special.zeta(2.0, x)),),
    special.i0: (lambda g, out, x: times(g, special.i1(x)),),
    special.i0e: (lambda g, out, x: times(g, special.i1e(x) - np.sign(x) * out),),
    special.j0: (lambda g, out, x: times(g, -special.j1(x)),),
    special.exp10: (lambda g, out, x: times(g, math.log(10) * out),),
    special.cbrt: (lambda g, out, x: over(g, 3.0 * (out * out)),),
    special.entr: (lambda g, out, x: times(g, -np.log(x) - 1.0),),
    special.xlogy: (
        lambda g, out, x, y: masked_out((x == 0) & (y <= 0), times(g, np.log(y))),
        lambda g, out, x, y: times(g, x / y),
    ),
    special.xlog1py: (
        lambda g, out, x, y: masked_out((x == 0) & (y <= -1), times(g, np.log1p(y))),
        lambda g, out, x, y: times(g, x / (1.0 + y)),
    ),
    special.rel_entr: (
        lambda g, out, x, y: times(g, np.log(x / y) + 1.0),
        lambda g, out, x, y: negated(times(g, x / y)),
    ),
    special.kl_div: (
        lambda g, out, x, y: times(g, np.log(x / y)),
        lambda g, out, x, y: times(g, 1.0 - x / y),
    ),
    special.huber: (None, lambda g, out, delta, r: times(g, np.clip(r, -delta, delta))),
    special.pseudo_huber: (
        None,
        lambda g, out, delta, r: times(g, r / np.sqrt(1.0 + (r / delta) * (r / delta))),
    ),
}
