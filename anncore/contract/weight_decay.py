"""Weight decay, defined once for every optimizer that offers it."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np

from anncore.contract.kinds import Array, Hyper

DECAY_MODES = ("coupled", "decoupled", "independent")
"""Where weight decay acts; see `WeightDecay`."""


class WeightDecay:
    """Weight decay, for optimizers with the fields lr, weight_decay and decay_mode to derive from.

        coupled        g ← g + weight_decay θ, before anything else: an L2 penalty of weight_decay/2 |θ|²
        decoupled      θ ← θ - lr weight_decay θ, besides the step: Keras, and AdamW in PyTorch and optax
        independent    θ ← θ - η weight_decay θ, besides the step: η is the schedule's factor alone

    In plain gradient descent the first two are equal. In optimizers that divide a step by the size of the
    gradient, the penalty is divided too, so weights with large gradients shrink less. Decoupling prevents
    that: Loshchilov & Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, algorithms 1 and 2.
    https://arxiv.org/abs/1711.05101. Theirs is "independent", so that tuning lr does not change the decay;
    with a constant schedule Flux's couple=false, which has no η, is the same.

    The optimizer's `step` calls `decay_gradient` on the gradient at its start, and `decay_change` on the
    change at its end. If weight_decay is 0 for all trials, both return their argument.
    """

    lr: Hyper
    weight_decay: Hyper
    decay_mode: str

    _couples: bool
    _shrinks: bool
    _spared: Any  # which trials have no decay, if others have
    _full_lr: Hyper  # lr as it was before a schedule multiplied it in place

    def __post_init__(self) -> None:
        some, spared = np.any(self.weight_decay), np.equal(self.weight_decay, 0)
        facts = {
            "_couples": bool(some and self.decay_mode == "coupled"),
            "_shrinks": bool(some and self.decay_mode != "coupled"),
            "_spared": spared if some and np.any(spared) else None,
            "_full_lr": copy(self.lr) if self.decay_mode == "independent" else None,
        }
        for name, value in facts.items():  # once for all steps; the dataclass is frozen
            object.__setattr__(self, name, value)

    def decay_gradient(self, weight: Array, grad: Array) -> Array:
        """Return the gradient, in mode "coupled" with that of the penalty added."""
        if not self._couples:
            return grad
        return self._sparing(grad, grad + self.weight_decay * weight)

    def decay_change(self, weight: Array, change: Array) -> Array:
        """Return the change, in the modes "decoupled" and "independent" with the decay added."""
        if not self._shrinks:
            return change
        rate = self.lr if self.decay_mode == "decoupled" else self.lr / self._full_lr
        return self._sparing(change, change - rate * self.weight_decay * weight)

    def _sparing(self, before: Array, after: Array) -> Array:
        # 0 · θ is NaN for infinite θ: a trial without decay must give the same numbers alone.
        return after if self._spared is None else np.where(self._spared, before, after)
