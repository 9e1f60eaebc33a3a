"""The gradients that annx derives from formulas, against PyTorch's autograd, to twelve digits.

Also of components whose gradient is written by hand: it is left out, and the derived one takes its place. The
figures are the recorded ones, which `test_oracles.py` compares with PyTorch where it is installed. Those of
activations that PyTorch does not have, or has in float32 in part, are from JAX and Keras.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engine.test_derived_networks import CASES
from oracles.rows import REGISTRY, Row, built
from oracles.tables import ROWS, figures
from oracles.test_oracles import recorded

from anncore.contract.kinds import AnyNetwork, Array, JointLoss, Loss, NoisyObjective, Objective
from anncore.contract.kinds.activations import Activation, LearnedActivation, RandomActivation
from anncore.contract.kinds.networks import learns_by_rule

FORMS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (Activation, ("backward",)),
    (LearnedActivation, ("backward",)),
    (RandomActivation, ("backward",)),
    (JointLoss, ("grad_from_logits",)),
    (Loss, ("grad",)),
    (Objective, ("grad",)),
    (AnyNetwork, ("backward",)),
)
KINDS = ("activation", "loss", "network", "objective")
EXACT = [row for row in ROWS if row.kind in KINDS and not row.why]
GRADIENTS = [row for row in EXACT if row.library in ("torch", "pytorch-optimizer")]
BY_TORCH = {row.name for row in GRADIENTS if row.kind == "activation"}
GRADIENTS += [row for row in EXACT if row.kind == "activation" and row.name not in BY_TORCH]


def derived(component: Any) -> Any:
    """Return a component without its own gradients; that of a noisy objective without its noise."""
    forms = [(form, names) for form, names in FORMS if isinstance(component, form)]
    members = {name: getattr(form, name) for form, names in forms for name in names}
    if isinstance(component, NoisyObjective):
        members["grad"] = _without_noise
    twin = object.__new__(type("Derived", (type(component),), members))
    twin.__dict__.update({key: value for key, value in vars(component).items() if key != "_derived"})
    return twin


def _without_noise(component: Any, x: Array, noise: Array) -> Array:
    return Objective.grad(component, x)


def compare(component: Any, row: Row) -> None:
    """Compare value and gradient with the library's."""
    theirs = np.asarray(recorded()[row.id]["figures"])
    ours = figures(component, row)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13 * np.abs(theirs).max())


@pytest.mark.parametrize("row", GRADIENTS, ids=lambda row: row.id)
def test_gradients_are_those_of_autograd_to_twelve_digits(row: Row) -> None:
    compare(built(row.kind, row.name, row.values), row)


# Below its bound on the variance, gaussian_nll has a gradient on purpose, as PyTorch has, though its value is
# constant there.
BOUND = [row for row in GRADIENTS if row.name == "gaussian_nll" and row.values.get("eps") == 0.5]


@pytest.mark.parametrize("row", [row for row in GRADIENTS if row not in BOUND], ids=lambda row: row.id)
def test_derived_gradients_are_those_of_autograd_to_twelve_digits(row: Row) -> None:
    compare(derived(built(row.kind, row.name, row.values)), row)


def test_every_component_with_a_gradient_is_compared() -> None:
    """A network is in a row, or in a case of test_derived_networks.py; a rule needs neither."""
    compared = {(row.kind, row.name) for row in GRADIENTS if row not in BOUND}
    compared |= {("network", network.name) for network, _, _ in CASES.values()}
    shipped = {
        (kind, component.name)
        for kind in KINDS
        for component in REGISTRY.of_kind(kind)
        if kind != "network" or not learns_by_rule(component.cls)
    }
    assert shipped - compared == {("loss", "zero_one")}


def test_the_derived_gradient_of_sparsemax_is_that_of_the_paper_where_several_share() -> None:
    """Proposition 1: ∂f/∂z = Diag(s) - s sᵀ / |S|, s being 1 on S; the rows above leave most to one alone."""
    z = np.array([[[0.3, 0.1, -0.2, -2.0], [0.5, 0.5, 0.45, 0.4], [3.0, 0.0, 0.0, 0.0]]])
    upstream = np.array([[[1.0, -2.0, 0.5, 3.0], [0.25, 1.0, -1.0, 2.0], [1.0, 2.0, 3.0, 4.0]]])
    on = np.array([[1.0, 1, 1, 0], [1, 1, 1, 1], [1, 0, 0, 0]])
    expected = [
        (np.diag(s) - np.outer(s, s) / s.sum()) @ grad for s, grad in zip(on, upstream[0], strict=True)
    ]
    written = built("activation", "sparsemax", {})
    for sparsemax in (written, derived(written)):
        back = sparsemax.backward(upstream, z, sparsemax.forward(z))
        np.testing.assert_allclose(back[0], expected, rtol=1e-12, atol=1e-15)


def test_the_loss_without_a_slope_has_the_derived_gradient_0() -> None:
    loss = derived(built("loss", "zero_one", {}))
    output, target = np.array([[[0.2], [0.9]]]), np.array([[[1.0], [1.0]]])
    np.testing.assert_array_equal(loss.value(output, target), [0.5])
    np.testing.assert_array_equal(loss.grad(output, target), np.zeros((1, 2, 1)))
