"""From results to a report in a run folder, skipping the drawing where nothing changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anncore.evidence.study import Study

if TYPE_CHECKING:
    from anncore.evidence.results import Results

VIEWS = ("report.json", "report.md", "report.html")
UNDRAWN = "figures_left_out"
"""The kind of the warning in a report that was written without figures."""


def render(results: Results, folder: Path, *, again: bool = False, figures: bool = True) -> dict[str, Any]:
    """Write the report of a run folder's results and return report.json's content.

    Where the last report was made from the same tables, experiment and versions, it is returned as it
    stands, unless `again`: drawing takes seconds, and a finished sweep should answer at once. figures: False
    leaves them out of a new report; the last report, if it has them, keeps them.
    """
    *_, content = rendering(results, folder, again=again, figures=figures)
    return content


def rendering(
    results: Results, folder: Path, *, again: bool = False, figures: bool = True
) -> Iterator[dict[str, Any]]:
    """Write a report as `render` does; yield its content before anything is drawn, and at the end."""
    from anncore.running.looks import remember

    inputs = digest(results, folder)
    remember(results, folder)
    known = None if again else _last(folder, inputs, figures)
    if known is not None:
        yield known
        return
    from anncore.report import writing_report
    from anncore.running.run_folder import RunFolder

    meta = {"inputs_sha256": inputs, **RunFolder(folder).environment()}
    yield from writing_report(results, folder, meta=meta, figures=figures)


def digest(results: Results, folder: Path) -> str:
    """Return a digest of all that a report is made from: tables, experiment, versions."""
    from anncore.running.run_folder import RunFolder

    experiment = results.experiment
    environment = RunFolder(folder).environment()
    for irrelevant in ("command", "git_commit"):  # asking again, or committing, changes no report
        environment.pop(irrelevant, None)
    facts = [
        [_sha256(folder / name) for name in ("trials.csv", "curves.csv.gz")],
        [experiment.name, experiment.text, experiment.overrides, experiment.only, experiment.skip],
        [experiment.quick, experiment.rounds, experiment.widened, results.missing, environment],
    ]
    written = [[known.full_name, known.version] for known in experiment.registry.of_kind("section")]
    facts += [written] if written else []  # a section that was added or changed is not in the last report
    before = [look.seeds for look in Study(results).history.earlier] if results.past else []
    facts += [before] if before else []
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _last(folder: Path, inputs: str, figures: bool) -> dict[str, Any] | None:
    """Return report.json's content if it was made from the same inputs and all of it is still there.

    One without figures does where none are asked for.
    """
    from anncore.contract.file_names import readable
    from anncore.report.markdown import render_markdown

    try:
        content: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        drawn = [f[key] for f in content["figures"] for key in ("png", "svg", "phone") if f[key]]
        undrawn = any(warning["kind"] == UNDRAWN for warning in content["answer"]["warnings"])
        same = content["provenance"]["inputs_sha256"] == inputs
        there = same and all((folder / name).is_file() for name in (*VIEWS, *drawn))
        # A view tells whether all of the content is as it was written.
        view = readable(render_markdown(content)).encode() if there else b""
        whole = there and (folder / "report.md").read_bytes() == view
    except Exception:  # content that is damaged may make the view raise anything
        return None
    return content if whole and not (figures and undrawn) else None
