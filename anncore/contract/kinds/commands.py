"""Commands: verbs of the command line that plugins bring."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from anncore.contract.kinds.base import Component

if TYPE_CHECKING:
    import click


class Command(Component):
    """A verb of the command line: `annx NAME`, with hyphens in place of the name's underscores.

    Its exit code is what the click command returns, 0 where that is no number. An `AnnxError` ends it with
    one line and code 2.
    """

    @abstractmethod
    def command(self) -> click.Command:
        """Return the click command that parses the arguments and does the work."""


class Adopted(Command):
    """What stands for a click command that a plugin returns as it is."""

    wrapped: ClassVar[Any] = None
    """The click command."""

    def command(self) -> click.Command:
        """Return the click command."""
        wrapped: click.Command = self.wrapped
        return wrapped


def adopted(command: click.Command) -> type[Command]:
    """Return the component class that stands for a click command; its help is the documentation.

    The name is the command's with underscores: "best-arm" becomes "best_arm".
    """
    name = (command.name or "").replace("-", "_")
    text = (command.help or command.short_help or "").replace("\b", "").strip()
    first, _, rest = text.partition("\n\n")
    line = " ".join(first.split()).rstrip(".")
    usage = f"The command is `annx {command.name}`; --help shows its options."
    namespace = {
        "name": name,
        "wrapped": command,
        "__doc__": "\n\n".join(part for part in (f"{line}." if line else "", rest, usage) if part),
        "__module__": getattr(command.callback, "__module__", __name__),
    }
    title = "".join(part.capitalize() for part in name.split("_"))
    made: Any = dataclasses.make_dataclass(title, [], bases=(Adopted,), namespace=namespace, frozen=True)
    return made


def component_class(kind: str, offer: Any) -> Any:
    """Return what a plugin offers, a click command as the class that stands for it."""
    if kind != "command" or isinstance(offer, type):
        return offer
    import click

    return adopted(offer) if isinstance(offer, click.Command) else offer
