"""The pages of a field: the failure atlas, and a leaderboard with tiers for each kind and suite.

atlas.md, atlas.html, atlas.svg    which pathologies each arm passes, tuned and at its defaults
atlas.csv                          the same numbers with their intervals
KIND_SUITE.md, KIND_SUITE.html     a leaderboard
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from anncore.contract.kind_names import ALL_KINDS
from anncore.contract.registry import Registry
from anncore.evidence.field_board import Board, board_of
from anncore.evidence.results import PlanSummary, Results
from anncore.evidence.selection import select
from anncore.evidence.study import Study
from anncore.evidence.units import agreeing, counted
from anncore.experiment.plan import make_plan
from anncore.experiment.protocols import Protocol
from anncore.report.atlas_page import atlas_csv, atlas_page, atlases
from anncore.report.field_text import Page, Table, html, markdown, named, provenance_of, some_of
from anncore.running.field import Field, protocols, read_field
from anncore.running.files import replace_files

PLURALS = {kind.name: kind.plural for kind in ALL_KINDS}
BOARD_COLUMNS = ("arm", "tier", "mean rank", "beaten by", "diverged")


def write_pages(folder: Path, registry: Registry) -> list[Path]:
    """Write all pages of a field from what it holds, and return their paths."""
    fields = [read_field(folder, one.kind, one.suite) for one in protocols(folder)]
    contents: dict[Path, bytes] = {}
    for field in fields:
        if not field.arms or field.protocol.limits:
            continue
        name = f"{field.protocol.kind}_{field.protocol.suite}"
        contents |= _written(
            folder / name,
            board_page(field, board_of(field_study(field, registry), field.protocol.reference), registry),
        )
    both = atlases(fields, registry)
    if both is not None:
        from anncore.report.atlas_figure import heat_map

        contents |= _written(folder / "atlas", atlas_page(both, registry))
        contents[folder / "atlas.svg"] = heat_map(both.tuned, both.plain, both.problems).encode()
        contents[folder / "atlas.csv"] = atlas_csv(both)
    replace_files(contents)
    return list(contents)


def _written(path: Path, page: Page) -> dict[Path, bytes]:
    return {
        path.with_name(f"{path.name}.md"): markdown(page).encode(),
        path.with_name(f"{path.name}.html"): html(page).encode(),
    }


def board_page(field: Field, table: Board, registry: Registry) -> Page:
    """Return the page of one kind on one suite."""
    protocol = field.protocol
    kinds, suite = PLURALS[protocol.kind], protocol.suite_name
    part = "" if protocol.suite == suite else f" ({protocol.suite})"
    among = f"{counted(len(table.arms), kinds)} on {suite}{part}"
    rows = [
        [
            arm,
            _standing(table, arm),
            f"{table.mean_rank[arm]:.1f}",
            str(len(table.beaten_by[arm])) if table.beaten_by[arm] else "none",
            str(table.diverged[arm]) if table.diverged[arm] else "",
        ]
        for arm in table.arms
    ]
    notes = [
        _tiers_note(table),
        f"Arms are compared over {counted(table.units, 'data sets')} by exact signed ranks{_adjusted(table)}."
        " Seeds are averaged first, then networks on the same data; scores are those that reports judge by "
        f"({', '.join(table.metrics)}).",
        f"All arms had equal budgets: {_rates(field.protocol)}. Everything else is at its defaults.",
        *(f"{named(circle)} beat one another in a circle, so they share a tier." for circle in table.circles),
        *(f"{arm} has no place: {no_place(field, arm, why)}." for arm, why in table.without.items()),
        *provenance_of([field], registry),
    ]
    title = f"{kinds.capitalize()} on {suite}{part}"
    columns = (BOARD_COLUMNS[0], "standing", *BOARD_COLUMNS[2:]) if table.names else BOARD_COLUMNS
    caption = f"Arms by where they stand with {table.reference}." if table.names else "Arms by tier."
    return Page(title, board_sentence(table, among), [Table(caption, columns, rows)], notes)


def board_sentence(table: Board, among: str) -> str:
    """Say who leads; or, where arms are compared with one alone, who beats it and whom it beats.

    among: how many arms there are of what, and where: "16 losses on core".
    """
    reference = table.reference
    if table.too_few:
        whom = f", even with {reference} alone" if reference else ""
        return (
            f"Nothing is told apart among {among}: {counted(table.units, 'data sets')} "
            f"{agreeing(table.units, 'are')} too few to compare so many{whom}, as at least {table.needed} "
            "are needed."
        )
    if reference is not None:
        beating = [arm for arm in table.arms if arm in table.beaten_by[reference]]
        beaten = [arm for arm in table.arms if reference in table.beaten_by[arm]]
        level = len(table.arms) - len(beating) - len(beaten) - 1
        better = f"{some_of(beating)} {agreeing(len(beating), 'beat')} {reference}" if beating else ""
        worse = f"{reference} beats {some_of(beaten)}" if beaten else ""
        said = "; ".join(filter(None, [better or f"none beats {reference}", worse]))
        rest = f"; {level} {agreeing(level, 'are')} not told apart from it" if level else ""
        return f"Of {among}, {said}{rest}."
    first = [arm for arm in table.arms if table.tier[arm] == 1]
    if len(first) == len(table.arms):
        return f"Nothing is told apart among {among}: all share one tier."
    return f"Of {among}, no other beats {some_of(first)}: {len(first)} in the first tier."


def _tiers_note(table: Board) -> str:
    if table.reference is None:
        return (
            "An arm is in the first tier where no other arm beats it, in the second where only arms of the "
            "first do, and so on. Within a tier nobody is ahead: the order there is by mean rank, which is "
            "noise."
        )
    return (
        f"Arms are compared with {table.reference} alone, not with one another, because so few data sets "
        "cannot tell apart any two of so many arms where all are compared with all. Among arms of one "
        "standing nobody is ahead: the order there is by mean rank, which is noise."
    )


def _adjusted(table: Board) -> str:
    return f", with Holm's correction over all {table.pairs:,} pairs" if table.pairs > 1 else ""


def _standing(table: Board, arm: str) -> str:
    """Return an arm's tier, or where it stands with the reference."""
    if not table.names:
        return str(table.tier[arm])
    return "the reference" if arm == table.reference else table.names[table.tier[arm] - 1]


def no_place(field: Field, arm: str, reason: str) -> str:
    """Return why an arm has no place: where it diverged at every rate as it was tuned, else the reason."""
    trials = field.trials
    tried = {*trials.loc[trials["arm"] == arm, "problem"], *field.meta[arm].get("skipped", {})}
    lost = [problem for problem in dict.fromkeys(trials["problem"]) if problem not in tried]
    return f"it diverged at every rate on {some_of(lost)}" if lost else reason


def _rates(protocol: Protocol) -> str:
    """Return the learning rates that each arm was tuned over."""
    if protocol.kind != "optimizer":
        return "the optimizer's rate was tuned for each over the values that the protocol lists"
    if protocol.rates is None:
        return "each ran at its default rate"
    if isinstance(protocol.rates, Mapping):
        return "each was tuned over the rates that the protocol lists"
    return "the same number of rates over the range that each declares where it has one"


def field_study(field: Field, registry: Registry) -> Study:
    """Return a field's trials as if one sweep had run them."""
    import pandas as pd

    components = {arm: meta["component"] for arm, meta in field.meta.items()}
    there = {component.full_name for component in registry.of_kind(field.protocol.kind)}
    arm = next(name for name, component in components.items() if component in there)
    one = {arm: registry.get(field.protocol.kind, components[arm])}
    experiment = field.protocol.experiment(one, registry)
    plan = make_plan(experiment, allow_large=True)
    assert plan.experiment.suite is not None, "a protocol names a suite"
    parts = {problem.name: problem.parts for problem in plan.experiment.suite.problems}
    labels = {
        kind: [parts[problem][kind] for problem in field.trials["problem"]]
        for kind in plan.experiment.suite.kinds
    }
    trials = field.trials.assign(**labels, **{field.protocol.kind: field.trials["arm"]})
    counts = {"tune": 0, "report": len(trials), "total": len(trials)}
    summary = PlanSummary(field.arms, plan.problems, counts)
    chosen = select(trials.iloc[:0], plan.experiment.select)
    curves = pd.DataFrame({"key": [], "step": [], "metric": [], "value": []})
    return Study(Results(plan.experiment, summary, trials, curves, chosen))
