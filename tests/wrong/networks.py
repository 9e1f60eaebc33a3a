"""Networks that are wrong on purpose."""

from __future__ import annotations

from typing import Any

import numpy as np
from forward_only import BatchNorm, Residual
from right import RIGHT
from right.networks import Furnished, Pulled, Trimmed, Wired

from anncore import Layer, WeightSpec
from anncore.contract.kinds import Array
from wrong.base import Wrong, spoilt, wrong, wrong_form

# Networks


def namesakes(self: Any, inputs: int, outputs: int) -> list[WeightSpec]:
    return [WeightSpec("A", (inputs, 2), inputs, 2), WeightSpec("A", (2, outputs), 2, outputs)]


def half_a_gradient(self: Any, weights: Any, tape: Any, grad: Array, grads: Any) -> None:
    grads["B"][:] = tape[2].swapaxes(1, 2) @ grad  # and A is forgotten


def spoiling(name: str, change: Any) -> Any:
    """Return a backward whose gradient of one array is changed."""

    def backward(self: Any, weights: Any, tape: Any, grad: Array, grads: Any) -> None:
        RIGHT["network"].backward(self, weights, tape, grad, grads)
        grads[name][:] = change(grads[name])

    return backward


def without_a_slope(self: Any, weights: Any, tape: Any, grad: Array, grads: Any) -> None:
    x, _, a = tape
    grads["B"][:] = a.swapaxes(1, 2) @ grad
    grads["A"][:] = x.swapaxes(1, 2) @ (grad @ weights["B"].swapaxes(1, 2))


def twice_as_large(self: Any, weights: Any, x: Array) -> Any:
    z, tape = RIGHT["network"].forward(self, weights, x)
    return 2 * z, tape


EXAMPLES = 5  # of the kit

NETWORKS = [
    wrong("network", "specs", "two weights share a name", specs=namesakes),
    wrong("network", "gradient", "backward for A: nan", backward=half_a_gradient),
    *(
        wrong("network", "gradient", f"; {because}", backward=spoiling(name, change))
        for name, change, because in [
            ("A", lambda grad: -grad, "the sign is wrong everywhere"),
            ("B", lambda grad: 2 * grad, "it is 2 times the right value everywhere"),
            ("B", lambda grad: grad * EXAMPLES, "it misses 1/N everywhere"),
            ("A", lambda grad: grad / EXAMPLES, "it is divided by N once too often everywhere"),
            ("A", lambda grad: 0 * grad, "it is 0 everywhere"),
            ("B", lambda grad: grad.swapaxes(1, 2).copy(), "it is the transpose of the right one"),
            ("A", lambda grad: grad * [1, -1], "the sign is wrong only in column 1"),
            ("A", lambda grad: grad * [[0], [0], [1]], "it is 0 only in rows 0 to 1"),
        ]
    ),
    wrong("network", "gradient", "it is the gradient of another formula, equal", backward=without_a_slope),
    wrong(
        "network",
        "gradient",
        "it is 0.5 times the right value everywhere; backward is inherited from Shallow, whose formula it",
        forward=twice_as_large,
    ),
]


# Networks with optional methods


def of_no_role(self: Any, inputs: int, outputs: int) -> list[WeightSpec]:
    return [spec._replace(role="brain") for spec in Furnished.specs(self, inputs, outputs)]


def narrow(self: Any, inputs: int, outputs: int) -> list[WeightSpec]:
    a, *rest = Furnished.specs(self, inputs, outputs)
    return [a._replace(shape=(inputs, 2)), *(spec._replace(shape=(*spec.shape[:1], 2)) for spec in rest)]


BOTH = ("other", "unused_prototypes")


def with_numbers_of_its_own(self: Any, weights: Any, x: Array, y: Array, grads: Any, mode: Any) -> None:
    Pulled.learn(self, weights, x, y, grads, mode)
    grads["W"][...] += np.random.default_rng().normal(size=grads["W"].shape)


def only_at_first(self: Any, weights: Any, x: Array, y: Array, grads: Any, mode: Any) -> None:
    if mode.step == 1:
        Pulled.learn(self, weights, x, y, grads, mode)


def in_another_array(self: Any, weights: Any, x: Array, y: Array, grads: Any, mode: Any) -> None:
    grads["W"] = weights["W"] - x.mean(axis=1, keepdims=True)


def with_another_gradient(self: Any, weights: Any, tape: Any, grad: Array, grads: Any) -> None:
    written = {name: value.copy() for name, value in grads.items()}
    Furnished.backward(self, weights, tape, grad, written)
    grads.update(written)


def of_the_first_example(self: Any, weights: Any, x: Array) -> Any:
    return {"unused_prototypes": x[:, 0, 0]}


def of_each_prototype(self: Any, weights: Any, x: Array) -> Any:
    return {"unused_prototypes": x.mean(axis=1)[:, :3]}


def of_one_trial(self: Any, weights: Any, x: Array, y: Array) -> Any:
    return {"prototypes": weights["W"][0]}


def of_holes(self: Any, weights: Any, x: Array, y: Array) -> Any:
    return {"prototypes": np.full_like(weights["W"], np.nan)}


def of_a_film(self: Any, weights: Any, x: Array, y: Array) -> Any:
    return {"film": np.zeros((len(x), 300, 300))}


class Reading:
    """A mode that says it is in training."""

    first = training = True

    def __init__(self, mode: Any) -> None:
        self.uniform = mode.uniform


def always_in_training(self: Any, weights: Any, x: Array, mode: Any) -> Any:
    return Furnished.forward(self, weights, x, mode if mode.training else Reading(mode))


def twice_in_a_step(self: Any, weights: Any, x: Array, mode: Any) -> Any:
    return Furnished.forward(self, weights, x, Reading(mode) if mode.training else mode)


class Calm:
    """A mode that says it is in evaluation."""

    first = True
    training = False


def never_in_training(self: Any, weights: Any, x: Array, mode: Any) -> Any:
    return Furnished.forward(self, weights, x, Calm())


def scalar(self: Any, rng: Any, spec: WeightSpec) -> float:
    return 1.0


def upside_down(self: Any, tape: Any) -> list[Layer]:
    return Furnished.layers(self, tape)[::-1]


def with_flat_slopes(self: Any, tape: Any) -> list[Layer]:
    first, *rest = Furnished.layers(self, tape)
    return [first._replace(slope=lambda: first.z.mean(axis=(1, 2))), *rest]


def another_in_place(self: Any, weights: Any, mode: Any) -> None:
    weights["A"] = np.clip(weights["A"], -1, 1)


def divided_by_nothing(self: Any, weights: Any, mode: Any) -> None:
    weights["A"][...] = np.nan


def never_the_same(self: Any, weights: Any, mode: Any) -> None:
    weights["A"][...] *= np.random.default_rng().random()


OPEN_NETWORKS = [
    *(
        Wrong("network", "after_step", because, spoilt(Trimmed, after_step=method))
        for because, method in (
            ("after_step puts another array in place of weights['A']", another_in_place),
            ("after_step: A is not finite", divided_by_nothing),
            ("after_step: A, the second time", never_the_same),
        )
    ),
    Wrong("network", "specs", "A has role 'brain'", spoilt(Furnished, specs=of_no_role)),
    Wrong(
        "network",
        "places",
        "activation2, which forward never calls",
        spoilt(Furnished, places=lambda self, inputs, outputs: {"activation": [2, 2]}),
    ),
    Wrong(
        "network", "places", "activation1 needs 4 columns for its 2 units", spoilt(Furnished, specs=narrow)
    ),
    Wrong(
        "network",
        "modes",
        "in evaluation mean must not change",
        spoilt(Furnished, forward=always_in_training),
    ),
    Wrong("network", "modes", "uses its batch again mean must", spoilt(Furnished, forward=twice_in_a_step)),
    Wrong(
        "network",
        "modes",
        "training and evaluation give the same",
        spoilt(Furnished, forward=never_in_training),
    ),
    Wrong("network", "draw", "draw gives shape () for mask in place of", spoilt(Furnished, draw=scalar)),
    Wrong(
        "network",
        "layers",
        "comes after layer 1, but the z of that layer",
        spoilt(Furnished, layers=upside_down),
    ),
    Wrong(
        "network",
        "layers",
        "weight 'C', which is not one of its weights",
        spoilt(Furnished, layers=lambda self, tape: [Layer("C", tape[1])]),
    ),
    Wrong(
        "network", "layers", "slope has shape (2,), not that of a", spoilt(Furnished, layers=with_flat_slopes)
    ),
    Wrong(
        "network",
        "learn",
        "does not write the change of A",
        spoilt(Wired, learn=lambda self, weights, x, y, grads: None),
    ),
    wrong_form("network", "learn", "the second time: the change of W", Pulled, learn=with_numbers_of_its_own),
    wrong_form("network", "learn", "does not write the change of W", Pulled, learn=only_at_first),
    wrong_form("network", "learn", "another array in place of grads['W']", Pulled, learn=in_another_array),
    Wrong(
        "network",
        "gradient",
        "backward puts another array in place of grads['A']",
        spoilt(Furnished, backward=with_another_gradient),
    ),
    wrong_form("network", "measures", "measured names ['other', 'unused_prototypes']", Pulled, measured=BOTH),
    wrong_form("network", "measures", "in another order", Pulled, measures=of_the_first_example),
    wrong_form("network", "measures", "has shape (2, 3), not (T,)", Pulled, measures=of_each_prototype),
    wrong_form("network", "snapshot", "snapshot returns nothing", Pulled, snapshot=lambda self, w, x, y: {}),
    wrong_form("network", "snapshot", "shape (3, 4), not (T, ...)", Pulled, snapshot=of_one_trial),
    wrong_form("network", "snapshot", "not finite", Pulled, snapshot=of_holes),
    wrong_form("network", "snapshot", "gives 90000 numbers of a trial", Pulled, snapshot=of_a_film),
]


# Networks whose gradient the core derives


def over_all_trials(self: Any, weights: Any, x: Array) -> Array:
    return Residual.forward(self, weights, x - x.mean(axis=0, keepdims=True))


def by_a_value(self: Any, weights: Any, x: Array) -> Array:
    return Residual.forward(self, weights, -x if x[:, 0, 0] > 0 else x)


def cut_short(self: Any, weights: Any, x: Array) -> Array:
    return Residual.forward(self, weights, x)[:, :, :1]


def without_weights(self: Any, weights: Any, x: Array) -> Array:
    return np.zeros((*x.shape[:2], 2), x.dtype)


def in_other_memory(self: Any, weights: Any, x: Array, mode: Any) -> Array:
    z: Array = BatchNorm.forward(self, weights, x, mode)
    weights["mean"] = 0.5 * weights["mean"]
    return z


def in_evaluation_too(self: Any, weights: Any, x: Array, mode: Any) -> Array:
    weights["mean"][...] = x.shape[1]
    return BatchNorm.forward(self, weights, x, mode)


def by_its_own_function(self: Any, weights: Any, x: Array) -> Array:
    return Residual.forward(self, weights, np.unwrap(x))


DERIVED_NETWORKS = [
    Wrong("network", check, because, spoilt(right, forward=forward))
    for check, because, right, forward in [
        (
            "stacked_as_alone",
            "np.mean over axis 0 mixes the trials, which are axis 0 of every array (networks",
            Residual,
            over_all_trials,
        ),
        (
            "stacked_as_alone",
            "a decision by a value (if, while, and, or) cannot be followed: use np.where (networks.py, line",
            Residual,
            by_a_value,
        ),
        ("gradient", "np.unwrap has no known derivative (networks.py, line", Residual, by_its_own_function),
        ("gradient", "forward gives shape (2, 5, 1) in place of", Residual, cut_short),
        ("gradient", "forward returns ndarray, which does not depend on", Residual, without_weights),
        ("modes", "forward puts another array in place of weights['mean']", BatchNorm, in_other_memory),
        ("modes", "uses its batch again mean must not change", BatchNorm, in_evaluation_too),
    ]
]
