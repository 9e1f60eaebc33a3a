"""The checks of a metric."""

from __future__ import annotations

from typing import Any

import numpy as np

from anncore.contract.hyperparameters import Interval
from anncore.contract.kinds import REAL_TASKS, TASKS, Array, Task
from anncore.testing import watching
from anncore.testing.kit import Case, Kit, Named, Subject, must, must_be_close

WIDTHS: dict[Task, tuple[int, ...]] = {
    "binary": (1,),
    "multiclass": (3, 5),
    "regression": (1, 2),
    "unsupervised": (1, 2),
}


class MetricKit(Kit):
    """Bounds, goal, order of examples, NaN."""

    stacked = True

    def of_form(self, cls: Any) -> Kit:
        """Return the kit of metrics that networks compute, for these."""
        return NetworkMetricKit() if getattr(cls, "from_network", False) else self

    def cases(self, subject: Subject) -> list[Case]:
        """Score each task of the metric, or the layers of networks for a metric that watches."""
        if subject.cls.watches:
            return watching.cases(subject)
        return [_case(task, d) for task in subject.cls.tasks for d in WIDTHS[task]]

    def checks(self, subject: Subject) -> list[Named]:
        """Return the kind's own checks."""
        if subject.cls.watches:
            return [("attributes", attributes), *watching.CHECKS]
        return [
            ("attributes", attributes),
            ("bounds", within_bounds),
            ("goal", perfect_is_best),
            ("order_free", order_free),
            ("nan", nan_is_nan),
        ]


class NetworkMetricKit(Kit):
    """Attributes alone: the kit of the network that measures it looks at the values."""

    computes = False

    def checks(self, subject: Subject) -> list[Named]:
        """Return the kind's own checks."""
        return [("attributes", attributes)]


def _draw(task: Task, width: int, rng: np.random.Generator, trials: int) -> tuple[Array, Array]:
    """Draw predictions and targets of 30 examples; every class has some, and some scores are equal."""
    shape = (trials, 30, width)
    if task in REAL_TASKS:
        return rng.normal(size=shape), rng.normal(size=shape)
    classes = np.argsort(rng.random(shape[:2]), axis=1) % max(width, 2)
    rounded = np.round(rng.random(shape), 1)
    if width == 1:
        return rounded, classes[..., None].astype(float)
    shares = rounded + 0.05
    return shares / shares.sum(axis=-1, keepdims=True), np.eye(width)[classes]


def _case(task: Task, width: int) -> Case:
    def inputs(rng: np.random.Generator, trials: int, dtype: str) -> dict[str, Array]:
        output, target = _draw(task, width, rng, trials)
        return {"output": output.astype(dtype), "target": target.astype(dtype)}

    def run(component: Any, inputs: dict[str, Array]) -> dict[str, Array]:
        score = np.asarray(component.score(inputs["output"], inputs["target"]))
        must(score.shape == inputs["output"].shape[:1], f"score has shape {score.shape}, not (T,)")
        return {"score": score}

    return Case(f"{task}, {width} outputs", inputs, run, keeps_dtype=False)


def attributes(subject: Subject) -> int:
    """Goal, tasks, bounds and primary tasks have valid values."""
    cls = subject.cls
    must(cls.goal in ("min", "max"), f"goal must be 'min' or 'max', got {cls.goal!r}")
    must(cls.tasks and set(cls.tasks) <= set(TASKS), f"tasks must be some of {', '.join(TASKS)}")
    must(set(cls.primary_for) <= set(cls.tasks), "primary_for names a task not in tasks")
    headline = cls.watches and cls.primary_for
    must(not headline, "a metric that watches cannot be a headline metric; leave out primary_for")
    Interval.parse(cls.bounds)
    return 1


def within_bounds(subject: Subject) -> int:
    """Scores lie within the declared bounds."""
    interval = Interval.parse(subject.cls.bounds)
    count = 0
    for variant in subject.variants():
        component = subject.stack(subject.rows(variant, 9), "float64")
        for task in subject.cls.tasks:
            for width in WIDTHS[task]:
                output, target = _draw(task, width, np.random.default_rng(12), 9)
                for predicted in (output, target):
                    for score in component.score(predicted, target):
                        inside = interval.holds(float(score))
                        must(inside, f"{variant.label}, {task}: {score} lies outside the bounds {interval}")
                        count += 1
    return count


def perfect_is_best(subject: Subject) -> int:
    """Predicting the target itself scores better than chance, in the sense of `goal`."""
    sign = 1 if subject.cls.goal == "max" else -1
    count = 0
    for variant in subject.variants():
        component = subject.stack(subject.rows(variant, 5), "float64")
        for task in subject.cls.tasks:
            for width in WIDTHS[task]:
                output, target = _draw(task, width, np.random.default_rng(13), 5)
                perfect, chance = component.score(target, target), component.score(output, target)
                good = (sign * perfect > sign * chance).all()
                message = f"{task}: perfect predictions score {perfect[0]:g}, random ones {chance[0]:g}"
                must(good, f"{variant.label}, {message}, and the goal is {subject.cls.goal}")
                count += 1
    return count


def order_free(subject: Subject) -> int:
    """The order of the examples does not matter."""
    count = 0
    for variant in subject.variants():
        component = subject.stack(subject.rows(variant, 5), "float64")
        for task in subject.cls.tasks:
            for width in WIDTHS[task]:
                output, target = _draw(task, width, np.random.default_rng(14), 5)
                order = np.random.default_rng(15).permutation(output.shape[1])
                there, here = (
                    component.score(output[:, order], target[:, order]),
                    component.score(output, target),
                )
                must_be_close(there, here, f"{variant.label}, {task}: in another order", 1e-9, 1e-12)
                count += 1
    return count


def nan_is_nan(subject: Subject) -> int:
    """One prediction that is NaN makes the trial's score NaN; it must not count as a class or a number."""
    count = 0
    for variant in subject.variants():
        component = subject.stack(subject.rows(variant, 2), "float64")
        for task in subject.cls.tasks:
            for width in WIDTHS[task]:
                output, target = _draw(task, width, np.random.default_rng(16), 2)
                output[0, 3, 0] = np.nan
                score = component.score(output, target)
                must(np.isnan(score[0]), f"{variant.label}, {task}: a NaN prediction scores {score[0]:g}")
                must(not np.isnan(score[1]), f"{variant.label}, {task}: NaN in the trial beside it")
                count += 1
    return count
