"""The stack contract: the checks of every kind that acts on a stack of trials."""

from __future__ import annotations

from functools import partial

import numpy as np

from anncore.contract.kinds import Array
from anncore.testing.kit import Case, Kit, Named, Subject, Variant, frozen, must, must_equal_bits

TRIALS = 7
DRAWS = 40


def checks(kit: Kit) -> list[Named]:
    """Return the checks of the stack contract, for a kit that has cases."""
    if not kit.stacked:
        return []
    checks: list[Named] = [
        ("stacked_as_alone", partial(stacked_as_alone, kit=kit)),
        ("keeps_dtype", partial(keeps_dtype, kit=kit)),
        ("inputs_unchanged", partial(inputs_unchanged, kit=kit)),
    ]
    return [*checks, ("isolated", partial(isolated, kit=kit))] if kit.fed else checks


def _all(subject: Subject, kit: Kit) -> list[tuple[str, Variant, Case]]:
    cases = kit.cases(subject)
    return [(f"{v.label}, {c.name}", v, c) for v in subject.variants() for c in cases]


def _part(arrays: dict[str, Array], start: int, stop: int) -> dict[str, Array]:
    return {key: value[start:stop].copy() for key, value in arrays.items()}


def stacked_as_alone(subject: Subject, kit: Kit, draws: int = DRAWS) -> int:
    """In float32, stacks of 1, 2 and 7 trials give each trial the same bits as alone."""
    count = 0
    for label, variant, case in _all(subject, kit):
        rows = subject.rows(variant, TRIALS)
        inputs = case.inputs(np.random.default_rng(1), TRIALS, "float32")
        alone = [
            case.run(subject.stack(rows[i : i + 1], "float32"), _part(inputs, i, i + 1)) for i in range(7)
        ]
        for size in (1, 2, TRIALS):
            for start in range(0, TRIALS - size + 1, size):
                stop = start + size
                results = case.run(subject.stack(rows[start:stop], "float32"), _part(inputs, start, stop))
                for key, value in results.items():
                    must(len(value) == size, f"{label}: {key} has shape {value.shape} for {size} trials")
                    for i in range(size):
                        where = f"{label}: {key} of a trial in a stack of {size} and alone"
                        must_equal_bits(value[i], alone[start + i][key][0], where)
                        count += 1
        count += _equal_values_as_alone(subject, label, variant, case, draws)
    return count


def _equal_values_as_alone(subject: Subject, label: str, variant: Variant, case: Case, draws: int) -> int:
    """Two trials of the same hyperparameters, the variant's own, over many draws.

    NumPy's ** squares for a single exponent of 2 and calls pow for an array of them; the last bit differs
    once in a thousand numbers, so few draws would not meet it.
    """
    rows = [subject.rows(variant, 1)[0]] * 2
    count = 0
    for seed in range(draws):
        inputs = case.inputs(np.random.default_rng((4, seed)), 2, "float32")
        both = case.run(subject.stack(rows, "float32"), _part(inputs, 0, 2))
        for i in range(2):
            alone = case.run(subject.stack(rows[:1], "float32"), _part(inputs, i, i + 1))
            for key, value in both.items():
                must_equal_bits(
                    value[i], alone[key][0], f"{label}: {key} of a trial in a stack of 2 and alone"
                )
                count += 1
    return count


def isolated(subject: Subject, kit: Kit) -> int:
    """A trial full of NaN or inf does not change the numbers of the others."""
    count = 0
    for label, variant, case in _all(subject, kit):
        component = subject.stack(subject.rows(variant, 3), "float32")
        inputs = case.inputs(np.random.default_rng(2), 3, "float32")
        clean = case.run(component, _part(inputs, 0, 3))
        for sick in (np.nan, np.inf):
            spoilt = _part(inputs, 0, 3)
            for value in spoilt.values():
                value[1] = sick
            for key, value in case.run(component, spoilt).items():
                for i in (0, 2):
                    message = f"{label}: {key} of a trial beside one of {sick} and without it"
                    must_equal_bits(value[i], clean[key][i], message)
                    count += 1
    return count


def keeps_dtype(subject: Subject, kit: Kit) -> int:
    """float32 inputs give float32 and float64 float64, with hyperparameters as arrays or plain numbers."""
    count = 0
    for label, variant, case in _all(subject, kit):
        for dtype in ("float32", "float64"):
            inputs = case.inputs(np.random.default_rng(3), 2, dtype)
            plain, stacked = subject.build(variant), subject.stack(subject.rows(variant, 2), dtype)
            for component in (plain, stacked):
                for key, value in case.run(component, _part(inputs, 0, 2)).items():
                    right = value.dtype == dtype or (not case.keeps_dtype and value.dtype.kind == "f")
                    must(right, f"{label}: {key} is {value.dtype} for {dtype} inputs")
                    count += 1
    return count


def inputs_unchanged(subject: Subject, kit: Kit) -> int:
    """It does not write to its arguments."""
    count = 0
    for label, variant, case in _all(subject, kit):
        inputs = frozen(case.inputs(np.random.default_rng(4), 2, "float64"))
        try:
            case.run(subject.stack(subject.rows(variant, 2), "float64"), inputs)
        except ValueError as error:
            if "read-only" in str(error):
                raise AssertionError(f"{label}: it writes to an array it was handed") from error
            raise
        count += len(inputs)
    return count
