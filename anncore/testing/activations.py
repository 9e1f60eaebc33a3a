"""The checks of an activation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.hyperparameters import Interval
from anncore.contract.kinds import (
    Activation,
    AnyActivation,
    Array,
    LearnedActivation,
    RandomActivation,
    Weights,
    overrides,
)
from anncore.testing.kit import Case, Kit, Named, Subject, must, must_be_close, slopes
from anncore.testing.mistakes import Gradients, derived, inherited, must_agree

WIDTHS = (1, 2, 5)


class ActivationKit(Kit):
    """Gradient, range and extremes, and the promises of its form."""

    stacked = True

    def cases(self, subject: Subject) -> list[Case]:
        """Run forward and backward on layers of several shapes."""
        return [_case(subject, n, d) for n, d in ((1, 1), (32, 5), (7, 33))]

    def checks(self, subject: Subject) -> list[Named]:
        """Return the kind's own checks."""
        plain: list[Named] = [
            ("gradient", gradient),
            ("range", in_range),
            ("extremes_finite", extremes_finite),
        ]
        cls = subject.cls
        forms = [
            ("learns", learns, cls.learns),
            ("random", random, cls.random),
            ("width", width, overrides(cls, AnyActivation.width)),
        ]
        return [*plain, *((name, check) for name, check, holds in forms if holds)]


class _Used(NamedTuple):
    """The results of one use of an activation."""

    a: Array
    back: Array
    grads: Weights


def _units(component: Any, units: int) -> int:
    """Return the number of pre-activations for this number of units."""
    return int(component.width(units))


def _inputs(
    subject: Subject, rng: np.random.Generator, trials: int, n: int, units: int, scale: float = 3
) -> dict[str, Array]:
    """Return z, the gradient from the next layer, and numbers for weights and noise.

    units: multiplied by the number of which the units must be a multiple.
    """
    units = units * subject.cls.multiple
    built = [subject.build(variant) for variant in subject.variants()]
    inputs = {
        "z": rng.normal(scale=scale, size=(trials, n, _units(built[0], units))),
        "grad": rng.normal(scale=scale, size=(trials, n, units)),
    }
    if subject.cls.learns:
        most = max(
            sum(spec.shape[0] * spec.shape[1] for spec in activation.specs(units)) for activation in built
        )
        inputs["numbers"] = rng.uniform(-0.2, 0.2, size=(trials, most))
    if subject.cls.random:
        inputs["noise"] = rng.random((trials, 1))
    return inputs


def _more(component: Any, inputs: dict[str, Array], training: bool) -> tuple[Any, ...]:
    """Return the arguments of forward besides z."""
    z, units = inputs["z"], inputs["grad"].shape[2]
    if component.learns:
        return (_weights(component, inputs["numbers"], units),)
    if not component.random:
        return ()
    return (_noise(component, inputs["noise"], z) if training else None,)


def _weights(component: Any, numbers: Array, units: int) -> dict[str, Array]:
    """Return weights near their initial values, moved by each trial's numbers."""
    weights, start = {}, 0
    for spec in component.specs(units):
        size = spec.shape[0] * spec.shape[1]
        moved = spec.initial + numbers[:, start : start + size].reshape(len(numbers), *spec.shape)
        weights[spec.name] = moved.astype(numbers.dtype)
        start += size
    return weights


def _noise(component: Any, seeds: Array, z: Array) -> Array:
    """Return the numbers drawn for every trial, each from a generator with its own seed."""
    draws = []
    for seed in seeds[:, 0]:
        rng = np.random.default_rng(int(seed * 2**20) if np.isfinite(seed) else 0)
        drawn = np.asarray(component.draw(rng, z.shape[1:]))
        must(
            drawn.shape == z.shape[1:],
            f"draw gives shape {drawn.shape} for {z.shape[1:]}; it draws for one trial and must not depend "
            "on hyperparameters",
        )
        draws.append(drawn)
    return np.stack(draws).astype(z.dtype)


def _use(component: Any, inputs: dict[str, Array], *, training: bool = True) -> _Used:
    """Run forward and backward; the weights' gradients start as NaN, so that a missing one shows."""
    z, grad = inputs["z"], inputs["grad"]
    more = _more(component, inputs, training)
    a = component.forward(z, *more)
    must(a.shape == grad.shape, f"forward gives {a.shape} for z {z.shape}, where {grad.shape} is right")
    grads: dict[str, Array] = {}
    if component.learns:
        grads = {name: np.full_like(value, np.nan) for name, value in more[0].items()}
        back = component.backward(grad, z, a, *more, grads)
    else:
        back = component.backward(grad, z, a, *more)
    must(back.shape == z.shape, f"backward gives {back.shape} for z {z.shape}")
    return _Used(a, back, grads)


def _case(subject: Subject, n: int, d: int) -> Case:
    def inputs(rng: np.random.Generator, trials: int, dtype: str) -> dict[str, Array]:
        return {key: array.astype(dtype) for key, array in _inputs(subject, rng, trials, n, d).items()}

    def run(component: Any, inputs: dict[str, Array]) -> dict[str, Array]:
        used = _use(component, inputs)
        return {"forward": used.a, "backward": used.back} | {
            f"gradient of {name}": value for name, value in used.grads.items()
        }

    return Case(f"{n} x {d}", inputs, run)


# Where functions often have corners; no two of a row are 1 apart, where functions of a row may have one.
CORNERS = np.array([[0.5, 6, -1], [0, 3, -3], [-0.5, 1, -6]])
BESIDE, CROSSING = 4e-7, 1e-6  # how far beside them; a step to each side that crosses them
AT_0 = 2e-8  # a step at 0, so small that a bend of f' there does not count
SMALL_JUMP = 1e-5  # where f' is continuous, a bend of f' changes the difference across it by less


def _beside_corners(z: Array) -> Array:
    """Return where z is one of the points beside `CORNERS`."""
    return np.isin(z, CORNERS + BESIDE)


def gradient(subject: Subject) -> int:
    """In float64, backward agrees with central differences of forward, away from the declared kinks.

    If it is written by hand, it also agrees with the derivative of forward.
    """
    count = 0
    for variant in subject.variants():
        component = subject.stack(subject.rows(variant, 3), "float64")
        inputs = _inputs(subject, np.random.default_rng(5), 3, 7, 3, scale=2)
        z = inputs["z"]
        # Functions may have undeclared corners at these points. The check looks beside them, since at
        # the corner itself the difference is the mean of both slopes, which may be the one chosen.
        z[:, :3] = (CORNERS + BESIDE)[:, np.arange(z.shape[2]) % 3]
        count += _compare(component, inputs, variant.label, training=True)
        _smooth_at_0(component, inputs, variant.label)
    return count


def _compare(component: Any, inputs: dict[str, Array], label: str, *, training: bool) -> int:
    """Compare backward with central differences, and with the derivative of forward, away from the kinks."""
    z = inputs["z"]
    back = _use(component, inputs, training=training).back
    away = np.ones(z.shape, dtype=bool)
    for kink in component.kinks:
        away &= np.abs(z - kink) > 1e-3
    more = _more(component, inputs, training)
    weighed = partial(_weighed, component, inputs["grad"], more)
    slope = _differences(weighed, z, CROSSING)
    by_formula = derived(lambda: _derived(component, inputs, more))
    known = slope if by_formula is None else by_formula
    apart = np.abs(known - slope)
    bends = _beside_corners(z) & (apart > 1e-7) & (apart < SMALL_JUMP * (1 + np.abs(inputs["grad"]).max()))
    if bends.any():  # the side's own difference is the exact one
        slope[bends] = _differences(weighed, z, BESIDE / 2)[bends]
    corners = away & _beside_corners(z) & ~np.isclose(known, slope, rtol=1e-5, atol=1e-7)
    smooth = away & ~corners
    hint = " (declare a corner there in kinks)" if by_formula is None else ""
    theirs = inherited(component, "backward", _form(component))
    must_agree(
        Gradients(back[smooth], slope[smooth], z[smooth], inherited=theirs),
        lambda place: f"{label}: backward at z = {z[smooth][place]:.3g}{hint}",
        rtol=1e-5,
        atol=1e-7,
    )
    if by_formula is not None:
        if corners.any():
            kinks = sorted({float(round(place, 3)) + 0.0 for place in z[corners]})
            places = ", ".join(f"{kink:g}" for kink in kinks)
            declared = f"kinks = ({', '.join(map(repr, kinks))}{',' * (len(kinks) == 1)})"
            raise AssertionError(
                f"{label}: f' jumps at z = {places} (declare a corner there in kinks: {declared})"
            )
        gradients = Gradients(back[away], by_formula[away], z[away], inherited=theirs)
        message = f"{label}: backward differs from the derivative of forward at z = "
        must_agree(gradients, lambda place: f"{message}{z[away][place]:.3g}", rtol=1e-7, atol=1e-9)
    return int(away.sum())


def _differences(value: Callable[[Array], Array], at: Array, step: float) -> Array:
    """Return the central difference at every place."""
    slope = np.empty(at.shape)
    for place, difference in slopes(value, at, step):
        slope[place] = difference
    return slope


def _derived(component: Any, inputs: dict[str, Array], more: tuple[Any, ...]) -> Array:
    """Return ∂L/∂z as derived from forward."""
    z, grad = inputs["z"], inputs["grad"]
    a = component.forward(z, *more)
    if component.learns:
        more = (*more, {name: np.zeros_like(value) for name, value in more[0].items()})
    by_z: Array = _form(component).backward(component, grad, z, a, *more)
    return by_z


def _form(component: Any) -> Any:
    """Return the base class that derives the gradient of an activation of this form."""
    forms = (LearnedActivation, RandomActivation, Activation)
    return next(form for form in forms if isinstance(component, form))


def _smooth_at_0(component: Any, inputs: dict[str, Array], label: str) -> int:
    """Compare backward at exactly 0, where parts of a formula may have corners that cancel."""
    if 0 in component.kinks:
        return 0
    zero = {**inputs, "z": np.zeros_like(inputs["z"])}
    back, more = _use(component, zero).back, _more(component, zero, training=True)
    for place, slope in slopes(partial(_weighed, component, inputs["grad"], more), zero["z"], AT_0):
        message = (
            f"{label}: backward at z = 0, where corners of the formula's parts cancel, as in max(z, 0) + "
            "log(1 + exp(-|z|)) (write np.logaddexp(0, z) for it, or backward by hand)"
        )
        must_be_close(back[place], slope, message, rtol=1e-5, atol=1e-7)
    return back.size


def _weighed(component: Any, grad: Array, more: tuple[Any, ...], z: Array) -> Array:
    return grad * component.forward(z, *more)


def in_range(subject: Subject) -> int:
    """Its values lie in the declared `range`; rounding may reach an open end."""
    interval = Interval.parse(subject.cls.range)
    count = 0
    for variant in subject.variants():
        component = subject.stack(subject.rows(variant, 3), "float64")
        inputs = _inputs(subject, np.random.default_rng(6), 3, 50, 4, scale=1)
        inputs["z"] *= np.resize([0.1, 1, 10, 100], inputs["z"].shape[2])
        a = _use(component, inputs).a
        inside = (a >= interval.low) & (a <= interval.high)
        must(inside.all(), f"{variant.label}: {a[~inside][:1]} lies outside the declared range {interval}")
        count += a.size
    return count


def extremes_finite(subject: Subject) -> int:
    """Up to |z| = 10⁴ nothing overflows, and values and gradients are finite."""
    count = 0
    sizes = np.array([0, 20, 89, 710, 1e4])
    for variant in subject.variants():
        for dtype in ("float32", "float64"):
            component = subject.stack(subject.rows(variant, 1), dtype)
            inputs = _inputs(subject, np.random.default_rng(7), 1, 5, 2)
            inputs["z"] = np.resize(np.concatenate([sizes, -sizes]), inputs["z"].shape)
            inputs = {key: array.astype(dtype) for key, array in inputs.items()}
            inputs["grad"] = np.ones_like(inputs["grad"])
            with np.errstate(over="raise", invalid="raise", divide="raise"):
                used = _use(component, inputs)
            for name, value in (("forward", used.a), ("backward", used.back)):
                finite = np.isfinite(value)
                where = inputs["z"][~finite][:1] if value.shape == inputs["z"].shape else "some z"
                must(finite.all(), f"{variant.label}: {name} is not finite at z = {where} ({dtype})")
                count += value.size
    return count


def learns(subject: Subject) -> int:
    """In float64, the gradients of its weights from backward agree with central differences."""
    count = 0
    for variant in subject.variants():
        component = subject.stack(subject.rows(variant, 3), "float64")
        for units in WIDTHS:
            inputs = _inputs(subject, np.random.default_rng(8), 3, 4, units)
            specs = component.specs(units * component.multiple)
            names = [spec.name for spec in specs]
            must(specs, f"{variant.label}: it has no weights; derive it from anncore.Activation")
            must(len(set(names)) == len(names), f"{variant.label}: two weights share a name in {names}")
            grads = _use(component, inputs).grads
            weights = _weights(component, inputs["numbers"], units * component.multiple)
            for name, value in weights.items():
                slope = np.empty(value.shape)
                for place, difference in slopes(partial(_moved, component, inputs, weights, name), value):
                    slope[place] = difference
                factors = {"N": inputs["z"].shape[1], "D": units * component.multiple}
                gradients = Gradients(grads[name], slope, value, name, factors)
                message = f"{variant.label}: the gradient of {name}"
                must_agree(gradients, message, rtol=1e-5, atol=1e-7)
                count += value.size
    return count


def _moved(component: Any, inputs: dict[str, Array], weights: Weights, name: str, value: Array) -> Array:
    return inputs["grad"] * component.forward(inputs["z"], {**weights, name: value})


def random(subject: Subject) -> int:
    """Training depends on the drawn numbers; without them values and gradient are always the same."""
    count = 0
    for variant in subject.variants():
        component = subject.stack(subject.rows(variant, 3), "float64")
        inputs = _inputs(subject, np.random.default_rng(9), 3, 20, 4)
        other = {**inputs, "noise": 1 - inputs["noise"]}
        one, two = _use(component, inputs).a, _use(component, other).a
        differ = (one != two).any(axis=(1, 2))
        must(
            differ.all(),
            f"{variant.label}: two draws give the same values; derive it from anncore.Activation",
        )
        still, again = (_use(component, arrays, training=False).a for arrays in (inputs, other))
        must((still == again).all(), f"{variant.label}: without noise it gives other values the second time")
        count += _compare(component, inputs, f"{variant.label}, without noise", training=False)
    return count


def width(subject: Subject) -> int:
    """From width(units) pre-activations it gives this number of units."""
    count = 0
    for variant in subject.variants():
        component = subject.stack(subject.rows(variant, 2), "float64")
        for units in WIDTHS:
            wide = units * component.multiple
            given = component.width(wide)
            must(
                isinstance(given, int) and given > 0,
                f"{variant.label}: width({wide}) must be a positive whole number, got {given!r}",
            )
            _use(component, _inputs(subject, np.random.default_rng(10), 2, 3, units))
            count += 1
    return count
