"""Networks on sequences: rnn, lstm, gru, jordan, echo_state, transformer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from placed_networks import drawn, output, placed
from sameness import by_key
from shipped import REGISTRY
from sklearn.linear_model import Ridge
from trial_factory import make_trial

from anncore import Array, ComponentError, build
from anncore.contract.trial import Split, Trial
from anncore.engine.network import PlacedNetwork
from anncore.engine.training import train_stack

# lstm, gru, rnn


def test_a_cell_with_open_gates_adds_up_what_enters() -> None:
    """The constant error carousel of Hochreiter & Schmidhuber 1997: what entered first counts as the last."""
    network = placed("lstm", 4, 1, hidden=1)
    weights = {name: np.zeros_like(values) for name, values in drawn(network).items()}
    weights["b1"][...] = np.array([40, 40, 0, 40])  # σ(40) = 1; g alone sees the input
    weights["Wx1"][0, 0, 2] = weights["Wy"][...] = 1
    x = np.array([0.1, -0.4, 0.2, 0.5])
    assert output(network, weights, x).item() == pytest.approx(np.tanh(np.tanh(x).sum()), rel=1e-12)
    weights["b1"][0, 0, 1] = -41  # with forget_bias 1: σ(-40) = 0, all but the last step is forgotten
    assert output(network, weights, x).item() == pytest.approx(np.tanh(np.tanh(0.5)), rel=1e-12)


def test_a_half_open_gate_of_a_gru_takes_half_of_what_is_new() -> None:
    # All zero but what enters: ζ = 1/2, ν = tanh 1; so h is (1 - 2⁻ˢ) tanh 1 after s steps.
    network = placed("gru", 3, 3, hidden=1, read="every")
    weights = {name: np.zeros_like(values) for name, values in drawn(network).items()}
    weights["Wx1"][0, 0, 2] = weights["Wy"][...] = 1
    expected = np.tanh(1) * np.array([1 / 2, 3 / 4, 7 / 8])
    np.testing.assert_allclose(output(network, weights, [1, 1, 1])[0], expected, rtol=1e-12)


def test_of_one_unit_it_is_the_same_whether_it_is_reset_before_its_product_or_after() -> None:
    x = np.random.default_rng(1).normal(size=(5, 6))
    for hidden in (1, 2):
        after, before = (placed("gru", 6, 1, hidden=hidden, reset=reset) for reset in ("after", "before"))
        weights = drawn(after) | {"e1": np.zeros((1, 1, hidden))}
        same = np.allclose(output(after, weights, x), output(before, weights, x), rtol=1e-12)
        assert same == (hidden == 1)


def test_rnn_of_one_layer_is_elmans_network() -> None:
    rnn, elman = (placed(name, 6, 2, features=2, hidden=4) for name in ("rnn", "elman"))
    weights = drawn(rnn)
    renamed = {"Wx": "Wx1", "Wh": "Wh1", "b": "b1", "Wy": "Wy", "c": "d"}
    x = np.random.default_rng(1).normal(size=(5, 6))
    theirs = output(elman, {name: weights[ours] for name, ours in renamed.items()}, x)
    np.testing.assert_allclose(output(rnn, weights, x), theirs, rtol=1e-12)


def test_a_layer_is_shown_with_all_of_its_steps() -> None:
    network = placed("rnn", 3, 1, hidden=4, num_layers=2)
    x = np.random.default_rng(2).normal(size=(1, 5, 3))
    layers = network.layers(network.forward(drawn(network), x)[1])
    assert [layer.weight for layer in layers] == ["Wx1", "Wx2", "Wy"]
    for layer in layers[:-1]:
        assert layer.a is not None
        assert layer.slope is not None
        np.testing.assert_allclose(layer.a, np.tanh(layer.z), rtol=1e-12)
        assert layer.z.shape == (1, 15, 4)
        np.testing.assert_allclose(layer.slope(), 1 - layer.a**2, rtol=1e-12)


def test_two_steep_units_keep_the_parity_of_any_length() -> None:
    """p xor b = [p + b > 1/2] - [p + b > 3/2]: the automaton of two states as a network."""
    data = REGISTRY.get("dataset", "sequence_parity").cls(n=20, steps=60, predict="every")
    bits = data.make(np.random.default_rng(0))
    network = placed("rnn", 60, 60, "sigmoid", hidden=2, read="every")
    steep = 50.0
    weights = {
        "Wx1": np.full((1, 1, 2), steep),
        "Wh1": steep * np.array([[[1.0, 1], [-1, -1]]]),
        "b1": -steep * np.array([[[0.5, 1.5]]]),
        "Wy": np.array([[[1.0], [-1]]]),
        "d": np.zeros((1, 1, 1)),
    }
    np.testing.assert_allclose(output(network, weights, bits.x), bits.y, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_gated_networks_solve_the_adding_problem(name: str) -> None:
    """Hochreiter & Schmidhuber 1997, experiment 4; the bar of a network that does not look back is 1/6."""
    trials = [
        make_trial(
            REGISTRY,
            dataset=("adding", {"steps": 10, "n": 400}),
            network=(name, {"features": 2, "hidden": 8}),
            output="identity",
            loss="mse",
            optimizer=("adam", {"lr": 0.03}),
            batch_size=32,
            steps=250,
            eval_every=250,
            split=Split(standardize=False),
            seed=seed,
        )
        for seed in range(3)
    ]
    losses = [result.metrics["test_loss"] for result in train_stack(trials, REGISTRY)]
    assert max(losses) < 1 / 6 / 10


# jordan


def rotation(speed: float) -> dict[str, Array]:
    """Return the weights of a linear ring oscillator: the context, turned by the speed."""
    turn = np.array([[np.cos(speed), np.sin(speed)], [-np.sin(speed), np.cos(speed)]])
    zeros = {"Wx": np.zeros((1, 1, 2)), "b": np.zeros((1, 1, 2)), "d": np.zeros((1, 1, 2))}
    return {**zeros, "Wc": np.eye(2)[None], "Wy": turn[None]}


def test_a_ring_oscillator_runs_on_its_own() -> None:
    """What a rotation makes of its last output, from the start alone, is the circle of the data set."""
    circling = build(
        REGISTRY.get("dataset", "circling").cls, n=20, steps=50, slowest=0.3, fastest=0.3 + 1e-13
    )
    data = circling.make(np.random.default_rng(0))
    network = placed("jordan", 150, 100, "identity", hidden=2)
    np.testing.assert_allclose(output(network, rotation(0.3), data.x), data.y, atol=1e-10)
    np.testing.assert_allclose(output(network, rotation(0.3), data.x, training=True), data.y, atol=1e-10)


def test_evaluation_sees_the_teacher_at_the_start_only() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(5, 4, 3))
    other = x.copy()
    other[:, 1:, 1:] += 1  # what the teacher shows after the first step
    for teacher in (True, False):
        network = placed("jordan", 12, 8, teacher=teacher, decay=0.3)
        weights = drawn(network)
        free, free_of_other = (output(network, weights, sequence.reshape(5, 12)) for sequence in (x, other))
        np.testing.assert_array_equal(free, free_of_other)
        trained, trained_on_other = (
            output(network, weights, sequence.reshape(5, 12), training=True) for sequence in (x, other)
        )
        assert (trained == trained_on_other).all() != teacher
        np.testing.assert_array_equal(trained[:, :2], free[:, :2])  # the first step is the same


@pytest.mark.parametrize(("inputs", "outputs"), [(3, 2), (4, 4), (9, 5), (5, 8)])
def test_jordan_refuses_what_is_no_sequence_to_produce(inputs: int, outputs: int) -> None:
    with pytest.raises(
        ComponentError, match=rf"jordan: .* got {inputs} inputs and {outputs} outputs; use a data set"
    ):
        placed("jordan", inputs, outputs)


# echo_state


def reservoir(hidden: int, steps: int, answers: int, **values: Any) -> tuple[PlacedNetwork, dict[str, Array]]:
    network = placed("echo_state", steps, answers, hidden=hidden, **values)
    return network, drawn(network)


def fitted(network: PlacedNetwork, weights: dict[str, Array], x: Array, y: Array) -> dict[str, Array]:
    """Return the weights after one step of sgd with rate 1."""
    grads = {name: np.full_like(weights[name], np.nan) for name in ("Wy", "d")}
    network.component.learn(weights, x[None], y[None], grads)
    return {**weights, **{name: weights[name] - grads[name] for name in grads}}


def test_the_read_out_is_ridge_regression_as_in_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(50, 8)), rng.normal(size=(50, 2))
    for ridge in (1e-3, 1.0):
        network, weights = reservoir(12, 8, 2, ridge=ridge)
        states = network.component._read(weights, x[None])[0]
        theirs = Ridge(alpha=ridge).fit(states, y)
        ours = fitted(network, weights, x, y)
        np.testing.assert_allclose(ours["Wy"][0], theirs.coef_.T, rtol=1e-9)
        np.testing.assert_allclose(output(network, ours, x), theirs.predict(states), rtol=1e-9)


def test_memory_capacity_is_at_most_the_number_of_units() -> None:
    """Jaeger, "Short term memory in echo state networks", GMD Report 152, 2001, propositions 2 and 4.

    Σ r² over all delays, of a fit to each past input of an independent stream: at most N, and N for a linear
    reservoir. On the examples that were fitted r² is N / examples too high for each delay.
    """
    units, steps, examples = 10, 40, 4000
    x = np.random.default_rng(4).normal(size=(examples, steps))
    capacity = {}
    for activation in ("identity", "tanh"):
        network, weights = reservoir(
            units, steps, steps, activation=activation, radius=0.95, density=1.0, bias_scale=0.0, ridge=1e-9
        )
        guesses = output(network, fitted(network, weights, x, x), x)
        capacity[activation] = (
            1 - ((x - guesses) ** 2).sum(axis=0) / ((x - x.mean(axis=0)) ** 2).sum(axis=0)
        ).sum()
    chance = units * steps / examples
    assert units - 0.5 < capacity["identity"] <= units + 5 * chance
    assert capacity["tanh"] < capacity["identity"]


def test_a_reservoir_has_its_radius_and_forgets_its_past() -> None:
    for radius in (0.5, 0.9):
        network, weights = reservoir(30, 80, 1, radius=radius)
        assert np.abs(np.linalg.eigvals(weights["Wh"][0])).max() == pytest.approx(radius)
        x = np.random.default_rng(5).normal(size=(4, 80))
        other = x.copy()
        other[:, :10] = 0
        apart = np.abs(output(network, weights, x) - output(network, weights, other)).max()
        assert apart < (1e-12 if radius == 0.5 else 1e-1)
    denser = reservoir(30, 80, 1, density=1.0)[1]
    assert (denser["Wh"] != 0).all()
    assert ((reservoir(30, 80, 1, density=0.1)[1]["Wh"][0] != 0).sum(axis=0) == 3).all()


def test_further_steps_change_nothing() -> None:
    losses = [
        result.metrics["test_loss"]
        for steps in (1, 3)
        for result in train_stack(
            [
                sequence_trial(
                    "echo_state",
                    {"hidden": 20},
                    dataset=("mackey_glass", {"n": 60, "window": 20}),
                    optimizer=("sgd", {"lr": 1.0}),
                    batch_size="full",
                    steps=steps,
                    dtype="float64",
                )
            ],
            REGISTRY,
        )
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)
    assert losses[0] < 0.5  # of the variance


# transformer


def test_without_positions_the_steps_are_a_set() -> None:
    """Vaswani et al. 2017, section 3.5: attention without positions knows nothing of the order."""
    x = np.random.default_rng(6).normal(size=(4, 5, 2))
    shuffled = x[:, [3, 0, 4, 1, 2]]
    for positions, same in (("none", True), ("learned", False), ("sinusoidal", False)):
        network = placed("transformer", 10, 1, features=2, positions=positions)
        weights = drawn(network)
        one, other = (output(network, weights, steps.reshape(4, 10)) for steps in (x, shuffled))
        assert np.allclose(one, other, rtol=1e-10) == same


@pytest.mark.parametrize("causal", [True, False])
def test_a_causal_step_does_not_see_those_behind_it(causal: bool) -> None:
    network = placed("transformer", 6, 6, read="every", causal=causal, blocks=2)
    weights = drawn(network)
    x = np.random.default_rng(7).normal(size=(3, 6))
    other = x.copy()
    other[:, 4:] += 1
    one, two = (output(network, weights, steps) for steps in (x, other))
    assert (one[:, :4] == two[:, :4]).all() == causal
    assert (one[:, 4:] != two[:, 4:]).all()


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("transformer", {"width": 6, "heads": 4}, "width must be a multiple of heads, 4, got 6"),
        (
            "transformer",
            {"width": 3, "heads": 1, "positions": "sinusoidal"},
            "width must be even with sinusoidal positions, got 3",
        ),
        ("rnn", {"num_layers": 2, "activation": ["tanh"] * 3}, r"one per layer \(2\), got 3"),
        ("transformer", {"blocks": 2, "activation": ["tanh"] * 3}, r"one per block \(2\), got 3"),
        ("lstm", {"hidden": 0}, r"hidden must be a whole number in \[1, inf\)"),
        ("echo_state", {"ridge": 0.0}, r"ridge must be in \(0, inf\)"),
        ("jordan", {"decay": 1.0}, r"decay must be in \[0, 1\)"),
    ],
)
def test_values_that_do_not_fit_are_refused(name: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ComponentError, match=f"^{name}: .*{message}"):
        build(REGISTRY.get("network", name).cls, **values)


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "echo_state", "transformer"])
def test_windows_that_are_no_steps_are_refused(name: str) -> None:
    with pytest.raises(ComponentError, match=f"{name}: inputs must be a multiple of features, 2, got 5"):
        placed(name, 5, 1, features=2)
    with pytest.raises(
        ComponentError, match=f'{name}: with read "every" outputs must be a multiple of the 4'
    ):
        placed(name, 4, 2, read="every")


# All of them, in training


def sequence_trial(name: str, values: dict[str, Any], **options: Any) -> Trial:
    options = {
        "dataset": ("mackey_glass", {"n": 30, "window": 4}),
        "optimizer": ("adam", {"lr": 0.01}),
    } | options
    return make_trial(
        REGISTRY,
        network=(name, values),
        activation="tanh",
        output="identity",
        loss="mse",
        eval_every=2,
        **options,
    )


IN_STACKS: dict[str, list[dict[str, Any]]] = {
    "rnn": [{"hidden": 3, "num_layers": 2}],
    "lstm": [{"hidden": 3, "forget_bias": bias} for bias in (0.0, 1.0)],
    "gru": [{"hidden": 3, "read": "last"}],
    "jordan": [{"hidden": 3, "decay": decay} for decay in (0.0, 0.5)],
    "echo_state": [
        {"hidden": 6, "radius": radius, "ridge": ridge} for radius, ridge in ((0.5, 1e-3), (0.9, 1e-6))
    ],
    "transformer": [{"width": 4, "inner": 4}],
}


@pytest.mark.parametrize("name", IN_STACKS)
def test_a_trial_is_the_same_alone_and_in_a_stack(name: str) -> None:
    data = {"dataset": ("circling", {"n": 30, "steps": 3})} if name == "jordan" else {}
    trials = [
        sequence_trial(name, values, seed=seed, steps=3, batch_size=8, **data)
        for values in IN_STACKS[name]
        for seed in range(2)
    ]
    alone = [result for trial in trials for result in train_stack([trial], REGISTRY)]
    assert by_key(train_stack(trials, REGISTRY)) == by_key(alone)
    assert {result.status for result in alone} == {"ok"}
