"""The mistakes of one experiment file: collected while it is read, and raised all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from anncore.contract.errors import AnnxError, ExperimentErrors

MOST_NOTED = 100  # beyond it reading ends: a file with a hundred thousand wrong keys takes minutes to the end

Value = TypeVar("Value")
Other = TypeVar("Other")


class Mistakes:
    """What is wrong in one document so far.

    A wrong value and an unknown key are noted, and reading goes on, up to a hundred mistakes. What
    follows from a wrong value is no mistake of its own: `attempt` leaves it out.
    """

    def __init__(self, errors: Iterable[AnnxError] = ()) -> None:
        self.errors = list(errors)
        self._wrong_values = 0

    def note(self, error: AnnxError, *, value: bool = True) -> None:
        """Add a mistake; value: whether a value is missing now that what is read next may need.

        Raises all of them where there are too many to go on.
        """
        if str(error) not in map(str, self.errors[-1:]):
            self.errors.append(error)
        self._wrong_values += value
        if len(self.errors) > MOST_NOTED:
            self.raise_all()

    def attempt(self, read: Callable[[], Value], otherwise: Other) -> Value | Other:
        """Return what `read` returns; where it raises an AnnxError, note that and return `otherwise`."""
        before = self._wrong_values
        try:
            return read()
        except AnnxError as error:
            if len(self.errors) > MOST_NOTED:
                raise
            if self._wrong_values == before:
                self.note(error)
            return otherwise

    def raise_all(self) -> None:
        """Raise the only mistake, or all of them as one error of several lines; return if there is none."""
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise ExperimentErrors.of(self.errors, at_least=len(self.errors) > MOST_NOTED)
