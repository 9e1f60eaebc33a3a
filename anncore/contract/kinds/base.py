"""What every kind shares: arrays, hyperparameters, tasks, and the component itself."""

from __future__ import annotations

import time
from abc import ABC
from collections.abc import Callable, Mapping
from dataclasses import fields
from html import escape
from typing import Any, ClassVar, Literal

from anncore.contract.arrays import Array as Array
from anncore.contract.derivatives.pullback import DERIVED
from anncore.contract.documentation import documentation
from anncore.contract.hyperparameters import Shorthand
from anncore.contract.shown import html_table, shortened

Hyper = Any
"""A hyperparameter: a float, or an array (T, 1, 1) with one value per trial."""

Task = Literal["binary", "multiclass", "regression", "unsupervised"]
"""binary: target (N, 1) in {0, 1}. multiclass: one-hot (N, C). regression: real (N, K).

unsupervised: the data have no target. The network gives back its input, so the input (N, D) is the target.
"""

TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression", "unsupervised")
REAL_TASKS: tuple[Task, ...] = ("regression", "unsupervised")
"""The tasks whose targets are real numbers; those of the others are classes."""


LOADED = time.time()
"""When this process had the first component: whose file is younger may be another code than what runs."""


class Component(ABC):
    """What every component of every kind has."""

    name: ClassVar[str]
    """The name in experiment files: snake_case, as PyTorch and Keras users know it."""

    default: ClassVar[bool] = False
    """Whether annx's own component of this name is used if an experiment names none of the kind."""

    companion: ClassVar[Mapping[str, Any] | None] = None
    """The hyperparameters with which plots show other components on or beside it, such as optimizers on a
    valley; None where plots do not use it. Only annx's own components are used."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Values of hyperparameters by the name of a convention ("torch", "keras"), which `preset` selects."""

    other_names: ClassVar[Mapping[str, str]] = {}
    """By another name of a hyperparameter that files may use, the name that it has here."""

    shorthands: ClassVar[Mapping[str, Shorthand]] = {}
    """Keys that files may set in place of a hyperparameter, by `anncore.shorthand`; see `in_full`."""

    @classmethod
    def in_full(cls, name: str, short: Mapping[str, Any]) -> Any:
        """Return the value of the hyperparameter `name` that `short`, values by key, stands for.

        A trial is known by that value alone, so it is the same trial however a file writes it.
        """
        raise NotImplementedError(f"{cls.__name__} declares shorthands, so it needs in_full")

    def validate(self) -> None:
        """Raise ValueError for hyperparameters that do not fit together. By default all do."""
        return None

    def fingerprint(self) -> str:
        """Return a digest of outside content (a file) that the results depend on, for the run key.

        By default "": the results depend on the hyperparameters alone.
        """
        return ""

    def __getstate__(self) -> dict[str, Any]:
        # Derived gradients are derived again where a copy is used.
        return {key: value for key, value in self.__dict__.items() if key != DERIVED}

    def _repr_html_(self) -> str:
        values = [(field.name, _briefly(getattr(self, field.name))) for field in fields(self)]  # type: ignore[arg-type]
        line = documentation(type(self)).partition("\n")[0]
        return f"<b>{type(self).__name__}</b> {escape(line)}{html_table(values)}"


def _briefly(value: Any) -> str:
    shape = getattr(value, "shape", ())
    return f"array {shape}" if shape else shortened(repr(value), 120)


def overrides(cls: type[Any], method: Callable[..., Any]) -> bool:
    """Tell whether a class replaces a base class's default method.

    The core uses it only to save time, by leaving out calls that would change nothing.
    """
    return getattr(cls, method.__name__) is not method
