"""Executor: serial."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from anncore import Executor, hookimpl


@dataclass(frozen=True)
class Serial(Executor):
    """Everything in this process, one task after the other.

    For debugging: breakpoints and profilers work. A trial's time limit is not enforced, and a plugin
    that ends its process ends the sweep; use `processes` where either matters. `jobs` has no meaning here.
    """

    name: ClassVar[str] = "serial"

    def run(
        self, work: Callable[[Any], Any], tasks: Iterable[Any], *, jobs: int, stop: Callable[[], bool]
    ) -> Iterator[tuple[Any, Any]]:
        pending = iter(tasks)
        while not stop():
            try:
                task = next(pending)
            except StopIteration:
                return
            yield task, work(task)


@hookimpl
def annx_executors() -> list[type[Executor]]:
    return [Serial]
