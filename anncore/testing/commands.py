"""The checks of a command: a click command of its name, with help that needs nothing."""

from __future__ import annotations

from typing import Any

from anncore.testing.kit import Kit, Named, Subject, must


class CommandKit(Kit):
    """Name, help, options."""

    computes = False  # it does its work elsewhere

    def checks(self, subject: Subject) -> list[Named]:
        """Return the kind's own checks."""
        return [("command", command), ("help", help_text)]


def _command(subject: Subject, values: Any) -> Any:
    import click

    made = subject.build(values).command()
    must(
        isinstance(made, click.Command),
        f"{values.label}: command returns a {type(made).__name__}, no click.Command",
    )
    return made


def command(subject: Subject) -> int:
    """It gives a click command, and every option of it has a help text."""
    import click

    count = 0
    for variant in subject.variants():
        made = _command(subject, variant)
        mute = [param.name for param in made.params if isinstance(param, click.Option) and not param.help]
        must(not mute, f"{variant.label}: no help says what the option {', '.join(map(str, mute))} does")
        count += 1
    return count


def help_text(subject: Subject) -> int:
    """`--help` prints a usage line and ends well."""
    from click.testing import CliRunner

    count = 0
    for variant in subject.variants():
        made = _command(subject, variant)
        result = CliRunner().invoke(made, ["--help"], prog_name=f"annx {subject.cls.name.replace('_', '-')}")
        must(
            result.exit_code == 0,
            f"{variant.label}: --help ends with {result.exit_code}: {result.exception!r}",
        )
        must(result.output.startswith("Usage: annx "), f"{variant.label}: --help prints no usage line")
        count += 1
    return count
