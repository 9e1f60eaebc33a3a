"""Where a step's time goes: each part of it by itself, on the arrays of a stack in training.

Time is the thread's own, as others may be at work on the machine. Parts are repeated by themselves, so each
finds its arrays nearer than in a whole step; what a step takes beyond their sum is "rest": the engine's
Python, and numbers fetched from further away.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from benchmarks.contenders import built
from benchmarks.networks import Case, trials_of

from anncore.contract.registry import Registry
from anncore.engine.arrays import dense, sum_examples, times_transposed
from anncore.engine.packing import pack

PHASES = (
    "forward matmul",
    "weight gradient",
    "input gradient",
    "bias",
    "bias gradient",
    "activation",
    "loss",
    "optimizer",
    "batch",
    "rest",
)

Part = Callable[[], Any]


def profile(case: Case, registry: Registry, steps: int, repetitions: int) -> dict[str, float]:
    """Return us per trial-step of one process by phase, and "whole" of a step."""
    trials = next(iter(pack(trials_of(case, registry), registry, jobs=2)))
    stack = built(trials, registry)
    rows: list[dict[str, float]] = []
    with np.errstate(all="ignore"):
        for t in range(1, 20):
            stack.step(t, 1 << 30)
        parts = list(_parts(stack))
        for _ in range(repetitions + 1):
            row = {"whole": _timed(lambda: stack.step(20, 1 << 30), steps)}
            for phase, part in parts:
                row[phase] = row.get(phase, 0.0) + _timed(part, steps)
            rows.append(row)
    per_trial = 1e6 / len(trials)
    medians = {key: statistics.median(row[key] for row in rows[1:]) * per_trial for key in rows[0]}
    medians["bias"] -= medians["forward matmul"]  # it was timed with its product
    medians["rest"] = medians["whole"] - sum(medians[key] for key in PHASES if key != "rest")
    return {**medians, "stack": float(len(trials))}


def _parts(stack: Any) -> Iterator[tuple[str, Part]]:
    """Yield the parts of a step of an mlp, each to be called by itself."""
    x, y = stack.batches.take()
    z, tape = stack.network.forward(stack.weights, x, training=True)
    grad = stack.output.grad(z, y)
    hidden = stack.network.layers(tape)[:-1]
    inputs, pre = [x, *(layer.a for layer in hidden)], [layer.z for layer in hidden]
    yield "batch", stack.batches.take
    yield "loss", lambda: stack.output.grad(z, y)
    yield "optimizer", lambda: [run.step(20, 1 << 30) for run in stack.optimizers]
    for i in range(len(stack.network.component.hidden) + 1, 0, -1):
        yield from _layer(stack, i, inputs[i - 1], pre[i - 2], grad)
        if i > 1:
            below = times_transposed(grad, stack.weights[f"W{i}"])
            activation = stack.network.component.activation[i - 2]
            grad = activation.backward(below, pre[i - 2], inputs[i - 1])


def _layer(stack: Any, i: int, inputs: Any, pre: Any, grad: Any) -> Iterator[tuple[str, Part]]:
    """Yield the parts of a layer: from its inputs, and pre, the z of the layer below."""
    weight, bias = stack.weights[f"W{i}"], stack.weights[f"b{i}"]
    grads, transposed = stack.grad_views, inputs.swapaxes(1, 2)
    yield "forward matmul", lambda: np.matmul(inputs, weight)
    yield "bias", lambda: dense(inputs, weight, bias)
    yield "weight gradient", lambda: np.matmul(transposed, grad, out=grads[f"W{i}"])
    yield "bias gradient", lambda: sum_examples(grad, out=grads[f"b{i}"])
    if i > 1:
        yield "input gradient", lambda: times_transposed(grad, weight)
        activation = stack.network.component.activation[i - 2]
        below = times_transposed(grad, weight)
        yield "activation", lambda: activation.forward(pre)
        yield "activation", lambda: activation.backward(below, pre, inputs)


def _timed(part: Part, calls: int) -> float:
    start = time.thread_time()
    for _ in range(calls):
        part()
    return (time.thread_time() - start) / calls


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

    shares, t = [], 0
    with np.errstate(all="ignore"):
        for t in range(1, 4):
            stack.step(t, 1 << 30)  # now it is known which updates are fused
        stack.network._derived = Counted(stack.network._derived)
        stack.output._pairs = [pair._replace(grad=counted(pair.grad)) for pair in stack.output._pairs]
        for run in stack.optimizers:
            run._update = Counted(run._update)
        stack.batches.take = counted(stack.batches.take)
        for _ in range(repetitions):
            spent, start = 0.0, time.thread_time()
            for _ in range(steps):
                t += 1
                stack.step(t, 1 << 30)
            whole = time.thread_time() - start
            shares.append((whole - spent) / whole)
    return {"stack": float(len(trials)), "share": statistics.median(shares)}
