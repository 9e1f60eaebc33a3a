"""What the lower wings tell a user while they work; the command line puts its own printing in place."""

from __future__ import annotations

from collections.abc import Callable


def _log(text: str) -> None:
    """Log a warning, which Python prints on standard error where nobody has set up logging."""
    import logging

    logging.getLogger(__name__).warning("%s", text)


class Teller:
    """Hands on lines for the user; `say` is what prints them."""

    def __init__(self) -> None:
        self.say: Callable[[str], None] = _log


TELLER = Teller()
