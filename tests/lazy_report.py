"""A report of which a part is made when it is first read, for tests that look at a figure or two."""

from __future__ import annotations

from typing import Any

from anncore.evidence.study import Study
from anncore.report.build import parts_of


class LazyReport(dict[str, Any]):
    """What `build_report` returns, without the methods; figures read few of its parts."""

    def __init__(self, results: Any) -> None:
        super().__init__()
        self._parts = parts_of(Study(results), {})

    def __missing__(self, key: str) -> Any:
        part = self._parts[key]
        self[key] = part() if callable(part) else part
        return self[key]

    def get(self, key: str, default: Any = None) -> Any:
        return self[key] if key in self else default  # noqa: SIM401

    def __contains__(self, key: object) -> bool:
        return key in self._parts or super().__contains__(key)
