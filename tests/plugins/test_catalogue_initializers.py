"""The initializers of the catalogue: moments, structure, biases, and arrays from a file."""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sameness import trained_the_same
from shipped import REGISTRY
from trial_factory import make_part, make_trial

from anncore import ComponentError, DataError, WeightSpec, build
from anncore.contract.trial import Part, Trial
from anncore.engine.batches import load
from anncore.engine.network_stack import Stack
from anncore.testing import check_component

FAN_IN, FAN_OUT = 300, 200
RELU = REGISTRY.get("activation", "relu").cls


def made(name: str, **values: Any) -> Any:
    return build(REGISTRY.get("initializer", name).cls, **values)


def sample(name: str, shape: tuple[int, int] = (FAN_IN, FAN_OUT), seed: int = 0, **values: Any) -> np.ndarray:
    drawn: np.ndarray = made(name, **values).sample(np.random.default_rng(seed), shape, *shape)
    return drawn


# Standard deviation of a normal number between -l and l: √(1 - 2 l φ(l) / (2 Φ(l) - 1)); of ±2: 0.8796
CUT = 0.87962566103423978


@pytest.mark.parametrize(
    ("name", "values", "variance", "largest"),
    [
        ("lecun_normal", {}, 1 / 300, math.inf),
        ("lecun_normal", {"truncated": True}, 1 / 300, 2 / CUT / math.sqrt(300)),
        ("lecun_uniform", {}, 1 / 300, math.sqrt(3 / 300)),
        ("uniform", {}, 0.1**2 / 12, 0.05),
        ("truncated_normal", {}, (0.02 * CUT) ** 2, 0.04),
        ("truncated_normal", {"std": 3.0, "bounds": "absolute", "limit": 6.0}, (3 * CUT) ** 2, 6),
        ("truncated_normal", {"std": 0.5, "limit": 40.0}, 0.25, 20),
        ("truncated_normal", {"std": 1.0, "limit": 1e-3}, 1e-6 / 3, 1e-3),  # nearly uniform
        ("variance_scaling", {"scale": 3.0}, 3 / 300, 2 / CUT * math.sqrt(3 / 300)),
        ("variance_scaling", {"mode": "fan_out", "distribution": "normal"}, 1 / 200, math.inf),
        ("variance_scaling", {"mode": "fan_avg", "distribution": "uniform"}, 1 / 250, math.sqrt(3 / 250)),
        ("siren", {}, 2 / 300 / 900, math.sqrt(6 / 300) / 30),
    ],
)
def test_variance_and_bound(name: str, values: Any, variance: float, largest: float) -> None:
    weights = sample(name, **values)
    # 60000 draws: the variance's own relative standard error is at most √(2 / 60000) = 0.6 %
    assert weights.var() == pytest.approx(variance, rel=0.025)
    assert abs(weights.mean()) < 4 * math.sqrt(variance / weights.size)
    assert np.abs(weights).max() <= largest
    if math.isfinite(largest) and largest < 10 * math.sqrt(variance):
        assert np.abs(weights).max() > 0.98 * largest


@pytest.mark.parametrize(
    ("name", "values", "other"),
    [
        ("variance_scaling", {"scale": 2.0, "distribution": "normal"}, ("he_normal", {})),
        ("variance_scaling", {"scale": 2.0, "distribution": "uniform"}, ("he_uniform", {})),
        ("variance_scaling", {"mode": "fan_avg", "distribution": "uniform"}, ("glorot_uniform", {})),
        ("variance_scaling", {"mode": "fan_avg"}, ("glorot_normal", {"truncated": True})),
        ("variance_scaling", {}, ("lecun_normal", {"truncated": True})),
        ("variance_scaling", {"distribution": "uniform"}, ("lecun_uniform", {})),
        ("constant", {"value": 0.0}, ("zeros", {})),
        ("delta_orthogonal", {"gain": 1.5}, ("orthogonal", {"gain": 1.5})),
        ("sparse", {"connections": 300, "std": 0.3}, ("normal", {"std": 0.3})),
        ("initial_biases", {"weights": (made("he_normal"),)}, ("he_normal", {})),
    ],
)
def test_special_values_are_other_initializers(name: str, values: Any, other: Any) -> None:
    np.testing.assert_allclose(sample(name, **values), sample(other[0], **other[1]), rtol=1e-13)


def test_a_sparse_unit_has_its_number_of_connections() -> None:
    weights = sample("sparse", shape=(40, 30))
    assert (np.count_nonzero(weights, axis=0) == 15).all()
    assert len({tuple(column) for column in (weights != 0).T}) == 30  # each unit its own
    assert np.count_nonzero(sample("sparse", shape=(7, 30))) == 210


def test_identity_of_any_shape() -> None:
    np.testing.assert_array_equal(sample("identity", (3, 2), gain=2.0), [[2, 0], [0, 2], [0, 0]])
    np.testing.assert_array_equal(sample("identity", (2, 3)), [[1, 0, 0], [0, 1, 0]])


# The lengths of a kernel, and which place the network's padding puts in the middle
KERNELS: list[tuple[tuple[int, ...], int]] = [
    ((1,), 0),
    ((2, 2), 0),
    ((3, 3), 4),
    ((5, 5), 12),
    ((4,), 1),
    ((9,), 4),
    ((1, 4), 1),
    ((3, 5), 7),
]


@pytest.mark.parametrize(("kernel", "centre"), KERNELS, ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_kernels_are_zero_but_at_their_centre(kernel: tuple[int, ...], centre: int, channels: int) -> None:
    places, filters = math.prod(kernel), 5
    rows = places * channels
    spec = WeightSpec("W", (rows, filters), rows, places * filters, kernel=kernel)
    for name in ("identity", "delta_orthogonal"):
        drawn = made(name).draw(np.random.default_rng(1), [spec])["W"].reshape(places, channels, filters)
        assert not np.delete(drawn, centre, axis=0).any()
        np.testing.assert_allclose(drawn[centre] @ drawn[centre].T, np.eye(channels), atol=1e-14)


@pytest.mark.parametrize("name", ["identity", "delta_orthogonal"])
def test_a_matrix_is_a_kernel_only_where_the_network_says_so(name: str) -> None:
    dense = WeightSpec(
        "W", (9, 5), 9, 45
    )  # as many rows and ways out as a kernel of 3 x 3 with 5 filters has
    drawn = made(name).draw(np.random.default_rng(1), [dense])["W"]
    np.testing.assert_allclose(drawn.T @ drawn, np.eye(5), atol=1e-14)
    with pytest.raises(ComponentError, match="W is a kernel of 2 x 2 places, but its 9 rows are no multiple"):
        made(name).draw(np.random.default_rng(1), [dense._replace(kernel=(2, 2))])


def test_a_cnn_on_a_line_begins_by_passing_on_the_curve() -> None:
    cnn = build(
        REGISTRY.get("network", "cnn").cls, filters=2, kernel=4, layout="line", activation=(build(RELU),)
    )
    drawn = made("identity").draw(np.random.default_rng(0), cnn.specs(64, 10))
    np.testing.assert_array_equal(np.flatnonzero(drawn["W"]), [2])  # row 1 of 4, filter 0 of 2


def test_a_cnn_with_a_dirac_kernel_begins_by_passing_on_the_image() -> None:
    cnn = build(REGISTRY.get("network", "cnn").cls, filters=2, activation=(build(RELU),))
    drawn = made("identity").draw(np.random.default_rng(0), cnn.specs(64, 10))
    np.testing.assert_array_equal(np.flatnonzero(drawn["W"]), [8])  # row 4 of 9, filter 0 of 2


# Arrays by name: SIREN's first layer, biases


SPECS = [
    WeightSpec("W1", (2, 4), 2, 4, place="input"),
    WeightSpec("b1", (1, 4), 2, 4, "bias", place="input"),
    WeightSpec("W2", (4, 3), 4, 3, place="hidden"),
    WeightSpec("b2", (1, 3), 4, 3, "bias", place="hidden"),
    WeightSpec("g2", (1, 3), 4, 3, "gain", 1.0, place="hidden"),
    WeightSpec("W3", (3, 1), 3, 1, place="output"),
    WeightSpec("b3", (1, 1), 3, 1, "bias", place="output"),
]


def draw(initializer: Any, seed: int = 0) -> dict[str, np.ndarray]:
    return dict(initializer.draw(np.random.default_rng(seed), SPECS))


def test_by_default_weights_are_sampled_and_nothing_else_is_given() -> None:
    drawn, rng = draw(made("he_normal")), np.random.default_rng(0)
    assert list(drawn) == ["W1", "W2", "W3"]
    for spec in (SPECS[0], SPECS[2], SPECS[5]):
        expected = made("he_normal").sample(rng, spec.shape, spec.fan_in, spec.fan_out)
        np.testing.assert_array_equal(drawn[spec.name], expected)


def test_the_first_layer_of_a_siren_has_its_own_interval() -> None:
    several = [draw(made("siren", omega=10.0), seed) for seed in range(400)]
    for name, bound in (("W1", 1 / 2), ("W2", math.sqrt(6 / 4) / 10), ("W3", math.sqrt(6 / 3) / 10)):
        largest = max(np.abs(drawn[name]).max() for drawn in several)
        assert 0.99 * bound < largest <= bound


def test_sirens_pre_activations_have_variance_1_in_every_layer() -> None:
    # Sitzmann et al., section 3.2 and figure 2 of the supplement, for inputs in [-1, 1]
    trial = make_trial(
        REGISTRY,
        network=("mlp", {"hidden": [256, 256, 256]}),
        activation="sine",
        initializer="siren",
        dtype="float64",
    )
    stack = Stack([trial], REGISTRY, load([trial], REGISTRY))
    stack.initialize()
    x = np.random.default_rng(0).uniform(-1, 1, (1, 500, 2))
    layers = stack.network.layers(stack.network.forward(stack.weights, x)[1])
    for layer in layers[1:3]:
        assert (30 * layer.z).var() == pytest.approx(1, rel=0.15)


@pytest.mark.parametrize(
    ("layers", "names"), [("all", {"b1", "b2", "b3"}), ("hidden", {"b1", "b2"}), ("output", {"b3"})]
)
def test_biases_are_given_where_they_are_asked_for(layers: str, names: set[str]) -> None:
    inside = made("he_normal")
    drawn = draw(made("initial_biases", value=-0.3, layers=layers, weights=(inside,)))
    assert set(drawn) == {"W1", "W2", "W3"} | names
    for name in names:
        np.testing.assert_array_equal(drawn[name], np.full(drawn[name].shape, -0.3))
    for name, values in draw(inside).items():
        np.testing.assert_array_equal(drawn[name], values)  # the weights are what they were


def test_uniform_biases_are_those_of_pytorchs_linear_layers() -> None:
    several = [
        draw(made("initial_biases", preset="torch", weights=(made("zeros"),)), seed) for seed in range(400)
    ]
    for name, fan_in in (("b1", 2), ("b2", 4), ("b3", 3)):
        values = np.concatenate([drawn[name].ravel() for drawn in several])
        bound = 1 / math.sqrt(fan_in)
        assert 0.98 * bound < np.abs(values).max() <= bound
        assert values.var() == pytest.approx(bound**2 / 3, rel=0.15)


def test_biases_refuse_what_they_cannot_do() -> None:
    with pytest.raises(
        ComponentError, match="initial_biases: value must be above 0 for the distribution 'uniform', got 0"
    ):
        made("initial_biases", value=0.0, distribution="uniform")
    lsuv = made("lsuv", start=(made("orthogonal"),))
    with pytest.raises(
        ComponentError,
        match=r"initial_biases: weights cannot be lsuv, .* use lsuv with start = 'initial_biases'",
    ):
        draw(made("initial_biases", weights=(lsuv,)))


def test_an_initializer_that_looks_at_layers_is_not_put_where_it_cannot(tmp_path: Path) -> None:
    # Its weights would be drawn there, but never adjusted
    lsuv = made("lsuv", start=(made("orthogonal"),))
    partial = made("from_file", path=file_of(tmp_path, ARRAYS), partial=True, rest=(lsuv,))
    with pytest.raises(ComponentError, match=r"from_file: rest cannot be lsuv, .* with start = 'from_file'"):
        draw(partial)
    with pytest.raises(ComponentError, match="lsuv: start cannot be lsuv, which looks at layers itself"):
        draw(made("lsuv", start=(lsuv,)))


def test_an_interval_whose_width_is_infinite_is_refused() -> None:
    with pytest.raises(ComponentError, match=r"uniform: high - low must be finite, got -1e\+308 and 1e\+308"):
        made("uniform", low=-1e308, high=1e308)


def trial_with(initializer: Part, **settings: Any) -> Trial:
    trial = make_trial(REGISTRY, dtype="float64", **settings)
    object.__setattr__(trial, "parts", {**trial.parts, "initializer": initializer})
    return trial


def biased(**values: Any) -> Part:
    inside = (make_part(REGISTRY, "initializer", "glorot_uniform"),)
    return make_part(REGISTRY, "initializer", ("initial_biases", values), weights=inside)


def test_biases_in_training_and_inside_lsuv() -> None:
    lsuv = make_part(REGISTRY, "initializer", "lsuv", start=(biased(value=0.7),))
    for initializer in (biased(value=0.7), lsuv):
        trial = trial_with(initializer)
        stack = Stack([trial], REGISTRY, load([trial], REGISTRY))
        stack.initialize()
        for name in ("b1", "b2", "b3"):
            assert (stack.weights[name] == 0.7).all()


def test_initializers_train_the_same_alone_and_in_a_stack() -> None:
    parts = [
        biased(),
        biased(value=0.5, layers="output"),
        make_part(REGISTRY, "initializer", "siren"),
        make_part(REGISTRY, "initializer", "sparse"),
    ]
    trials = [trial_with(part, seed=seed, steps=12) for part in parts for seed in (0, 1)]
    assert all(result.status == "ok" for result in trained_the_same(trials, REGISTRY))


# Arrays from a file


ARRAYS: dict[str, Any] = {
    "W1": np.arange(8.0).reshape(2, 4),
    "W2": np.ones((4, 3), "float32"),
    "W3": [[1], [2], [3]],
    "b2": [5.0, 6.0, 7.0],
}


def file_of(folder: Path, arrays: Any, name: str = "start.npz") -> str:
    path = folder / name
    np.savez(path, **arrays) if name.endswith("z") else np.save(path, arrays)
    return str(path)


def test_arrays_are_those_of_the_file(tmp_path: Path) -> None:
    drawn = draw(made("from_file", path=file_of(tmp_path, ARRAYS)))
    assert set(drawn) == set(ARRAYS)
    for name, values in ARRAYS.items():
        np.testing.assert_array_equal(drawn[name], np.atleast_2d(values))
        assert drawn[name].dtype == np.float64


def test_what_is_missing_is_drawn_on_request(tmp_path: Path) -> None:
    values = {"path": file_of(tmp_path, {"b1": [1, 2, 3, 4]}), "partial": True, "rest": (made("he_normal"),)}
    drawn = draw(made("from_file", **values))
    np.testing.assert_array_equal(drawn.pop("b1"), [[1, 2, 3, 4]])
    for name, expected in draw(made("he_normal")).items():
        np.testing.assert_array_equal(drawn[name], expected)


def test_a_single_array_is_that_of_the_only_weight(tmp_path: Path) -> None:
    path = file_of(tmp_path, np.ones((2, 4)), "start.npy")
    drawn = made("from_file", path=path).draw(np.random.default_rng(0), SPECS[:2])
    np.testing.assert_array_equal(drawn["W1"], np.ones((2, 4)))
    with pytest.raises(
        DataError, match=r"holds one array, but the network has several weights: W1 \(2, 4\), W2"
    ):
        draw(made("from_file", path=path))


def test_the_fingerprint_is_that_of_the_content(tmp_path: Path) -> None:
    first = made("from_file", path=file_of(tmp_path, ARRAYS)).fingerprint()
    (tmp_path / "copy.npz").write_bytes((tmp_path / "start.npz").read_bytes())
    assert made("from_file", path=str(tmp_path / "copy.npz")).fingerprint() == first
    file_of(tmp_path, {**ARRAYS, "b2": [5.0, 6.0, 7.5]})
    assert made("from_file", path=str(tmp_path / "start.npz")).fingerprint() != first


MISTAKES: list[tuple[dict[str, Any], str]] = [
    (
        {"W1": np.ones((4, 2))},
        "'W1' must be (2, 4), got (4, 2); it is transposed: weights are (inputs, units)",
    ),
    ({"W1": np.ones((2, 5))}, "'W1' must be (2, 4), got (2, 5)"),
    ({"W1": np.ones(8)}, "'W1' must be (2, 4), got (8,)"),
    ({"b1": np.ones((4, 1))}, "'b1' must be (1, 4), got (4, 1)"),
    ({"b1": 0.5}, "'b1' must be (1, 4), got ()"),
    ({"W9": np.ones(2)}, "the network has no 'W9'; it has W1 (2, 4), b1 (1, 4), W2 (4, 3)"),
    ({"W1": np.full((2, 4), np.nan)}, "'W1' must be finite, got nan at [0, 0]"),
    ({"b2": [1.0, 2.0, np.inf]}, "'b2' must be finite, got inf at [2]"),
    ({"W1": np.full((2, 4), 1j)}, "'W1' must hold real numbers, got complex128"),
    ({"W1": np.full((2, 4), "1.0")}, "'W1' must hold real numbers, got <U3"),
    ({"W1": np.array([{}], object)}, "is no .npz or .npy file of numbers: it may hold Python objects"),
]


@pytest.mark.parametrize(("changed", "message"), MISTAKES)
def test_arrays_that_do_not_fit_are_refused_in_one_line(tmp_path: Path, changed: Any, message: str) -> None:
    path = file_of(tmp_path, {**ARRAYS, **changed})
    with pytest.raises(DataError) as refused:
        draw(made("from_file", path=path))
    assert str(refused.value).startswith(f"from_file: {path}: {message}")
    assert "\n" not in str(refused.value)


def test_a_missing_weight_is_refused(tmp_path: Path) -> None:
    path = file_of(tmp_path, {key: value for key, value in ARRAYS.items() if key != "W2"})
    with pytest.raises(
        DataError, match=r"has no 'W2', which the network needs as \(4, 3\); .* partial = true"
    ):
        draw(made("from_file", path=path))


def _zip(*names: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, b"1,2,3")
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no .npz or .npy file of numbers: "),
        (b"W1,W2\n1,2\n", "is no .npz or .npy file of numbers: "),
        (b"\x93NUMPY\x01\x00", "is no .npz or .npy file of numbers: "),
        (b"PK\x03\x04damaged", "is no .npz or .npy file of numbers: "),
        (_zip(), "holds no arrays"),
        (_zip("notes.txt"), "'notes.txt' must hold real numbers, got "),
        (None, "no such file."),
    ],
    ids=["empty", "text", "half an array", "damaged", "no arrays", "an archive of text", "missing"],
)
def test_files_that_hold_no_arrays_are_refused_in_one_line(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "start.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError) as refused:
        made("from_file", path=str(path)).fingerprint()
    assert str(refused.value).startswith(f"from_file: {path}: {message}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("~/start.npz", "~ is not read as your home; write the whole path."),
        ("https://example.com/start.npz", "It is a web address; download the file and name that."),
    ],
)
def test_an_address_or_a_home_is_no_path(path: str, hint: str) -> None:
    with pytest.raises(DataError) as refused:
        made("from_file", path=path).fingerprint()
    assert str(refused.value).endswith(f": no such file. {hint}")


def test_a_path_must_be_given_and_be_a_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="from_file: path is missing; name the file"):
        draw(made("from_file"))
    with pytest.raises(DataError, match="is a directory; name a file in it"):
        draw(made("from_file", path=str(tmp_path)))


def from_file(path: str) -> Part:
    """Return the part as the planner makes it: the path outside of the key, the content's digest in it."""
    rest = (make_part(REGISTRY, "initializer", "glorot_uniform"),)
    part = make_part(REGISTRY, "initializer", ("from_file", {}), rest=rest)
    params = {**part.params, "fingerprint": made("from_file", path=path).fingerprint()}
    del params["path"]
    return Part(part.kind, part.name, part.code, params, part.refs, {"path": path})


def test_the_kit_holds_with_a_file(tmp_path: Path) -> None:
    check_component(REGISTRY.get("initializer", "from_file").cls, values={"path": file_of(tmp_path, ARRAYS)})


def test_a_file_that_changed_since_the_plan_is_refused(tmp_path: Path) -> None:
    arrays = {"W1": np.ones((2, 8)), "W2": np.ones((8, 8)), "W3": np.ones((8, 1))}
    trial = trial_with(from_file(file_of(tmp_path, arrays)))
    stack = Stack([trial], REGISTRY, load([trial], REGISTRY))
    stack.initialize()
    assert (stack.weights["W2"] == 1).all()
    file_of(tmp_path, {**arrays, "b1": np.ones(8)})
    with pytest.raises(DataError, match=r"from_file: .* has changed since the plan was made; start again"):
        stack.initialize()


@pytest.mark.parametrize("given", [{"W1": np.ones(8)}, {"W7": np.ones((2, 8))}, {}])
def test_a_draw_of_other_shapes_or_names_is_refused_and_not_broadcast(given: Any) -> None:
    stack = Stack([make_trial(REGISTRY)], REGISTRY, load([make_trial(REGISTRY)], REGISTRY))
    with pytest.raises(ComponentError, match=r"mine: draw gives .* for W[17], the network has"):
        stack._refuse_misfits("mine", given)
