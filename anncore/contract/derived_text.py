"""The derivatives that are derived from a component's formulas, as text for people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.derivatives.printing import Printed, printed
from anncore.contract.derivatives.pullback import one_per_trial, traced
from anncore.contract.derivatives.refusals import Underivable
from anncore.contract.derivatives.reverse import gradients, ordered
from anncore.contract.derivatives.symbols import Node
from anncore.contract.hyperparameters import declared, resolve
from anncore.contract.kinds import (
    Activation,
    AnyActivation,
    Game,
    JointLoss,
    LearnedActivation,
    Loss,
    Objective,
    RandomActivation,
    overrides,
)

# Axes of an array (T, N, D) while tracing: primes, so that a constant shows what it is made of.
TRIALS, EXAMPLES, UNITS = 2, 1009, 13
LONGEST = 400  # operations of a derivative that is written out; a loop of 50 turns has thousands


class _Case(NamedTuple):
    """A formula and how its arguments are called; `by` is the text before the derivative."""

    by: str
    formula: Callable[..., Any]
    arguments: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]


def derivative(cls: type[Any]) -> dict[str, Printed]:
    """Return the derivatives that annx derives from a component's formulas, by what they are: "f'(z)".

    An empty dict if the author wrote all gradients by hand, or for a kind without one. A formula that cannot
    be derived raises ComponentError, which names the line. Hyperparameters have their names, structure (text,
    whole numbers, lists) its default; N and D are the numbers of examples and of units.
    """
    component = _with_arrays(cls)
    return {case.by: _printed(component, case) for case in _cases(component)}


def _with_arrays(cls: Any) -> Any:
    """Return the component with an array for every hyperparameter that may differ between trials."""
    values = resolve(cls, {})
    for key, declaration in declared(cls).items():
        if declaration.stackable:
            values[key] = np.full((TRIALS, 1, 1), float(values[key]))
    return cls(**values)


def _cases(component: Any) -> Sequence[_Case]:
    cls, shape = type(component), (TRIALS, EXAMPLES, UNITS)
    if isinstance(component, AnyActivation) and not overrides(cls, _form(component).backward):
        wide = (TRIALS, EXAMPLES, component.width(UNITS * component.multiple))
        return [_of_activation(component, wide)]
    if isinstance(component, Objective) and not overrides(cls, Objective.grad):
        at = (TRIALS, 1, int(component.dimensions))
        return [_Case("∂f/∂x", lambda twin, x: twin.value(x), ("x",), (at,))]
    if isinstance(component, Game) and not overrides(cls, Game.grad):
        at = (TRIALS, 1, int(component.dimensions))
        return [_Case("∂payoff/∂x", lambda twin, x: twin.payoff(x), ("x",), (at,))]
    cases = []
    if isinstance(component, Loss):
        outputs = (TRIALS, EXAMPLES, UNITS * component.outputs_per_target)
        if not overrides(cls, Loss.grad):
            cases.append(_Case("∂ℓ/∂a", lambda twin, a, y: twin.value(a, y), ("a", "y"), (outputs, shape)))
        if isinstance(component, JointLoss) and not overrides(cls, JointLoss.grad_from_logits):
            for link in component.joint:
                cases.append(_Case(f"∂ℓ/∂z, {link}", _from_logits(link), ("z", "y"), (shape, shape)))
    return cases


def _form(component: Any) -> Any:
    forms = (Activation, LearnedActivation, RandomActivation)
    return next(form for form in forms if isinstance(component, form))


def _of_activation(component: Any, wide: tuple[int, ...]) -> _Case:
    if component.random:
        return _Case("f'(z)", lambda twin, z, noise: twin.forward(z, noise), ("z", "noise"), (wide, wide))
    if component.learns:
        specs = component.specs(UNITS)
        names = [spec.name for spec in specs]
        shapes = [(TRIALS, *spec.shape) for spec in specs]

        def forward(twin: Any, z: Any, *weights: Any) -> Any:
            return twin.forward(z, dict(zip(names, weights, strict=True)))

        return _Case("f'(z)", forward, ("z", *names), (wide, *shapes))
    return _Case("f'(z)", lambda twin, z: twin.forward(z), ("z",), (wide,))


def _from_logits(link: str) -> Callable[..., Any]:
    return lambda twin, z, y: twin.value_from_logits(z, y, link)


def _printed(component: Any, case: _Case) -> Printed:
    inputs = [np.broadcast_to(np.float64(0.5), shape) for shape in case.shapes]
    try:
        graph, symbols, made, hypers = traced(component, case.formula, inputs)
        names: dict[Node, str] = dict(zip((symbol.node for symbol in symbols), case.arguments, strict=True))
        names |= {node: name for name, node in hypers.items()}
        seed: Any
        if case.by != "f'(z)":
            seed = one_per_trial(made, symbols[0])
        elif all(_elementwise(node) for node in ordered([made.node])):
            seed = 1.0
        else:
            seed = graph.input(np.broadcast_to(np.float64(0.5), made.shape))
            names[seed.node] = "g"
        [part] = gradients(made, seed, symbols[:1])
    except Underivable as error:
        raise Underivable(error.what, error.where, component.name, error.instead) from None
    node = getattr(part, "node", None)
    operations = 0 if node is None else len(ordered([node]))
    if operations > LONGEST:
        return Printed(f"a formula of {operations} operations, too long to be written here", {})
    lengths = {"N": EXAMPLES, "D": UNITS}
    result = (made.node, "f(z)") if case.by == "f'(z)" else None
    return printed(0.0 if part is None else part, names, lengths, result)


def _elementwise(node: Node) -> bool:
    """Tell whether a node's numbers each depend on one number of every argument."""
    if node.function is None or node.known:
        return True
    plain = isinstance(node.function, np.ufunc) or getattr(node.function, "__module__", "") == "_operator"
    return (plain and node.function is not np.matmul and node.function.__name__ != "matmul") or (
        node.function in (np.where, np.clip) or node.function.__name__ == "cast"
    )


def derivative_lines(cls: type[Any]) -> list[str]:
    """Return the derivatives as lines: "f'(z) = ...", then what its names stand for."""
    lines: list[str] = []
    for left, text in derivative(cls).items():
        backward = left == "f'(z)" and _needs_gradient(text)
        lines += text.lines("∂L/∂z, where g = ∂L/∂f," if backward else left)
    return lines


def _needs_gradient(text: Printed) -> bool:
    words = " ".join([text.text, *text.where.values()]).replace("(", " ").replace(")", " ").split()
    return "g" in words
