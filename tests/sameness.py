"""Trains trials alone and in stacks of 2 and 7, which must give the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from test_training import as_bytes

from anncore.contract.registry import Registry
from anncore.contract.trial import Trial, TrialResult
from anncore.engine.training import train_stack


def trained_the_same(trials: Sequence[Trial], registry: Registry) -> list[TrialResult]:
    """Return the trials' results, each the same to the last bit alone and in stacks of 2 and 7."""
    alone = [train_stack([trial], registry)[0] for trial in trials]
    rows = list(range(len(trials)))
    for order, size in product((rows, rows[::-1]), (2, 7)):
        for some in (order[start : start + size] for start in range(0, len(order), size)):
            results = train_stack([trials[row] for row in some], registry)
            for row, result in zip(some, results, strict=True):
                assert as_bytes(result) == as_bytes(alone[row]), f"{trials[row].parts} in a stack of {size}"
    return alone
