"""The pages of a field: the failure atlas, and a leaderboard with tiers for each kind and suite.

atlas.md, atlas.html, atlas.svg    which pathologies each arm passes, tuned and at its defaults
atlas.csv                          the same numbers with their intervals
KIND_SUITE.md, KIND_SUITE.html     a leaderboard
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from anncore._version import __version__
from anncore.contract.kind_names import ALL_KINDS
from anncore.contract.registry import Registry
from anncore.evidence.atlas import Atlas, Cell, atlas
from anncore.evidence.field_board import Board, board_of
from anncore.evidence.results import PlanSummary, Results
from anncore.evidence.selection import select
from anncore.evidence.study import Study
from anncore.evidence.units import agreeing, counted
from anncore.experiment.plan import make_plan
from anncore.experiment.protocols import Protocol
from anncore.report.html import asset
from anncore.report.markdown import escape
from anncore.report.printable import printable
from anncore.running.field import Field, protocols, read_field, suite_version
from anncore.running.files import replace_files

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
PLURALS = {kind.name: kind.plural for kind in ALL_KINDS}
BOARD_COLUMNS = ("arm", "tier", "mean rank", "beaten by", "diverged")
FEW = 6  # names in a cell, beyond which they are counted


class Table(NamedTuple):
    """A table of texts."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


class Page(NamedTuple):
    """A page as HTML and Markdown have it."""

    title: str
    sentence: str
    tables: Sequence[Table]
    notes: Sequence[str]
    picture: str = ""


class Atlases(NamedTuple):
    """The atlas of tuned arms, that at default rates, and the problems with their limits."""

    tuned: Atlas
    plain: Atlas | None
    problems: Sequence[Problem]
    limits: Mapping[str, float]
    fields: Sequence[Field]


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


# The failure atlas


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
        f"{_some(ties)} {agreeing(len(ties), 'pass')} most: {most} of {total} pathologies, with a "
        f"tuned rate; {whole}. {who} {_some(hardest)}."
    )
    rows = [_optimizer_row(arm, tuned, plain) for arm in tuned.arms]
    groups = [
        [
            problem.name,
            problem.group,
            f"{both.limits[problem.name]:g}",
            f"{tuned.passed_by(problem.name)} of {_trained(tuned, problem.name)}",
            "" if plain is None else f"{plain.passed_by(problem.name)} of {_trained(plain, problem.name)}",
            _some([arm for arm in tuned.arms if tuned.cells[arm, problem.name].outcome == "passes"]),
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


def _named(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _optimizer_row(arm: str, tuned: Atlas, plain: Atlas | None) -> list[str]:
    failed = [problem for problem in tuned.problems if tuned.cells[arm, problem].outcome == "fails"]
    counts = [str(tuned.number(arm, outcome)) for outcome in ("passes", "sometimes", "fails")]
    default = "" if plain is None or arm not in plain.arms else str(plain.number(arm, "passes"))
    return [arm, *counts, ", ".join(failed), default]


def _trained(one: Atlas, problem: str) -> int:
    return sum(one.cells[arm, problem].outcome != "none" for arm in one.arms)


def _some(names: Sequence[str]) -> str:
    """Return a few names, or how many there are."""
    if len(names) <= FEW:
        return ", ".join(names) or "none"
    return f"{', '.join(names[:FEW])} and {len(names) - FEW} more"


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
            f"On {_named(on_data)} a network is trained on data, and the value is its loss on new examples."
        )
    skipped = [
        arm
        for arm in both.tuned.arms
        if any(both.tuned.cells[arm, problem.name].outcome == "none" for problem in both.problems)
    ]
    if skipped:
        notes.append(
            f"Not tried everywhere, because they need exact gradients or cannot be trained there: "
            f"{_named(sorted(skipped))}."
        )
    return [*notes, *_provenance(both.fields, registry)]


def _all_right(n: int) -> float:
    from anncore.evidence.stats import clopper_pearson

    return clopper_pearson(n, n).low


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _provenance(fields: Sequence[Field], registry: Registry) -> list[str]:
    lines = []
    for field in fields:
        protocol = field.protocol
        version = suite_version(protocol, registry)
        lines.append(
            f"{protocol.kind}/{protocol.path.name} (digest {protocol.digest}), suite {protocol.suite_name}, "
            f"version {version}: {len(field.trials):,} trials of {counted(len(field.arms), 'arms')}."
        )
        stale = field.stale(registry)
        lines += [f"{arm} is not what it would be here: {reason}." for arm, reason in stale.items()]
    return lines


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


# A leaderboard


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
        *(
            f"{_named(circle)} beat one another in a circle, so they share a tier."
            for circle in table.circles
        ),
        *(f"{arm} has no place: {no_place(field, arm, why)}." for arm, why in table.without.items()),
        *_provenance([field], registry),
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
        better = f"{_some(beating)} {agreeing(len(beating), 'beat')} {reference}" if beating else ""
        worse = f"{reference} beats {_some(beaten)}" if beaten else ""
        said = "; ".join(filter(None, [better or f"none beats {reference}", worse]))
        rest = f"; {level} {agreeing(level, 'are')} not told apart from it" if level else ""
        return f"Of {among}, {said}{rest}."
    first = [arm for arm in table.arms if table.tier[arm] == 1]
    if len(first) == len(table.arms):
        return f"Nothing is told apart among {among}: all share one tier."
    return f"Of {among}, no other beats {_some(first)}: {len(first)} in the first tier."


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
    return f"it diverged at every rate on {_some(lost)}" if lost else reason


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


# As files


def markdown(page: Page) -> str:
    """Return a page as Markdown; every text is escaped."""
    parts = [f"# {escape(page.title)}", f"**{escape(printable(page.sentence))}**"]
    if page.picture:
        parts.append(f"![{escape(page.title)}]({page.picture})")
    for table in page.tables:
        lines = [table.columns, ["---"] * len(table.columns), *table.rows]
        body = [f"| {' | '.join(escape(printable(text)) for text in row)} |" for row in lines]
        body[1] = f"|{'---|' * len(table.columns)}"
        parts.append(f"{escape(table.caption)}\n\n" + "\n".join(body))
    parts.append("\n".join(f"- {escape(printable(note))}" for note in page.notes))
    parts.append(f"Written by annx {__version__}; `annx verify reports/field` computes a sample again.")
    return "\n\n".join(parts) + "\n"


def html(page: Page) -> str:
    """Return a page as one HTML file without scripts; every text is escaped, the picture lies beside it."""
    from jinja2 import Environment, StrictUndefined

    from anncore.report.html import source_hash

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style = asset("card.css")
    policy = (
        f"default-src 'none'; img-src 'self'; style-src '{source_hash(style)}'; base-uri 'none'; "
        "form-action 'none'"
    )
    return environment.from_string(asset("field.html.j2")).render(
        page=page, style=style, policy=policy, generator=f"annx {__version__}"
    )
