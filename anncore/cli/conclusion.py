"""How `annx sweep` and `annx report` end: with a report, its answer on the terminal, an exit code."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anncore.cli import printing
from anncore.cli.common import counted, print_json, say
from anncore.cli.group import INTERRUPTED, NOT_SHOWN, OK, SOME_FAILED, STOPPED
from anncore.cli.options import OutputOptions
from anncore.cli.required import outcomes_of, say_required
from anncore.contract.standard_output import kept_for_results
from anncore.report.printable import printable
from anncore.report.refresh import rendering

if TYPE_CHECKING:
    from anncore.evidence.results import Results

FAILURES = {"failed": "failed", "timeout": "timed out", "crashed": "crashed"}
WHY = {
    "interrupted": "Interrupted",
    "terminated": "Terminated",
    "max_time": "Out of time",
    "fail_fast": "Stopped by a failure",
}


def conclude(
    results: Results,
    folder: Path,
    output: OutputOptions,
    *,
    again: bool = False,
    required: Sequence[str] = (),
) -> int:
    """Write the report where there is something to report, print it, and return the exit code.

    again: render also where the last report was made from the same results. required: the claims of
    --require.
    """
    counts = Counter(results.trials["status"])
    content = None
    nothing_chosen = bool((results.selection["n_ok"] == 0).any())
    if nothing_chosen or (results.trials["phase"] == "report").any():
        content = _written(rendering(results, folder, again=again, figures=not output.no_figures), output)
    outcomes = outcomes_of(results, required, content)
    if output.verbose:
        say_what_went_wrong(results.trials)
    if output.as_json:
        print_json(
            {
                "folder": str(folder),
                "status": {**counts, "missing": results.missing},
                "stopped": results.stopped,
                "report": content,
                **({"required": [one.to_json() for one in outcomes]} if required else {}),
            }
        )
    elif not output.quiet:
        if content is not None:
            say(f"Report: {folder / 'report.html'}")
        if not output.verbose:
            _say_first_failure(results)
        say_how_it_ended(results)
    say_required(outcomes, quiet=output.quiet or output.as_json)
    if results.stopped == "interrupted":
        return INTERRUPTED
    if results.stopped in ("terminated", "max_time"):
        return STOPPED
    if any(one.outcome != "holds" for one in outcomes):
        return NOT_SHOWN
    return SOME_FAILED if results.failures else OK


def conclude_shard(results: Results, folder: Path, output: OutputOptions) -> int:
    """Say how a shard ended, which is too small a part for a report, and return the exit code."""
    counts = Counter(results.trials["status"])
    if output.verbose:
        say_what_went_wrong(results.trials)
    if output.as_json:
        print_json({"folder": str(folder), "status": dict(counts), "stopped": "", "report": None})
    elif not output.quiet:
        others = folder.with_name(re.sub(r"\.shard-\d+-of-\d+$", ".shard-*", folder.name))
        joined = folder.with_name(re.sub(r"\.shard-\d+-of-\d+$", "", folder.name))
        say(f"{counted(len(results.trials), 'trial')} done: {folder}")
        if joined != folder:
            say(f"When all parts are done: annx merge {others} --out {joined}")
        if not output.verbose:
            _say_first_failure(results)
        _say_failures(counts)
    return SOME_FAILED if results.failures else OK


def _written(steps: Iterator[dict[str, Any]], output: OutputOptions) -> dict[str, Any]:
    """Write a report; print its answer before the figures are drawn, which may take longer than trials."""
    shown = not (output.as_json or output.quiet)

    def texts_of(content: dict[str, Any]) -> list[str]:
        return [warning["text"] for warning in content["answer"]["warnings"]]

    with kept_for_results():
        content = next(steps)
    if shown:
        from anncore.report import summary

        say(summary(content))
    said = texts_of(content)
    with _said_to_be_drawn(output), kept_for_results():
        content = [content, *steps][-1]
    new = [text for text in texts_of(content) if text not in said]
    if shown and new:
        from anncore.report.terminal import warned

        say(warned(new))
    return content


@contextmanager
def _said_to_be_drawn(output: OutputOptions) -> Iterator[None]:
    """Say on a terminal that figures are drawn, in a line that goes away."""
    shown = not (output.quiet or output.no_progress) and sys.stderr.isatty()
    if shown:
        printing.passing("Writing the report ...")
    try:
        yield
    finally:
        if shown:
            printing.passing("")


def say_how_it_ended(results: Results) -> None:
    """Say, on standard error, what failed and what is left to do."""
    _say_failures(Counter(results.trials["status"]))
    if results.stopped:
        done = f"{len(results.trials)} of {counted(results.plan.counts['total'], 'trial')} done"
        say(f"{WHY[results.stopped]}, {done}; the same command resumes.", err=True)
    elif results.missing:
        say(f"{counted(results.missing, 'trial')} not run; 'annx sweep' resumes.", err=True)


def _say_failures(counts: Counter[str]) -> None:
    for status, verb in FAILURES.items():
        if counts[status]:
            trials = counted(counts[status], "trial")
            say(f"{trials} {verb}: -v says why, --retry-failed runs them again.", err=True)


def _say_first_failure(results: Results) -> None:
    """Print the first trial that an error ended, on standard error: mostly all failed for one reason."""
    trials = results.trials
    say_what_went_wrong(trials[trials["status"] == "failed"][:1])


def say_what_went_wrong(trials: Any) -> None:
    """Print each trial that did not end ok, and the last line of its error, on standard error."""
    for row in trials[trials["status"] != "ok"].to_dict("records"):
        parts = (row["problem"], row["arm"], row["config"], f"seed {row['seed']}")
        where = ", ".join(str(part) for part in parts if part)
        error = str(row["error"] or "").strip().splitlines()
        say(printable(f"{row['status']}: {where}" + (f": {error[-1]}" if error else "")), err=True)
