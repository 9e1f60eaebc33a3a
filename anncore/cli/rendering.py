"""From results to a report in a run folder, skipping the drawing where nothing changed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anncore.results import Results

VIEWS = ("report.json", "report.md", "report.html")


def render(results: Results, folder: Path, *, again: bool = False) -> dict[str, Any]:
    """Write the report of a run folder's results and return report.json's content.

    Where the last report was made from the same tables, experiment and versions, it is returned as it
    stands, unless `again`: drawing takes seconds, and a finished sweep should answer at once.
    """
    inputs = digest(results, folder)
    known = None if again else _last(folder, inputs)
    if known is not None:
        return known
    from anncore.report import write_report

    return write_report(results, folder, meta={"inputs_sha256": inputs, **versions(results)})


def versions(results: Results) -> dict[str, Any]:
    """Return what made the numbers and the drawings: versions of annx, NumPy, Python and plugins."""
    import platform

    import numpy as np

    from anncore import __version__

    plugins = {
        f"{plugin.name} {plugin.version}"
        for plugin in results.experiment.registry.plugins
        if plugin.dist != "annx" and not plugin.problem
    }
    return {
        "annx": __version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
        "third_party_plugins": sorted(plugins),
    }


def digest(results: Results, folder: Path) -> str:
    """Return a digest of all that a report is made from: tables, experiment, versions."""
    experiment = results.experiment
    told = {
        "tables": [_sha256(folder / name) for name in ("trials.csv", "curves.csv.gz")],
        "experiment": [experiment.text, experiment.title, experiment.overrides, experiment.only],
        "more": [experiment.skip, experiment.quick, experiment.name],
        "versions": versions(results),
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _last(folder: Path, inputs: str) -> dict[str, Any] | None:
    """Return report.json's content if it was made from the same inputs and all of it is still there."""
    try:
        content: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        figures = [figure["png"] for figure in content["figures"]]
        same = content["provenance"]["inputs_sha256"] == inputs
    except (OSError, ValueError, KeyError, TypeError):
        return None
    there = all((folder / name).is_file() for name in (*VIEWS, *figures))
    return content if same and there else None
