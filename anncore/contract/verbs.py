"""The verbs of annx's own command line: no plugin's command may have such a name.

Nothing is imported here: `annx --help` reads it.
"""

from __future__ import annotations

VERBS = (
    "sweep",
    "plan",
    "explain",
    "status",
    "serve",
    "report",
    "merge",
    "compare",
    "verify",
    "field",
    "judge",
    "challenge",
    "export",
    "list",
    "suites",
    "show",
    "bench",
    "plugins",
    "check",
    "new-plugin",
    "doctor",
)
"""In the order in which a user needs them."""
