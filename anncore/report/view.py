"""A report as sections of paragraphs, tables and figures: what HTML and Markdown both render.

The two are twins because neither decides what is said; they only write it down.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from anncore.contract.kinds.sections import PLACES
from anncore.evidence.claim import column_words
from anncore.evidence.sentences import SEEDS, counted
from anncore.evidence.units import metric_words, sentence, singular
from anncore.report import costs, factorial, run_times, surely, words
from anncore.report.encoding import encoding_caption, encoding_rows, encoding_sentence
from anncore.report.importance import importance_caption, importance_rows
from anncore.report.printable import printable, spelt
from anncore.report.success import caption_of_pairs, pair_rows, rate_rows, success_sentence
from anncore.report.suites import suite_line
from anncore.report.tiers import arms_table

DOWNLOADS = (
    ("report.md", "this report as Markdown"),
    ("report.json", "everything in this report, for programs"),
    ("trials.csv", "one row per trial"),
    ("curves.csv.gz", "learning curves, long: key, step, metric, value"),
    ("experiment.toml", "the experiment file as it was run"),
    ("plan.json", "the plan, with what it takes to load it again"),
    ("env.json", "the environment"),
    ("figures/", "every figure as PNG and SVG"),
)
EXPORTS = (
    "For a paper: annx export DIR --format latex, where DIR is the folder of this report, writes each of its "
    "tables as a file for LaTeX, --figures paper each figure as SVG and PDF with its caption; --format csv "
    "or parquet writes the trials and the leaderboard."
)
FROM_ELSEWHERE = ("report.md", "report.json", "trials.csv", "figures/")  # of results without a sweep
LEADS = ("differences", "interactions", "pairs_of_factors", "leaderboard")
"""The figures that show the first sentence; the first one that is drawn stands below it."""
MOST_UNFOLDED, UNFOLDED = (
    12,
    ("leaderboard", "failed-trials", "scores", ""),
)  # rows, and tables that stay open
MOST_OPEN_PARTS = 4  # problems; of more, the tables of each are folded
MOST_FAILURES = 100
MOST_PAIRS = 120  # of arms: sixteen's; more rows are read by programs
MOST_FACTORIALS = 6  # problems, each with tables of its own
MOST_METRICS = 0  # beside the scores; more make a table too wide for a page
NUMERIC = re.compile(
    r"^(p\s)?[<*]?\s?[−+-]?[.\d∞–]|^never$|^floor at |^nothing to choose from$|^(not run|left out)\b"
)


class Cell(NamedTuple):
    """One cell: its text, what to sort it by where the text would mislead, and whether it is the best."""

    text: str
    sort: float | None = None
    best: bool = False


@dataclass(frozen=True)
class Table:
    """A table with a caption; the first column names its rows. `name` is what its file is called.

    A page shows the caption alone of one that is `folded`, until a reader opens it.
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    numeric: tuple[bool, ...] = ()
    name: str = ""
    detail: bool = False  # one of many alike

    @property
    def folded(self) -> bool:
        """Whether it is long, and none that a reader must see: arms, failures and figures not drawn are."""
        return self.detail or (len(self.rows) > MOST_UNFOLDED and self.name not in UNFOLDED)


@dataclass(frozen=True)
class Section:
    """A titled part of the report; `parts` are sections below it."""

    id: str
    title: str
    paragraphs: Sequence[str] = ()
    tables: Sequence[Table] = ()
    figures: Sequence[Mapping[str, Any]] = ()
    terms: Sequence[tuple[str, str]] = ()  # a titled paragraph each
    items: Sequence[str] = ()
    links: Sequence[tuple[str, str]] = ()
    code: str = ""
    parts: Sequence[Section] = field(default_factory=tuple)


def table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str | Cell]], name: str = "") -> Table:
    """Return a table whose columns of numbers are known as such."""
    cells = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    numeric = tuple(
        i > 0 and bool(cells) and all(NUMERIC.match(row[i].text) for row in cells) for i in range(len(header))
    )
    return Table(caption, list(header), cells, numeric, name)


def shown(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a report's content as a view may show it: printable, on one line but for the experiment file.

    There escapes stand for what is not printable, which mean the same to who reads the file.
    """
    view: dict[str, Any] = _printable(content)
    text = spelt(content["provenance"]["experiment_text"])
    return {**view, "provenance": {**view["provenance"], "experiment_text": text}}


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {printable(key): _printable(item) for key, item in value.items()}
    return [_printable(item) for item in value] if isinstance(value, (list, tuple)) else value


def sections(content: Mapping[str, Any]) -> list[Section]:
    """Return the report's sections after the answer box, in the order in which doubts arise.

    Is it sure, on which problems, tuned fairly, how fast, what failed; then how it was done. Empty ones are
    left out.

    A plugin's section follows the one of ours that it names, or the last before it that is there.
    """
    ours = [
        _success(content),
        _factorial(content),
        _differences(content),
        _leaderboard(content),
        _per_data_set(content),
        _sensitivity(content),
        _speed(content),
        _diagnostics(content),
    ]
    parts: list[Section | None] = []
    for place, own in zip(PLACES, ours, strict=True):
        parts += [own, *_from_plugins(content, place)]
    parts += [
        _encodings(content),
        _methods(content),
        _provenance(content),
        _downloads(content),
    ]
    return [section for section in parts if section is not None]


def _from_plugins(content: Mapping[str, Any], place: str) -> list[Section]:
    """Return the sections of plugins that follow a section of ours; a report of an older annx has none."""
    return [
        Section(
            _id(entry),
            entry["title"],
            paragraphs=[
                *([f"This section could not be written: {entry['problem']}"] if entry["problem"] else []),
                *entry["paragraphs"],
                f"Written by {entry['name']} of {entry['package']} {entry['version']}".rstrip() + ".",
            ],
            tables=[
                table(one["caption"], one["columns"], one["rows"], f"{entry['name']}-{place_in + 1}")
                for place_in, one in enumerate(entry["tables"])
            ],
        )
        for entry in content.get("sections", ())
        if entry["after"] == place
    ]


def _id(entry: Mapping[str, Any]) -> str:
    return "plugin-" + re.sub(r"[^a-z0-9]+", "-", f"{entry['package']}-{entry['name']}".lower())


def part_of(content: Mapping[str, Any]) -> str:
    """Return what to say below a figure while trials have not run; "" where all have."""
    counts = content["counts"]
    missing = {"tuning": counts["tune_not_run"], "report": counts["report_not_run"]}
    texts = [f"{count} {phase}" for phase, count in missing.items() if count]
    trials, have = ("trial", "has") if sum(missing.values()) == 1 else ("trials", "have")
    return f" Not complete: {' and '.join(texts)} {trials} {have} not run." if texts else ""


def _figures(content: Mapping[str, Any], section: str) -> list[Mapping[str, Any]]:
    first = lead_figure(content)
    return [figure for figure in content["figures"] if figure["section"] == section and figure is not first]


def lead_figure(content: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the figure that shows the first sentence; None where none is drawn that does."""
    leads = LEADS if content.get("success") is None else ("success_rates", *LEADS)
    drawn = {figure["name"]: figure for figure in content["figures"]}
    return next((drawn[name] for name in leads if name in drawn), None)


def first_screen(content: Mapping[str, Any]) -> Section:
    """Return what stands right below the first sentence: the figure that shows it, and the arms."""
    caption, header, rows = arms_table(content)
    figure = lead_figure(content)
    return Section(
        "arms",
        "Arms",
        tables=[table(caption, header, rows, "leaderboard")] if rows else [],
        figures=[] if figure is None else [figure],
    )


def _leaderboard(content: Mapping[str, Any]) -> Section | None:
    """Return every arm's scores by problem; None where the first screen and the boards have them all."""
    tables = [_matrix(content)] if len(content["problems"]) > 1 else []
    figures = _figures(content, "leaderboard")
    if not tables and not figures:
        return None
    return Section("leaderboard", "Leaderboard", tables=tables, figures=figures)


def _success(content: Mapping[str, Any]) -> Section | None:
    """Return how often arms succeed; a report of an older annx, and most experiments, say nothing of it."""
    success = content.get("success")
    if success is None:
        return None
    caption = "How often each arm succeeds, with the exact interval; a diverged trial has not succeeded."
    tables = [table(caption, *rate_rows(content), "success-rates")]
    for problem, pairs in success["comparisons"]["problems"].items():
        if any(pair["n"] for pair in pairs):
            header, rows = pair_rows(pairs)
            better = words.VERDICTS["better"]
            cells = [[*map(Cell, row[:-1]), Cell(row[-1], best=row[-1] == better)] for row in rows]
            tables.append(table(caption_of_pairs(problem, pairs), header, cells, "success-pairs"))
    return Section(
        "success",
        "How often each arm succeeds",
        paragraphs=[success_sentence(success)],
        tables=tables,
        figures=_figures(content, "success"),
    )


def _encodings(content: Mapping[str, Any]) -> Section | None:
    """Return what was done to columns; a report of an older annx, and one on plain numbers, has none."""
    sets = content.get("encodings") or []
    if not sets:
        return None
    return Section(
        "encoding",
        "How columns were encoded",
        paragraphs=[encoding_sentence(done) for done in sets],
        tables=[
            table(encoding_caption(done), *encoding_rows(done), "encoding")
            for done in sets
            if done["encodings"]
        ],
    )


def _factorial(content: Mapping[str, Any]) -> Section | None:
    """Return what factors do together; most experiments vary a single kind, of which there is nothing."""
    factors = content.get("factorial")
    if factors is None or not factors["analyses"]:
        return None
    made = [one for one in factors["analyses"] if not one["note"]]
    # Where one analysis decides, those of problems are in report.json and in the table of interactions.
    shown = [one for one in made if one["decides"]] or [one for one in made if one["where"]][:MOST_FACTORIALS]
    tables = []
    for one in shown:
        tables += [table(*factorial.rows_table(pair, one), "best-per-level") for pair in one["together"]]
        if one["decides"] and any(one["comparisons"].values()):
            tables.append(table(*factorial.marginal_table(one), "marginal-effects"))
        if one["trends"]:
            tables.append(table(*factorial.trend_table(one), "trends"))
    if any(one["together"] for one in made):
        tables.append(table(*factorial.interaction_table({**factors, "analyses": made}), "interactions"))
    if factors["shares"]:
        tables.append(table(*factorial.shares_table(factors), "variance"))
    texts = [
        text
        for one in shown
        for text in (one["sentences"] if one["decides"] else [pair["sentence"] for pair in one["together"]])
    ]
    left = len([one for one in made if one["where"]]) - len(shown)
    if left > 0 and not any(one["decides"] for one in shown):
        texts.append(f"The tables of {counted(left, content['problem_unit'])} more are in report.json.")
    notes = dict.fromkeys(one["note"] for one in factors["analyses"] if one["note"])
    return Section(
        "factorial",
        factorial.section_title(factors),
        paragraphs=[*texts, *notes, *filter(None, [factors["shares_sentence"]])],
        tables=tables,
        figures=_figures(content, "factorial"),
    )


def _matrix(content: Mapping[str, Any]) -> Table:
    """Return every score, with what there is more of down the side, so that the table stays narrow."""
    arms = [row["arm"] for row in content["leaderboard"]["overall"]]
    problems, measures = content["problems"], content["measures"]
    labels = list(dict.fromkeys(measure["label"] for measure in measures.values()))
    cells = {}
    for problem in problems:
        for row in content["leaderboard"]["problems"][problem]:
            text = words.score(row, measures[problem])
            best = row["rank"] == 1 and words.is_ranked(content, problem)
            cells[problem, row["arm"]] = Cell(text, row["value"], best)
    what = sentence(labels[0]) if len(labels) == 1 else "Score"
    caption = f"{what} by {singular(content['unit'])} and arm; the best is bold, ×n marks n diverged seeds."
    if any(measure["floor"] for measure in measures.values()):
        caption += " “Floor at 40 %”: the value is rounding after 40 % of the steps."
    if len(arms) > len(problems):
        names = [
            problem if len(labels) == 1 else f"{problem} ({measures[problem]['label']})"
            for problem in problems
        ]
        rows = [[Cell(arm), *(cells[problem, arm] for problem in problems)] for arm in arms]
        return table(caption, ["arm", *names], rows, "scores")
    rows = []
    for problem in problems:
        first = [Cell(measures[problem]["label"])] if len(labels) > 1 else []
        rows.append([Cell(problem), *first, *(cells[problem, arm] for arm in arms)])
    header = [singular(content["unit"]), *(["measure"] if len(labels) > 1 else []), *arms]
    return table(caption, header, rows, "scores")


def _differences(content: Mapping[str, Any]) -> Section | None:
    comparisons, often = content["comparisons"]["overall"], content["improvement"]
    figures = _figures(content, "differences")
    claim = content.get("claim") or {"comparisons": {}}
    if not comparisons and not figures and often is None and not claim["comparisons"]:
        return None
    units = content["unit"]
    ranked = [row["arm"] for row in content["leaderboard"]["overall"]]
    caption = f"Over all {units}. The unit is the {singular(units)}."
    tables = _comparisons(caption, comparisons, ranked[0])
    for problem, pairs in claim["comparisons"].items():
        tables += _comparisons(
            f"The claim's arms on {problem}, {claimed_by(claim, content)}.", pairs, ranked[0]
        )
    if often is not None:
        tables.append(table(*words.improvement_table(often, ranked, units), "improvement"))
    return Section("differences", "Differences", tables=tables, figures=figures)


def claimed_by(claim: Mapping[str, Any], content: Mapping[str, Any]) -> str:
    """Say what the arms of a claim are compared by where the report's scores are not it."""
    if claim["by"] == "steps":
        return "by the steps to their target"
    said = f"by {column_words(claim['by'], content['unit'])}, of which the better has more"
    ratios = any(pair["scale"] == "log" for pairs in claim["comparisons"].values() for pair in pairs)
    return f"{said}; the gain is how much lower that of the other is" if ratios else said


def _comparisons(
    caption: str, comparisons: Sequence[Mapping[str, Any]], best: str, name: str = "differences"
) -> list[Table]:
    """Return the comparisons as rows, without those that have no pair of trials, in a table if there are any.

    Where there are very many, those of the best arm.
    """
    comparisons = [c for c in comparisons if c["n"]]
    if not comparisons:
        return []
    if len(comparisons) > MOST_PAIRS:
        caption += f" Of {len(comparisons)} pairs those of {best}; report.json has all."
        comparisons = [c for c in comparisons if best in (c["a"], c["b"])]
    gain = "gain, of the arms' range" if all(c["scale"] == "range" for c in comparisons) else "gain"
    header = ["better so far", "against", "wins", gain, "95 % interval", "p (adjusted)", "verdict"]
    rows = [
        [
            Cell(c["a"]),
            Cell(c["b"]),
            Cell(words.share(c["wins"], c["n"])),
            Cell(words.effect(c), c["effect"]),
            Cell(words.effect_interval(c), c["low"]),
            Cell(words.probability(c), c["p"]),
            Cell(words.verdict(c), best=c["verdict"] == "better"),
        ]
        for c in comparisons
    ]
    return [table(caption, header, rows, name)]


def _per_data_set(content: Mapping[str, Any]) -> Section | None:
    parts = []
    many = len(content["problems"]) > MOST_OPEN_PARTS
    for place, problem in enumerate(content["problems"]):
        comparisons = content["comparisons"]["problems"][problem]
        tables = _boards(content, problem)
        if comparisons:
            n = max(c["n"] for c in comparisons)
            once = "; intervals hold at every look" if content["rounds"] is not None else ""
            caption = f"Paired differences on {problem}, {counted(n, SEEDS)}{once}."
            best = content["leaderboard"]["problems"][problem][0]["arm"]
            tables += _comparisons(caption, comparisons, best)
        rates = surely.rate_table(content, problem)
        tables += [table(*rates, "level-rates")] if rates is not None else []
        tables = [replace(one, detail=True) for one in tables] if many else tables
        said = content["comparisons"]["sentences"][problem]
        parts.append(
            Section(
                f"data-set-{place + 1}",
                problem,
                paragraphs=[*([said] if said else []), *surely.paragraphs(content, problem)],
                tables=tables,
            )
        )
    one = singular(content["unit"])
    title = f"{one.capitalize()} by {one}"
    return Section("data-sets", title, figures=_figures(content, "data-sets"), parts=parts)


def _boards(content: Mapping[str, Any], problem: str) -> list[Table]:
    """Return the scores on one problem; further metrics in a table of their own, where they are many."""
    measure = content["measures"][problem]
    board = content["leaderboard"]["problems"][problem]
    others = list(dict.fromkeys(name for row in board for name in row["metrics"]))
    center = "geometric mean" if measure["scale"] == "log" else "mean"
    tiers = len(board) > 1 and all("tier" in row for row in board)  # a report of an older annx has none
    deciles = [surely.decile(content, problem, row["arm"], measure) for row in board]
    surest = any(text != surely.TOO_FEW for text, _ in deciles)
    header = [
        "arm",
        *(["tier"] if tiers else []),
        "rank",
        "chosen",
        f"{measure['label']}, {center}",
        "95 % interval",
        "median",
        "IQM",
        *(["worst decile"] if surest else []),
        "ok",
    ]
    metrics = [[Cell(words.metric(row, name, content.get("shares", ()))) for name in others] for row in board]
    names = [metric_words(name, content["unit"]) for name in others]
    rows, ranked = [], words.is_ranked(content, problem)
    for row, decile in zip(board, deciles, strict=True):
        rows.append(
            [
                Cell(row["arm"]),
                *([Cell(str(row["tier"] or "–"), row["tier"])] if tiers else []),
                Cell(words.rank(row), row["rank"]),
                Cell(row["config"] or "–"),
                Cell(words.score(row, measure), row["value"], row["rank"] == 1 and ranked),
                Cell(words.spread(row, measure), row["low"]),
                Cell(words.value(row["median"], measure), row["median"]),
                Cell(words.value(row["iqm"], measure), row["iqm"]),
                *([Cell(*decile)] if surest else []),
                Cell(words.share(row["ok"], row["n"])),
            ]
        )
    sure = "" if surest else f" There are {surely.TOO_FEW} for a worst decile."
    if len(others) > MOST_METRICS:
        further = [[Cell(row["arm"]), *cells] for row, cells in zip(board, metrics, strict=True)]
        caption = f"Further metrics on {problem}: plain means of the trials that finished."
        return [
            table(f"Scores on {problem}.{sure}", header, rows, "scores"),
            table(caption, ["arm", *names], further, "further-metrics"),
        ]
    caption = f"Scores on {problem}; further metrics are plain means." if others else f"Scores on {problem}."
    every = [[*row, *cells] for row, cells in zip(rows, metrics, strict=True)]
    return [table(f"{caption}{sure}", [*header, *names], every, "scores")]


def _speed(content: Mapping[str, Any]) -> Section | None:
    figures, speed = _figures(content, "speed"), content["speed"]
    said, tables = _run_times(content)
    spent, prices = costs.cost_sentence(content), costs.cost_table(content)
    said += [spent] if spent else []
    priced = [table(*prices, "step-costs")] if prices is not None else []
    if speed is None:
        tables += priced
        some = figures or said or tables
        return Section("speed", "Speed", paragraphs=said, tables=tables, figures=figures) if some else None
    if speed["scores"]:
        caption = "Performance profile's score: 1 is the fastest everywhere, 0 nowhere near."
        rows = [[row["arm"], *words.profile_cells(row)] for row in speed["scores"]]
        tables.append(table(caption, ["arm", "score", "without one other"], rows, "profile-scores"))
    what = metric_words(speed["metric"], content["unit"])
    caption = (
        f"Median time at which {what} first reaches a single target; “never” where half of the seeds or more "
        "miss it. With restarts: the average where a trial that misses it is begun anew. "
        + (
            "Seconds: steps times what one costs the arm alone."
            if speed["clock"] == "alone"
            else "Seconds are a share of the time of all that trained in one stack, so they do not tell arms "
            "apart."
        )
    )
    header = [singular(content["unit"]), "arm", "target", "steps", "with restarts", "seconds", "reached"]
    tables += [table(caption, header, _time_rows(content), "times-to-target"), *priced]
    paragraphs = [*said, words.speed_sentence(content)]
    return Section("speed", "Speed", paragraphs=paragraphs, tables=tables, figures=figures)


def _run_times(content: Mapping[str, Any]) -> tuple[list[str], list[Table]]:
    """Return what is said of many targets, with its tables; a report of an older annx says nothing."""
    times = content.get("run_times")
    if times is None:
        return [], []
    tables = []
    for whole in (True, False):
        header, rows = run_times.area_rows(content, whole)
        if rows:
            name = "speed" if whole else "speed-by-problem"
            tables.append(table(run_times.area_caption(content, whole), header, rows, name))
    for where, pairs in run_times.shown_pairs(times).items():
        caption = run_times.pair_caption(where, pairs, content["unit"])
        tables += _comparisons(caption, pairs, run_times.fastest(times, where), "speed-differences")
    return [text for text in (times["headline"], run_times.ladder_sentence(content)) if text], tables


def _time_rows(content: Mapping[str, Any]) -> list[list[Cell]]:
    """Return the times to target, a row per problem and arm, the fastest arm first."""
    speed = content["speed"]
    target = {entry["problem"]: entry["target"] for entry in speed["targets"]}
    places = {problem: i for i, problem in enumerate(content["problems"])}
    rows = sorted(speed["times"], key=lambda row: (places[row["problem"]], words.finite(row["steps"])))
    return [
        [
            Cell(row["problem"]),
            Cell(row["arm"]),
            Cell(words.plain_number(target[row["problem"]])),
            Cell(words.steps(row), words.finite(row["steps"])),
            Cell(run_times.single_target_steps(row), words.finite(row.get("restarts"))),
            Cell(words.time_in_seconds(row), words.finite(row["seconds"])),
            Cell(words.share(row["reached"], row["n"])),
        ]
        for row in rows
    ]


def _sensitivity(content: Mapping[str, Any]) -> Section | None:
    figures = _figures(content, "sensitivity")
    if not any(content[name] for name in ("sensitivity", "budget", "selection")) and not figures:
        return None
    tables, said = [], []
    if content["sensitivity"]:
        caption = "The tuned hyperparameter: its best value, and how many decades around it are as good."
        tables.append(table(caption, *words.sensitivity_rows(content), "sensitivity"))
    if content.get("importance"):
        said += content["importance"]["sentences"]
        tables.append(table(importance_caption(content), *importance_rows(content), "importance"))
    if content["budget"]:
        said.append(words.budget_sentence(content))
        caption = (
            "What a tuning budget buys: the expected score of the best of k configurations, drawn from those "
            "that were tried."
        )
        tables.append(table(caption, *words.budget_rows(content), "budget"))
    if content["selection"]:
        said.append(words.selection_sentence(content))
        metric = metric_words(content["select"]["metric"], content["unit"])
        caption = (
            f"What tuning chose, by {metric}: its mean on the tuning seeds, too good by luck, and that of "
            "the same configuration on fresh seeds. The gap is positive where the fresh one is worse."
        )
        tables.append(_with_gaps(table(caption, *words.selection_rows(content), "selection"), content))
    title = "Sensitivity and budget" if content["budget"] else "Sensitivity"
    if content["selection"] and not content["sensitivity"] and not content["budget"]:
        title = "What tuning chose"
    return Section(
        "sensitivity", title, paragraphs=[text for text in said if text], tables=tables, figures=figures
    )


def _with_gaps(choices: Table, content: Mapping[str, Any]) -> Table:
    """Return the table of choices such that it sorts by the gaps, some of which are written as multiples."""
    at = list(choices.header).index("gap")
    rows = []
    for row, gap in zip(choices.rows, words.gaps_of(content), strict=True):
        cell = row[at]._replace(sort=None if math.isnan(gap) else gap)
        rows.append([*row[:at], cell, *row[at + 1 :]])
    return replace(choices, rows=rows)


def _diagnostics(content: Mapping[str, Any]) -> Section:
    counts = content["counts"]
    statuses = ("ok", "diverged", "failed", "timeout", "crashed")
    said = ", ".join(f"{counts[name]} {name}" for name in statuses if counts[name] or name == "ok")
    phases = f"{counts['tune']} for tuning and {counts['report']} for the report"
    waiting = {"for tuning": counts["tune_not_run"], "for the report": counts["report_not_run"]}
    not_run = [f"{count} {phase}" for phase, count in waiting.items() if count]
    left = f" Not run: {' and '.join(not_run)}." if not_run else ""
    failed = content["failed_trials"]
    tables = []
    if failed:
        shown = failed[:MOST_FAILURES]
        caption = "Trials that are not ok" + (
            f": the first {len(shown)} of {len(failed)}; trials.csv has all."
            if len(shown) < len(failed)
            else "."
        )
        header = [singular(content["unit"]), "arm", "configuration", "seed", "phase", "status", "reason"]
        keys = ("problem", "arm", "config", "seed", "phase", "status", "error")
        rows = [[Cell(str(row[key]) if row[key] != "" else "–") for key in keys] for row in shown]
        tables.append(table(caption, header, rows, "failed-trials"))
    if content["not_drawn"]:
        rows = [
            [Cell(row["name"]), Cell(row["question"]), Cell(row["reason"])] for row in content["not_drawn"]
        ]
        caption = "Figures with nothing to show here."
        tables.append(table(caption, ["figure", "question", "why"], rows, "not-drawn"))
    return Section(
        "diagnostics",
        "Diagnostics and failed trials",
        paragraphs=[f"{counted(counts['trials'], 'trials')} ({phases}): {said}.{left}"],
        tables=tables,
        figures=_figures(content, "diagnostics"),
    )


def _methods(content: Mapping[str, Any]) -> Section:
    return Section(
        "methods",
        "Methods",
        terms=[(p["title"], p["text"]) for p in content["methods"]["paragraphs"]],
        items=content["methods"]["references"],
    )


def _downloads(content: Mapping[str, Any]) -> Section:
    if "judged" in content["provenance"]:
        links = [link for link in DOWNLOADS if link[0] in FROM_ELSEWHERE]
        return Section("downloads", "Downloads", links=links)
    return Section("downloads", "Downloads", paragraphs=[EXPORTS], links=DOWNLOADS)


def _provenance(content: Mapping[str, Any]) -> Section:
    facts = words.lines_of(content["provenance"], skip=("experiment_text",))
    if "judged" in content["provenance"]:
        facts = [*words.lines_of(content["provenance"]["judged"]), ("generator", content["generator"])]
    seeds = content["seeds"]
    facts = [
        ("seeds: tune", _runs(seeds["tune"])),
        ("seeds: report", _runs(seeds["report"])),
        *_rules(content),
        ("suite", suite_line(content.get("suite"))),
        *facts,
    ]
    rows = [[Cell(name), Cell(text)] for name, text in facts if text]
    return Section(
        "provenance",
        "Provenance",
        tables=[table("What these numbers came from.", ["fact", "value"], rows, "provenance")],
        code=content["provenance"]["experiment_text"],
    )


def _rules(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the components that drew, chose and stopped; a report of an older annx names none."""
    titles = {"sampler": "search method", "selector": "selection rule", "stopper": "stopping rule"}
    rules = content.get("rules", {})
    return [(title, words.named(rules[kind])) for kind, title in titles.items() if rules.get(kind)]


def _runs(seeds: Sequence[int]) -> str:
    """Write consecutive seeds as a range: "100-109"."""
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[0] + len(seeds))):
        return f"{seeds[0]} to {seeds[-1]} ({len(seeds)})"
    return ", ".join(map(str, seeds))
