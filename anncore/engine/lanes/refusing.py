"""What is said of a formula that lanes cannot compute: whose it is, what it does, and where."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from anncore.contract.derivatives.refusals import NEEDS_VALUES, Underivable
from anncore.contract.errors import RAISED_BY_PLUGINS, ComponentError
from anncore.engine.lanes.nests import Unlowerable

WORDS = {
    NEEDS_VALUES: "needs the numbers of an array, which a kernel does not hand out",
    "has no known derivative": "is no operation that lanes have",
}
"""What is said of derivatives, for kernels."""


@contextmanager
def refusing(owner: str) -> Iterator[None]:
    """Turn what goes wrong while a formula runs on symbols into Unlowerable, which names its owner."""
    try:
        yield
    except Named:
        raise
    except Underivable as error:
        what = error.what
        for words, others in WORDS.items():
            what = what.replace(words, others)
        raise Named(f"{owner}: {what}{error.where}") from error
    except ComponentError as error:
        text = str(error).removeprefix(f"{owner.rpartition(' ')[2]}: ")
        raise Named(f"{owner}: {text}") from error
    except RAISED_BY_PLUGINS as error:
        raise Named(f"{owner}: {type(error).__name__}: {error}") from error


class Named(Unlowerable):
    """An Unlowerable that names the component whose formula it is."""
