"""The checks of a loss."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from anncore.contract.hyperparameters import Interval
from anncore.contract.kinds import REAL_TASKS, TASKS, Array, JointLoss, Loss, Task, overrides
from anncore.contract.loading import load_registry
from anncore.testing.kit import (
    Case,
    Kit,
    Named,
    Subject,
    Variant,
    must,
    must_be_close,
    must_equal_bits,
    slopes,
)
from anncore.testing.mistakes import Gradients, derived, inherited, must_agree

WIDTHS: dict[Task, tuple[int, ...]] = {
    "binary": (1,),
    "multiclass": (3,),
    "regression": (1, 2),
    "unsupervised": (1, 2),
}
MANY = 999  # examples: odd, so that vectors of the processor leave a rest


class LossKit(Kit):
    """Gradient, mean over examples, joint form, extremes."""

    stacked = True

    def cases(self, subject: Subject) -> list[Case]:
        """Run value and gradient, chained and joint, for each task."""
        cases = []
        for task in subject.cls.outputs:
            cases += [_case(subject, task, n, d) for d in WIDTHS[task] for n in (1, 33)]
        cases += [_joint_case(link, d, 33) for link, d in links(subject)]
        return cases

    def large_cases(self, subject: Subject) -> list[Case]:
        """Run the same on many examples."""
        cases = [_case(subject, task, MANY, d) for task in subject.cls.outputs for d in WIDTHS[task]]
        return [*cases, *(_joint_case(link, d, MANY) for link, d in links(subject))]

    def checks(self, subject: Subject) -> list[Named]:
        """Return the kind's own checks."""
        checks: list[Named] = [
            ("attributes", attributes),
            ("mean_over_examples", mean_over_examples),
            ("extremes_finite", extremes_finite),
        ]
        if subject.cls.trainable:
            checks.append(("gradient", gradient))
        if subject.cls.joint:
            checks.append(("joint_as_chained", joint_as_chained))
        if overrides(subject.cls, Loss.predict):
            checks.append(("predict", predict))
        if overrides(subject.cls, Loss.residuals):
            checks.append(("residuals", residuals))
        if overrides(subject.cls, Loss.draw) or overrides_likelihood(subject.cls):
            checks.append(("draw", draw))
        return checks


def outputs(subject: Subject, task: Task, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Draw predictions that the loss accepts; several probabilities form a distribution."""
    interval = Interval.parse(subject.cls.accepts)
    low, high = interval.low, interval.high
    if np.isfinite(low) and np.isfinite(high):
        drawn = low + (high - low) * rng.uniform(0.05, 0.95, shape)
        return drawn / drawn.sum(axis=-1, keepdims=True) if task == "multiclass" and low == 0 else drawn
    if np.isfinite(low):
        return low + np.exp(rng.normal(size=shape))
    return rng.normal(scale=2, size=shape)


def several(subject: Subject) -> int:
    """Return the number of outputs that the loss needs for each target."""
    return int(subject.cls.outputs_per_target)


def targets(subject: Subject, task: Task, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Draw targets of the task: 0 or 1, one-hot, or real."""
    if task == "binary":
        return rng.integers(2, size=shape).astype(float)
    if task == "multiclass":
        return np.eye(shape[-1])[rng.integers(shape[-1], size=shape[:-1])]
    return outputs(subject, task, rng, shape)


def links(subject: Subject) -> list[tuple[str, int]]:
    """Return each output activation with a joint form, and the number of outputs for its checks."""
    natural = {link: WIDTHS[task][0] for task, link in subject.cls.outputs.items()}
    return [(link, natural.get(link, 3)) for link in subject.cls.joint]


def _task(width: int) -> Task:
    return "binary" if width == 1 else "multiclass"


def _case(subject: Subject, task: Task, n: int, d: int) -> Case:
    def inputs(rng: np.random.Generator, trials: int, dtype: str) -> dict[str, Array]:
        return {
            "output": outputs(subject, task, rng, (trials, n, d * several(subject))).astype(dtype),
            "target": targets(subject, task, rng, (trials, n, d)).astype(dtype),
        }

    def run(component: Any, inputs: dict[str, Array]) -> dict[str, Array]:
        output, target = inputs["output"], inputs["target"]
        results = _shaped(output, component.value(output, target), component.grad(output, target))
        return results | {"prediction": component.predict(output)}

    return Case(f"{task} {n} x {d}", inputs, run)


def _joint_case(link: str, d: int, n: int) -> Case:
    def inputs(rng: np.random.Generator, trials: int, dtype: str) -> dict[str, Array]:
        z = rng.normal(scale=3, size=(trials, n, d)).astype(dtype)
        target = rng.integers(2, size=z.shape) if d == 1 else np.eye(d)[rng.integers(d, size=z.shape[:2])]
        return {"z": z, "target": target.astype(dtype)}

    def run(component: Any, inputs: dict[str, Array]) -> dict[str, Array]:
        z, target = inputs["z"], inputs["target"]
        value = component.value_from_logits(z, target, link)
        return _shaped(z, value, component.grad_from_logits(z, target, link))

    return Case(f"joint with {link}", inputs, run)


def _shaped(output: Array, value: Array, grad: Array) -> dict[str, Array]:
    must(np.shape(value) == output.shape[:1], f"value has shape {np.shape(value)}, not (T,)")
    must(np.shape(grad) == output.shape, f"the gradient has shape {np.shape(grad)}, not {output.shape}")
    return {"value": value, "gradient": grad}


def attributes(subject: Subject) -> int:
    """`outputs` names tasks, `natural_for` tasks it can train, `accepts` an interval."""
    cls = subject.cls
    must(cls.outputs and set(cls.outputs) <= set(TASKS), f"outputs must be by task, of {', '.join(TASKS)}")
    natural = set(cls.natural_for)
    must(natural <= set(cls.outputs), "natural_for names a task that outputs does not")
    Interval.parse(cls.accepts)
    many = cls.outputs_per_target
    must(type(many) is int and many >= 1, f"outputs_per_target must be a whole number from 1, got {many!r}")
    must(many == 1 or overrides(cls, Loss.predict), f"{many} outputs per target need predict for metrics")
    must(not cls.joint or issubclass(cls, JointLoss), "joint is declared: derive it from anncore.JointLoss")
    return 1


def _settings(subject: Subject) -> Iterator[tuple[Variant, Any, Task, int]]:
    for variant in subject.variants():
        component = subject.stack(subject.rows(variant, 3), "float64")
        for task in subject.cls.outputs:
            for width in WIDTHS[task]:
                yield variant, component, task, width


def gradient(subject: Subject) -> int:
    """In float64, grad agrees with central differences of value, away from the declared kinks.

    If it is written by hand, it also agrees with the derivative of value.

    `kinks` of a loss are differences between output and target.
    """
    count = 0
    # With several outputs first: there 1/N and 1/(N D) differ.
    settings = sorted(_settings(subject), key=lambda setting: -setting[3])
    for variant, component, task, width in settings:
        rng = np.random.default_rng(7)
        output = outputs(subject, task, rng, (3, 5, width * several(subject)))
        target = targets(subject, task, rng, (3, 5, width))
        if task in REAL_TASKS:
            output[:, 0, :width] = target[:, 0] + 4e-7  # beside a corner that may be undeclared
            output[:, 1, :width] = target[:, 1]  # where parts of the formula may have corners that cancel
        grad = component.grad(output, target)
        beside = np.tile(target, several(subject))  # the target of each output
        away = np.ones(output.shape, dtype=bool)
        for kink in component.kinks:
            away &= np.abs(output - beside - kink) > 1e-3
        slope = np.empty(output.shape)
        for place, difference in slopes(partial(_value, component, target), output):
            slope[place] = difference
        where, factors = f"{variant.label}, {task}", {"N": 5, "D": width}
        gradients = Gradients(
            grad[away],
            slope[away],
            (output - beside)[away],
            "output - target",
            factors,
            inherited=inherited(component, "grad", Loss),
        )

        by_formula = derived(partial(Loss.grad, component, output, target))
        exactly = grad if by_formula is None else by_formula
        corners = np.isclose(grad, exactly, rtol=1e-7, atol=1e-10)[away]

        def label(place: Any, shown: Any = (where, output[away], beside[away], corners)) -> str:
            start, outputs, targets, corner = shown
            message = f"{start}: grad for output {outputs[place]:.3g}, target {targets[place]:.3g}"
            return f"{message} (declare a corner in kinks)" if corner[place] else message

        must_agree(gradients, label, rtol=1e-5, atol=1e-7)
        if by_formula is not None:
            scale = float(np.abs(by_formula).max())
            message = f"{where}: grad differs from the derivative of value"
            exact = gradients._replace(right=by_formula[away])
            must_agree(exact, message, rtol=1e-7, atol=1e-10 * max(scale, 1.0))
        count += int(away.sum())
    return count


def _value(component: Any, target: Array, output: Array) -> Array:
    return component.value(output, target)


def mean_over_examples(subject: Subject) -> int:
    """With every example given twice, the value is the same and each gradient half as large."""
    count = 0
    for variant, component, task, width in _settings(subject):
        rng = np.random.default_rng(8)
        output = outputs(subject, task, rng, (3, 4, width * several(subject)))
        target = targets(subject, task, rng, (3, 4, width))
        twice = np.concatenate([output, output], axis=1), np.concatenate([target, target], axis=1)
        one, two = component.value(output, target), component.value(*twice)
        must_be_close(two, one, f"{variant.label}, {task}: value of examples given twice", 1e-9, 1e-12)
        half = component.grad(*twice)[:, :4]
        whole = component.grad(output, target)
        must_be_close(2 * half, whole, f"{variant.label}, {task}: grad of examples given twice", 1e-9, 1e-12)
        count += 1
    return count


def joint_as_chained(subject: Subject) -> int:
    """From logits it gives the same as the output activation followed by the loss.

    To 1e-5, because the chained form may keep probabilities a small number away from 0.
    """
    registry, count = load_registry(), 0
    for link, width in links(subject):
        activation = registry.get("activation", link).cls()
        for variant in subject.variants():
            component = subject.stack(subject.rows(variant, 3), "float64")
            rng = np.random.default_rng(9)
            z = rng.normal(size=(3, 6, width))
            z[:, 0] = 0  # where parts of a formula may have corners that cancel
            target = targets(subject, _task(width), rng, z.shape)
            a = activation.forward(z)
            chained = component.value(a, target)
            message = f"{variant.label}: value_from_logits with {link} against value"
            must_be_close(component.value_from_logits(z, target, link), chained, message, 1e-5, 1e-6)
            back = activation.backward(component.grad(a, target), z, a)
            message = f"{variant.label}: grad_from_logits with {link} against grad"
            factors = {"N": 6, "D": width}
            joint = component.grad_from_logits(z, target, link)
            theirs = inherited(component, "grad_from_logits", JointLoss)
            gradients = Gradients(joint, back, z, "z", factors, inherited=theirs)
            must_agree(gradients, message, rtol=1e-5, atol=1e-6)
            count += 1
    return count


def predict(subject: Subject) -> int:
    """Predictions have the target's shape and keep NaN; those of classes are in [0, 1] and sum to 1."""
    count = 0
    for variant, component, task, width in _settings(subject):
        rng = np.random.default_rng(17)
        output = outputs(subject, task, rng, (3, 9, width * several(subject)))
        output[0, 4, 0] = np.nan
        predictions, label = component.predict(output), f"{variant.label}, {task}"
        must(
            predictions.shape == (3, 9, width),
            f"{label}: predictions of shape {predictions.shape} for {width} targets",
        )
        must(
            np.isnan(predictions[0, 4]).any(), f"{label}: an output that is NaN predicts {predictions[0, 4]}"
        )
        must(np.isfinite(predictions[1:]).all(), f"{label}: predictions that are not finite")
        if task not in REAL_TASKS:
            inside = (predictions[1:] >= 0).all() and (predictions[1:] <= 1).all()
            must(inside, f"{label}: predictions outside [0, 1], but metrics need probabilities")
        if task == "multiclass":
            must_be_close(predictions[1:].sum(axis=2), 1.0, f"{label}: sum over the classes", 1e-9, 1e-9)
        count += 1
    return count


def overrides_likelihood(cls: Any) -> bool:
    """Tell whether a loss says of what it is the likelihood."""
    return cls.likelihood is not Loss.likelihood


def residuals(subject: Subject) -> int:
    """The squares of an example's residuals, shaped as the outputs, add up to the loss of that example."""
    count = 0
    for variant, component, task, width in _settings(subject):
        rng = np.random.default_rng(18)
        output = outputs(subject, task, rng, (3, 6, width * several(subject)))
        target = targets(subject, task, rng, (3, 6, width))
        r, where = component.residuals(output, target), f"{variant.label}, {task}"
        must(np.shape(r) == output.shape, f"{where}: residuals of shape {np.shape(r)} for {output.shape}")
        singles = [
            component.value(output[:, n : n + 1], target[:, n : n + 1]) for n in range(output.shape[1])
        ]
        message = f"{where}: the squares of an example's residuals and its loss"
        must_be_close((r * r).sum(axis=2), np.stack(singles, axis=1), message, 1e-9, 1e-12)
        alone = component.residuals(output[:, 2:3], target[:, 2:3])
        must_be_close(alone, r[:, 2:3], f"{where}: residuals of an example alone and among others", 1e-9, 0.0)
        count += r.size
    return count


DRAWN = 4096  # examples, each of whose outputs is the same


def draw(subject: Subject) -> int:
    """Drawn targets are the task's, and the same for the same numbers; on average the gradient is 0 there.

    And the mean square of the gradient by the output activation's input is the second derivative: both follow
    from a likelihood (Bartlett's identities).
    """
    registry, count = load_registry(), 0
    for variant, component, task, width in _settings(subject):
        of = component.likelihood
        must(of in ("", "example", "output"), f"{variant.label}: likelihood is {of!r}")
        if not of:
            count += 1
            continue
        must(overrides(subject.cls, Loss.draw), f'{variant.label}: likelihood is "{of}", but draw is missing')
        activation = registry.get("activation", subject.cls.outputs[task]).cls()
        where = f"{variant.label}, {task}"
        rng = np.random.default_rng(19)
        z = np.repeat(rng.normal(scale=0.7, size=(3, 1, width * several(subject))), DRAWN, axis=1)
        a = activation.forward(z)
        drawn = component.draw(a, _Draws(20))
        must(drawn.shape == (3, DRAWN, width), f"{where}: draw gives shape {drawn.shape}, not (T, N, D)")
        must(drawn.dtype == a.dtype, f"{where}: draw gives {drawn.dtype} for outputs of {a.dtype}")
        must_equal_bits(component.draw(a, _Draws(20)), drawn, f"{where}: targets drawn by the same numbers")
        must(np.isfinite(drawn).all(), f"{where}: drawn targets that are not finite")
        if subject.cls.accepts == "[0, 1]" and task not in REAL_TASKS:  # of a probability
            _must_be_classes(drawn, task, where)
        observed = width if of == "output" else 1
        grad = DRAWN * observed * activation.backward(component.grad(a, drawn), z, a)
        spread = grad.std(axis=1)
        off = np.abs(grad.mean(axis=1)) - 5 * spread / DRAWN**0.5
        must(bool((off <= 1e-9).all()), f"{where}: the mean gradient at drawn targets is not 0")
        square, second = grad * grad, DRAWN * observed * _second(component, activation, z, drawn)
        error = 5 * (square.std(axis=1) + second.std(axis=1)) / DRAWN**0.5
        one, other = square.mean(axis=1), second.mean(axis=1)
        wide = np.abs(one - other) > error + 1e-4 * np.abs(other)
        at = wide.argmax()
        must(
            not wide.any(),
            f"{where}: at drawn targets the mean square of the gradient is {one.flat[at]:.4g}, the second "
            f"derivative {other.flat[at]:.4g}",
        )
        count += drawn.size
    return count


class _Draws:
    """Random numbers of a seed, the same at every call."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def uniform(self, like: Array) -> Array:
        return np.random.default_rng(self._seed).random(like.shape).astype(like.dtype)

    def normal(self, like: Array) -> Array:
        return np.random.default_rng(self._seed).standard_normal(like.shape).astype(like.dtype)


def _must_be_classes(drawn: Array, task: Task, where: str) -> None:
    must(bool(np.isin(drawn, (0, 1)).all()), f"{where}: drawn targets of classes that are not 0 or 1")
    one_hot = task != "multiclass" or bool((drawn.sum(axis=2) == 1).all())
    must(one_hot, f"{where}: drawn targets of several classes at once, or of none")


def _second(component: Any, activation: Any, z: Array, drawn: Array) -> Array:
    """Return the derivative of each output's gradient by its own z, by central differences."""
    step, result = 1e-4, np.empty(z.shape)
    for k in range(z.shape[2]):
        slopes = []
        for side in (step, -step):
            moved = z.copy()
            moved[:, :, k] += side
            a = activation.forward(moved)
            slopes.append(activation.backward(component.grad(a, drawn), moved, a)[:, :, k])
        result[:, :, k] = (slopes[0] - slopes[1]) / (2 * step)
    return result


def extremes_finite(subject: Subject) -> int:
    """With logits up to 10⁴, certain and wrong probabilities, and errors of 10⁴ all is finite."""
    interval = Interval.parse(subject.cls.accepts)
    count = 0
    for variant in subject.variants():
        for dtype in ("float32", "float64"):
            component = subject.stack(subject.rows(variant, 1), dtype)
            for link, width in links(subject):
                sizes = np.array([0, 20, 89, 710, 1e4, 3.0])
                z = np.concatenate([sizes, -sizes]).astype(dtype).reshape(1, -1, width)
                for y in np.eye(width) if width > 1 else np.array([[0], [1]]):
                    target = np.broadcast_to(y, z.shape).astype(dtype)
                    with np.errstate(over="raise", invalid="raise", divide="raise"):
                        value = component.value_from_logits(z, target, link)
                        grad = component.grad_from_logits(z, target, link)
                    label = f"{variant.label}: joint with {link}, {dtype}"
                    count += _must_be_finite(value, grad, label)
            for task in subject.cls.outputs:
                ends = [
                    end if np.isfinite(end) else np.sign(end) * 1e4
                    for end, closed in (
                        (interval.low, interval.closed_low),
                        (interval.high, interval.closed_high),
                    )
                    if closed or not np.isfinite(end)
                ]
                for end in ends:
                    width = WIDTHS[task][0]
                    target = targets(subject, task, np.random.default_rng(10), (1, 8, width)).astype(dtype)
                    output = np.full((1, 8, width * several(subject)), end, dtype=dtype)
                    if task == "multiclass":
                        output[..., 0] = ends[0] + ends[-1] - end  # a distribution, not all of one value
                    with np.errstate(over="raise", invalid="raise", divide="raise"):
                        value, grad = component.value(output, target), component.grad(output, target)
                    count += _must_be_finite(value, grad, f"{variant.label}: output {end:g}, {task}, {dtype}")
    return count


def _must_be_finite(value: Array, grad: Array, label: str) -> int:
    must(np.isfinite(value).all(), f"{label}: the value is not finite")
    must(np.isfinite(grad).all(), f"{label}: the gradient is not finite")
    return 1
