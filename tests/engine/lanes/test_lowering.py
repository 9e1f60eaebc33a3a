"""The pieces that loops are written with: memory between them, lanes, and products against NumPy's."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from anncore.contract.derivatives import primitives
from anncore.contract.derivatives.symbols import Graph
from anncore.engine.lanes.code import KINDS
from anncore.engine.lanes.compiling import kernel
from anncore.engine.lanes.lowering import Lowering
from anncore.engine.lanes.nests import Nests, Unlowerable
from anncore.engine.lanes.places import Lanes, aligned, spaced
from anncore.engine.lanes.programs import _Kernel
from anncore.engine.lanes.rewriting import LaneGraph
from anncore.engine.lanes.sparing import spared
from anncore.engine.lanes.workspace import Place, Workspace

pytest.importorskip("llvmlite")


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 9), st.integers(0, 99)), max_size=60))
def test_no_two_places_in_use_overlap(requests: list[tuple[bool, int, int]]) -> None:
    work = Workspace("%work", 1)
    used: list[tuple[int, int]] = []
    for gives_back, length, which in requests:
        if gives_back and used:
            start, own = used.pop(which % len(used))
            work.give_back(Place("%work", start), own)
        else:
            place = work.take(length)
            assert isinstance(place.offset, int)
            assert place.offset >= 1
            assert place.offset + length <= work.vectors
            assert all(place.offset + length <= start or start + own <= place.offset for start, own in used)
            used.append((place.offset, length))


@given(
    order=st.integers(1, 40).flatmap(lambda trials: st.permutations(range(trials))),
    numbers=st.integers(1, 5),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_what_is_put_in_lanes_is_taken_again(order: list[int], numbers: int, dtype: str) -> None:
    lanes = Lanes(np.array(order), dtype)
    values = np.random.default_rng(0).normal(size=(len(order), numbers)).astype(dtype)
    laid = lanes.put(values)
    assert laid.shape == (-(-len(order) // KINDS[dtype].lanes), numbers, KINDS[dtype].lanes)
    assert laid.ctypes.data % 64 == 0
    back = np.empty_like(values)
    lanes.take(laid, back)
    assert np.array_equal(back, values)
    assert sorted(set(lanes.rows.tolist())) == list(range(len(order)))


@given(
    orders=st.lists(
        st.integers(1, 20).flatmap(lambda trials: st.permutations(range(trials))), min_size=1, max_size=5
    ),
    dtype=st.sampled_from(["float32", "float64"]),
    gaps=st.booleans(),
)
def test_sections_own_every_lane_that_has_a_trial_once(
    orders: list[list[int]], dtype: str, gaps: bool
) -> None:
    starts = np.cumsum([0, *map(len, orders)])
    order = np.concatenate([np.array(own) + start for own, start in zip(orders, starts[:-1], strict=True)])
    spaces = spaced(list(map(len, orders)), KINDS[dtype].lanes) if gaps else None
    whole = Lanes(order, dtype, spaces)
    assert whole.groups == -(-len(order) // KINDS[dtype].lanes)
    values = np.arange(starts[-1], dtype=dtype)[:, None]
    laid, owners = whole.put(values), np.zeros((whole.groups, 1, whole.lanes))
    for start, end in itertools.pairwise(starts.tolist()):
        group, section = whole.section(slice(start, end))
        own = slice(group, group + section.groups)
        owners[own] += section.owned
        back = np.empty((end - start, 1), dtype)
        section.take(laid[own], back)
        assert np.array_equal(back, values[start:end])
        assert np.array_equal(section.put(back)[section.owned != 0], laid[own][section.owned != 0])
    assert owners.sum() == starts[-1]
    assert owners.max() == 1


@pytest.mark.parametrize(
    ("lengths", "starts"),
    [
        ([5, 5, 5, 5, 5], [0, 5, 10, 16, 21]),  # the fourth in one group, as the fifth still fits
        ([10, 10, 10, 10, 10], [0, 16, 32, 42, 52]),  # of 64 lanes 14 are free, which two gaps of 6 use
        ([3, 20], [0, 3]),  # 20 trials lie in two groups wherever they begin
        ([12, 5, 15], [0, 12, 17]),  # a gap would take one group more
        ([16, 16, 1], [0, 16, 32]),
        ([7], [0]),
    ],
)
def test_runs_lie_in_few_groups_of_lanes(lengths: list[int], starts: list[int]) -> None:
    """Expected by hand, for groups of 16."""
    expected = [
        lane for start, length in zip(starts, lengths, strict=True) for lane in range(start, start + length)
    ]
    assert spaced(lengths, 16).tolist() == expected


def computed(formula: Any, dtype: str, *arrays: Any) -> Any:
    """What a formula of stacks (T, ...) gives in lanes, for as many trials as there are lanes."""
    graph = LaneGraph()
    symbols = [graph.input(array) for array in arrays]
    result = formula(*symbols)
    built = _Kernel(dtype, [*(f"a{at}" for at in range(len(arrays))), "out", "work"])
    work = Workspace(built.arguments["work"])
    inputs = {symbol.node: Place(built.arguments[f"a{at}"]) for at, symbol in enumerate(symbols)}
    Lowering(built.code, inputs, [(result.node, Place(built.arguments["out"]))], work)
    lanes = KINDS[dtype].lanes
    laid = []
    for array in arrays:
        space = aligned((*array.shape[1:], lanes), dtype)
        space[...] = np.moveaxis(array, 0, -1)
        laid.append(space)
    out = aligned((*result.shape[1:], lanes), dtype)
    kernel(built.code.function())([*laid, out, aligned((max(work.vectors, 1), lanes), dtype)])
    return np.moveaxis(out, -1, 0)


def written_over(formula: Any, which: int, *arrays: Any) -> Any:
    """What a formula gives where its result is written over one of its arrays, as a state is."""
    graph = Graph()
    symbols = [graph.input(array) for array in arrays]
    result = formula(*symbols)
    built = _Kernel("float64", [*(f"a{at}" for at in range(len(arrays))), "work"])
    work = Workspace(built.arguments["work"])
    inputs = {symbol.node: Place(built.arguments[f"a{at}"]) for at, symbol in enumerate(symbols)}
    Lowering(built.code, inputs, [(result.node, Place(built.arguments[f"a{which}"]))], work)
    laid = [aligned((*array.shape[1:], 8), "float64") for array in arrays]
    for space, array in zip(laid, arrays, strict=True):
        space[...] = np.moveaxis(array, 0, -1)
    kernel(built.code.function())([*laid, aligned((max(work.vectors, 1), 8), "float64")])
    return np.moveaxis(laid[which], -1, 0)


def stack(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=(8, *shape))


@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 9), k=st.integers(1, 7), o=st.integers(1, 9), seed=st.integers(0, 9))
def test_products_of_all_sizes_are_numpys_but_for_rounding(n: int, k: int, o: int, seed: int) -> None:
    """Tiles of 4 x 4 sums and their rests at every edge."""
    a, b = stack(n, k, seed=seed), stack(k, o, seed=seed + 10)
    np.testing.assert_allclose(computed(lambda x, w: x @ w, "float64", a, b), a @ b, rtol=1e-12, atol=1e-14)


@settings(max_examples=20, deadline=None)
@given(
    n=st.sampled_from([1, 3, 7, 12, 33]),
    k=st.sampled_from([1, 2, 33, 97, 130, 200]),
    o=st.sampled_from([1, 2, 3, 7, 33, 40]),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_products_are_sums_in_their_order_by_multiply_add(n: int, k: int, o: int, dtype: str) -> None:
    """Whatever the tile: forward, weight gradient, input gradient; one multiply-add after another.

    Numbers are such that float64 has each product and sum exactly, which is then rounded to the dtype.
    """
    rng, lanes = np.random.default_rng(n + k + o), KINDS[dtype].lanes
    most = 2**22 if dtype == "float32" else 2**18
    x, w, g = (
        (rng.integers(-most, most, (lanes, *shape)) / 2**10).astype(dtype)
        for shape in ((n, k), (k, o), (n, o))
    )
    turned = [np.swapaxes(array, 1, 2) for array in (x, w)]
    for formula, arrays, left, right in (
        (lambda x, w: x @ w, (x, w), x, w),
        (lambda x, g: np.swapaxes(x, 1, 2) @ g, (x, g), turned[0], g),
        (lambda g, w: g @ np.swapaxes(w, 1, 2), (g, w), g, turned[1]),
    ):
        expected = np.zeros((lanes, left.shape[1], right.shape[2]), dtype)
        for at in range(left.shape[2]):
            product = left[:, :, at, None].astype(np.float64) * right[:, None, at].astype(np.float64)
            expected = (product + expected).astype(dtype)
        assert np.array_equal(computed(formula, dtype, *arrays), expected)


@pytest.mark.parametrize(
    ("formula", "which"),
    [
        (lambda x, w: x @ w, 0),
        (lambda x, w: x @ w, 1),
        (lambda x, w: x + x @ w, 0),
        (lambda x, w: w + x @ w, 1),
        (lambda x, w: x + x.sum(axis=1, keepdims=True), 0),
        (lambda x, w: np.swapaxes(x, 1, 2) + x, 0),
        (lambda x, w: w - 0.5 * (np.tanh(x) @ x), 1),
    ],
)
@pytest.mark.parametrize("units", [3, 7, 17])
def test_a_result_may_be_written_over_what_it_is_made_of(formula: Any, which: int, units: int) -> None:
    x, w = stack(units, units), stack(units, units, seed=1)
    expected = formula(x, w)
    np.testing.assert_allclose(written_over(formula, which, x, w), expected, rtol=1e-11, atol=1e-13)


def test_long_formulas_after_a_product_and_factors_that_are_computed() -> None:
    a, b = stack(9, 6), stack(6, 8, seed=1)
    formulas: list[Any] = [
        lambda x, w: np.tanh(x @ w) * np.exp(-(x @ w)) + np.log1p((x @ w) ** 2),
        lambda x, w: (x > 0) @ w,
        lambda x, w: np.tri(9)[None, :, :9] @ x @ w,
    ]
    for formula in formulas:
        np.testing.assert_allclose(computed(formula, "float64", a, b), formula(a, b), rtol=1e-11, atol=1e-13)


def test_a_slope_that_asks_whether_z_is_above_0_asks_the_activation_that_lies_in_memory() -> None:
    graph = Graph()
    x, w, v = (graph.input(array) for array in (stack(6, 3), stack(3, 4), stack(4, 2, seed=1)))
    z = x @ w
    a = z.clip(0, np.inf)
    out = a @ v
    slope = np.where(z > 0, out @ np.swapaxes(v, 1, 2), 0)
    lean = spared([out.node, slope.node])
    nests = Nests(list(lean.values()))
    assert [node.function for node in nests.nests[0].stored] == [a.node.function]  # not z
    below = np.where(z > -1, out @ np.swapaxes(v, 1, 2), 0)  # which a cannot tell
    assert spared([below.node]) == {below.node: below.node}

    def values(x: Any, w: Any) -> Any:
        z = x @ w
        a = z.clip(0, np.inf)
        return np.where(z > 0, a @ np.swapaxes(w, 1, 2) @ w, 0)

    one, other = stack(6, 3), stack(3, 4, seed=1)
    one[0, 0, 0], one[1, 0] = np.nan, 0.0
    assert np.array_equal(computed(values, "float64", one, other) != 0, values(one, other) != 0)


FORMULAS: dict[str, Any] = {
    "transposed": lambda a, b: np.swapaxes(a, 1, 2) @ np.swapaxes(b, 1, 2),
    "bias and slope": lambda a, b: np.where(b @ a > 0, b @ a, 0.1 * (b @ a)) + b.sum(axis=2, keepdims=True),
    "sums": lambda a, b: a.sum(axis=1, keepdims=True) + b.mean(axis=(1, 2), keepdims=True),
    "largest": lambda a, b: np.exp(a - a.max(axis=2, keepdims=True)) / a.min(axis=1, keepdims=True),
    "slices": lambda a, b: np.concatenate([a[:, ::-1, 1:3], b[:, :5, :2]], axis=2) + a[:, 1:2, :1],
    "stacked": lambda a, b: np.stack([a[:, 0], a[:, 1] * 2], axis=2),
    "reshaped": lambda a, b: np.swapaxes(a, 1, 2).reshape(8, 10, 2) * a.reshape(8, 10, 2),
    "constants": lambda a, b: a * np.arange(4.0) + np.tril(np.ones((5, 4))) * np.ones_like(a),
    "truth": lambda a, b: ((a > 0) & ~(a > 1)).astype(a.dtype) - np.sign(a) * (a <= 0.5),
    "infinite or not": lambda a, b: np.where(
        np.isinf(np.where(a > 0, a, -np.inf)) ^ (a < 1), np.sign(a), np.logical_xor(a > 0, a > 2) + 0.0
    ),
    "truth of numbers": lambda a, b: np.where(np.floor(a).astype(bool), a, -a),
    # Of an exponent of 2 NumPy 2.0 makes int8, which lanes refuse.
    "powers of truth": lambda a, b: a * np.power(a > 0, 2.0) + (b > 0).swapaxes(1, 2) ** 1.5,
    "powers": lambda a, b: a**2 + np.abs(a) ** 1.5 + np.abs(a) ** 0.5 + a**3 + 1 / (np.abs(a) + 1) ** -1,
    "sorted": lambda a, b: np.sort(a, axis=2) - np.sort(np.sign(b), axis=1).swapaxes(1, 2),
    "ranks": lambda a, b: np.argsort(np.sign(a), axis=2, kind="stable") * a,
    "running sums": lambda a, b: np.cumsum(a, axis=1) * np.cumsum(b.swapaxes(1, 2), axis=2),
    "the first of the largest": lambda a, b: np.where(
        np.arange(4) == np.sign(a).argmax(axis=2)[..., None],
        a,
        b.argmin(axis=1, keepdims=True).swapaxes(1, 2),
    ),
    "taken": lambda a, b: np.take_along_axis(a, np.argsort(b.swapaxes(1, 2), axis=2), axis=2),
    "taken one": lambda a, b: np.take_along_axis(a, a.argmax(axis=1, keepdims=True), axis=1) * a,
    "lengths": lambda a, b: (
        a / np.linalg.norm(a, axis=2, keepdims=True) + np.linalg.norm(b, axis=1)[:, :, None]
    ),
    "deviations": lambda a, b: a.var(axis=1, keepdims=True) * a + b.std(axis=(1, 2), keepdims=True, ddof=1),
    "moved": lambda a, b: np.roll(a, 2, axis=1) + np.flip(a, axis=(1, 2)) + np.roll(a, 0, axis=2),
    "padded": lambda a, b: np.pad(a[:, 1:3, :3], ((0, 0), (2, 1), (0, 1))) + a,
    "questions": lambda a, b: np.where(
        (a > 1).any(axis=1, keepdims=True), a, (b > -3).all(axis=2)[:, None, :]
    ),
    "counts": lambda a, b: (a > 0).sum(axis=2, keepdims=True) * a + (b > 0).mean(axis=1)[:, :, None],
    "truth reshaped": lambda a, b: np.where((a > 0).reshape(len(a), 1, -1), a.reshape(len(a), 1, -1), 0),
    "lists of places": lambda a, b: a[:, [4, 0, 0, -1]] * b[:, [1, 2, 3, 0], 2][:, :, None],
    "tables of places": lambda a, b: np.take(a, np.array([[0, 3], [3, 2]]), axis=2).reshape(len(a), 5, 4),
    "products with constants": lambda a, b: a @ np.arange(12.0).reshape(4, 3) @ np.ones((1, 3, 4)),
    "turns": lambda a, b: np.sin(a) * np.cos(3 * a) + np.tan(a) + np.cbrt(b.swapaxes(1, 2)),
    "whole": lambda a, b: np.floor(3 * a) + np.ceil(a) - np.trunc(5 * a) + np.rint(4 * a),
    "batches of products": lambda a, b: (
        a.reshape(8, 5, 2, 2).transpose(0, 2, 1, 3) @ a.reshape(8, 5, 2, 2).transpose(0, 2, 3, 1)
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_formulas_of_every_sort_are_numpys_but_for_rounding(name: str) -> None:
    a, b = stack(5, 4), stack(4, 5, seed=1)
    formula = FORMULAS[name]
    if name in ("slices", "constants"):  # these want another one
        b = stack(6, 5, seed=1)
    np.testing.assert_allclose(computed(formula, "float64", a, b), formula(a, b), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("formula", "why"),
    [
        (lambda a: np.arctan(a), "np.arctan is no operation that lanes have"),
        (lambda a: np.where(np.signbit(a), a, 0), "np.signbit is no operation that lanes have"),
        (lambda a: a[:, [0, 1], None, [1, 0]], "lists of places with a slice between them"),
        (lambda a: np.sort(np.concatenate([a] * 20, axis=2), axis=2), "the sorting of 80 numbers"),
        (lambda a: a @ a[:, None].swapaxes(2, 3), "a product of arrays of which one has more axes"),
        (lambda a: (a > 0) @ (np.swapaxes(a, 1, 2) > 0), "a product of truth values"),
        (lambda a: a + np.tanh(a[:, :, :0]).sum(axis=2, keepdims=True), "an array without elements"),
        (lambda a: a @ np.swapaxes(a[:, :0], 1, 2), "an array without elements"),
        (lambda a: np.concatenate([a, np.tanh(a[:, 3:])], axis=1), "an array without elements"),
    ],
)
def test_what_has_no_loop_is_refused_by_name(formula: Any, why: str) -> None:
    with pytest.raises(Unlowerable, match=why):
        computed(formula, "float64", stack(3, 4))


def test_what_is_written_where_another_is_read_is_copied_as_if_all_were_at_once() -> None:
    """States that change places, or that keep what is overwritten: the old weight, and a part of it."""
    graph = LaneGraph()
    arrays = [stack(1, 6, seed=seed) for seed in range(4)]
    a, b, c, d = (graph.input(array) for array in arrays)
    built = _Kernel("float64", ["a", "b", "c", "d", "work"])
    places = [Place(built.arguments[name]) for name in "abcd"]
    inputs = {symbol.node: place for symbol, place in zip((a, b, c, d), places, strict=True)}
    work = Workspace(built.arguments["work"])
    results = [a + d, a, b, c[:, :, ::-1]]  # the last one reads what the third one overwrites
    outputs = [(result.node, place) for result, place in zip(results, places, strict=True)]
    Lowering(built.code, inputs, outputs, work)
    spaces = []
    for array in arrays:
        space = aligned((1, 6, 8), "float64")
        space[...] = np.moveaxis(array, 0, -1)
        spaces.append(space)
    kernel(built.code.function())([*spaces, aligned((work.vectors + 1, 8), "float64")])
    got = [np.moveaxis(space, -1, 0) for space in spaces]
    expected = [arrays[0] + arrays[3], arrays[0], arrays[1], arrays[2][:, :, ::-1]]
    assert all(np.array_equal(one, other) for one, other in zip(got, expected, strict=True))


def test_a_gradient_goes_back_to_lists_of_places() -> None:
    """A place that is named twice gets both."""
    index = (slice(None), np.array([[0, 2], [2, 1]]))
    pieces = stack(2, 2, 3)
    expected = np.zeros((8, 4, 3))
    np.add.at(expected, index, pieces)
    options = {"indices": (index,), "shape": (8, 4, 3)}
    got = computed(lambda one: one.graph.record(primitives.put_back, one, **options), "float64", pieces)
    np.testing.assert_allclose(got, expected, rtol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_hyperbolic_functions_are_finite_up_to_twice_the_largest_exponential(dtype: str) -> None:
    ends = np.log(np.finfo(dtype).max) + np.linspace(-1, 1, KINDS[dtype].lanes)
    x = (ends * np.tile([1, -1], len(ends) // 2)).astype(dtype)[:, None, None]
    for formula in (lambda x: np.sinh(x), lambda x: np.cosh(x)):
        with np.errstate(over="ignore"):
            expected = formula(x)
        assert 0 < np.isinf(expected).sum() < len(x) / 2
        np.testing.assert_allclose(computed(formula, dtype, x), expected, rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("depth", [20, 300])
def test_a_formula_may_be_as_long_as_it_likes(depth: int) -> None:
    """Python ends a recursion of 1000 calls; parts of a deep formula lie in memory instead."""
    a = stack(3, 4)

    def formula(x: Any) -> Any:
        y = x
        for at in range(depth):
            y = 0.9 * y * x + 0.01 * at
        return y

    scaled = 0.3 * np.tanh(a)
    np.testing.assert_allclose(computed(formula, "float64", scaled), formula(scaled), rtol=1e-13)


def test_formulas_that_follow_a_product_share_its_loop() -> None:
    graph = Graph()
    x, w, bias = (graph.input(array) for array in (stack(6, 3), stack(3, 4), stack(1, 4)))
    z = x @ w + bias
    a = np.maximum(z, 0)
    nests = Nests([(a @ np.swapaxes(w, 1, 2)).node, z.node])
    assert [(nest.domain, len(nest.roots)) for nest in nests.nests] == [((6, 4), 2), ((6, 3), 0)]
    assert nests.nests[0].producer not in nests.nests[0].stored  # the bare product lies in registers alone
