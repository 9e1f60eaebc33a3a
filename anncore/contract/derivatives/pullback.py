"""The gradient of a component's formula, derived from the formula and kept for the next call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Any

import numpy as np

from anncore.contract.arrays import Array
from anncore.contract.derivatives.cotangents import full
from anncore.contract.derivatives.recipe import Recipe
from anncore.contract.derivatives.refusals import Mistaken, Underivable, refuse_raised
from anncore.contract.derivatives.reverse import gradients
from anncore.contract.derivatives.symbols import Graph, Node, Symbol, sample_of
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
    derivatives = component.__dict__.get(DERIVED)
    if derivatives is None:
        derivatives = component.__dict__[DERIVED] = _Derivatives(tuple(hypers_of(component).values()))
    arrays = [*inputs, *(array for array in (grad, result) if array is not None)]
    key = name, tuple(wrt), grad is None, result is None, tuple((a.shape, a.dtype.char) for a in arrays)
    recipe = derivatives.get(key)
    if recipe is None:
        if len(derivatives) >= MOST:
            derivatives.clear()
        recipe = derivatives[key] = derive(
            component, formula, inputs, name=name, grad=grad, result=result, wrt=wrt
        )
    return recipe(*inputs, *derivatives.hypers, *arrays[len(inputs) :])


class _Derivatives(dict[Any, Recipe]):
    """The derivatives of one component, and its hyperparameters with one number per trial."""

    def __init__(self, hypers: tuple[Any, ...]) -> None:
        super().__init__()
        self.hypers = hypers


def derive(
    component: Any,
    formula: Callable[..., Any],
    inputs: Sequence[Any],
    *,
    name: str,
    grad: Any = None,
    result: Any = None,
    wrt: Sequence[int] = (0,),
) -> Recipe:
    """Return the recipe of the gradients that `pullback` computes: inputs, hyperparameters, grad, result.

    Raises Underivable, in one line for the author, where the trace cannot follow the formula.
    """
    with _said_of(component, name):
        graph = Graph()
        symbols = [graph.input(array) for array in inputs]
        made = _recorded(formula, with_symbols(component, graph), symbols)
        seed: Any
        if grad is None:
            seed = one_per_trial(made, symbols[0])
        else:
            seed = graph.input(grad)
            if seed.shape != made.shape:
                raise Mistaken(f"the result has shape {made.shape}, where {seed.shape} is right")
        parts = gradients(made, seed, [symbols[at] for at in wrt])
        outputs = [
            np.zeros(symbols[at].shape, symbols[at].dtype) if part is None else full(part, symbols[at].shape)
            for at, part in zip(wrt, parts, strict=True)
        ]
        return Recipe(graph.inputs, outputs, [] if result is None else [made.node])


@contextmanager
def _said_of(component: Any, name: str) -> Iterator[None]:
    """Say of which component an operation cannot be derived, and which method its author may write."""
    try:
        yield
    except Underivable as error:
        instead = "" if isinstance(error, Mistaken) else _written(name)
        raise type(error)(error.what, error.where, component.name, instead) from None


def _written(name: str) -> str:
    """Return the method that an author writes where a formula cannot be derived."""
    formula, _, _ = name.partition(" ")
    return {"forward": "backward", "value_from_logits": "grad_from_logits"}.get(formula, "grad")


def one_per_trial(made: Symbol, first: Symbol) -> Array:
    """Return the gradient of a value by itself, (T,)."""
    if made.shape != first.shape[:1]:
        raise Mistaken(f"the value must be one number per trial, (T,), and has shape {made.shape}")
    return np.ones(made.shape, made.dtype)


def traced(
    component: Any, formula: Callable[..., Any], inputs: Sequence[Any]
) -> tuple[Graph, list[Symbol], Symbol, dict[str, Node]]:
    """Return the graph of a formula, its inputs and result, and the nodes of hyperparameters by name."""
    graph = Graph()
    symbols = [graph.input(array) for array in inputs]
    twin = with_symbols(component, graph)
    made = _recorded(formula, twin, symbols)
    return graph, symbols, made, {key: getattr(twin, key).node for key in hypers_of(component)}


def _recorded(formula: Callable[..., Any], component: Any, symbols: Sequence[Symbol]) -> Symbol:
    """Return the symbol of a formula's result, which depends on its arguments."""
    try:
        made = formula(component, *symbols)
    except ComponentError:
        raise
    except Exception as error:
        raise refuse_raised(error) from error
    if not isinstance(made, Symbol) or made.node.known:
        kind = "" if isinstance(made, (Symbol, np.ndarray)) else f" of type {type(made).__name__}"
        raise Underivable(f"the result{kind} does not depend on the arguments")
    return made


def hypers_of(component: Any) -> dict[str, Any]:
    """Return the hyperparameters that hold one number per trial, as arrays or as another trace's symbols."""
    values = {key: getattr(component, key) for key in declared(_class(component))}
    return {key: value for key, value in values.items() if getattr(value, "shape", ())}


def _class(component: Any) -> Any:
    return type(component)


def with_symbols(component: Any, graph: Graph) -> Any:
    """Return a copy of the component whose hyperparameters per trial are symbols with known values."""
    twin = copy(component)
    for key, value in hypers_of(component).items():
        object.__setattr__(twin, key, graph.input(sample_of(value), known=True))
    return twin
