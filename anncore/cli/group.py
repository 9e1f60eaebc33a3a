"""The group of verbs, and how errors end: one line on standard error and an exit code."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any, NoReturn

import click

from anncore._version import __version__
from anncore.cli.printing import prepare_streams, say
from anncore.contract.documentation import documentation
from anncore.contract.errors import AnnxError, nearest, shortened
from anncore.contract.telling import TELLER
from anncore.contract.verbs import VERBS as VERBS
from anncore.report.printable import printable

OK, SOME_FAILED, MISUSED, STOPPED, NOTHING_MATCHED, INTERRUPTED = 0, 1, 2, 4, 5, 130
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO)

EPILOG = """\b
Exit codes: 0 ok; 1 some trials failed (diverged is a result, not a failure);
2 wrong usage or experiment file, or a folder that cannot be read or written;
4 stopped before the end (--max-time, SIGTERM); 5 nothing matched; 130 interrupted.

\b
Shell completion of verbs and component names, for bash, zsh or fish:
  eval "$(_ANNX_COMPLETE=bash_source annx)"
"""


class _PipeClosed(Exception):
    """The reader of our output has closed the pipe, as in `annx list | head -1`."""


class Verbs(click.Group):
    """A group whose commands are modules of this package, imported when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order in which a user needs them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb's module and return its command."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"anncore.cli.{cmd_name.replace('-', '_')}").command
        command.help = command.help or documentation(command.callback)  # click finds none under python -OO
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command to run; an unknown verb is an error with the nearest one."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            guess = nearest(args[0], VERBS) or f" Verbs are {', '.join(VERBS)}."
            raise click.UsageError(f"No verb is called {args[0]!r}.{guess}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; hide a closed pipe from click, which would end with 1, our code for failed trials."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError as error:
            raise _PipeClosed from error
        return result

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> NoReturn:
        """Run, and end the process with the exit code; a user's mistake is one line on standard error."""
        prepare_streams()
        TELLER.say = partial(say, err=True)
        extra["standalone_mode"] = False
        extra["prog_name"] = "annx"
        try:
            code = super().main(args, *rest, **extra)
        except click.UsageError as error:
            way_out = f" Try '{error.ctx.command_path} --help'." if error.ctx else ""
            code = _say(error.format_message().rstrip(".").rstrip() + _stop(error) + way_out, MISUSED)
        except click.ClickException as error:
            code = _say(error.format_message(), MISUSED)
        except AnnxError as error:
            code = _say(error.lines, error.exit_code)
        except (KeyboardInterrupt, click.Abort):
            code = _say("interrupted", INTERRUPTED)
        except (_PipeClosed, BrokenPipeError):
            _drop_output()
            code = OK
        except OSError as error:
            if error.errno not in DISK:
                raise
            if error.filename is None:
                _drop_output()
            code = _say(f"{error.filename or 'the output'} cannot be used: {error.strerror}.", MISUSED)
        sys.exit(code if isinstance(code, int) else OK)


def _drop_output() -> None:
    """Python flushes standard output again when it ends, which would raise the error again."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _stop(error: click.UsageError) -> str:
    return "" if error.format_message().rstrip().endswith("?") else "."


def _say(message: str | Sequence[str], code: int) -> int:
    """Print one line per mistake and return the code."""
    for line in [message] if isinstance(message, str) else message:
        say(printable(f"annx: {' '.join(shortened(line).split())}"), err=True)
    return code


@click.group(cls=Verbs, invoke_without_command=True, epilog=EPILOG)
@click.version_option(__version__, prog_name="annx", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Compare the parts of neural networks honestly: which is better here, by how much, how sure are we?"""
    if ctx.invoked_subcommand is None:
        say(ctx.get_help())
