"""Networks of other connections: lateral inhibition, cells on a grid, sparse wirings that move."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings, strategies as st
from shipped import REGISTRY
from trial_factory import make_trial

from anncore import ComponentError, build
from anncore.engine.batches import load
from anncore.engine.network import PlacedNetwork
from anncore.engine.network_stack import Stack
from anncore.testing import Check, checks_for


def network(name: str, **values: Any) -> Any:
    return build(REGISTRY.get("network", name).cls, **values)


def placed(
    name: str, inputs: int, outputs: int, activation: str = "identity", **values: Any
) -> PlacedNetwork:
    held = (REGISTRY.get("activation", activation).cls(),)
    return PlacedNetwork(network(name, activation=held, **values), inputs, outputs, None)


# maxnet


def activities(x: list[float], eps: float, steps: int) -> list[float]:
    weights = {"gain": np.ones((1, 1, 1))}
    z = network("maxnet", eps=eps, steps=steps).forward(weights, np.array([[x]]))
    return z.ravel().tolist()


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        # Of the sum S each unit gets 1.2 y - 0.2 S: S = 1.75, then .81, then .492, ...
        (1, [0, 0.13, 0.37, 0.31]),
        (2, [0, 0, 0.282, 0.21]),
        (3, [0, 0, 0.24, 0.1536]),
        (4, [0, 0, 0.20928, 0.1056]),
        (6, [0, 0, 0.1754112, 0.026112]),
        (7, [0, 0, 0.1701888, 0]),
        (20, [0, 0, 0.1701888, 0]),  # alone, nothing inhibits it
    ],
)
def test_of_four_units_the_third_is_left_after_seven_steps_by_hand(steps: int, expected: list[float]) -> None:
    assert activities([0.2, 0.4, 0.6, 0.55], 0.2, steps) == pytest.approx(expected, abs=1e-12)


@given(st.floats(0.05, 1), st.floats(0.01, 0.9), st.floats(0.05, 0.9))
@settings(deadline=None)
def test_of_two_units_one_is_left_after_as_many_steps_as_predicted(
    larger: float, share: float, eps: float
) -> None:
    """The difference grows by 1 + eps and the sum shrinks by 1 - eps until they are equal."""
    smaller = larger * share
    exact = math.log((larger + smaller) / (larger - smaller)) / math.log((1 + eps) / (1 - eps))
    if abs(exact - round(exact)) < 1e-6:
        return  # rounding decides
    steps = math.ceil(exact)
    assert activities([larger, smaller], eps, steps)[1] == 0
    if steps > 1:
        assert activities([larger, smaller], eps, steps - 1)[1] > 0


@given(st.lists(st.floats(0, 1, width=32), min_size=2, max_size=10), st.floats(0.01, 1))
@settings(deadline=None)
def test_the_largest_survives_and_the_order_stays(x: list[float], share: float) -> None:
    eps = min(share / (len(x) - 1), 0.99)
    for steps in (1, 5, 40):
        y = activities(x, eps, steps)
        assert max(y) == pytest.approx(y[int(np.argmax(x))], abs=1e-12)
        assert max(y) > 0 or max(x) < 1e-6 or share > 0.99
        for i, j in pairwise(np.argsort(x, kind="stable")):
            assert y[i] <= y[j] + 1e-12


def test_maxnet_refuses_inhibition_that_could_put_out_all_units() -> None:
    with pytest.raises(ComponentError, match=r"maxnet: eps must be at most 1 / 3 for 4 inputs, got 0\.4"):
        network("maxnet", eps=0.4).specs(4, 4)
    with pytest.raises(ComponentError, match="maxnet: it has an output for each input, got 4 inputs and 3"):
        network("maxnet").specs(4, 3)


# lateral


def test_fixed_lateral_connections_sharpen_contrasts_as_computed_by_hartline_and_ratliff() -> None:
    """a = z - 0.1 Σ others, three units: a sum of S = 3 z is divided by 1.2, a difference by 0.9."""
    wired = placed("lateral", 3, 3, hidden=3, connections="fixed", inhibition=0.1, steps=60)
    one = {"W1": np.eye(3)[None], "b1": np.zeros((1, 1, 3)), "W2": np.eye(3)[None], "b2": np.zeros((1, 1, 3))}
    z = np.array([[[1.0, 1, 1], [1, -1, 0], [2, 1, 1]]])
    a, _ = wired.forward(one, z)
    by_hand = [[1 / 1.2] * 3, [1 / 0.9, -1 / 0.9, 0]]
    np.testing.assert_allclose(a[0, :2], by_hand, rtol=1e-12, atol=1e-15)
    between = -0.1 * (1 - np.eye(3))
    np.testing.assert_allclose(
        a[0, 2], np.array([2.0, 1, 1]) @ np.linalg.inv(np.eye(3) - between), rtol=1e-12
    )


def test_trained_lateral_connections_start_at_0_and_leave_out_the_unit_itself() -> None:
    wired = placed("lateral", 2, 1, "tanh", hidden=4)
    assert {spec.name: (spec.role, spec.initial) for spec in wired.specs}["L"] == ("gain", 0.0)
    rng = np.random.default_rng(0)
    weights = {spec.name: rng.normal(size=(1, *spec.shape)) for spec in wired.specs}
    x = rng.normal(size=(1, 6, 2))
    before, _ = wired.forward(weights, x)
    after, _ = wired.forward({**weights, "L": weights["L"] + 5 * np.eye(4)}, x)
    np.testing.assert_array_equal(before, after)
    none, _ = placed("lateral", 2, 1, "tanh", hidden=4, connections="none").forward(weights, x)
    empty, _ = wired.forward({**weights, "L": 0 * weights["L"]}, x)
    np.testing.assert_array_equal(none, empty)


# lattice


def lattice_picture(pictures: np.ndarray, a: Any, b: Any, bias: float, **values: Any) -> np.ndarray:
    """Return the state of the cells, for templates of 3 x 3."""
    weights = {
        "A": np.asarray(a, float).reshape(1, 9, 1),
        "B": np.asarray(b, float).reshape(1, 9, 1),
        "I": np.full((1, 1, 1), bias),
    }
    return network("lattice", **values).forward(weights, pictures.reshape(1, len(pictures), -1))


def shapes(wanted: str, noise: float = 0.0, n: int = 20, side: int = 10) -> tuple[np.ndarray, np.ndarray]:
    component = build(REGISTRY.get("dataset", "pixel_shapes").cls, wanted=wanted, noise=noise, n=n, side=side)
    data = component.make(np.random.default_rng(0))
    return data.x, data.y


def test_the_template_for_edges_draws_the_edges_of_any_picture() -> None:
    """A = 1 in the middle, B = 8 in the middle and -1 around it, I = -1; Roska & Chua's EDGE template."""
    x, y = shapes("edges")
    a = [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
    b = [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]
    z = lattice_picture(x, a, b, -1.0, steps=12)
    np.testing.assert_array_equal(np.sign(z[0]), y)
    ink = x.reshape(-1, 10, 10) > 0
    eroded = np.stack([scipy.ndimage.binary_erosion(picture, np.ones((3, 3))) for picture in ink])
    np.testing.assert_array_equal(np.sign(z[0]).reshape(-1, 10, 10) > 0, ink & ~eroded)


def test_a_template_fills_what_an_outline_encloses_if_it_has_the_steps() -> None:
    """Ink everywhere at first, which paper eats from the border: Matsumoto, Chua & Furukawa's hole filling.

    A = 3 in the middle and 1 at the four sides, B = 4 in the middle, I = -1, started from a black picture.
    """
    x, y = shapes("filled")
    a = [[0, 1, 0], [1, 3, 1], [0, 1, 0]]
    b = [[0, 0, 0], [0, 4, 0], [0, 0, 0]]
    z = lattice_picture(x, a, b, -1.0, steps=150, rate=0.2, start="ink")
    np.testing.assert_array_equal(np.sign(z[0]), y)
    holes = np.stack([scipy.ndimage.binary_fill_holes(picture.reshape(10, 10) > 0) for picture in x])
    np.testing.assert_array_equal(y.reshape(-1, 10, 10) > 0, holes)
    few = lattice_picture(x, a, b, -1.0, steps=10, rate=0.2, start="ink")
    assert (np.sign(few[0]) != y).any()


def test_cells_whose_own_feedback_is_above_1_come_to_rest_in_black_and_white() -> None:
    """Chua & Yang 1988, theorem 5: for a symmetric A all outputs end at ±1."""
    rng = np.random.default_rng(3)
    a = [[0.2, -0.3, 0.2], [0.5, 1.5, 0.5], [0.2, -0.3, 0.2]]
    pictures = rng.uniform(-0.5, 0.5, (10, 49))
    z = lattice_picture(pictures, a, np.zeros((3, 3)), 0.1, steps=400, rate=0.2, border=0.0)
    assert (np.abs(z) > 1).all()
    calm = lattice_picture(
        pictures, 0.5 * np.array(a), np.zeros((3, 3)), 0.0, steps=400, rate=0.2, border=0.0
    )
    assert (np.abs(calm) < 1).any()


def test_a_cell_sees_no_farther_than_its_steps_reach() -> None:
    rng = np.random.default_rng(4)
    picture = rng.uniform(-0.9, 0.9, (1, 121))
    moved = picture.copy()
    moved[0, 60] += 0.05  # the middle of 11 x 11
    a, b = 0.1 * rng.normal(size=(2, 3, 3))
    for steps in (1, 2, 3):
        one, other = (lattice_picture(shown, a, b, 0.0, steps=steps) for shown in (picture, moved))
        rows, columns = np.nonzero((one != other).reshape(11, 11))
        assert max(np.abs(rows - 5).max(), np.abs(columns - 5).max()) == steps


def test_lattice_refuses_what_is_no_picture() -> None:
    with pytest.raises(ComponentError, match=r"lattice: inputs must be a square picture.* got 10 and 10"):
        network("lattice").specs(10, 10)
    with pytest.raises(ComponentError, match=r"lattice: inputs must be a square picture.* got 9 and 1"):
        network("lattice").specs(9, 1)


# sparse: small worlds


def small_world(rewire: float, units: int = 200, neighbours: int = 10) -> np.ndarray:
    """Return the mask between equal layers: each unit has itself and its neighbours, some replaced."""
    wired = placed(
        "sparse",
        units,
        1,
        "relu",
        hidden=[units],
        density=(neighbours + 1) / units,
        range="small_world",
        rewire=rewire,
    )
    [spec] = [spec for spec in wired.specs if spec.role == "state"]
    mask = wired.component.draw(np.random.default_rng(5), spec)
    assert (mask.sum(axis=0) == neighbours + 1).all()
    return mask.astype(bool)


def clustering(mask: np.ndarray) -> float:
    """Return how often one of two units that a third one sees also sees the other."""
    mask = mask & ~np.eye(len(mask), dtype=bool)
    pairs = [mask[np.ix_(seen, seen)] for seen in map(np.flatnonzero, mask.T)]
    return float(np.mean([pair.sum() / (len(pair) * (len(pair) - 1)) for pair in pairs]))


def path_length(mask: np.ndarray) -> float:
    """Return through how many layers of these connections a unit is reached from another, on average."""
    reached, lengths, layers = np.eye(len(mask), dtype=bool), [], 0
    while not reached.all():
        layers += 1
        further = reached | (reached.astype(int) @ mask > 0)
        assert (further != reached).any(), "some units are never reached"
        lengths += [layers] * int((further & ~reached).sum())
        reached = further
    return float(np.mean(lengths))


def test_without_rewiring_clustering_and_paths_are_those_of_a_ring() -> None:
    """Watts & Strogatz 1998: C = 3 (k - 2) / (4 (k - 1)); from d units away it takes ⌈2 d / k⌉ layers."""
    ring = small_world(0.0)
    assert clustering(ring) == pytest.approx(3 * 8 / (4 * 9))
    distances = [min(d, 200 - d) for d in range(1, 200)]
    assert path_length(ring) == pytest.approx(np.mean([math.ceil(d / 5) for d in distances]))


def test_a_few_shortcuts_make_paths_short_while_units_stay_clustered() -> None:
    """Watts & Strogatz 1998, figure 2: L falls long before C; C(p) = C(0) (1 - p)³ (Barrat & Weigt 2000)."""
    ring, small, random = (small_world(rewire) for rewire in (0.0, 0.05, 1.0))
    assert clustering(small) == pytest.approx(clustering(ring) * 0.95**3, rel=0.06)
    assert path_length(small) < 0.4 * path_length(ring)
    assert clustering(random) == pytest.approx(10 / 200, rel=0.3)
    assert path_length(random) == pytest.approx(math.log(200) / math.log(10), rel=0.2)


def test_small_worlds_of_other_densities_are_nested_and_without_rewiring_they_are_near() -> None:
    def mask(**values: Any) -> np.ndarray:
        wired = placed("sparse", 30, 1, "relu", hidden=[12], **values)
        [spec] = [spec for spec in wired.specs if spec.role == "state"]
        return wired.component.draw(np.random.default_rng(6), spec)

    few, many = (mask(density=density, range="small_world", rewire=0.3) for density in (0.2, 0.5))
    assert (few <= many).all()
    still = mask(density=0.2, range="small_world", rewire=0.0)
    np.testing.assert_array_equal(still, mask(density=0.2, range="near"))


# sparse: pruning and regrowth

SPARSE = REGISTRY.get("network", "sparse").cls
AFTER_A_STEP = ("after_step", "isolated")


class Luck:
    """A step of ten, and its random numbers."""

    def __init__(self, seed: int, trials: int, step: int) -> None:
        self._rng, self._trials = np.random.default_rng(seed), trials
        self.step, self.steps = step, 10

    def uniform(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        return self._rng.random((self._trials, *shape))


@given(
    st.integers(0, 2**32), st.floats(0.05, 1), st.floats(0.01, 0.99), st.integers(1, 12), st.integers(1, 12)
)
@settings(max_examples=60, deadline=None)
def test_regrowth_keeps_the_number_of_connections_and_drops_the_smallest(
    seed: int, density: float, zeta: float, below: int, units: int
) -> None:
    rng = np.random.default_rng(seed)
    sparse = network("sparse", hidden=[units], density=density, zeta=zeta, regrow_every=2)
    before = (rng.random((3, below, units)) < density).astype(float)
    weight = rng.normal(size=before.shape)
    weights = {"W1": weight.copy(), "M1": before.copy()}
    sparse.after_step(weights, Luck(seed, 3, step=4))
    after = weights["M1"]
    np.testing.assert_array_equal(after.sum(axis=(1, 2)), before.sum(axis=(1, 2)))
    gone, new = (before == 1) & (after == 0), (before == 0) & (after == 1)
    for trial in range(3):
        existing = int(before[trial].sum())
        moved = min(math.floor(zeta * existing), before[trial].size - existing)
        assert gone[trial].sum() == new[trial].sum() == moved
        sizes = np.abs(weight[trial])
        if moved:
            kept = sizes[(before[trial] == 1) & (after[trial] == 1)]
            assert sizes[gone[trial]].max() < kept.min(initial=np.inf)
    assert (weights["W1"][new] == 0).all()
    np.testing.assert_array_equal(weights["W1"][~new], weight[~new])


@pytest.mark.parametrize(("every", "t"), [(0, 4), (3, 4), (2, 10)])
def test_connections_stay_between_times_and_after_the_last_step(every: int, t: int) -> None:
    sparse = network("sparse", hidden=[5], regrow_every=every)
    before = {"W1": np.ones((1, 6, 5)), "M1": np.eye(6, 5)[None]}
    weights = {name: value.copy() for name, value in before.items()}
    sparse.after_step(weights, Luck(0, 1, step=t))
    for name, value in before.items():
        np.testing.assert_array_equal(weights[name], value)


def test_in_training_connections_move_and_other_seeds_move_others() -> None:
    trials = [
        make_trial(
            REGISTRY,
            network=("sparse", {"hidden": [20], "density": 0.5, "regrow_every": every}),
            dataset=("friedman", {"n": 60}),
            output="identity",
            loss="mse",
            seed=seed,
        )
        for every in (0, 4)
        for seed in range(2)
    ]
    masks = {}
    for group in (trials[:2], trials[2:]):
        stack = Stack(group, REGISTRY, load(group, REGISTRY))
        stack.initialize()
        start = stack.weights["M1"].copy()
        for t in range(1, 13):
            stack.step(t, 12)
        masks[group[0].parts["network"].params["regrow_every"]] = start, stack.weights["M1"]
    np.testing.assert_array_equal(*masks[0])
    np.testing.assert_array_equal(masks[0][0], masks[4][0])  # they start from the same connections
    start, end = masks[4]
    np.testing.assert_array_equal(end.sum(axis=(1, 2)), start.sum(axis=(1, 2)))
    moved = (start != end).sum(axis=(1, 2)) / (2 * start.sum(axis=(1, 2)))
    assert (moved > 0.15).all()  # twice three tenths, but the new ones, still small, are the first to go
    assert not np.array_equal(end[0], end[1])


@pytest.mark.parametrize(
    "check",
    [check for check in checks_for(SPARSE, values={"regrow_every": 1}) if check.name in AFTER_A_STEP],
    ids=lambda check: check.name,
)
def test_a_sparse_network_that_regrows_conforms(check: Check) -> None:
    check()
