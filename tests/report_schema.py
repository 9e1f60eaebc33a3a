"""The published schema of report.json, and what in a report does not keep to it."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from jsonschema import Draft202012Validator

CONTENT = json.loads((resources.files("anncore.report") / "report.schema.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(CONTENT)


def complaints(report: Any) -> list[str]:
    """Return where a report, as plain JSON, does not keep to the schema, and why."""
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(report)]
