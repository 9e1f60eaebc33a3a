"""A report as sections of paragraphs, tables and figures: what HTML and Markdown both render.

The two are twins because neither decides what is said; they only write it down.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from anncore.contract.kinds.sections import PLACES
from anncore.evidence.sentences import SEEDS, counted
from anncore.evidence.units import metric_words, sentence, singular
from anncore.report import factorial, surely, words
from anncore.report.comparison_tables import claimed_by, comparison_tables
from anncore.report.encoding import encoding_caption, encoding_rows, encoding_sentence
from anncore.report.importance import importance_caption, importance_rows
from anncore.report.page_parts import (
    Cell as Cell,
    Section as Section,
    Table as Table,
    figures_of,
    lead_figure as lead_figure,
    table as table,
)
from anncore.report.printable import printable, spelt
from anncore.report.sections_of_record import (
    diagnostics_section,
    downloads_section,
    methods_section,
    provenance_section,
)
from anncore.report.sections_of_speed import speed_section
from anncore.report.success import caption_of_pairs, pair_rows, rate_rows, success_sentence
from anncore.report.tiers import arms_table

MOST_OPEN_PARTS = 4  # problems; of more, the tables of each are folded
MOST_FACTORIALS = 6  # problems, each with tables of its own
NUMBERS = frozenset({float, int, bool, type(None)})
MOST_METRICS = 0  # beside the scores; more make a table too wide for a page


class View(NamedTuple):
    """A report as its pages show it: its content, printable, what stands below the answer, and the rest."""

    content: Mapping[str, Any]
    first: Section
    sections: list[Section]


def view_of(content: Mapping[str, Any]) -> View:
    """Return what all pages of a report show, so that they need not make it anew each."""
    content = shown(content)
    return View(content, first_screen(content), sections(content))


def shown(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a report's content as a view may show it: printable, on one line but for the experiment file.

    There escapes stand for what is not printable, which mean the same to who reads the file.
    """
    view: dict[str, Any] = _printable(content)
    text = spelt(content["provenance"]["experiment_text"])
    return {**view, "provenance": {**view["provenance"], "experiment_text": text}}


def _printable(value: Any) -> Any:
    kind = type(value)  # a report has a million values, nearly all of these few types
    if kind is str:
        return value if value.isprintable() else printable(value)
    if kind in NUMBERS:
        return value
    if kind is dict or isinstance(value, Mapping):
        return {_printable(key): _printable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_printable(item) for item in value]
    return printable(value) if isinstance(value, str) else value


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
        speed_section(content),
        diagnostics_section(content),
    ]
    parts: list[Section | None] = []
    for place, own in zip(PLACES, ours, strict=True):
        parts += [own, *_from_plugins(content, place)]
    parts += [
        _encodings(content),
        methods_section(content),
        provenance_section(content),
        downloads_section(content),
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
    figures = figures_of(content, "leaderboard")
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
        figures=figures_of(content, "success"),
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
        figures=figures_of(content, "factorial"),
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
    figures = figures_of(content, "differences")
    claim = content.get("claim") or {"comparisons": {}}
    if not comparisons and not figures and often is None and not claim["comparisons"]:
        return None
    units = content["unit"]
    ranked = [row["arm"] for row in content["leaderboard"]["overall"]]
    caption = f"Over all {units}. The unit is the {singular(units)}."
    tables = comparison_tables(caption, comparisons, ranked[0])
    for problem, pairs in claim["comparisons"].items():
        tables += comparison_tables(
            f"The claim's arms on {problem}, {claimed_by(claim, content)}.", pairs, ranked[0]
        )
    if often is not None:
        tables.append(table(*words.improvement_table(often, ranked, units), "improvement"))
    return Section("differences", "Differences", tables=tables, figures=figures)


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
            tables += comparison_tables(caption, comparisons, best)
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
    return Section("data-sets", title, figures=figures_of(content, "data-sets"), parts=parts)


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


def _sensitivity(content: Mapping[str, Any]) -> Section | None:
    figures = figures_of(content, "sensitivity")
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
