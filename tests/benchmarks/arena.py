"""Runs contenders side by side: each in processes of its own, taking turns, so that drift meets all alike."""

from __future__ import annotations

import math
import multiprocessing
import os
import statistics
import time
import warnings
from multiprocessing.connection import Connection
from types import TracebackType
from typing import NamedTuple

from benchmarks.contenders import SCANNED, Contender, limit_threads, warm_blas
from benchmarks.networks import Case


class Time(NamedTuple):
    """What a turn cost, in microseconds per trial-step.

    wall: by the clock. cpu: what all threads used, divided by the processes; on a quiet machine the two
    are one but for a process with several threads.
    """

    wall: float
    cpu: float


class Team:
    """The processes of one contender on one network."""

    def __init__(self, contender: type[Contender], case: Case) -> None:
        self.contender = contender
        self._turns: list[Time] = []
        context = multiprocessing.get_context("spawn")
        self._ends: list[Connection] = []
        self._processes = []
        with _environment_of(contender):
            for share in range(contender.processes):
                ours, theirs = context.Pipe()
                process = context.Process(target=_serve, args=(theirs, contender, case, share), daemon=True)
                process.start()
                theirs.close()
                self._ends.append(ours)
                self._processes.append(process)
        self.trials = sum(end.recv() for end in self._ends)
        self._steps = SCANNED

    def __enter__(self) -> Team:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for end, process in zip(self._ends, self._processes, strict=True):
            end.close()
            process.join(10)

    def warm_up(self, seconds: float) -> None:
        """Find out how many steps last so long, which takes a few."""
        self._go(SCANNED)
        took = max(self._go(SCANNED)[0] for _ in range(2))
        self._steps = SCANNED * max(1, math.ceil(seconds / took))

    def turn(self) -> None:
        """Take one turn and remember what it cost."""
        wall, cpu = self._go(self._steps)
        per_trial = 1e6 / (self._steps * self.trials)
        self._turns.append(Time(wall * per_trial, cpu * per_trial / self.contender.processes))

    def time(self) -> Time:
        """Return the medians of all turns."""
        return Time(*(statistics.median(column) for column in zip(*self._turns, strict=True)))

    def spread(self) -> float:
        """Return half the distance between the quartiles of the wall times, relative to their median."""
        walls = [turn.wall for turn in self._turns]
        if len(walls) < 2:
            return 0.0
        low, middle, high = statistics.quantiles(walls, n=4, method="inclusive")
        return (high - low) / 2 / middle

    def _go(self, steps: int) -> tuple[float, float]:
        start = time.perf_counter()
        for end in self._ends:
            end.send(steps)
        cpu = sum(end.recv() for end in self._ends)
        return time.perf_counter() - start, cpu


class _environment_of:
    """Starts processes with the contender's number of threads, and puts the environment back."""

    def __init__(self, contender: type[Contender]) -> None:
        self._threads = contender.threads

    def __enter__(self) -> None:
        self._before = dict(os.environ)
        limit_threads(self._threads)

    def __exit__(self, *_: object) -> None:
        os.environ.clear()
        os.environ.update(self._before)


def _serve(end: Connection, contender: type[Contender], case: Case, share: int) -> None:
    """Run the steps that are asked for until nobody asks any more."""
    warnings.simplefilter("ignore")
    warm_blas()
    work = contender.prepare(case, share)
    end.send(work.trials)
    while True:
        try:
            steps = end.recv()
        except EOFError:
            return
        start = time.process_time()
        work.run(steps)
        end.send(time.process_time() - start)
