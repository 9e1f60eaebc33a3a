"""What `annx explain` says, as plain JSON: every view of a step is made of it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from anncore.contract.derived_text import derivative_lines
from anncore.contract.documentation import documentation
from anncore.contract.errors import ComponentError, ExperimentError
from anncore.contract.trial import Trial
from anncore.engine.explaining.scalars import Scalar, text_of
from anncore.engine.explaining.sheet import Block, Line, Sheet
from anncore.engine.explaining.sheet_maker import make_sheet
from anncore.engine.explaining.step import GivenNumbers, ObservedStep, Question, observe
from anncore.experiment.model import Experiment
from anncore.experiment.names import spell
from anncore.experiment.plan import make_plan
from anncore.experiment.rules import same
from anncore.report.explain.gaps import gaps_of, symbol_of, written_formula
from anncore.report.explain.graph import graph_of
from anncore.report.explain.shortened import DOTS, stands_for_terms
from anncore.report.explain.worked import hyperparameters, in_numbers

VERSION = 1
IN_PROSE = re.compile(r"\bf\(z\) = (?:\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)|[^\n,;.()]|\.(?=\d))+")
MOST_SEARCHED = 200_000  # trials of a plan among which the chosen one is looked for


@dataclass(frozen=True)
class Wish:
    """What a reader asks for: the update, the example of its batch, the case of the file, the digits."""

    step: int = 1
    example: int = 1
    case: str | None = None
    digits: int = 5


@dataclass(frozen=True, eq=False)
class Explanation:
    """A step, observed: `content` is all that views need; `sheet` and `step` are what it was made of."""

    content: dict[str, Any]
    sheet: Sheet
    step: ObservedStep


def explain(experiment: Experiment, wish: Wish) -> Explanation:
    """Make the step that is asked for, and say everything about it.

    Raises ExperimentError, in one line, for what cannot be explained.
    """
    trial, configurations = chosen_trial(experiment)
    case = experiment.exercise.case(wish.case, experiment.file)
    question = Question(wish.step, wish.example - 1, experiment.exercise.transposed)
    step = observe(trial, experiment.registry, GivenNumbers(case.x, case.y, case.weights), question)
    sheet = make_sheet(step)
    return Explanation(_content(experiment, wish, step, sheet, configurations), sheet, step)


def chosen_trial(experiment: Experiment) -> tuple[Trial, int]:
    """Return the trial that is explained, and how many configurations there are to choose from.

    It is the first that meets [explain] choose, with the first report seed. A value of the command line takes
    the place of the file's choice. Numbers are float64 unless the file says otherwise.
    """
    plan = make_plan(experiment, allow_large=True)
    wanted = _conditions(experiment)
    seed = experiment.report_seeds[0]
    for at, trial in enumerate(plan.report(None)):
        if trial.seed == seed and all(_meets(trial, key, value) for key, value in wanted.items()):
            if "dtype" not in experiment.document.get("train", {}):
                trial = replace(trial, train=replace(trial.train, dtype="float64"))
            return trial, plan.counts["configurations"]
        if at > MOST_SEARCHED:
            break
    said = ", ".join(f"{key} = {spell(value)}" for key, value in wanted.items())
    raise ExperimentError(
        f"{experiment.file}: [explain] choose: no configuration has {said}; 'annx plan' lists what there is."
    )


def _conditions(experiment: Experiment) -> dict[str, Any]:
    """Return [explain] choose without what the command line sets."""
    wanted = dict(experiment.exercise.choose)
    for text in experiment.overrides:
        kind, _, rest = text.partition("=")[0].partition(".")
        wanted.pop(f"{kind}.{rest.partition('.')[2]}", None)
    for text in (*experiment.only, *experiment.skip):
        wanted.pop(text.partition("=")[0], None)
    return wanted


def _meets(trial: Trial, key: str, value: Any) -> bool:
    kind, dot, name = key.partition(".")
    if not dot:
        return trial.labels.get(kind) == value
    if key in trial.values:
        return same(trial.values[key], value)
    part = trial.parts.get(kind)
    return part is not None and name in part.params and same(part.params[name], value)


def _content(
    experiment: Experiment, wish: Wish, step: ObservedStep, sheet: Sheet, configurations: int
) -> dict[str, Any]:
    trial = step.trial
    writer = Writer(wish.digits, sheet)
    return {
        "version": VERSION,
        "experiment": experiment.name,
        "title": experiment.title,
        "problem": trial.problem,
        "arm": trial.arm,
        "configuration": trial.config,
        "configurations": configurations,
        "seed": trial.seed,
        "case": wish.case or next((name for name in experiment.exercise.cases if name), ""),
        "cases": [name for name in experiment.exercise.cases if name],
        "step": wish.step,
        "steps": step.steps,
        "example": wish.example,
        "examples": len(step.x),
        "digits": wish.digits,
        "dtype": trial.train.dtype,
        "layout": "out_in" if experiment.exercise.transposed else "in_out",
        "network": trial.parts["network"].name.removeprefix("annx:"),
        "sizes": _sizes(step),
        "graph": graph_of(step, sheet),
        "components": [_component(role, component) for role, component in sheet.components.items()],
        "stages": [
            {
                "name": stage.name,
                "title": stage.title,
                "blocks": [writer.block(block) for block in stage.blocks],
            }
            for stage in sheet.stages
        ],
        "without_formula": gaps_of(sheet),
        "effect": _effect(step, sheet),
    }


def _effect(step: ObservedStep, sheet: Sheet) -> dict[str, Any]:
    """Return what the step comes to: the batch's loss before and after it, and the largest change."""
    blocks = {block.name: block for stage in sheet.stages for block in stage.blocks}
    changes = [
        (abs(new.value - old.value), old.name)
        for name in step.before
        for old, new in zip(blocks[name].lines, blocks[f"{name}_new"].lines, strict=True)
    ]
    change, name = max(changes, key=lambda pair: (pair[0] == pair[0], pair[0]))
    return {
        "loss_before": finite(step.loss),
        "loss_after": finite(step.loss_after),
        "largest_change": finite(change),
        "largest_change_of": name,
    }


def _sizes(step: ObservedStep) -> list[int]:
    """Return the numbers of inputs, of the units of each layer, and of outputs."""
    hidden = {
        id(quantity.layer): quantity.values.shape[1]
        for quantity in step.traced.forward
        if quantity.letter == "a"
    }
    return [step.x.shape[1], *hidden.values(), step.z.shape[1]]


def _component(role: str, component: Any) -> dict[str, Any]:
    """Return a component's name, hyperparameters and formulas: its documentation's, and what was derived."""
    cls: Any = type(component)
    try:
        derived = derivative_lines(cls)
    except ComponentError:
        derived = []
    written = formulas_of(cls)
    said = {line.partition("=")[0].strip() for line in written}
    if derived and derived[0].partition("=")[0].strip() in said:
        derived = []
    return {
        "role": role.partition(":")[0],
        "name": component.name,
        "hyperparameters": _values(component),
        "formulas": written,
        "derived": derived,
    }


def formulas_of(cls: Any) -> list[str]:
    """Return the formulas of a component's documentation: its indented lines, or f(z) = ... of its prose."""
    text = documentation(cls)
    indented = [line[4:].rstrip() for line in text.split("\n") if line.startswith("    ")]
    return indented or [formula.rstrip() for formula in IN_PROSE.findall(text)]


def _values(component: Any) -> dict[str, Any]:
    from anncore.contract.hyperparameters import declared

    values: dict[str, Any] = {}
    cls: Any = type(component)
    for key in declared(cls):
        value = getattr(component, key)
        if getattr(value, "shape", None) == (1, 1, 1):
            value = float(value.ravel()[0])
        if isinstance(value, (bool, int, float, str)):
            values[key] = value
    return values


def finite(value: float | None) -> float | None:
    """Return a number that JSON has; None for one that is infinite or none."""
    return value if value is not None and math.isfinite(value) else None


def _finite(values: Any) -> Any:
    return [_finite(value) for value in values] if isinstance(values, list) else finite(values)


class Writer:
    """Writes numbers and formulas with so many significant digits."""

    def __init__(self, digits: int, sheet: Sheet) -> None:
        self._values = {line.name: line.value for line in sheet.lines()}
        self.digits = digits
        self._known: dict[str, list[str]] = {}  # formulas by component

    def number(self, value: float) -> str:
        """Return a number as text."""
        return f"{value + 0.0:.{self.digits}g}"  # + 0.0: a zero has no sign

    def block(self, block: Block) -> dict[str, Any]:
        """Return a block as plain JSON."""
        return {
            "name": block.name,
            "title": block.title,
            "formula": f"{block.name} = {block.formula}" if block.formula else "",
            "shape": list(block.shape),
            "values": _finite(block.values()),
            "lines": [self.line(line) for line in block.lines],
        }

    def line(self, line: Line) -> dict[str, Any]:
        """Return a number with its formula in symbols and in numbers, "" where there is none."""
        symbols, numbers = line.words, self._worked(line)
        formula = written_formula(line)
        if formula is not None:
            symbols, numbers = text_of(formula, symbol_of), text_of(formula, self._numeric)
            if line.words:  # what the other examples of the batch add, in words and as a number
                others = line.value - formula.value
                symbols += f" + {line.words}"
                numbers += f" {'-' if others < 0 else '+'} {self.number(abs(others))}"
        elif line.formula is not None and line.words:
            symbols = f"a term of this example + {line.words}"
        return {
            "name": line.name,
            "value": finite(line.value),
            "text": self.number(line.value),
            "formula": symbols,
            "numbers": numbers,
        }

    def _worked(self, line: Line) -> str:
        """Return the documented formula of an activation, or of its slope, with numbers."""
        if line.activation is None:
            return ""
        if line.z is None:
            entered = ", ".join(self.number(self._values[name]) for name in line.reads)
            return f"{line.activation.name}({entered}){line.words[line.words.rfind('[') :]}"
        name, left = line.activation.name, "f'(z)" if line.slope else "f(z)"
        values = {**hyperparameters(line.activation), "z": line.z}
        if line.a is not None:
            values["f(z)"] = line.a
        written = in_numbers(self._formulas(line.activation), left, values, line.value, self.number)
        return written or f"{name}{left[1:].removesuffix('(z)')}({self.number(line.z)})"

    def _formulas(self, component: Any) -> list[str]:
        if component.name not in self._known:
            said = _component("", component)
            self._known[component.name] = [*said["formulas"], *said["derived"]]
        return self._known[component.name]

    def _numeric(self, number: Scalar) -> str:
        return DOTS if stands_for_terms(number) else self.number(number.value)


def blocks_of(content: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the blocks of all stages by name."""
    return {block["name"]: block for stage in content["stages"] for block in stage["blocks"]}
