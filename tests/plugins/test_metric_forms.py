"""Metrics that look into the network: what they see, in training and in an experiment."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from experiment_factory import SMALL, load, plan
from sameness import trained_the_same
from shipped import REGISTRY
from trial_factory import given_data, make_part, make_trial

from anncore import ExperimentError, Layer, load_registry
from anncore.contract.trial import Stop
from anncore.engine.activations import Activations
from anncore.engine.build import build_slices
from anncore.engine.datasets import prepare
from anncore.engine.evaluation import Evaluator
from anncore.engine.network_stack import Stack
from anncore.engine.training import train_stack


def score(name: str, layers: list[Layer], grads: dict[str, Any] | None = None) -> dict[str, list[float]]:
    grads = {key: np.asarray(value, float) for key, value in (grads or {}).items()}
    scores = REGISTRY.get("metric", name).cls().score(layers, grads, grads)
    return {suffix: values.tolist() for suffix, values in scores.items()}


# Two trials, three examples, two units
A = np.array([[[0, 1], [0, 0], [0, 2]], [[0, 1], [0.1, 0], [-0.1, 2]]], float)
OUTPUT = Layer("W2", np.zeros((2, 3, 1)))


def test_a_unit_is_dead_that_is_silent_on_every_example() -> None:
    shares = score("dead_units", [Layer("W1", A - 1, A), OUTPUT])
    assert shares == {"": [0.5, 0], "1": [0.5, 0]}


def test_the_share_over_all_layers_counts_units_and_no_layers() -> None:
    wide = np.ones((2, 3, 6))
    shares = score("dead_units", [Layer("W1", A, A), Layer("W2", wide, wide), OUTPUT])
    assert shares == {"": [1 / 8, 0], "1": [0.5, 0], "2": [0, 0]}


@pytest.mark.parametrize("name", ["dead_units", "saturated_units"])
def test_without_hidden_layers_no_share_is_defined(name: str) -> None:
    shares = score(name, [OUTPUT])
    assert list(shares) == [""]
    assert np.isnan(shares[""]).all()


def sloping(slope: Any) -> Layer:
    return Layer("W1", np.zeros_like(slope), np.zeros_like(slope), lambda: slope)


def test_a_unit_is_saturated_that_is_flat_on_95_percent_of_the_examples() -> None:
    flat = np.full((2, 20, 4), 0.25)
    flat[0, :19, 0] = 0.0099  # 19 of 20: saturated
    flat[0, :18, 1] = 0.0  # 18 of 20: not
    flat[0, :, 2] = -0.0099  # the size counts, not the sign
    flat[0, :, 3] = 0.01  # not below
    shares = score("saturated_units", [sloping(flat), OUTPUT])
    assert shares == {"": [0.5, 0], "1": [0.5, 0]}
    both = score("saturated_units", [sloping(flat), sloping(np.ones((2, 20, 6))), OUTPUT])
    assert both == {"": [0.2, 0], "1": [0.5, 0], "2": [0, 0]}


def test_what_has_no_slope_has_no_share_of_saturated_units() -> None:
    unknown = np.full((2, 5, 1), np.nan)
    for layer in (Layer("W1", A, A), sloping(unknown)):
        shares = score("saturated_units", [layer, sloping(np.ones((2, 5, 3))), OUTPUT])
        assert list(shares) == ["", "1", "2"]
        assert shares["2"] == [0, 0]
        assert np.isnan([*shares[""], *shares["1"]]).all()


SLOPES = {
    # f'(z) at -2, 0 and 3, by hand or from a table
    "identity": (1, 1, 1),
    "relu": (0, None, 1),
    ("leaky_relu", 0.1): (0.1, None, 1),
    "sigmoid": (0.1049935854, 0.25, 0.0451766597),  # e^-2 / (1 + e^-2)², e^-3 / (1 + e^-3)²
    "tanh": (0.0706508249, 1, 0.0098660372),  # 1 / cosh²
    "gelu": (-0.0852318, 0.5, 1.0119457),  # Φ(z) + z φ(z), Φ and φ from a table to seven digits
    "selu": (0.2379329, None, 1.0507010),  # λ α e^-2 = 1.7580993 * 0.1353353, and λ
    "softplus": (0.1192029220, 0.5, 0.9525741268),  # the sigmoid
    "prelu": (0.25, None, 1),  # its slope starts at 0.25, where it learns
    "rrelu": (11 / 48, None, 1),  # the mean of U(1/8, 1/3)
}


@pytest.mark.parametrize("which", SLOPES, ids=str)
def test_every_activation_tells_its_slope(which: Any) -> None:
    name, values = (which[0], {"slope": which[1]}) if isinstance(which, tuple) else (which, {})
    made = build_slices([make_part(REGISTRY, "activation", (name, values))] * 2, REGISTRY, "float64")
    activation = Activations(made).at("activation1", 3)
    weights = {spec.name: np.full((2, *spec.shape), spec.initial) for spec in activation.specs()}
    activation.begin(weights, training=False)
    z = np.array([[[-2.0, 0.0, 3.0]]] * 2)
    before = {key: value.copy() for key, value in weights.items()}
    slope = activation.slope(z, activation.forward(z))
    for column, expected in enumerate(SLOPES[which]):
        if expected is not None:
            np.testing.assert_allclose(slope[:, 0, column], expected, rtol=1e-6)
    assert all((weights[key] == before[key]).all() for key in weights)


@pytest.mark.parametrize("name", ["softmax", "glu", "swiglu"])
def test_what_is_no_function_of_each_z_alone_has_no_slope(name: str) -> None:
    trial = make_trial(REGISTRY, activation=name, watch=("annx:saturated_units",), steps=10)
    [result] = train_stack([trial], REGISTRY)
    assert np.isnan(result.curves["train_saturated_units.1"]).all()
    assert result.status == "ok"


def test_of_mixed_trials_only_those_without_a_slope_are_nan() -> None:
    parts = [make_part(REGISTRY, "activation", name) for name in ("tanh", "softmax", "sigmoid")]
    activation = Activations(build_slices(parts, REGISTRY, "float64"))
    z = np.array([[[0.0, 1.0]]] * 3)
    slope = activation.slope(z, activation.forward(z))
    np.testing.assert_allclose(slope[:, 0, 0], [1, np.nan, 0.25])


def test_gradients_have_the_length_that_pythagoras_says() -> None:
    grads = {
        "W1": [[[3, 0], [0, 4]], [[0, 0], [0, 0]]],
        "b1": [[[12, 0]], [[0, 0]]],
        "W2": [[[0], [84]], [[1], [0]]],
    }
    norms = score("gradient_norm", [Layer("W1", A, A), OUTPUT], grads)
    assert norms == {"": [85, 1], "1": [5, 0], "2": [84, 1]}  # 3² + 4² + 12² + 84² = 85²


def test_a_square_beyond_float32_is_no_overflow() -> None:
    big = np.full((1, 2, 2), 1e30, np.float32)
    [norm] = REGISTRY.get("metric", "gradient_norm").cls().score([Layer("W1", big)], {}, {"W1": big})[""]
    assert norm == pytest.approx(2e30, rel=1e-6)


# In training

WATCH = ("annx:dead_units", "annx:gradient_norm", "annx:saturated_units")
COLUMNS = [
    *("train_dead_units", "train_dead_units.1", "train_dead_units.2"),
    *(f"train_gradient_norm{suffix}" for suffix in ("", ".1", ".2", ".3")),
    *("train_saturated_units", "train_saturated_units.1", "train_saturated_units.2"),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("eval_train", ["sample", "all"])
def test_watching_is_the_same_alone_and_in_any_stack(dtype: str, eval_train: str) -> None:
    trials = [
        make_trial(
            REGISTRY,
            activation=activation,
            loss=loss,
            output=output,
            optimizer=optimizer,
            seed=seed,
            watch=WATCH,
            dtype=dtype,
            eval_train=eval_train,
            stop=Stop(loss=0.45),
        )
        for activation in ("relu", "tanh")
        for loss, output in (("binary_cross_entropy", "sigmoid"), ("hinge", "identity"))
        for seed, optimizer in (
            (0, ("adam", {"lr": 0.03})),
            (1, ("sgd", {"lr": 0.1})),
            (0, ("sgd", {"lr": 1e6})),
        )
    ]
    for result in trained_the_same(trials, REGISTRY):
        assert [
            name for name in result.curves if name not in ("train_loss", "valid_loss", "valid_accuracy")
        ] == COLUMNS
        assert {len(curve) for curve in result.curves.values()} == {len(result.steps)}
        for name in COLUMNS:
            last = result.curves[name][-1]
            value = result.metrics[name]
            assert value == last or (result.status == "diverged" and math.isnan(value))


def test_those_who_do_not_ask_get_what_they_got_before() -> None:
    plain, watched = make_trial(REGISTRY), make_trial(REGISTRY, watch=WATCH)
    assert plain.key != watched.key
    [without], [with_] = train_stack([plain], REGISTRY), train_stack([watched], REGISTRY)
    assert not {*COLUMNS} & {*without.curves, *without.metrics}
    assert {name: with_.curves[name] for name in without.curves} == without.curves
    assert {name: with_.metrics[name] for name in without.metrics} == without.metrics


def test_a_rate_far_too_high_kills_units() -> None:
    [result] = train_stack(
        [
            make_trial(
                REGISTRY,
                dataset="friedman",
                loss="mae",
                output="identity",
                optimizer=("sgd", {"lr": 30.0}),
                watch=WATCH[:1],
            )
        ],
        REGISTRY,
    )
    assert result.curves["train_dead_units"][0] == 0
    assert result.curves["train_dead_units.2"][-1] > 0.9


def test_gradients_vanish_towards_the_first_layer_of_deep_sigmoids() -> None:
    # Glorot & Bengio (2010), section 4.2; each sigmoid passes on a quarter at most.
    deep = ("mlp", {"hidden": [16] * 6})
    [result] = train_stack(
        [make_trial(REGISTRY, network=deep, activation="sigmoid", watch=WATCH[1:2], steps=1)], REGISTRY
    )
    norms = [result.curves[f"train_gradient_norm.{i}"][0] for i in range(1, 8)]
    assert norms == sorted(norms)
    assert norms[0] < 1e-3 * norms[-1]


@pytest.mark.parametrize(
    ("network", "layers"),
    [
        (("mlp", {"hidden": [6, 5], "norm": "batch"}), 2),
        (("mlp", {"hidden": [6, 5], "norm": "layer"}), 2),
        (("sparse", {"hidden": [6, 5]}), 2),
        ("elman", 1),
    ],
    ids=str,
)
def test_every_network_shows_the_slope_at_what_its_activation_takes(network: Any, layers: int) -> None:
    trial = make_trial(REGISTRY, network=network, activation="tanh")
    stack = Stack(
        [trial], REGISTRY, [prepare(trial.parts["dataset"], trial.split, 0, 0, REGISTRY, "float32")]
    )
    stack.initialize()
    x = np.random.default_rng(0).normal(size=(1, 9, 2)).astype(stack.dtype)
    hidden = stack.network.layers(stack.network.forward(stack.evaluated(), x)[1])[:-1]
    assert len(hidden) == layers
    for layer in hidden:  # tanh' = 1 - tanh², whatever lies between the weights and the activation
        np.testing.assert_allclose(layer.slope(), 1 - layer.a**2, rtol=1e-5)


def test_what_a_learning_rule_descends_stands_for_the_gradient(tmp_path: Path) -> None:
    (tmp_path / "hebb.py").write_text(HEBB)
    registry = load_registry([tmp_path / "hebb.py"], {"ANNX_PLUGINS": ""})
    name = "hebb:hebb"
    trial = make_trial(registry, network=name, watch=("annx:gradient_norm",), dtype="float64")
    # W ← W + xᵀ y: of these two examples [1 + 3, 2 + 4], of length √52.
    data = given_data([[1, 2], [3, 4]], [[1], [1]])
    stack = Stack([trial], registry, [data])
    norms = Evaluator(stack).watched([registry.get("metric", "gradient_norm").cls()], (1, 1))
    assert norms == {
        "train_gradient_norm": pytest.approx(math.sqrt(52)),
        "train_gradient_norm.1": pytest.approx(math.sqrt(52)),
    }
    twins = [trial, make_trial(registry, network=name, watch=trial.train.watch, dtype="float64", seed=1)]
    for result in trained_the_same(twins, registry):
        assert result.curves["train_gradient_norm.1"] == result.curves["train_gradient_norm"]


# In an experiment


def test_an_experiment_names_what_is_watched(tmp_path: Path) -> None:
    text = SMALL.replace("steps = 10", 'steps = 10\nwatch = ["gradient_norm", "dead_units"]')
    assert load(tmp_path, text).train.watch == WATCH[:2]
    planned = plan(tmp_path, text)
    assert {trial.train.watch for trial in planned.tune()} == {WATCH[:2]}
    other_order = text.replace('"gradient_norm", "dead_units"', '"dead_units", "annx:gradient_norm"')
    assert [trial.key for trial in plan(tmp_path, other_order).tune()] == [
        trial.key for trial in planned.tune()
    ]


@pytest.mark.parametrize(
    ("watch", "said"),
    [
        ('["ded_units"]', "[train] watch: No metric is called 'ded_units'. Did you mean 'dead_units'?"),
        ('["qqq"]', "Those that can be watched: dead_units, effective_rank, gradient_norm, "),
        ('["accuracy"]', "got 'accuracy', which scores predictions and is recorded anyway"),
        ('["dead_units", "annx:dead_units"]', "watch lists 'annx:dead_units' twice"),
        ('"dead_units"', "watch must be a list of texts, got 'dead_units'"),
    ],
)
def test_what_cannot_be_watched_is_refused(tmp_path: Path, watch: str, said: str) -> None:
    with pytest.raises(ExperimentError) as error:
        load(tmp_path, SMALL.replace("steps = 10", f"steps = 10\nwatch = {watch}"))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_watched_selects_nothing(tmp_path: Path) -> None:
    with pytest.raises(
        ExperimentError, match="must not be 'valid_dead_units': dead_units looks into the network"
    ):
        plan(tmp_path, SMALL + '[select]\nmetric = "valid_dead_units"\n')


def test_a_network_that_does_not_show_its_layers_is_refused_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "shy.py").write_text(SHY)
    text = SMALL.replace("steps = 10", 'steps = 10\nwatch = ["dead_units"]')
    text += '[network.shy]\nactivation = "tanh"\n[plugins]\nfiles = ["shy.py"]\n'
    with pytest.raises(ExperimentError) as error:
        plan(tmp_path, text)
    said = str(error.value)
    assert said.startswith(
        "x.toml: [train] watch: dead_units looks into the network, and [network.shy] does not show its layers"
    )
    assert "mlp" in said
    assert said.endswith(", or leave watch out.")


HEBB = '''
from dataclasses import dataclass
from typing import Any, ClassVar
from anncore import Layer, WeightSpec, hookimpl, ref, Network

@dataclass(frozen=True)
class Hebb(Network):
    """What fires together, wires together."""
    name: ClassVar[str] = "hebb"
    output: Any = ref("activation", "auto")
    def specs(self, inputs, outputs): return [WeightSpec("W", (inputs, outputs), inputs, outputs)]
    def forward(self, weights, x): return x @ weights["W"], x @ weights["W"]
    def backward(self, weights, tape, grad, grads): raise AssertionError("not in use")
    def learn(self, weights, x, y, grads): grads["W"][...] = -(x.swapaxes(1, 2) @ y)
    def layers(self, tape): return [Layer("W", tape)]

@hookimpl
def annx_networks(): return [Hebb]
'''

SHY = '''
from dataclasses import dataclass
from typing import Any, ClassVar
import numpy as np
from anncore import WeightSpec, hookimpl, ref, Network

@dataclass(frozen=True)
class Shy(Network):
    """A linear map."""
    name: ClassVar[str] = "shy"
    activation: Any = ref("activation", "relu")
    output: Any = ref("activation", "auto")
    def specs(self, inputs, outputs): return [WeightSpec("W", (inputs, outputs), inputs, outputs)]
    def forward(self, weights, x): return x @ weights["W"], x
    def backward(self, weights, tape, grad, grads): grads["W"][...] = tape.swapaxes(1, 2) @ grad

@hookimpl
def annx_networks(): return [Shy]
'''


# Constant and single-row input, by hand


@pytest.mark.parametrize(
    ("a", "dead"),
    [
        ([[0.0, 2.0]], 1 / 2),  # one example
        ([[0.0, 0.0]] * 3, 1),
        ([[0.1, 0.1]] * 3, 0),
        ([[1e-300, -0.0]] * 3, 1 / 2),
        ([[math.nan, 0.0]] * 3, math.nan),
    ],
)
def test_dead_units_of_constant_activations(a: Any, dead: float) -> None:
    values = np.asarray([a], float)
    shares = score("dead_units", [Layer("W1", values, values), Layer("W2", np.zeros((1, len(a), 1)))])
    assert shares[""] == pytest.approx([dead], nan_ok=True)
    assert shares["1"] == pytest.approx([dead], nan_ok=True)


@pytest.mark.parametrize(
    ("slope", "saturated"),
    [
        ([[0.0, 0.25]], 1 / 2),  # one example
        ([[0.0, 0.0]] * 3, 1),
        ([[0.01, -0.01]] * 3, 0),
        ([[math.nan, 0.0]] * 3, math.nan),
    ],
)
def test_saturated_units_of_constant_slopes(slope: Any, saturated: float) -> None:
    shares = score("saturated_units", [sloping(np.asarray([slope], float)), Layer("W2", np.zeros((1, 3, 1)))])
    assert shares[""] == pytest.approx([saturated], nan_ok=True)


@pytest.mark.parametrize("size", [1e-200, 1.0, 1e200])
def test_gradients_of_any_size_have_their_length(size: float) -> None:
    grads = {"W1": [[[3 * size], [4 * size]]], "b1": [[[0.0]]], "W2": [[[0.0]]]}
    norms = score("gradient_norm", [Layer("W1", A), OUTPUT], grads)
    assert norms[""] == pytest.approx([5 * size], rel=1e-15)
    assert norms["1"] == pytest.approx([5 * size], rel=1e-15)
    assert norms["2"] == [0]


def test_gradients_that_are_not_finite_have_no_finite_length() -> None:
    for value, expected in ((math.inf, math.inf), (math.nan, math.nan)):
        norms = score("gradient_norm", [Layer("W1", A)], {"W1": [[[value], [1.0]]]})
        assert norms[""] == pytest.approx([expected], nan_ok=True)
