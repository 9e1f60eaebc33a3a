"""The gradient of a component's formula, derived from the formula and kept for the next call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

import numpy as np

from anncore.contract.derivatives.cotangents import full
from anncore.contract.derivatives.recipe import Recipe
from anncore.contract.derivatives.reverse import gradients
from anncore.contract.derivatives.symbols import Graph, Symbol, refuse
from anncore.contract.errors import ComponentError
from anncore.contract.hyperparameters import declared

DERIVED = "_derived"  # the attribute in which a component keeps what was derived from its formulas
MOST = 64  # derivatives that one component keeps, one for each shape of its arguments


def pullback(
    component: Any,
    formula: Callable[..., Any],
    inputs: Sequence[Any],
    *,
    name: str,
    grad: Any = None,
    result: Any = None,
    wrt: Sequence[int] = (0,),
) -> list[Any]:
    """Return ∂L/∂input for the inputs at `wrt`, where L is a number per trial.

    formula: called with the component, whose hyperparameters may be symbols, and with the inputs.
    name: equal for equal formulas of a component. grad: ∂L/∂result, shaped as the result; None if the result
    is L itself, (T,). result: what the formula gave, if it is known.
    """
    hypers = _hypers(component)
    derivatives = component.__dict__.setdefault(DERIVED, {})
    arrays = [*inputs, *(array for array in (grad, result) if array is not None)]
    key = name, tuple(wrt), grad is None, result is None, tuple((a.shape, a.dtype.char) for a in arrays)
    recipe = derivatives.get(key)
    if recipe is None:
        if len(derivatives) >= MOST:
            derivatives.clear()
        recipe = derivatives[key] = derive(component, formula, inputs, grad=grad, result=result, wrt=wrt)
    return recipe(*inputs, *hypers.values(), *arrays[len(inputs) :])


def derive(
    component: Any,
    formula: Callable[..., Any],
    inputs: Sequence[Any],
    *,
    grad: Any = None,
    result: Any = None,
    wrt: Sequence[int] = (0,),
) -> Recipe:
    """Return the recipe of the gradients that `pullback` computes: inputs, hyperparameters, grad, result."""
    graph = Graph()
    symbols = [graph.input(array) for array in inputs]
    made = formula(with_symbols(component, graph), *symbols)
    if not isinstance(made, Symbol):
        raise refuse(f"a result of type {type(made).__name__}", "does not depend on the arguments")
    seed: Any
    if grad is None:
        if made.shape != symbols[0].shape[:1]:
            raise ComponentError(f"must return one number per trial, (T,), got shape {made.shape}")
        seed = np.ones(made.shape, made.dtype)
    else:
        seed = graph.input(grad)
        if seed.shape != made.shape:
            raise ComponentError(f"gives shape {made.shape}, its gradient has shape {seed.shape}")
    parts = gradients(made, seed, [symbols[at] for at in wrt])
    outputs = [
        np.zeros(symbols[at].shape, symbols[at].dtype) if part is None else full(part, symbols[at].shape)
        for at, part in zip(wrt, parts, strict=True)
    ]
    return Recipe(graph.inputs, outputs, [] if result is None else [made.node])


def _hypers(component: Any) -> dict[str, Any]:
    """Return the hyperparameters that hold one number per trial, as arrays or as another trace's symbols."""
    values = {key: getattr(component, key) for key in declared(_class(component))}
    return {key: value for key, value in values.items() if getattr(value, "shape", ())}


def _class(component: Any) -> Any:
    return type(component)


def with_symbols(component: Any, graph: Graph) -> Any:
    """Return a copy of the component whose hyperparameters per trial are symbols with known values."""
    twin = copy(component)
    for key, value in _hypers(component).items():
        object.__setattr__(twin, key, graph.input(getattr(value, "sample", value), known=True))
    return twin
