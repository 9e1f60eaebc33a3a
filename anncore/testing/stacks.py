"""The stack contract: the checks of every kind that acts on a stack of trials."""

from __future__ import annotations

from functools import partial

import numpy as np

from anncore.contract.kinds import Array
from anncore.contract.libraries import Made
from anncore.testing.kit import Case, Kit, Named, Subject, Variant, frozen, must, must_equal_bits

TRIALS = 7
DRAWS = 40
ENOUGH = 10_000  # numbers of one variant: a last bit that differs once in a thousand shows ten times


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
            # A stack of 1 is what runs alone, so that one of them is enough.
            for start in range(0, TRIALS - size + 1 if size > 1 else 1, size):
                stop = start + size
                results = case.run(subject.stack(rows[start:stop], "float32"), _part(inputs, start, stop))
                for key, value in results.items():
                    must(len(value) == size, f"{label}: {key} has shape {value.shape} for {size} trials")
                    for i in range(size):
                        where = f"{label}: {key} of a trial in a stack of {size} and alone"
                        must_equal_bits(value[i], alone[start + i][key][0], where)
                        count += 1
    return count + sum(_equal_values_as_alone(subject, kit, variant, draws) for variant in subject.variants())


def _equal_values_as_alone(subject: Subject, kit: Kit, variant: Variant, draws: int) -> int:
    """Two trials of the same hyperparameters, the variant's own, over many draws.

    NumPy's ** squares for a single exponent of 2 and calls pow for an array of them; the last bit differs
    once in a thousand numbers, so few numbers would not meet it. It ends after `draws` draws of every case,
    or when it has compared ENOUGH numbers. After two draws come the kit's cases with more numbers each: a run
    of many costs little more than one of few. A case whose inputs are always the same is run once.
    """
    rows = [subject.rows(variant, 1)[0]] * 2
    pair, single = subject.stack(rows, "float32"), subject.stack(rows[:1], "float32")
    cases = kit.cases(subject)
    count = numbers = 0
    for seed in range(draws):
        if seed == 1:
            cases = [case for case in cases if _varies(case)]
        if seed == 2:
            cases = kit.large_cases(subject) or cases
        for case in cases:
            inputs = case.inputs(np.random.default_rng((4, seed)), 2, "float32")
            both = case.run(pair, _part(inputs, 0, 2))
            for i in range(2):
                alone = case.run(single, _part(inputs, i, i + 1))
                where = f"{variant.label}, {case.name}: {{}} of a trial in a stack of 2 and alone"
                for key, value in both.items():
                    must_equal_bits(value[i], alone[key][0], where.format(key))
                    count += 1
                    numbers += value[i].size
        if numbers >= ENOUGH:
            break
    return count


def _varies(case: Case) -> bool:
    """Say whether other draws give other inputs; those of a schedule that watches nothing do not vary."""
    one, other = (case.inputs(np.random.default_rng((4, seed)), 2, "float32") for seed in (0, 1))
    return any(one[key].tobytes() != other[key].tobytes() for key in one)


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


PROMOTION = (
    "; NumPy gives float64 for a Python number (t, steps, a whole number, a constant) and that spreads: "
    "write math.log(2), or float(np.log(t)), and np.where(z > 0, z, 0.2 * z) for z * np.where(z > 0, 1, 0.2)"
)


def keeps_dtype(subject: Subject, kit: Kit) -> int:
    """float32 inputs give float32, float64 float64; hyperparameters are arrays or numbers of that type."""
    count = 0
    for label, variant, case in _all(subject, kit):
        for dtype in ("float32", "float64"):
            inputs = case.inputs(np.random.default_rng(3), 2, dtype)
            stacked = subject.stack(subject.rows(variant, 2), dtype)
            for component in (subject.scalars(variant, dtype), stacked):
                for key, value in case.run(component, _part(inputs, 0, 2)).items():
                    if key.startswith("state") and issubclass(subject.cls, Made):
                        continue  # in the types that the library keeps
                    right = value.dtype == dtype or (not case.keeps_dtype and value.dtype.kind == "f")
                    advice = PROMOTION if value.dtype == "float64" else ""
                    must(right, f"{label}: {key} is {value.dtype} for {dtype} inputs{advice}")
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
