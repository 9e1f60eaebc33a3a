"""What activations and losses that a library makes have in common, whatever the library."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anncore.contract.kinds import Activation, Loss
from anncore.contract.libraries import Made


@dataclass(frozen=True)
class MadeActivation(Made, Activation):
    """An activation of a library: its kinks are found by trying, and it must keep the shape of z."""

    @property
    def kinks(self) -> tuple[float, ...]:  # type: ignore[override]
        """Where f' jumps, of the usual places."""
        return self.corners(lambda z: self.backward(np.ones_like(z), z, z))

    def validate(self) -> None:
        """Raise ValueError for a missing argument, or a result of another shape."""
        self.refuse_unless_activation()


@dataclass(frozen=True)
class MadeLoss(Made, Loss):
    """A loss of a library, of predictions and targets."""

    def validate(self) -> None:
        """Raise ValueError for a missing argument, or if it cannot be computed of predictions."""
        self.refuse_unless_loss()
