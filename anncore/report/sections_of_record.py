"""The sections that record what was done: failed trials, methods, provenance, downloads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from anncore.evidence.sentences import counted
from anncore.evidence.units import singular
from anncore.report import words
from anncore.report.page_parts import Cell, Section, figures_of, table
from anncore.report.suites import suite_line

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


MOST_FAILURES = 100


def diagnostics_section(content: Mapping[str, Any]) -> Section:
    """Return how trials ended, which failed, and which figures had nothing to show."""
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
        listed = failed[:MOST_FAILURES]
        caption = "Trials that are not ok" + (
            f": the first {len(listed)} of {len(failed)}; trials.csv has all."
            if len(listed) < len(failed)
            else "."
        )
        header = [singular(content["unit"]), "arm", "configuration", "seed", "phase", "status", "reason"]
        keys = ("problem", "arm", "config", "seed", "phase", "status", "error")
        rows = [[Cell(str(row[key]) if row[key] != "" else "–") for key in keys] for row in listed]
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
        figures=figures_of(content, "diagnostics"),
    )


def methods_section(content: Mapping[str, Any]) -> Section:
    """Return how it was done, with references."""
    return Section(
        "methods",
        "Methods",
        terms=[(p["title"], p["text"]) for p in content["methods"]["paragraphs"]],
        items=content["methods"]["references"],
    )


def downloads_section(content: Mapping[str, Any]) -> Section:
    """Return the files beside the report."""
    if "judged" in content["provenance"]:
        links = [link for link in DOWNLOADS if link[0] in FROM_ELSEWHERE]
        return Section("downloads", "Downloads", links=links)
    return Section("downloads", "Downloads", paragraphs=[EXPORTS], links=DOWNLOADS)


def provenance_section(content: Mapping[str, Any]) -> Section:
    """Return what the numbers came from: seeds, versions, machine, the experiment file."""
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
