"""A right executor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from anncore import Executor


@dataclass(frozen=True)
class Meek(Executor):
    """One task after the other, in this process.

    jobs has no meaning here.
    """

    name: ClassVar[str] = "meek"

    def run(self, work: Any, tasks: Any, *, jobs: int, stop: Any) -> Any:
        for task in tasks:
            if stop():
                return
            yield task, work(task)
