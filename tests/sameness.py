"""What it means for results to be the same: every byte, alone, in stacks of 2, and in 7s from the end."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import chain

from anncore.contract.registry import Registry
from anncore.contract.trial import Trial, TrialResult
from anncore.engine.training import train_stack


def as_bytes(result: TrialResult) -> bytes:
    """Every number of a result and its map, to the last bit; the time it took left out."""
    numbers = [*result.metrics.values(), *chain(*result.curves.values())]
    words = [result.key, result.status, result.stopped, *result.metrics, *result.curves]
    return (
        struct.pack(f"<{len(numbers)}d", *numbers)
        + repr((words, result.steps, result.steps_done)).encode()
        + result.map
    )


def by_key(results: list[TrialResult]) -> dict[str, bytes]:
    return {result.key: as_bytes(result) for result in results}


def trained_the_same(trials: Sequence[Trial], registry: Registry) -> list[TrialResult]:
    """Return the trials' results, each the same to the last bit alone and in stacks of 2 and 7.

    The stacks of 7 are filled in reverse order, so that each trial stands in two places, beside others.
    """
    alone = [train_stack([trial], registry)[0] for trial in trials]
    rows = list(range(len(trials)))
    for order, size in ((rows, 2), (rows[::-1], 7)):
        for some in (order[start : start + size] for start in range(0, len(order), size)):
            results = train_stack([trials[row] for row in some], registry)
            for row, result in zip(some, results, strict=True):
                assert as_bytes(result) == as_bytes(alone[row]), f"{trials[row].parts} in a stack of {size}"
    return alone
