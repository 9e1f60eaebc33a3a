"""Initializer: orthogonal."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Initializer, hookimpl, hyper, linear


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """Random orthogonal weights: a layer rotates its inputs and keeps their length.

        A ~ N(0, 1),  A = Q R,  W = gain Q diag(sign R₁₁, sign R₂₂, ...)

    If fan_in < fan_out, A is transposed first and Q afterwards. So Wᵀ W = gain² I if fan_in ≥ fan_out, and
    W Wᵀ = gain² I if fan_in ≤ fan_out: the length of signals, or of gradients, is multiplied by gain. The
    signs make Q uniformly distributed (Haar); a QR decomposition alone does not.

    Choose it for deep and recurrent networks: a matrix then keeps the length of every signal, not only on
    average. `glorot_normal` keeps it on average.

    Domain: gain > 0; √2 makes up for the half that ReLU drops. Shapes: a matrix (fan_in, fan_out); with more
    axes, all but the last count as one.

    Saxe, McClelland & Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural
    networks", ICLR 2014, section 3. https://arxiv.org/abs/1312.6120. The signs: Mezzadri, "How to generate
    random matrices from the classical compact groups", Notices of the AMS 54 (2007), 592-604.
    https://arxiv.org/abs/math-ph/0609050. PyTorch, Keras, JAX and Flux do the same.
    """

    name: ClassVar[str] = "orthogonal"

    gain: Hyper = hyper(1.0, "(0, inf)", search=linear(0.5, 2.0))

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        drawn = rng.standard_normal(shape).reshape(-1, shape[-1])
        wide = drawn.shape[0] < drawn.shape[1]
        q, r = np.linalg.qr(drawn.T if wide else drawn)
        q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
        return (self.gain * (q.T if wide else q)).reshape(shape)


@hookimpl
def annx_initializers() -> list[type[Initializer]]:
    return [Orthogonal]
