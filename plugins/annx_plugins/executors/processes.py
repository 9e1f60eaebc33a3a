"""Executor: processes."""

import atexit
import contextlib
import os
import pickle
import signal
import sys
import threading
import time
import traceback
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import active_children, connection, get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from anncore import (
    ENDING_SIGNALS,
    AnnxError,
    Executor,
    Lost,
    Watchdog,
    children_on_one_blas_thread,
    ends_with_parent,
    hookimpl,
    hyper,
    killed_for_memory,
    limit_memory,
    memory_bytes,
    signals_held,
)

NO_TASK = object()
WARM_UP = 10.0  # seconds more for what comes before a task's own time
EARLY = 4  # workers that are started before anybody knows how many tasks there are, at most
FALSE_STARTS = 3  # so many in a row are no accident
PATIENCE = 5.0  # seconds for a worker to end by itself once it has been told to
NAME = "annx worker"
INTERRUPTS = "a plugin raised KeyboardInterrupt"
LATE = 2.0  # seconds after its deadline in which a task may end by itself
LOOK = 0.5  # seconds between two looks at `stop`
SHARE = 0.8  # of the machine's memory, which one worker may take


@dataclass(frozen=True)
class Processes(Executor):
    """Worker processes on this machine, one task at a time each.

    Workers are started afresh (spawn) and live as long as the `work` they were started for, so several
    runs of it pay for their start once; each runs BLAS on one thread. A worker that dies loses its own
    task only and is replaced; a task past its `timeout` is ended with its worker. A task's time is its own:
    it begins when the worker has warmed up for it (`warm_up`, where the work has one), and stands still while
    the worker waits for a core that other processes hold, where the system tells (Linux).
    A task that has a `deadline` and runs two seconds past it is "stopped", with its worker.
    Workers ignore Ctrl-C, SIGTERM and SIGHUP, which are the driver's to handle. They end when the driver is
    gone, even killed, and even where a worker hangs in C code.
    A worker may take `memory` GiB; beyond that an allocation raises MemoryError, which fails the trial that
    asked for it. Where the system runs out of memory before, it ends a worker and never the driver (Linux).
    """

    name: ClassVar[str] = "processes"
    default: ClassVar[bool] = True

    memory: float = hyper(
        0.0, "[0, inf)", help="GiB that a worker may take; 0 for four fifths of the machine's"
    )

    def start(self, work: Callable[[Any], Any], *, jobs: int) -> None:
        _ends_all()
        _rest(work, [_Worker(work, self.most_memory) for _ in range(min(jobs, EARLY))])

    def run(
        self, work: Callable[[Any], Any], tasks: Iterable[Any], *, jobs: int, stop: Callable[[], bool]
    ) -> Iterator[tuple[Any, Any]]:
        pool = _Pool(work, iter(tasks), stop, max(1, jobs), self.most_memory)
        _ends_all()
        try:
            yield from pool.run()
        except BaseException:  # an error, Ctrl-C, or a consumer that has had enough
            pool.kill()
            raise
        pool.rest()

    @property
    def most_memory(self) -> float:
        """How many bytes a worker may take; 0 where nobody knows what the machine has."""
        return self.memory * 2**30 or SHARE * (memory_bytes()[0] or 0)


class _Worker:
    """The driver's end of one worker process."""

    def __init__(self, work: Callable[[Any], Any], memory: float) -> None:
        self.memory, self.killed_before = memory, killed_for_memory()
        self.task: Any = NO_TASK
        self.ready = False
        self.warms_up = hasattr(work, "warm_up")
        self.clock: _Clock | None = None
        self.deadline: float | None = None
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        bound = _kernel_ends_children()
        self.process = context.Process(
            target=_serve, args=(theirs, work, bound, memory), name=NAME, daemon=True
        )
        try:
            with children_on_one_blas_thread(), _without_main(work), signals_held():
                self.process.start()
            if not bound:
                _watchdog().watch(self.process.pid)
        except BaseException:
            self.pipe.close()
            raise
        finally:
            theirs.close()  # otherwise the end of the worker would not end the pipe

    def send(self, task: Any) -> None:
        """Hand over a task; a worker that is dead already is found out by its sentinel."""
        self.task = task
        self.deadline = getattr(task, "deadline", None)
        self.start_clock(WARM_UP if self.warms_up else 0.0)
        data = ForkingPickler.dumps(task)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send_bytes(data)

    def start_clock(self, more: float = 0.0) -> None:
        """Count the task's time from now on, where it has a limit; `more` seconds are added to that."""
        timeout = getattr(self.task, "timeout", None)
        self.clock = None if timeout is None else _Clock(self.process.pid, timeout + more)

    @property
    def late(self) -> bool:
        """Whether its task has run past its deadline."""
        return self.deadline is not None and time.monotonic() >= self.deadline + LATE

    def left(self) -> float:
        """Return how many seconds its task has left, as far as that is limited."""
        lefts = [] if self.clock is None else [self.clock.left()]
        lefts += [] if self.deadline is None else [self.deadline + LATE - time.monotonic()]
        return min(lefts, default=LOOK)

    def receive(self) -> tuple[str, Any] | None:
        """Return the worker's message, None where it died instead."""
        try:
            data = self.pipe.recv_bytes()
        except (EOFError, OSError):
            return None
        try:
            message: tuple[str, Any] = pickle.loads(data)
        except Exception as error:
            message = "done", Lost("crashed", f"its result cannot be read: {type(error).__name__}: {error}")
        return message

    def kill(self) -> None:
        """End the process at once, wherever it is, and clear its remains away."""
        self.pipe.close()
        pid = self.process.pid
        self.process.kill()
        self.process.join()
        self.process.close()
        if _WATCHDOGS:
            _WATCHDOGS[0].forget(pid)

    def dismiss(self) -> None:
        """Let an idle process end by itself."""
        self.pipe.close()
        self.process.join(PATIENCE)
        self.kill()

    def obituary(self) -> str:
        """Say how the process ended."""
        self.process.join(PATIENCE)
        code = self.process.exitcode
        if code is None:
            return "the worker process closed its pipe"
        if code < 0:
            try:
                name = signal.Signals(-code).name
            except ValueError:
                name = f"signal {-code}"
            memory = -code == signal.SIGKILL and killed_for_memory() > self.killed_before
            why = ", and the system ran out of memory meanwhile" if memory else ""
            return f"the worker process was killed by {name}{why}"
        return f"the worker process ended with exit code {code}"


class _Clock:
    """Counts the time that is a process's own, without what it waited for a core."""

    def __init__(self, pid: int | None, limit: float) -> None:
        self.pid, self.limit = pid, limit
        self.started, self.waited = time.monotonic(), _seconds_waited(pid)

    def left(self) -> float:
        """Return how much of the limit is left, in seconds; nothing or less where it is over."""
        waited = _seconds_waited(self.pid) - self.waited
        return self.limit - (time.monotonic() - self.started - waited)


def _seconds_waited(pid: int | None) -> float:
    """Return how long a process has waited for a core, ready to run; 0 where the system does not tell."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="utf-8").split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


class _Pool:
    """The workers of one run, and what is known of each."""

    def __init__(
        self,
        work: Callable[[Any], Any],
        tasks: Iterator[Any],
        stop: Callable[[], bool],
        jobs: int,
        memory: float,
    ) -> None:
        self.work, self.tasks, self.stop, self.jobs, self.memory = work, tasks, stop, jobs, memory
        self.waiting: deque[Any] = deque()  # taken from `tasks`, not yet handed out
        self.workers: list[_Worker] = []
        self.false_starts = 0
        resting = _RESTING.get(id(work), [])
        while resting:
            worker = resting.pop()
            if len(self.workers) < jobs and worker.process.is_alive() and worker.memory == memory:
                self.workers.append(worker)
            else:
                worker.kill()

    def run(self) -> Iterator[tuple[Any, Any]]:
        while True:
            self.hand_out()
            if not any(worker.task is not NO_TASK or not worker.ready for worker in self.workers):
                return
            for worker in self.heard_from():
                yield from self.listen(worker)
            for worker in self.overdue():
                yield from self.expire(worker)

    def hand_out(self) -> None:
        """Give every idle worker a task; start workers while there are more tasks than workers."""
        if self.stop():
            for worker in [worker for worker in self.workers if not worker.ready]:
                self.remove(worker)
            return
        for worker in self.workers:
            if worker.ready and worker.task is NO_TASK and self.take():
                worker.send(self.waiting.popleft())
        starting = sum(not worker.ready for worker in self.workers)
        while len(self.workers) < self.jobs and self.take(starting + 1):
            self.workers.append(_Worker(self.work, self.memory))
            starting += 1

    def take(self, count: int = 1) -> bool:
        """Tell whether `count` tasks are waiting, taking more as needed."""
        while len(self.waiting) < count:
            task = next(self.tasks, NO_TASK)
            if task is NO_TASK:
                return False
            self.waiting.append(task)
        return True

    def heard_from(self) -> list[_Worker]:
        """Wait a moment for workers that have something to say, die or are overdue; return the first two."""
        watched: dict[Any, _Worker] = {}
        for worker in self.workers:
            watched[worker.pipe] = watched[worker.process.sentinel] = worker
        timeout = max(0.0, min([LOOK, *(worker.left() for worker in self.workers)]))
        return list(dict.fromkeys(watched[end] for end in connection.wait(list(watched), timeout)))

    def listen(self, worker: _Worker) -> Iterator[tuple[Any, Any]]:
        # The last words of a process that is gone may still lie in its pipe.
        message = worker.receive() if worker.pipe.poll() else None
        if message is None:
            yield from self.bury(worker)
            return
        what, value = message
        if what == "ready":
            worker.ready, self.false_starts = True, 0
            return
        if what == "raised":
            raise value
        if what == "warm":
            worker.start_clock()
            return
        if what == "told":
            self.work.hear(worker.task, value)  # type: ignore[attr-defined]
            return
        task, worker.task, worker.clock, worker.deadline = worker.task, NO_TASK, None, None
        yield task, value

    def bury(self, worker: _Worker) -> Iterator[tuple[Any, Any]]:
        task, ready, reason = worker.task, worker.ready, worker.obituary()
        self.remove(worker)
        if task is not NO_TASK:
            yield task, Lost("crashed", reason)
        elif not ready:
            self.false_starts += 1
            if self.false_starts == FALSE_STARTS:
                raise AnnxError(
                    f"executor 'processes': no worker can be started; {reason} before its first task. "
                    "Try the executor 'serial' to see why."
                )

    def overdue(self) -> list[_Worker]:
        return [worker for worker in self.workers if worker.task is not NO_TASK and worker.left() <= 0]

    def expire(self, worker: _Worker) -> Iterator[tuple[Any, Any]]:
        if worker.pipe.poll():  # it finished in the last moment
            return
        task, late = worker.task, worker.late
        self.remove(worker)
        if late:
            yield task, Lost("stopped", "out of time")
            return
        yield task, Lost("timeout", f"not finished after {task.timeout:g} s")

    def remove(self, worker: _Worker) -> None:
        self.workers.remove(worker)
        worker.kill()

    def kill(self) -> None:
        while self.workers:
            self.remove(self.workers[-1])

    def rest(self) -> None:
        """Keep the idle workers for the next run of the same work; they end with it."""
        _rest(self.work, self.workers)
        self.workers.clear()


_RESTING: dict[int, list[_Worker]] = {}
"""Idle workers by the id of their work, which is removed before another object can have it."""


def _rest(work: Any, workers: Sequence[_Worker]) -> None:
    """Keep workers for the next run of a work; where nothing would tell when it is gone, end them."""
    key = id(work)
    if key not in _RESTING:
        try:
            weakref.finalize(work, _dismiss, key)
        except TypeError:
            for worker in workers:
                worker.kill()
            return
        _RESTING[key] = []
    _RESTING[key].extend(workers)


def _dismiss(key: int) -> None:
    workers = _RESTING.pop(key, [])
    for worker in workers:
        worker.pipe.close()  # all at once, so that they end side by side
    for worker in workers:
        if worker.ready:
            worker.dismiss()
        else:  # no task came, and it may still import
            worker.kill()


@contextlib.contextmanager
def _without_main(work: Any) -> Iterator[None]:
    """Keep workers from importing the driver's script: no guard is needed there, and no time is lost."""
    if getattr(work, "__module__", "__main__") == "__main__":  # then they need it
        yield
        return
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _kernel_ends_children() -> bool:
    """Tell whether the kernel may end workers with this process.

    Linux ends them with the thread that started them, so it must be one that lives as long as the process.
    """
    return sys.platform == "linux" and threading.current_thread() is threading.main_thread()


_WATCHDOGS: list[Watchdog] = []
"""The one that ends workers where the kernel does not; none until it is needed."""


def _watchdog() -> Watchdog:
    if not _WATCHDOGS or not _WATCHDOGS[0].alive:
        _WATCHDOGS[:] = [Watchdog()]
    return _WATCHDOGS[0]


def _end_all() -> None:
    """End this process's workers at its end; multiprocessing would ask by a SIGTERM, which they ignore."""
    for process in active_children():
        if process.name.startswith(NAME):
            process.kill()


@cache
def _ends_all() -> None:
    atexit.register(_end_all)


def _serve(pipe: Connection, work: Callable[[Any], Any], bound: bool, memory: float) -> None:
    """Be a worker: tasks in, results out, until the pipe ends.

    bound: the kernel ends it with its driver. memory: the bytes that it may take, 0 for no limit.
    """
    if memory:
        limit_memory(memory)
    parent = parent_process()
    if bound and parent is not None and parent.pid is not None:
        ends_with_parent(parent.pid)
    for number in ENDING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING_SIGNALS)
    threading.Thread(target=_end_with_driver, daemon=True).start()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        listen = getattr(work, "listen", None)
        if listen:
            listen(lambda message: pipe.send_bytes(_packed("told", message)))
        prepare = getattr(work, "prepare", None)
        pipe.send_bytes(_answer("ready", partial(_done, prepare)) if prepare else _packed("ready", None))
        warm_up = getattr(work, "warm_up", None)
        while True:
            task = pipe.recv()
            if warm_up:
                pipe.send_bytes(_answer("warm", partial(_done, warm_up, task)))
            pipe.send_bytes(_answer("done", partial(work, task)))


def _done(call: Callable[..., Any], *arguments: Any) -> None:
    """Call it, and leave here what it returns: the driver may not be able to read that."""
    call(*arguments)


def _answer(what: str, call: Callable[[], Any]) -> bytes:
    """Return the message that says what came of a call."""
    try:
        value = call()
    except Exception as error:
        return _raised(error)
    except KeyboardInterrupt as error:  # from a plugin: Ctrl-C is not for workers
        if what != "done":
            return _raised(RuntimeError(INTERRUPTS).with_traceback(error.__traceback__))
        value = Lost("crashed", INTERRUPTS)
    try:
        return _packed(what, value)
    except Exception as error:
        return _packed(what, Lost("crashed", f"its result cannot be sent: {type(error).__name__}: {error}"))


def _raised(error: Exception) -> bytes:
    """Pack an exception with its traceback as a note; one that cannot be pickled as a RuntimeError."""
    trace = "".join(traceback.format_exception(error))
    error.add_note(f"In a worker process:\n{trace}")
    try:
        data = _packed("raised", error)
        pickle.loads(data)
    except Exception:
        data = _packed("raised", RuntimeError(trace))
    return data


def _packed(what: str, value: Any) -> bytes:
    return bytes(ForkingPickler.dumps((what, value)))


def _end_with_driver() -> None:
    """End this process when the driver's does, also in the middle of a task."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


@hookimpl
def annx_executors() -> list[type[Executor]]:
    return [Processes]
