"""Print a pip constraint for each dependency of pyproject.toml: exactly the lowest version that it admits.

python .ci/lowest.py [EXTRA ...] >constraints.txt
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)\s*>=\s*(?P<floor>[\w.]+)[^;]*(?P<marker>;.*)?")


def constraint(requirement: str) -> str:
    """Return `name==floor` with the requirement's marker; one without a floor is an error."""
    parts = REQUIREMENT.fullmatch(requirement)
    if parts is None:
        raise SystemExit(f"pyproject.toml: {requirement!r} states no lowest version; write 'name>=version'")
    return f"{parts['name']}=={parts['floor']}{parts['marker'] or ''}"


def main(extras: list[str]) -> None:
    """Print the constraints of annx itself and of some of its extras."""
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    extra_requirements = [
        requirement for extra in extras for requirement in project["optional-dependencies"][extra]
    ]
    sys.stdout.writelines(
        f"{constraint(requirement)}\n" for requirement in project["dependencies"] + extra_requirements
    )


if __name__ == "__main__":
    main(sys.argv[1:])
