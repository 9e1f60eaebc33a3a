"""Recipes that random figures cannot compare: the library's own draws, handed to ours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from oracles.rows import REGISTRY


class Given:
    """A generator that hands out a given matrix as its normal numbers."""

    def __init__(self, matrix: np.ndarray) -> None:
        self.matrix = matrix

    def standard_normal(self, shape: tuple[int, ...]) -> np.ndarray:
        return self.matrix.reshape(shape)


@pytest.mark.parametrize("shape", [(6, 6), (8, 3), (3, 8)])
def test_of_the_same_normal_matrix_pytorch_makes_the_same_orthogonal_one(shape: tuple[int, int]) -> None:
    torch: Any = pytest.importorskip("torch", reason="torch is not installed: pip install -e '.[oracles]'")

    def seeded() -> Any:
        return torch.Generator().manual_seed(5)

    theirs = torch.nn.init.orthogonal_(torch.empty(shape, dtype=torch.float64), 1.5, generator=seeded())
    drawn = torch.empty(shape, dtype=torch.float64).normal_(generator=seeded()).numpy()
    initializer = REGISTRY.get("initializer", "orthogonal").cls(gain=1.5)
    ours = initializer.sample(Given(drawn), shape, *shape)
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-12, atol=1e-13)


def test_of_the_same_slopes_pytorchs_and_our_rrelu_train_alike() -> None:
    torch: Any = pytest.importorskip("torch", reason="torch is not installed: pip install -e '.[oracles]'")

    torch.manual_seed(6)
    z = torch.randn(1, 50, 4, dtype=torch.float64, requires_grad=True)
    slopes, grad = torch.zeros_like(z), torch.randn_like(z)
    theirs = torch.ops.aten.rrelu_with_noise(z, slopes, 0.1, 0.4, True)  # fills in the slopes it draws
    theirs.backward(grad)
    rrelu = REGISTRY.get("activation", "rrelu").cls(low=0.1, high=0.4)
    noise, ours = (slopes.numpy() - 0.1) / 0.3, z.detach().numpy()
    a = rrelu.forward(ours, noise)
    np.testing.assert_allclose(a, theirs.detach().numpy(), rtol=1e-13)
    np.testing.assert_allclose(rrelu.backward(grad.numpy(), ours, a, noise), z.grad.numpy(), rtol=1e-13)
