"""Optimizers inside optimizers: each one gets the arrays that its scope asks for.

`fit` prepares an optimizer for the weights that it updates. The result takes all their numbers side by side,
(T, 1, P), in the order of the specs.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from typing import Any

import numpy as np

from anncore.contract.errors import ComponentError
from anncore.contract.hyperparameters import OneOf, declared, references
from anncore.contract.kinds import AnyOptimizer, Array, AskingWrapper, OptimizerWrapper, WeightSpec, overrides
from anncore.engine.asking import Ask, View, Watched


def scope_of(optimizer: Any) -> str:
    """Return the widest of an optimizer's scope and those of the optimizers inside it."""
    wide = ("number", "array", "arrays", "trial")
    scopes = [_own_scope(optimizer), *map(scope_of, nested(optimizer))]
    if overrides(type(optimizer), AnyOptimizer.route):
        scopes.append("array")  # it treats arrays differently
    return max(scopes, key=wide.index)


def _own_scope(optimizer: Any) -> str:
    return "trial" if optimizer.asks else optimizer.scope


def asks(optimizer: Any) -> bool:
    """Tell whether an optimizer, or one inside it, asks for more gradients."""
    return bool(optimizer.asks) or any(map(asks, nested(optimizer)))


def nested(optimizer: Any) -> Iterator[Any]:
    """Yield the optimizers that one refers to."""
    for key in _fields(optimizer):
        yield from getattr(optimizer, key)


def seeded(optimizer: Any, seeds: Callable[[str], Array], name: str = "optimizer") -> Any:
    """Return an optimizer in which each one that draws random numbers, itself included, has seeds of its own.

    seeds: returns those of a stream's name, (T, 1, 1).
    """
    if not _draws(optimizer):
        return optimizer
    own = overrides(type(optimizer), AnyOptimizer.seeded)
    twin = copy(optimizer.seeded(seeds(name)) if own else optimizer)
    for key in _fields(twin):
        inner = tuple(
            seeded(one, seeds, f"{name} {key} {place}") for place, one in enumerate(getattr(twin, key))
        )
        object.__setattr__(twin, key, inner)
    return twin


def _draws(optimizer: Any) -> bool:
    return overrides(type(optimizer), AnyOptimizer.seeded) or any(map(_draws, nested(optimizer)))


def rates(optimizer: Any) -> Iterator[Any]:
    """Yield an optimizer and those inside it that have a learning rate."""
    if isinstance(getattr(optimizer, "lr", None), np.ndarray):
        yield optimizer
    for inner in nested(optimizer):
        yield from rates(inner)


def _fields(optimizer: Any) -> list[str]:
    return [key for key, reference in references(_class(optimizer)).items() if reference.kind == "optimizer"]


def _class(component: Any) -> Any:
    return type(component)


class Fitted:
    """An optimizer that takes all its numbers at once, (T, 1, P), and gives each array its own shape."""

    def __init__(
        self, optimizer: Any, shape: tuple[int, int] | None, ask: Ask | None, view: View | None = None
    ) -> None:
        self._optimizer, self._shape, self._ask = optimizer, shape, ask
        self._asks = optimizer.asks
        self._view = view  # what those inside it see, if any of them asks

    def init(self, weight: Array) -> Any:
        """Return the first state."""
        return self._optimizer.init(self._shaped(weight))

    def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        """Return the change, shaped as `weight`, and the next state."""
        more = (self._ask(),) if self._asks and self._ask is not None else ()
        if self._view is not None:
            self._view.begin(weight, grad, state, t)
        change, state = self._optimizer.step(self._shaped(weight), self._shaped(grad), state, t, *more)
        return self._back(change, weight, "step"), state

    def evaluated(self, weight: Array, state: Any) -> Array:
        """Return the weights to evaluate at."""
        return self._back(self._optimizer.evaluated(self._shaped(weight), state), weight, "evaluated")

    @property
    def kinds(self) -> tuple[Any, ...]:
        """The classes of the optimizer and of those inside it."""
        return (type(self._optimizer), *(inner.kinds for inner in nested(self._optimizer)))

    @property
    def components(self) -> Iterator[Any]:
        """The optimizer and those inside it, as they are fitted to the weights."""
        yield self._optimizer
        for inner in nested(self._optimizer):
            yield from inner.components

    def replaced(self, function: Callable[[Any], Any]) -> Fitted:
        """Return a copy in which `function` replaces the optimizer and each one inside it."""
        twin = copy(self)
        twin._optimizer = function(self._optimizer)
        for key in _fields(twin._optimizer):
            inner = tuple(inner.replaced(function) for inner in getattr(twin._optimizer, key))
            object.__setattr__(twin._optimizer, key, inner)
        return twin

    def _back(self, result: Any, weight: Array, method: str) -> Any:
        due = weight.shape if self._shape is None else (len(weight), *self._shape)
        if result.shape != due:  # otherwise NumPy would broadcast it silently
            raise ComponentError(f"{self._optimizer.name}.{method} gives shape {result.shape} for {due}")
        return result if self._shape is None else result.reshape(weight.shape)

    def _shaped(self, array: Array) -> Array:
        return array if self._shape is None else array.reshape(len(array), *self._shape)


class Divided:
    """Several fitted optimizers, each for some of the numbers; the state is a tuple of their states."""

    def __init__(self, parts: Sequence[tuple[Any, Sequence[slice]]]) -> None:
        self._parts = list(parts)

    def init(self, weight: Array) -> Any:
        """Return the first states."""
        return tuple(fitted.init(_taken(weight, where)) for fitted, where in self._parts)

    def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        """Return the change of all numbers and the next states."""
        states: list[Any] = []

        def pieces() -> Iterator[Any]:
            for (fitted, where), before in zip(self._parts, state, strict=True):
                piece, after = fitted.step(_taken(weight, where), _taken(grad, where), before, t)
                states.append(after)
                yield piece

        change = self._joined(weight, pieces())
        return change, tuple(states)

    def evaluated(self, weight: Array, state: Any) -> Array:
        """Return the weights to evaluate at."""
        pairs = zip(self._parts, state, strict=True)
        return self._joined(
            weight, (fitted.evaluated(_taken(weight, where), mine) for (fitted, where), mine in pairs)
        )

    @property
    def components(self) -> Iterator[Any]:
        """The optimizers of all parts, as they are fitted to the weights."""
        for fitted, _ in self._parts:
            yield from fitted.components

    def replaced(self, function: Callable[[Any], Any]) -> Divided:
        """Return a copy in which `function` replaces all optimizers; see `Fitted.replaced`."""
        return Divided([(fitted.replaced(function), where) for fitted, where in self._parts])

    def _joined(self, weight: Array, pieces: Iterable[Any]) -> Any:
        """Return the numbers of all parts, where each belongs."""
        if isinstance(weight, np.ndarray):
            result = np.empty_like(weight)
            for (_, where), piece in zip(self._parts, pieces, strict=True):
                _put(result, where, piece)
            return result
        # Symbols, of which no part can be written.
        places: list[tuple[int, Any]] = []
        for (_, where), piece in zip(self._parts, pieces, strict=True):
            start = 0
            for place in where:
                size = place.stop - place.start
                places.append((place.start, piece[:, :, start : start + size]))
                start += size
        return np.concatenate([piece for _, piece in sorted(places, key=lambda one: one[0])], axis=2)


def _taken(array: Array, where: Sequence[slice]) -> Array:
    """Return some of the numbers, (T, 1, Q): a view if they lie side by side."""
    if len(where) == 1:
        return array[:, :, where[0]]
    return np.concatenate([array[:, :, place] for place in where], axis=2)


def _put(array: Array, where: Sequence[slice], piece: Array) -> None:
    start = 0
    for place in where:
        size = place.stop - place.start
        array[:, :, place] = piece[:, :, start : start + size]
        start += size


def fit(
    optimizer: Any,
    specs: Sequence[WeightSpec],
    ask: Ask | None = None,
    *,
    whole: bool = True,
    single: bool = False,
) -> Any:
    """Return an object with `init`, `step` and `evaluated` for the numbers of these weights, (T, 1, P).

    whole: whether these are all weights of the trials; `ask` needs all of them. single: whether this is one
    of several arrays that a wrapper hands on one by one. Raises ComponentError for an optimizer that needs
    all weights but gets only some, and for one that routes all weights to other optimizers: the results would
    carry its name, but it would have done nothing.
    """
    where = _places(specs)
    routed = _routed(optimizer, specs)
    if single and "" not in routed:
        [field] = routed
        return fit(getattr(optimizer, field)[0], specs, whole=False, single=True)
    if "" not in routed:
        raise ComponentError(
            f"{optimizer.name} has nothing to update itself here: all weights go to "
            f"{' and '.join(routed)}. {_other_settings(optimizer, specs)}{_placing(optimizer, specs)}"
        )
    if len(routed) > 1:
        parts = []
        for field, rows in routed.items():
            inner = optimizer if not field else getattr(optimizer, field)[0]
            mine = [specs[row] for row in rows]
            fitted = _fit(optimizer, mine, ask) if not field else fit(inner, mine, ask, whole=False)
            parts.append((fitted, _joined([where[row] for row in rows])))
        return Divided(parts)
    return _fit(optimizer, specs, ask, whole=whole, single=single)


def _other_settings(optimizer: Any, specs: Sequence[WeightSpec]) -> str:
    """Say with which setting of its own the optimizer would update some of the weights."""
    for key, declaration in declared(_class(optimizer)).items():
        for value in declaration.domain.values if isinstance(declaration.domain, OneOf) else ():
            if "" in map(dataclasses.replace(optimizer, **{key: value}).route, specs):
                return f"Choose another network, or write {key} = {json.dumps(value)}."
    return f"Choose another network, or other settings of {optimizer.name}."


def _placing(optimizer: Any, specs: Sequence[WeightSpec]) -> str:
    """Say what the author of a network can do that does not say where its matrices stand."""
    silent = [spec for spec in specs if spec.role == "weight" and not spec.place and spec.shape[0] > 1]
    placed = [optimizer.route(spec._replace(place="hidden")) for spec in silent]
    if "" not in placed:
        return ""
    return (
        f" The network does not say where {silent[0].name} stands: its author can write "
        f'WeightSpec({silent[0].name!r}, .., place="hidden").'
    )


def _fit(
    optimizer: Any, specs: Sequence[WeightSpec], ask: Ask | None, *, whole: bool = False, single: bool = False
) -> Any:
    own = _own_scope(optimizer)
    if own == "trial" and not whole:
        raise ComponentError(
            f"{optimizer.name} needs all weights of a trial at once, but gets only some of them here; "
            f"{_elsewhere(optimizer)}."
        )
    if own == "array":
        _refuse_whole_inside(optimizer)
    if own == "array" and len(specs) > 1:
        if isinstance(optimizer, OptimizerWrapper):
            fit(optimizer.wrapped, specs, whole=False)  # refuses one that updates none of them itself
        fitted = [_fit(optimizer, [spec], ask, single=True) for spec in specs]
        return Divided([(one, [place]) for one, place in zip(fitted, _places(specs), strict=True)])
    twin = copy(optimizer.fitted_to(specs))
    view = View(twin, ask) if any(map(asks, nested(optimizer))) else None
    for key in _fields(optimizer):
        inner = tuple(
            _inside(inner, specs, view, whole=whole and own != "array", single=single)
            for inner in getattr(optimizer, key)
        )
        object.__setattr__(twin, key, inner)
    # Where each number is updated by itself the shape does not matter, and flat arrays are faster.
    size = sum(spec.shape[0] * spec.shape[1] for spec in specs)
    shapes = {"array": specs[0].shape, "arrays": (1, size)}
    return Fitted(twin, shapes.get(own), ask, view)


def _inside(inner: Any, specs: Sequence[WeightSpec], view: View | None, *, whole: bool, single: bool) -> Any:
    """Fit an optimizer inside another one, whose view of the trials it gets if it asks."""
    if view is None or not asks(inner):
        return fit(inner, specs, whole=whole, single=single)
    return Watched(fit(inner, specs, view.ask, whole=whole), view, inner.name)


def _refuse_whole_inside(optimizer: Any) -> None:
    """Refuse an optimizer that hands on single arrays around one that needs all of a trial."""
    for inner in nested(optimizer):
        if scope_of(inner) != "trial":
            continue
        narrow = inner
        while _own_scope(narrow) != "trial":
            narrow = next(deeper for deeper in nested(narrow) if scope_of(deeper) == "trial")
        raise ComponentError(
            f"{narrow.name} needs all weights of a trial at once, but {optimizer.name} hands on one array at "
            f"a time; {_other_scopes(optimizer) or _elsewhere(narrow, optimizer.name)}."
        )


def _other_scopes(optimizer: Any) -> str:
    """Say which settings of an optimizer make it hand on whole trials; "" if none does."""
    settings = [
        f"{key} = {json.dumps(value)}"
        for key, declaration in declared(_class(optimizer)).items()
        for value in (declaration.domain.values if isinstance(declaration.domain, OneOf) else ())
        if dataclasses.replace(optimizer, **{key: value}).scope != "array"
    ]
    return f"write {' or '.join(settings)}" if settings else ""


def _elsewhere(optimizer: Any, holder: str = "") -> str:
    """Say where an optimizer that needs all weights of a trial can stand."""
    if isinstance(optimizer, (OptimizerWrapper, AskingWrapper)):
        return f"put {optimizer.name} around {holder or 'the optimizer that it is inside of'}"
    return f"put another optimizer inside {holder}" if holder else "name another optimizer in its place"


def _routed(optimizer: Any, specs: Sequence[WeightSpec]) -> Mapping[str, list[int]]:
    routed: dict[str, list[int]] = {}
    for row, spec in enumerate(specs):
        field = optimizer.route(spec)
        if field and field not in _fields(optimizer):
            raise ComponentError(
                f"{optimizer.name} routes {spec.name} to {field!r}, which is not an optimizer field of it"
            )
        routed.setdefault(field, []).append(row)
    return routed


def _places(specs: Sequence[WeightSpec]) -> list[slice]:
    places, start = [], 0
    for spec in specs:
        size = spec.shape[0] * spec.shape[1]
        places.append(slice(start, start + size))
        start += size
    return places


def _joined(places: Sequence[slice]) -> list[slice]:
    """Return the same numbers as fewer slices: neighbours that touch are joined."""
    joined: list[slice] = []
    for place in places:
        if joined and joined[-1].stop == place.start:
            joined[-1] = slice(joined[-1].start, place.stop)
        else:
            joined.append(place)
    return joined
