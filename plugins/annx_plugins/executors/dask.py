"""Executor: dask."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib.util
import json
import logging
import multiprocessing
import pickle
import queue
import threading
import time
import uuid
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from anncore import AnnxError, Executor, Lost, Worker, hookimpl, hyper, load_registry, signals_held

LOG = logging.getLogger(__name__)
NO_TASK = object()
LOOK = 0.25  # seconds between two looks at workers and `stop`
LOSSES = 3  # workers that may be lost with one task before the task is taken for the cause
PATIENCE = 60.0  # seconds to wait for a scheduler that is gone, and for a first worker
WORKS = 2  # of which a worker process keeps what they need


@dataclass(frozen=True)
class Dask(Executor):
    """Workers of a Dask cluster: on this machine by themselves, or wherever a scheduler has them.

    Without `scheduler` and `scheduler_file` a cluster of --jobs workers is started here, and ends with the
    sweep. Each worker runs every task in a process of its own, as the executor `processes` does, so that a
    task that crashes or hangs is lost alone. Plugin files and the files that data sets name travel to each
    worker once. A worker whose annx, libraries or plugins are not those of the sweep gets no task, and is
    named with what differs; one that joins later is used; the tasks of one that is gone run elsewhere, and
    one with which three workers were lost is "crashed". A scheduler that comes back within a minute finds
    its tasks sent again. Needs distributed, which annx[dask] brings.
    """

    name: ClassVar[str] = "dask"
    scheduler: str = hyper("", "str", help="the scheduler's address, tcp://HOST:PORT")
    scheduler_file: str = hyper("", "str", help="the file in which a scheduler wrote its address")

    def check_installed(self) -> None:
        """Raise AnnxError where distributed is not installed."""
        if importlib.util.find_spec("distributed") is None:
            raise AnnxError(
                "executor 'dask' needs distributed, which is not installed: pip install 'annx[dask]'."
            )

    def check(self) -> None:
        self.check_installed()
        if self.scheduler and self.scheduler_file:
            raise AnnxError("executor 'dask': give scheduler or scheduler_file, not both.")
        if self.scheduler or self.scheduler_file:
            _client_of(self, PATIENCE / 6).close()

    def run(
        self, work: Callable[[Any], Any], tasks: Iterable[Any], *, jobs: int, stop: Callable[[], bool]
    ) -> Iterator[tuple[Any, Any]]:
        self.check_installed()
        if stop():
            return
        waiting = deque(tasks)
        if not waiting:
            return
        yield from _Run(_connected(self, work, jobs), work, waiting, stop).run()

    @property
    def place(self) -> str:
        """Say where the scheduler is looked for."""
        return self.scheduler or self.scheduler_file or "this machine"

    def survey(self, work: Callable[[Any], Any]) -> Iterator[Worker]:
        link = _connected(self, work, 1)
        run = _Run(link, work, deque(), bool)
        run.look_for_workers()
        for address in sorted({*run.slots, *run.refused}):
            yield Worker(address, run.slots.get(address, 0), run.refused.get(address, ""))


def _connected(executor: Dask, work: Any, jobs: int) -> _Link:
    """Return the link to the cluster that was made for this work, made now where there is none."""
    key = id(work)
    if key not in _LINKS or _LINKS[key].executor != executor:
        _leave(key)
        link = _Link(executor, work, jobs)
        _LINKS[key] = link
        with contextlib.suppress(TypeError):  # such work has no end that can be seen; atexit ends the link
            weakref.finalize(work, _leave, key)
    return _LINKS[key]


_LINKS: dict[int, _Link] = {}
"""By the id of the work, which is removed before another object can have it."""


def _leave(key: int) -> None:
    link = _LINKS.pop(key, None)
    if link is not None:
        link.close()


def _client_of(executor: Dask, patience: float) -> Any:
    """Return a client of the scheduler that is named; raises AnnxError where none answers."""
    from distributed import Client

    _silence()
    address = executor.scheduler or _address_in(executor.scheduler_file, patience)
    try:
        return Client(address, timeout=patience, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise AnnxError(
            f"executor 'dask': no scheduler answers at {executor.place} ({reason}); is it running?"
        ) from None


def _address_in(file: str, patience: float) -> str:
    """Return the address that a scheduler writes in a file; raises AnnxError where it does not come.

    distributed would wait for the file for ever.
    """
    until = time.monotonic() + patience
    while True:
        try:
            return _address_of(Path(file))
        except OSError as error:
            reason = error.strerror or str(error)
        except (ValueError, KeyError, TypeError, RecursionError):
            reason = "it holds no address"
        if time.monotonic() >= until:
            raise AnnxError(f"executor 'dask': no scheduler answers at {file} ({reason}); is it running?")
        time.sleep(LOOK)


def _address_of(file: Path) -> str:
    if file.is_fifo():  # it would be waited on for ever
        raise OSError(errno.EINVAL, "it is a pipe")
    address = json.loads(file.read_bytes())["address"]
    if not isinstance(address, str):
        raise TypeError
    return address


def _silence() -> None:
    """Let this module say what matters of what Dask logs."""
    for name in ("distributed", "distributed.client", "distributed.core", "distributed.comm", "tornado"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


class _Link:
    """The driver's connection to a cluster, and what it sends to each worker once."""

    def __init__(self, executor: Dask, work: Any, jobs: int) -> None:
        self.executor, self.jobs = executor, jobs
        self.cluster: Any = None
        self.lost = 0  # workers
        self.heard: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
        self.topic = f"annx-{uuid.uuid4().hex}"
        portable = work.portable() if hasattr(work, "portable") else work
        self.payload = pickle.dumps(portable)
        self.digest = hashlib.sha256(self.payload).hexdigest()
        self.client = self._client(PATIENCE / 2)

    def _client(self, patience: float) -> Any:
        if self.executor.scheduler or self.executor.scheduler_file:
            client = _client_of(self.executor, patience)
        else:
            with signals_held():  # a cluster of ours must outlive a Ctrl-C, which is the sweep's to handle
                client = self._own_cluster()
        client.subscribe_topic(self.topic, self._hear)
        return client

    def _own_cluster(self) -> Any:
        from distributed import Client, LocalCluster

        _silence()
        self.cluster = LocalCluster(
            n_workers=self.jobs,
            threads_per_worker=1,
            memory_limit=0,
            dashboard_address=":0",  # a fixed port may be taken
            silence_logs=logging.CRITICAL,
        )
        return Client(self.cluster, set_as_default=False)

    def _hear(self, event: tuple[float, Any]) -> None:
        self.heard.put(event[1])

    def again(self) -> None:
        """Connect anew, within PATIENCE; raises AnnxError where the scheduler does not come back."""
        with contextlib.suppress(Exception):
            self.client.close(timeout=1)
        LOG.warning("the scheduler at %s is gone; waiting for it", self.executor.place)
        until = time.monotonic() + PATIENCE
        while True:
            try:
                self.client = self._client(5.0)
            except AnnxError:
                if time.monotonic() >= until:
                    raise
                time.sleep(1.0)
            else:
                return

    def close(self) -> None:
        """Leave the cluster; one of its own ends."""
        client = getattr(self, "client", None)
        for end in (client, self.cluster):
            if end is not None:
                with contextlib.suppress(Exception):
                    end.close(timeout=5)


@dataclass
class _Running:
    """A task that a worker has: its number, where it is, and how many workers were lost with it before."""

    number: int
    task: Any
    address: str
    losses: int


@dataclass
class _Waiting:
    task: Any
    losses: int = 0


class _Run:
    """One run of tasks: which worker has which."""

    def __init__(self, link: _Link, work: Any, tasks: deque[Any], stop: Callable[[], bool]) -> None:
        self.link, self.work, self.stop = link, work, stop
        self.waiting = deque(_Waiting(task) for task in tasks)
        self.running: dict[Any, _Running] = {}
        self.slots: dict[str, int] = {}  # of the workers that are used
        self.refused: dict[str, str] = {}
        self.numbers = 0
        self.lonely_since: float | None = None

    def run(self) -> Iterator[tuple[Any, Any]]:
        try:
            while self.running or (self.waiting and not self.stop()):
                try:
                    yield from self.turn()
                except _gone():
                    if not self.stop():
                        self.link.again()
                    self.all_back()
        finally:  # an error, Ctrl-C, or a consumer that has had enough: nothing runs on
            for future in list(self.running):
                with contextlib.suppress(Exception):
                    future.cancel()

    def turn(self) -> Iterator[tuple[Any, Any]]:
        self.look_for_workers()
        yield from self.give_back_lost()
        if not self.stop():
            self.hand_out()
        ended = self.ended()
        self.tell()
        for future in ended:
            yield from self.take(future)

    # Workers

    def look_for_workers(self) -> None:
        """Use workers that are new and fit, forget those that are gone; raise where none comes."""
        there, before = self.link.client.nthreads(), set(self.slots)
        for address in [address for address in self.slots if address not in there]:
            del self.slots[address]
            LOG.warning("worker %s is gone", address)
        for address in [address for address in self.refused if address not in there]:
            del self.refused[address]
        new = [address for address in there if address not in self.slots and address not in self.refused]
        lost = before - set(there)
        self.link.lost += len(lost)
        for address, reason in self.greet(new).items():
            if reason:
                self.refused[address] = reason
                LOG.error("worker %s gets no task: %s", address, reason)
            else:
                self.slots[address] = there[address]
        if set(self.slots) != before and hasattr(self.work, "staffed"):
            self.work.staffed(len(self.slots), self.link.lost)
        if self.slots or not self.waiting:
            self.lonely_since = None
            return
        self.lonely_since = self.lonely_since or time.monotonic()
        if self.refused:
            address, reason = next(iter(self.refused.items()))
            from anncore import counted  # with which the judging of results comes, which no worker needs

            raise AnnxError(
                f"executor 'dask': none of {counted(len(self.refused), 'workers')} fits; {address}: {reason}"
            )
        if time.monotonic() - self.lonely_since > PATIENCE:
            raise AnnxError(f"executor 'dask': the scheduler at {self.link.executor.place} has no workers.")

    def greet(self, addresses: list[str]) -> dict[str, str]:
        """Send the work to these workers, and return by address why one does not fit, "" where it does."""
        if not addresses:
            return {}
        client = self.link.client
        sent = client.run(_receive, self.link.digest, self.link.payload, workers=addresses, on_error="return")
        reasons = {
            address: "" if reply is None else f"annx cannot be loaded there ({reply!r})"
            for address, reply in sent.items()
        }
        futures = {
            address: client.submit(
                _examine, self.link.digest, workers=[address], allow_other_workers=False, pure=False
            )
            for address, reason in reasons.items()
            if not reason
        }
        for address, future in futures.items():
            try:
                reasons[address] = str(future.result(timeout=PATIENCE))
            except TimeoutError:
                reasons[address] = f"annx is not loaded there after {PATIENCE:g} s"
            except _gone():
                raise
            except Exception as error:  # whatever keeps it from loading the work
                reasons[address] = f"{type(error).__name__}: {error}"
        return reasons

    # Tasks

    def hand_out(self) -> None:
        """Give every worker as many tasks as it has slots."""
        load = dict.fromkeys(self.slots, 0)
        for running in self.running.values():
            load[running.address] = load.get(running.address, 0) + 1
        for address, slots in self.slots.items():
            while self.waiting and load[address] < slots:
                waiting = self.waiting.popleft()
                load[address] += 1
                self.numbers += 1
                future = self.link.client.submit(
                    _do,
                    *(self.link.digest, pickle.dumps(waiting.task), self.numbers, self.link.topic),
                    workers=[address],
                    allow_other_workers=False,
                    pure=False,
                )
                self.running[future] = _Running(self.numbers, waiting.task, address, waiting.losses)

    def ended(self) -> list[Any]:
        """Wait a moment for the first of the running tasks to end, and return those that have."""
        from distributed import wait

        if not self.running:
            time.sleep(LOOK)
            return []
        with contextlib.suppress(TimeoutError), self.link.client.as_current():
            wait(list(self.running), timeout=LOOK, return_when="FIRST_COMPLETED")
        return [future for future in self.running if future.status != "pending"]

    def take(self, future: Any) -> Iterator[tuple[Any, Any]]:
        """Yield a task's outcome, or let it run again where its worker was lost."""
        running = self.running[future]
        if future.status == "finished":
            what, value = future.result()
            del self.running[future]
            future.release()
            if what == "raised":
                raise value
            if what == "done":
                yield running.task, value
                return
            self.slots.pop(running.address, None)  # it has forgotten the work: greet it again
            self.waiting.appendleft(_Waiting(running.task, running.losses))
            return
        if future.status == "error" and not _is_a_loss(future.exception()):
            del self.running[future]
            raise future.exception()
        yield from self.lose(future)

    def give_back_lost(self) -> Iterator[tuple[Any, Any]]:
        for future in [one for one, running in self.running.items() if running.address not in self.slots]:
            if future.status != "finished":
                yield from self.lose(future)

    def lose(self, future: Any) -> Iterator[tuple[Any, Any]]:
        """Let a task run elsewhere; if too many workers were lost with it, yield that it crashed."""
        running = self.running.pop(future)
        with contextlib.suppress(Exception):
            future.cancel()
        losses = running.losses + 1
        LOG.warning("a task was lost with worker %s (%d of %d)", running.address, losses, LOSSES)
        if losses >= LOSSES:
            yield running.task, Lost("crashed", f"{losses} workers were lost while they ran it")
        else:
            self.waiting.append(_Waiting(running.task, losses))

    def all_back(self) -> None:
        """Let all that ran run again: their scheduler is gone, which is no task's doing."""
        for running in self.running.values():
            self.waiting.appendleft(_Waiting(running.task, running.losses))
        self.running.clear()
        self.slots.clear()
        self.refused.clear()

    def tell(self) -> None:
        """Hand on what tasks told of their progress."""
        by_number = {running.number: running.task for running in self.running.values()}
        while True:
            try:
                number, message = self.link.heard.get_nowait()
            except queue.Empty:
                return
            if number in by_number:
                self.work.hear(by_number[number], message)


def _gone() -> tuple[type[BaseException], ...]:
    """Return what calls of a client raise whose scheduler is gone."""
    from distributed.comm import CommClosedError

    return (CommClosedError, CancelledError, OSError)


def _is_a_loss(error: BaseException | None) -> bool:
    from distributed import KilledWorker

    return isinstance(error, KilledWorker)


# In a worker process of the cluster


@dataclass
class _Kept:
    """What a worker process keeps of one work: its bytes, and in each thread the work itself."""

    payload: bytes
    of_thread: threading.local = field(default_factory=threading.local)

    def work(self) -> Any:
        if not hasattr(self.of_thread, "work"):
            self.of_thread.work = _Forwarding(pickle.loads(self.payload))
        return self.of_thread.work


_KEPT: dict[str, _Kept] = {}


def _receive(digest: str, payload: bytes) -> None:
    """Keep the work that this digest stands for; the oldest one goes."""
    # The nanny starts workers as daemons, which may have no children; ours end with them by themselves.
    multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]
    if digest not in _KEPT:
        while len(_KEPT) >= WORKS:
            del _KEPT[next(iter(_KEPT))]
        _KEPT[digest] = _Kept(payload)


class _Forwarding:
    """A work as a worker's own processes see it: the work itself, whose messages go on to the driver."""

    def __init__(self, work: Any) -> None:
        self.work = work
        self.tell: Callable[[Any], None] = _say_nothing

    def __reduce__(self) -> Any:
        return _itself, (self.work,)

    def __getattr__(self, name: str) -> Any:
        if name in ("work", "tell"):  # while it is made
            raise AttributeError(name)
        return getattr(self.work, name)

    def __call__(self, task: Any) -> Any:
        return self.work(task)

    def hear(self, task: Any, message: Any) -> None:
        """Send on what a task told."""
        self.tell(message)


def _itself(work: Any) -> Any:
    return work


def _say_nothing(message: Any) -> None:
    """Tell nobody."""


def _examine(digest: str) -> str:
    """Say, in a process of this worker, why it does not fit the work; "" where it does."""
    work = _KEPT[digest].work()
    unfit = getattr(work.work, "unfit", None)
    if unfit is None:
        return ""
    return str(unfit())


def _do(digest: str, pickled: bytes, number: int, topic: str) -> tuple[str, Any]:
    """Do a task in a process of this worker's own."""
    from distributed import get_worker

    kept = _KEPT.get(digest)
    if kept is None:
        return "forgotten", None
    work, worker = kept.work(), get_worker()
    work.tell = lambda message: worker.log_event(topic, (number, message))
    try:
        ((_, value),) = _inside().run(work, [pickle.loads(pickled)], jobs=1, stop=lambda: False)
    except Exception as error:
        return "raised", error
    return "done", value


@cache
def _inside() -> Executor:
    """Return what runs a task in a process of its own."""
    executor: Executor = load_registry(only=["annx:executor_processes"]).get("executor", "processes").cls()
    return executor


@hookimpl
def annx_executors() -> list[type[Executor]]:
    return [Dask]
