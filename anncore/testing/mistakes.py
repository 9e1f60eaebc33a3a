"""What kind of mistake a wrong gradient looks like, for the message of the check that found it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.errors import ComponentError
from anncore.contract.kinds import Array

ROUGH = 1e-3  # to which a ratio to finite differences counts as one number


class Gradients(NamedTuple):
    """A gradient as the component gives it, the right one, and the arguments at which they are.

    argument: the name of the argument in messages, "" if its sign says nothing. factors: the lengths of the
    axes by name, such as N and D.
    whole: they are those of a whole matrix (T, fan_in, fan_out), so that rows and columns have a meaning.
    inherited: what to add where the gradient is another class's, see `inherited`.
    """

    given: Array
    right: Array
    at: Array
    argument: str = "z"
    factors: Mapping[str, int] = {}
    whole: bool = False
    inherited: str = ""


def must_agree(gradients: Gradients, label: str | Callable[[Any], str], *, rtol: float, atol: float) -> None:
    """Raise AssertionError unless the gradients agree; the message says what kind of mistake it looks like.

    label: the beginning of the message, or what gives it for the first wrong place.
    """
    given, right = gradients.given, gradients.right
    wrong = ~(np.abs(given - right) <= atol + rtol * np.abs(right))
    if wrong.any():
        place = tuple(int(at) for at in np.argwhere(wrong)[0])
        values = f"{float(given[place])!r} in place of {float(right[place])!r}"
        start = label if isinstance(label, str) else label(place)
        raise AssertionError(f"{start}: {values}; {looks_like(gradients, wrong)}{gradients.inherited}")


def inherited(component: Any, method: str, base: type[Any]) -> str:
    """Return what to add to a message if a component's gradient was written for a class that it derives from.

    base: the class of anncore whose method of this name derives the gradient.
    """
    cls = type(component)
    owner = next(one for one in cls.__mro__ if method in vars(one))
    if owner is cls or owner is base or getattr(owner, method) is getattr(base, method):
        return ""
    return (
        f"; {method} is inherited from {owner.__name__}, whose formula it belongs to: write {method} = "
        f"{base.__name__}.{method} in the class to have it derived"
    )


def looks_like(gradients: Gradients, wrong: Array) -> str:
    """Return what a wrong gradient is: a multiple of the right one, wrong on one side, or another one."""
    if np.isnan(gradients.given[wrong]).all():
        return "it is NaN"
    ratio = _ratio(gradients.given, gradients.right)
    if ratio is not None:  # also where both are so small that nothing counts as wrong
        return f"{_multiple(ratio, gradients.factors)} everywhere"
    if gradients.whole and _transposed(gradients):
        return "it is the transpose of the right one"
    side = _part(wrong) if gradients.whole else _side(gradients, wrong)
    if not side:
        return _another(gradients, wrong)
    ratio = _ratio(gradients.given[wrong], gradients.right[wrong]) if wrong.sum() > 1 else None
    return f"it is wrong {side}" if ratio is None else f"{_multiple(ratio, gradients.factors)} {side}"


def _ratio(given: Array, right: Array) -> float | None:
    """Return the one number that the right gradient is multiplied by, if there is one."""
    scale = float(np.abs(right).max())
    if scale == 0 or not np.isfinite(given).all():
        return None
    ratio = float((given * right).sum() / (right * right).sum())
    close = np.abs(given - ratio * right) <= ROUGH * abs(ratio) * np.abs(right) + 1e-6 * scale
    return ratio if close.all() else None


def _multiple(ratio: float, factors: Mapping[str, int]) -> str:
    if abs(ratio) < 1e-12:
        return "it is 0"
    sign = "-" if ratio < 0 else ""
    names = {**factors, " ".join(factors): int(np.prod([*factors.values()]))} if factors else {}
    for name, count in names.items():
        shown = f"({name})" if " " in name else name
        if count > 1 and np.isclose(abs(ratio), count, rtol=ROUGH):
            return f"{sign and 'the sign is wrong, and '}it misses 1/{shown}"
        if count > 1 and np.isclose(abs(ratio), 1 / count, rtol=ROUGH):
            return f"{sign and 'the sign is wrong, and '}it is divided by {shown} once too often"
    if np.isclose(ratio, -1, rtol=ROUGH):
        return "the sign is wrong"
    if ratio > 0:
        return f"it is {ratio:.7g} times the right value"
    return f"the sign is wrong, and it is {-ratio:.7g} times too large"


def _side(gradients: Gradients, wrong: Array) -> str:
    """Return "only at z > 0" and the like if one side of a number is wrong and the other right, else ""."""
    name, bad, good = gradients.argument, gradients.at[wrong], gradients.at[~wrong]
    if not (good.size and name):
        return ""
    if (bad > 0).all() and (good <= 0).all():
        return f"only at {name} > 0"
    if (bad < 0).all() and (good >= 0).all():
        return f"only at {name} < 0"
    if bad.size > 1 and bad.min() > good.max():
        return f"only at {name} ≥ {bad.min():.3g}"
    if bad.size > 1 and bad.max() < good.min():
        return f"only at {name} ≤ {bad.max():.3g}"
    if bad.size > 1 and np.abs(bad).min() > np.abs(good).max():
        return f"only at |{name}| ≥ {np.abs(bad).min():.3g}"
    return ""


def _transposed(gradients: Gradients) -> bool:
    """Tell whether each trial's matrix is the transpose of the right one."""
    given, right = gradients.given, gradients.right.swapaxes(1, 2)
    return given.shape == right.shape and np.allclose(given, right, rtol=ROUGH, atol=0)


def _part(wrong: Array) -> str:
    """Return "only in columns 3 to 5" or "only in row 2" if all wrong places lie there, else ""."""
    parts = []
    for name, axis in (("column", 2), ("row", 1)):
        others = tuple(other for other in range(3) if other != axis)
        places = np.flatnonzero(wrong.any(axis=others))
        low, high = int(places[0]), int(places[-1])
        if len(places) == high - low + 1 < wrong.shape[axis]:
            parts.append(f"{name} {low}" if low == high else f"{name}s {low} to {high}")
    return f"only in {' and '.join(parts)}" if parts else ""


def _another(gradients: Gradients, wrong: Array) -> str:
    name, right = gradients.argument, gradients.at[~wrong]
    if not right.size:
        return "it is the gradient of another formula, equal nowhere"
    if gradients.whole or not name:
        return f"it is the gradient of another formula, equal at {right.size} of {wrong.size} places"
    some = ", ".join(f"{value:.3g}" for value in np.unique(right)[:3])
    places = f"{right.size} of {wrong.size} places ({name} = {some})"
    return f"it is the gradient of another formula, equal at {places}"


def derived(gradient: Callable[[], Any]) -> Any:
    """Return what the base class derives from the formula; None where that is not possible."""
    try:
        return gradient()
    except ComponentError:  # Underivable, or what a formula of another library says of its arguments
        return None
