"""The page of the failure atlas, and its numbers as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from anncore.contract.registry import Registry
from anncore.evidence.atlas import Atlas, Cell, atlas
from anncore.evidence.units import agreeing, counted
from anncore.report.field_text import Page, Table, named, provenance_of, some_of
from anncore.running.field import Field

if TYPE_CHECKING:
    from anncore.contract.kinds import Problem


AT_DEFAULTS = "_at_defaults"


ATLAS_COLUMNS = ("optimizer", "passes", "sometimes", "fails", "does not stand", "passes at its default rate")


PATHOLOGY_COLUMNS = (
    "pathology",
    "group",
    "succeeds at or below",
    "passed by",
    "at the default rate",
    "stood by",
)


class Atlases(NamedTuple):
    """The atlas of tuned arms, that at default rates, and the problems with their limits."""

    tuned: Atlas
    plain: Atlas | None
    problems: Sequence[Problem]
    limits: Mapping[str, float]
    fields: Sequence[Field]


def atlases(fields: Iterable[Field], registry: Registry) -> Atlases | None:
    """Return the atlas of a field; None where nothing with limits has run.

    Every protocol with limits takes part, that with the most of them first; its arms are those of the atlas.
    """
    counting = [field for field in fields if field.protocol.limits and field.arms]
    tuned = [field for field in counting if not field.protocol.suite.endswith(AT_DEFAULTS)]
    if not tuned:
        return None
    tuned.sort(key=lambda field: -len(field.protocol.limits))
    names = {f"{field.protocol.suite}{AT_DEFAULTS}" for field in tuned}
    plain = [field for field in counting if field.protocol.suite in names]
    limits = {name: limit for field in tuned for name, limit in field.protocol.limits.items()}
    suites = dict.fromkeys(field.protocol.suite_name for field in tuned)
    every = [problem for name in suites for problem in registry.get("suite", name).cls().problems()]
    groups = list(dict.fromkeys(problem.group for problem in every))
    problems = [problem for problem in every if problem.name in limits]
    problems.sort(key=lambda problem: groups.index(problem.group))
    arms = tuned[0].arms
    return Atlases(
        _counted(tuned, problems, limits, arms),
        _counted(plain, problems, limits, arms) if plain else None,
        problems,
        limits,
        [*tuned, *plain],
    )


def _counted(
    fields: Sequence[Field], problems: Sequence[Problem], limits: Mapping[str, float], arms: Sequence[str]
) -> Atlas:
    """Return the atlas of some arms over the problems of several protocols."""
    import pandas as pd

    trials = pd.concat([field.trials for field in fields], ignore_index=True)
    skipped: dict[str, set[str]] = {arm: {problem.name for problem in problems} for arm in arms}
    for field in fields:
        for arm in {*arms} & {*field.arms}:
            skipped[arm] -= set(field.protocol.limits) - set(field.meta[arm].get("skipped", {}))
    mine = trials[trials["arm"].isin(list(arms))]
    return atlas(mine, limits, [problem.name for problem in problems], skipped)


def atlas_page(both: Atlases, registry: Registry) -> Page:
    """Return the page of the failure atlas."""
    tuned, plain, total = both.tuned, both.plain, len(both.problems)
    best = tuned.arms[0]
    fewest = min(map(tuned.passed_by, tuned.problems))
    hardest = [problem for problem in tuned.problems if tuned.passed_by(problem) == fewest]
    who = (
        f"{fewest} of {counted(len(tuned.arms), 'optimizers')} {agreeing(fewest, 'pass')}"
        if fewest
        else "No optimizer passes"
    )
    ties, most = tuned.leaders or tuned.arms, tuned.number(best, "passes")
    whole = "that is all of them" if most == total else "none passes all"
    sentence = (
        f"{some_of(ties)} {agreeing(len(ties), 'pass')} most: {most} of {total} pathologies, with a "
        f"tuned rate; {whole}. {who} {some_of(hardest)}."
    )
    rows = [_optimizer_row(arm, tuned, plain) for arm in tuned.arms]
    groups = [
        [
            problem.name,
            problem.group,
            f"{both.limits[problem.name]:g}",
            f"{tuned.passed_by(problem.name)} of {_trained(tuned, problem.name)}",
            "" if plain is None else f"{plain.passed_by(problem.name)} of {_trained(plain, problem.name)}",
            some_of([arm for arm in tuned.arms if tuned.cells[arm, problem.name].outcome == "passes"]),
        ]
        for problem in both.problems
    ]
    return Page(
        "The failure atlas: which optimizer stands what",
        sentence,
        [
            Table("Optimizers by how many pathologies they pass.", ATLAS_COLUMNS, rows),
            Table("Pathologies, and who stands them.", PATHOLOGY_COLUMNS, groups),
        ],
        _atlas_notes(both, registry),
        "atlas.svg",
    )


def _optimizer_row(arm: str, tuned: Atlas, plain: Atlas | None) -> list[str]:
    failed = [problem for problem in tuned.problems if tuned.cells[arm, problem].outcome == "fails"]
    counts = [str(tuned.number(arm, outcome)) for outcome in ("passes", "sometimes", "fails")]
    default = "" if plain is None or arm not in plain.arms else str(plain.number(arm, "passes"))
    return [arm, *counts, ", ".join(failed), default]


def _trained(one: Atlas, problem: str) -> int:
    return sum(one.cells[arm, problem].outcome != "none" for arm in one.arms)


def _atlas_notes(both: Atlases, registry: Registry) -> list[str]:
    cell = next(cell for cell in both.tuned.cells.values() if cell.n)
    notes = [
        f"Of each pathology {counted(cell.n, 'starts')} {agreeing(cell.n, 'are')} tried, the same for every "
        "optimizer. A start succeeds where the value after the last step is at most the protocol's limit; a "
        "trial that diverged has not. Limits were set by looking at runs of common optimizers, so that they "
        "tell optimizers apart. An optimizer passes where at least nine tenths of its starts succeed, fails "
        "where at most one tenth does or where it diverged at every rate, and passes sometimes in between.",
        f"{cell.n} of {cell.n} successes show a rate of at least {_percent(_all_right(cell.n))} (95 %, "
        "Clopper and Pearson). atlas.csv has the interval of every share.",
        "The rate is tuned for each pathology by itself, on a start that does not count: what passes has a "
        "rate that works, and a user still has to find it. The last column has the default rate.",
        "All else is at its defaults. A wrapper is shown with the optimizer inside that it has by default.",
    ]
    on_data = [problem.name for problem in both.problems if "dataset" in problem.parts]
    if on_data:
        notes.append(
            f"On {named(on_data)} a network is trained on data, and the value is its loss on new examples."
        )
    skipped = [
        arm
        for arm in both.tuned.arms
        if any(both.tuned.cells[arm, problem.name].outcome == "none" for problem in both.problems)
    ]
    if skipped:
        notes.append(
            f"Not tried everywhere, because they need exact gradients or cannot be trained there: "
            f"{named(sorted(skipped))}."
        )
    return [*notes, *provenance_of(both.fields, registry)]


def _all_right(n: int) -> float:
    from anncore.evidence.stats import clopper_pearson

    return clopper_pearson(n, n).low


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def atlas_csv(both: Atlases) -> bytes:
    """Return every cell with its interval, tuned and at the default rate."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    head = ("optimizer", "pathology", "rate", "config", "starts", "successes", "low", "high", "outcome")
    writer.writerow(head)
    for name, one in (("tuned", both.tuned), ("default", both.plain)):
        for cell in one.cells.values() if one is not None else ():
            writer.writerow([cell.arm, cell.problem, name, *_numbers(cell)])
    return text.getvalue().encode()


def _numbers(cell: Cell) -> list[object]:
    interval = [f"{cell.low:.4f}", f"{cell.high:.4f}"] if cell.n else ["", ""]
    return [cell.config, cell.n, cell.successes, *interval, cell.outcome]
