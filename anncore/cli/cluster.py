"""What `annx doctor` finds on a cluster: does its scheduler answer, which workers fit, why do others not?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from anncore.cli.common import counted
from anncore.cli.health import Finding
from anncore.contract.errors import AnnxError, ComponentError
from anncore.contract.hyperparameters import build, declared, resolve

if TYPE_CHECKING:
    from anncore.contract.kinds import Executor
    from anncore.contract.registry import Registry


def executor_at(registry: Registry, name: str | None, places: dict[str, str]) -> Executor:
    """Return the executor of that name, else the first that takes a scheduler, with its scheduler.

    places: `scheduler` or `scheduler_file`, or both. Raises ComponentError for an executor without one.
    """
    if name is None:
        classes: list[Any] = [known.cls for known in registry.of_kind("executor")]
        takers = [known for known in classes if set(places) <= set(declared(known))]
        if not takers:
            raise ComponentError("no executor that takes a scheduler is installed; 'annx list executor'.")
        cls = takers[0]
    else:
        cls = registry.get("executor", name).cls
    unknown = [key for key in places if key not in declared(cls)]
    if unknown:
        raise ComponentError(
            f"executor {cls.name!r} takes no --{unknown[0].replace('_', '-')}; 'annx list executor' names "
            "all."
        )
    executor: Executor = build(cls, **resolve(cls, places))
    return executor


def examine_cluster(places: dict[str, str]) -> Iterator[Finding]:
    """Yield what a sweep on this cluster would meet: the scheduler, then each worker."""
    from anncore.contract.loading import load_registry
    from anncore.running.worker import Work

    registry = load_registry(reports=False)
    place = " ".join(places.values())
    work = Work((), registry)
    try:
        executor = executor_at(registry, None, places)
        executor.check()
        workers = list(executor.survey(work))
    except AnnxError as error:
        yield Finding("scheduler", "bad", str(error))
        return
    fit = [worker for worker in workers if not worker.problem]
    slots = sum(worker.slots for worker in fit)
    if not workers:
        yield Finding("scheduler", "bad", f"{place} has no workers", "Start some before a sweep.")
        return
    yield Finding(
        "scheduler",
        "ok" if fit else "bad",
        f"{place}: {len(fit)} of {counted(len(workers), 'worker')} fit, with {counted(slots, 'slot')}",
    )
    for worker in workers:
        words = worker.problem or counted(worker.slots, "slot")
        yield Finding("worker", "note" if worker.problem else "ok", f"{worker.address}: {words}")
