"""Where a step's time goes: every NumPy operation timed in its place, sorted by who asked for it.

The parameters, gradients and batches of a stack become arrays that time each ufunc they take part in. The
clock runs inside, so the bookkeeping around is not counted. Time is the thread's own, as others may be at
work on the machine. What an untouched stack takes beyond all these operations is "rest": Python, NumPy's way
into an operation, and what is no ufunc, copies above all.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
from benchmarks.contenders import built
from benchmarks.networks import BATCH, Case, trials_of

from anncore.packing import pack
from anncore.registry import Registry

PHASES = (
    "forward matmul",
    "weight gradient",
    "input gradient",
    "bias",
    "bias gradient",
    "activation",
    "loss",
    "optimizer",
    "batch copy",
    "rest",
)


class Clock:
    """Seconds by phase, and who is at work."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.owner = "rest"

    def within(self, owner: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return `function`, whose operations count for `owner`."""

        def timed(*arguments: Any, **named: Any) -> Any:
            before, self.owner = self.owner, owner
            try:
                return function(*arguments, **named)
            finally:
                self.owner = before

        return timed

    def phase(self, ufunc: Any, method: str, result: Any) -> str:
        """Return what an operation of the network itself is; other owners' are theirs."""
        if self.owner not in ("forward", "backward"):
            return self.owner
        if ufunc is np.matmul:
            if self.owner == "forward":
                return "forward matmul"
            if result.shape[1] == 1:  # ones times the gradients is their sum
                return "bias gradient"
            return "input gradient" if result.shape[1] == BATCH else "weight gradient"
        if ufunc is np.multiply and self.owner == "backward":
            return "input gradient"  # of a layer with one unit, where it is no matrix product
        if ufunc is np.add:
            return "bias" if self.owner == "forward" else "bias gradient"
        return "rest"


class Timed(np.ndarray[Any, Any]):
    """An array that times the ufuncs it takes part in."""

    clock: Clock

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **named: Any) -> Any:
        plain = [each.view(np.ndarray) if isinstance(each, Timed) else each for each in inputs]
        if "out" in named:
            named["out"] = tuple(each.view(np.ndarray) for each in named["out"])
        operation, clock = getattr(ufunc, method), self.clock
        start = time.thread_time()
        result = operation(*plain, **named)
        clock.seconds[clock.phase(ufunc, method, result)] += time.thread_time() - start
        if isinstance(result, np.ndarray):
            result = result.view(type(self))
        return result


class Proxy:
    """A component whose methods' operations count for an owner."""

    def __init__(self, component: Any, clock: Clock, owner: str) -> None:
        self._component, self._clock, self._owner = component, clock, owner

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._component, name)
        return self._clock.within(self._owner, value) if callable(value) else value


def profile(case: Case, registry: Registry, steps: int, repetitions: int) -> dict[str, float]:
    """Return us per trial-step of one process by phase, and "whole" of an untouched stack."""
    trials = next(iter(pack(trials_of(case, registry), registry, jobs=2)))
    plain, timed, clock = built(trials, registry), built(trials, registry), Clock()
    _instrument(timed, clock)
    rows: list[dict[str, float]] = []
    t = 0
    with np.errstate(all="ignore"):
        for repetition in range(-1, repetitions):
            clock.seconds.clear()
            start = time.thread_time()
            for i in range(steps):
                plain.step(t + i + 1, 1 << 30)
            whole = time.thread_time() - start
            for i in range(steps):
                timed.step(t + i + 1, 1 << 30)
            t += steps
            if repetition >= 0:  # the first only warms up
                rows.append({**clock.seconds, "whole": whole})
    each = 1e6 / steps / len(trials)
    medians = {key: statistics.median(row.get(key, 0.0) for row in rows) * each for key in (*PHASES, "whole")}
    medians["rest"] = medians["whole"] - sum(medians[key] for key in PHASES if key != "rest")
    return {**medians, "stack": float(len(trials))}


def _instrument(stack: Any, clock: Clock) -> None:
    kind = type("TimedHere", (Timed,), {"clock": clock})
    network = stack.body.network
    activations = tuple(Proxy(each, clock, "activation") for each in network.activation)
    network = dataclasses.replace(network, activation=activations)
    backward, forward = clock.within("backward", network.backward), clock.within("forward", network.forward)
    stack.body.network = type(
        "Network", (), {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    )
    stack.params = {name: array.view(kind) for name, array in stack.params.items()}
    stack.grad_views = {name: array.view(kind) for name, array in stack.grad_views.items()}
    stack.head.grad = clock.within("loss", stack.head.grad)
    for run in stack.optimizers:
        run._params = [array.view(kind) for array in run._params]
        run._grads = [array.view(kind) for array in run._grads]
        run._states = [type(state)(*(array.view(kind) for array in state)) for state in run._states]
        run.step = clock.within("optimizer", run.step)
    take = stack.batches.take

    def timed_take() -> Any:
        start = time.thread_time()
        x, y = take()
        clock.seconds["batch copy"] += time.thread_time() - start
        return x.view(kind), y.view(kind)

    stack.batches.take = timed_take


def own_share(case: Case, registry: Registry, steps: int, repetitions: int) -> dict[str, float]:
    """Return the engine's own part of a step: all but network, loss, optimizer's formula and data copy.

    The network is a component, whose matrix products and formulas are not the engine's; what lies outside
    of the components' methods is. Both are timed in one and the same step.
    """
    trials = next(iter(pack(trials_of(case, registry), registry, jobs=1)))
    stack = built(trials, registry)
    spent = 0.0

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            nonlocal spent
            start = time.thread_time()
            result = function(*arguments)
            spent += time.thread_time() - start
            return result

        return timed

    class Counted:
        def __init__(self, component: Any) -> None:
            self._component = component

        def __getattr__(self, name: str) -> Any:
            value = getattr(self._component, name)
            return counted(value) if callable(value) else value

    stack.body.network = Counted(stack.body.network)
    stack.head._pairs = [pair._replace(loss=Counted(pair.loss)) for pair in stack.head._pairs]
    for run in stack.optimizers:
        run._optimizer = Counted(run._optimizer)
    stack.batches.take = counted(stack.batches.take)
    shares, t = [], 0
    with np.errstate(all="ignore"):
        for _ in range(repetitions):
            spent, start = 0.0, time.thread_time()
            for _ in range(steps):
                t += 1
                stack.step(t, 1 << 30)
            whole = time.thread_time() - start
            shares.append((whole - spent) / whole)
    return {"stack": float(len(trials)), "share": statistics.median(shares)}
