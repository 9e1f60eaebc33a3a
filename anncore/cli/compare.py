"""`annx compare`: two run folders side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from anncore.cli.common import counted, folded, print_json, say, table
from anncore.cli.options import NamedPath, json_option
from anncore.contract.counts import agreeing
from anncore.contract.standard_output import kept_for_results
from anncore.report.printable import printable

VERDICTS = {
    "too_few": "too few pairs",
    "undecided": "not told apart",
    "unlike": "not comparable",
    "typically_better": "better in a typical run only",
    "typically_worse": "worse in a typical run only",
}
LONGEST = 48  # characters of a value that changed


@click.command(short_help="Compare two run folders: which inputs, scores and findings changed.")
@click.argument("first", metavar="A", type=NamedPath())
@click.argument("second", metavar="B", type=NamedPath())
@json_option
def command(first: str, second: str, as_json: bool) -> int:
    """Compare the run folders A and B: which inputs, scores and findings changed.

    Changes are from A to B, with 95 % intervals, over trials paired by seed. p-values are adjusted over all
    rows by Holm's method. Nothing is run and nothing is written.
    """
    from anncore.contract.stand_ins import gone
    from anncore.report.compare_runs import compare_runs

    lines: dict[str, None] = {}  # the two folders may have lost the same
    with kept_for_results():
        changes = compare_runs(first, second, on_registry=lambda r: lines.update(dict.fromkeys(gone(r))))
    for line in lines:
        say(line, err=True)
    if as_json:
        print_json(changes)
    else:
        say("\n\n".join(part for part in _parts(changes) if part))
    return 0


def _parts(changes: Mapping[str, Any]) -> list[str]:
    return [
        _folders(changes),
        _inputs(changes),
        _trials(changes),
        _scores(changes),
        _lacking(changes),
        _findings(changes),
        _headlines(changes),
    ]


def _folders(changes: Mapping[str, Any]) -> str:
    rows = []
    for name in ("a", "b"):
        run = changes[name]
        missing = f", {run['missing']} not run" if run["missing"] else ""
        trials = f"{counted(run['tune'] + run['report'], 'trial')}{missing}"
        rows.append((name.upper(), run["folder"], trials, run["title"]))
    return table(rows)


def _inputs(changes: Mapping[str, Any]) -> str:
    if not changes["inputs"]:
        return "Inputs: the same."
    rows = [(row["where"], row["key"], _value(row["a"]), "->", _value(row["b"])) for row in changes["inputs"]]
    return "Inputs that changed\n" + table(rows, "  ")


def _value(value: Any) -> str:
    if value is None:
        return "none"
    text = value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _trials(changes: Mapping[str, Any]) -> str:
    counts = changes["trials"]
    if not counts["shared"]:
        return f"Trials: none of {counts['a']} and {counts['b']} has the same run key."
    have = agreeing(counts["shared"], "have")
    shared = f"Trials: {counts['shared']} of {counts['a']} and {counts['b']} {have} the same run key"
    if counts["same"] == counts["shared"]:
        return f"{shared} and gave the same results to the last digit."
    return f"{shared}; {counts['shared'] - counts['same']} of these gave other results."


def _scores(changes: Mapping[str, Any]) -> str:
    from anncore.evidence.units import singular
    from anncore.report import words

    if not changes["scores"]:
        return "Scores: the two share no problem and arm."
    units = {singular(changes[name]["unit"]) for name in ("a", "b")}
    one = units.pop() if len(units) == 1 else "problem"
    rows = [(one, "arm", "A", "B", "change", "95 % interval", "p (Holm)", "verdict")]
    for row in changes["scores"]:
        equal = row["verdict"] == "equal"
        rows.append(
            (
                row["problem"],
                row["arm"],
                _mean(row["a"], row["scale"]),
                _mean(row["b"], row["scale"]),
                "none" if equal else words.effect(row),
                "–" if equal else words.effect_interval(row),
                words.probability(row),
                row["reason"] or VERDICTS.get(row["verdict"], row["verdict"]),
            )
        )
    measures = printable(", ".join(dict.fromkeys(row["measure"] for row in changes["scores"])))
    return f"Scores ({measures}) and by how much B's are better than A's\n" + table(rows, "  ")


def _mean(run: Mapping[str, Any], scale: str) -> str:
    from anncore.report import words

    measure = {"scale": scale}
    lost = f" ×{run['diverged']}" if run["diverged"] else ""
    return f"{words.value(run['mean'], measure)}{lost} ({words.spread(run, measure)})"


def _lacking(changes: Mapping[str, Any]) -> str:
    lines = []
    for name in ("a", "b"):
        for what, items in changes[f"only_{name}"].items():
            if items:
                lines.append(folded(printable(f"Only in {name.upper()}: {what} {', '.join(items)}")))
    return "\n".join(lines)


def _findings(changes: Mapping[str, Any]) -> str:
    changed = [finding for finding in changes["findings"] if finding["changed"]]
    total = counted(len(changes["findings"]), "finding")
    if not changed:
        return f"Findings: {total} about pairs of arms, none of which changed." if changes["findings"] else ""
    lines = [f"Findings that changed: {len(changed)} of {total} about pairs of arms"]
    for finding in changed:
        lines += [f"  {name.upper()}  {printable(finding[name]['sentence'])}" for name in ("a", "b")]
    return folded("\n".join(lines))


def _headlines(changes: Mapping[str, Any]) -> str:
    a, b = map(printable, changes["headlines"])
    return folded(f"A and B: {a}") if a == b else f"{folded(f'A: {a}')}\n{folded(f'B: {b}')}"
