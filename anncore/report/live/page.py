"""The page itself: a frame that its script fills with what the server's events bring."""

from __future__ import annotations

from anncore.report.html import asset

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
"""Nothing from elsewhere, no text becomes markup."""


def page() -> str:
    """Return the page; what it shows of runs comes later, as JSON, and is set as text."""
    return asset("live.html")
