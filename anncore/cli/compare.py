"""`annx compare`: two run folders side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from anncore.cli.common import counted, json_option, print_json, say, table
from anncore.report.printable import printable

VERDICTS = {"too_few": "too few pairs", "undecided": "not told apart", "unlike": "not comparable"}
LONGEST = 48  # of a value that changed


@click.command(short_help="Compare two run folders: what changed in the inputs, the scores, the findings.")
@click.argument("first", metavar="A", type=click.Path())
@click.argument("second", metavar="B", type=click.Path())
@json_option
def command(first: str, second: str, as_json: bool) -> int:
    """Compare the run folders A and B: what went in, how the scores changed, which findings changed.

    Changes are from A to B, with 95 % intervals, over trials paired by seed; p-values are adjusted by Holm
    over all rows. Nothing is run and nothing is written.
    """
    from anncore.report.compare_runs import compare_runs

    found = compare_runs(first, second)
    if as_json:
        print_json(found)
    else:
        say("\n\n".join(part for part in _parts(found) if part))
    return 0


def _parts(found: Mapping[str, Any]) -> list[str]:
    return [
        _heads(found),
        _inputs(found),
        _trials(found),
        _scores(found),
        _lacking(found),
        _findings(found),
        _headlines(found),
    ]


def _heads(found: Mapping[str, Any]) -> str:
    rows = []
    for name in ("a", "b"):
        run = found[name]
        missing = f", {run['missing']} to do" if run["missing"] else ""
        trials = f"{counted(run['tune'] + run['report'], 'trial')}{missing}"
        rows.append((name.upper(), run["folder"], trials, run["title"]))
    return table(rows)


def _inputs(found: Mapping[str, Any]) -> str:
    if not found["inputs"]:
        return "Inputs: the same."
    rows = [(row["where"], row["key"], _value(row["a"]), "->", _value(row["b"])) for row in found["inputs"]]
    return "Inputs that changed\n" + table(rows, "  ")


def _value(value: Any) -> str:
    if value is None:
        return "none"
    text = value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _trials(found: Mapping[str, Any]) -> str:
    counts = found["trials"]
    if not counts["shared"]:
        return f"Trials: none of {counts['a']} and {counts['b']} has the same run key."
    said = f"Trials: {counts['shared']} of {counts['a']} and {counts['b']} have the same run key"
    if counts["same"] == counts["shared"]:
        return f"{said} and came out the same to the last digit."
    return f"{said}; {counts['shared'] - counts['same']} of these came out otherwise."


def _scores(found: Mapping[str, Any]) -> str:
    from anncore.evidence.units import singular
    from anncore.report import words

    if not found["scores"]:
        return "Scores: the two share no problem and arm."
    units = {singular(found[name]["unit"]) for name in ("a", "b")}
    one = units.pop() if len(units) == 1 else "problem"
    rows = [(one, "arm", "A", "B", "change", "95 % interval", "p (Holm)", "verdict")]
    for row in found["scores"]:
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
    measures = printable(", ".join(dict.fromkeys(row["measure"] for row in found["scores"])))
    return f"Scores ({measures}) and by how much B's are better than A's\n" + table(rows, "  ")


def _mean(run: Mapping[str, Any], scale: str) -> str:
    from anncore.report import words

    measure = {"scale": scale}
    lost = f" ×{run['diverged']}" if run["diverged"] else ""
    return f"{words.value(run['mean'], measure)}{lost} ({words.spread(run, measure)})"


def _lacking(found: Mapping[str, Any]) -> str:
    lines = []
    for name in ("a", "b"):
        for what, items in found[f"only_{name}"].items():
            if items:
                lines.append(printable(f"Only in {name.upper()}: {what} {', '.join(items)}"))
    return "\n".join(lines)


def _findings(found: Mapping[str, Any]) -> str:
    changed = [each for each in found["findings"] if each["changed"]]
    total = counted(len(found["findings"]), "finding")
    if not changed:
        return f"Findings: {total} about pairs of arms, none of which changed." if found["findings"] else ""
    lines = [f"Findings that changed: {len(changed)} of {total} about pairs of arms"]
    for each in changed:
        lines += [f"  {name.upper()}  {printable(each[name]['sentence'])}" for name in ("a", "b")]
    return "\n".join(lines)


def _headlines(found: Mapping[str, Any]) -> str:
    a, b = map(printable, found["headlines"])
    return f"A and B: {a}" if a == b else f"A: {a}\nB: {b}"
