"""The section on speed: run times to many targets, single targets, and performance profiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anncore.evidence.units import metric_words, singular
from anncore.report import costs, run_times, words
from anncore.report.comparison_tables import comparison_tables
from anncore.report.page_parts import Cell, Section, Table, figures_of, table


def speed_section(content: Mapping[str, Any]) -> Section | None:
    """Return how fast the arms were; None where nothing was measured."""
    figures, speed = figures_of(content, "speed"), content["speed"]
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
        tables += comparison_tables(caption, pairs, run_times.fastest(times, where), "speed-differences")
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
