"""One key of a `[kind.label]` section: which components it belongs to, and which values these accept."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cached_property
from typing import Any, cast

from anncore.contract.errors import ComponentError, ExperimentError, nearest
from anncore.contract.hyperparameters import (
    Declared,
    Interval,
    OneOf,
    Plain,
    references,
    resolve,
    resolve_value,
    settable,
)
from anncore.contract.registry import Registered, Registry
from anncore.experiment.document import Section, show
from anncore.experiment.model import Rows
from anncore.experiment.points import Points
from anncore.experiment.references import Named, keys, owners, reachable


class Key:
    """A key, or several in one as "lr, momentum", with its value as written.

    named: what the references of the section may hold, see `axes.read_named`.
    """

    def __init__(
        self, section: Section, text: str, component: Registered, registry: Registry, named: Named
    ) -> None:
        self.section, self.text, self.component, self.registry = section, text, component, registry
        self.named = named
        self.value: Any = section.data[text]
        self.place, self.dot, self.end = text.rpartition(".")

    @cached_property
    def declaration(self) -> Declared | None:
        """How the hyperparameter is declared; None for a reference and for preset."""
        cls: Any = self.owners(self.text)[0].cls
        return settable(cls).get(self.end)

    @cached_property
    def _own(self) -> list[Registered]:
        return self.owners(self.text)

    @property
    def is_reference(self) -> bool:
        """Whether the key names a component."""
        cls: Any = self.owners(self.text)[0].cls
        return self.end in references(cls)

    def error(self, message: str) -> ExperimentError:
        """Return an error about this key."""
        return self.section.error(self.text, message)

    def owners(self, key: str, named: Named | None = None) -> list[Registered]:
        """Return the components that `key` is a key of, for everything that the references in it may name."""
        try:
            components = owners(self.component, key, self.named if named is None else named, self.registry)
        except ComponentError as error:
            raise self.error(str(error)) from None
        place, _, end = key.rpartition(".")
        for component in components:
            known = keys(component)
            if end not in known:
                if place:
                    spelt, own = [f"{place}.{name}" for name in known], "preset"
                else:
                    spelt, own = [*known, "use", *self._inside(end)], "use, preset"
                raise self.error(
                    f"unknown key {key!r}; {component.name} has {', '.join(known[:-1]) or 'none'} "
                    f"(and {own}).{nearest(key, spelt) or self._guess(end)}"
                )
        return components

    def _inside(self, end: str) -> list[str]:
        """Return the paths that end so in components that the references name."""
        try:
            places = reachable(self.component, self.named, self.registry)
            return [f"{place}{end}" for place, inner in places if place and end in keys(inner)]
        except ComponentError:  # reported where the reference is read
            return []

    def _guess(self, end: str) -> str:
        inside = self._inside(end)
        return f" Did you mean {inside[0]!r}?" if inside else ""

    def accepts(self, word: str) -> bool:
        """Tell whether a word is one of the values of the key, so that it has no meaning of its own here."""
        domain = self.declaration.domain if self.declaration is not None else None
        return (isinstance(domain, OneOf) and word in domain.values) or (
            isinstance(domain, Plain) and domain.type != "bool"
        )

    def checked(self, key: str, value: Any, named: Named | None = None) -> Any:
        """Return one value of `key` in its domain, a reference as full names; raises where it is not."""
        result = value
        mine = named is None and key == self.text  # the same for every value of a grid
        for owner in self._own if mine else self.owners(key, named):
            try:
                result = checked(owner, key.rpartition(".")[2], value, self.registry)
            except ComponentError as error:
                where = f"{key}: " if "." in key else ""
                raise self.error(f"{where}{error}{self._no_label(owner, key, value)}") from None
        return result

    def _no_label(self, owner: Registered, key: str, value: Any) -> str:
        """Say that a reference takes no label, where one was written."""
        cls: Any = owner.cls
        reference = references(cls).get(key.rpartition(".")[2])
        labels = self.section.document.data.get(reference.kind, {}) if reference is not None else {}
        for name in texts(value):
            if name in labels:
                return f" {name!r} is a label of this experiment; a reference names a component."
        return ""

    def rows(self, values: Iterable[Any], what: str = "") -> Rows:
        """Return an axis of this key's values, checked; `what` says more of an empty grid."""
        rows = [(self.checked(self.text, value),) for value in values]
        return Rows((self.text,), self.distinct(rows, what))

    def spaced(self, points: Points) -> Rows | None:
        """Return an axis of numbers that need no check one by one; None where they do.

        The domain of a number is an interval, so what lies between two admitted ends is admitted.
        """
        domains = [settable(cast(Any, owner.cls))[self.end].domain for owner in self._own]
        admitted = all(
            isinstance(domain, Interval)
            and domain.integer == points.integer
            and all(math.isfinite(value) and domain.holds(value) for value in points.ends)
            for domain in domains
        )
        return Rows((self.text,), points) if admitted and points.apart else None

    def distinct(self, rows: list[tuple[Any, ...]], what: str = "") -> tuple[tuple[Any, ...], ...]:
        """Return the rows of a grid; raises where there are none, or two are equal."""
        if not rows:
            raise self.error(f"{self.text} is an empty grid{what}; give at least one value.")
        seen: set[str] = set()
        for row in rows:
            if repr(row) in seen:
                raise self.error(f"{self.text} lists {show(row[0] if len(row) == 1 else row)} twice.")
            seen.add(repr(row))
        return tuple(rows)


def checked(component: Registered, key: str, value: Any, registry: Registry) -> Any:
    """Return a value as a configuration holds it: in its domain, a reference as a tuple of full names.

    Raises ComponentError with rule and value.
    """
    cls: Any = component.cls
    reference = references(cls).get(key)
    if reference is None:
        if key in settable(cls):  # alone: resolving all others as well takes ten times as long
            return resolve_value(cls, settable(cls)[key], value)
        if not isinstance(value, str):
            raise ComponentError(f"preset must be a text, got {show(value)}.")
        resolve(cls, {key: value})
        return value
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) for name in names):
        raise ComponentError(f"{key} must be a name or a list of names, got {show(value)}.")
    if names == ["auto"] and reference.default == "auto":
        return ("auto",)
    return tuple(registry.get(reference.kind, name).full_name for name in names)


def texts(value: Any) -> tuple[str, ...]:
    """Return a text, or a list of texts, as a tuple; () for anything else."""
    names = value if isinstance(value, list) else [value]
    return tuple(names) if all(isinstance(name, str) for name in names) else ()
