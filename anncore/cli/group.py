"""The group of verbs, and how errors end: one line on standard error and an exit code."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import click

from anncore._version import __version__
from anncore.cli.common import broken
from anncore.cli.printing import drop_stream, prepare_streams, say, unread_output_dropped
from anncore.contract.documentation import documentation
from anncore.contract.errors import AnnxError, on_command_line, shortened, without_out
from anncore.contract.telling import TELLER
from anncore.contract.verbs import VERBS as VERBS
from anncore.report.printable import printable

if TYPE_CHECKING:
    from anncore.cli.plugin_commands import PluginCommands

# The verbs that write to a folder given by --out.
WITH_OUT = ("plan", "sweep", "merge", "export", "judge", "challenge")
OK, SOME_FAILED, MISUSED, STOPPED, NOTHING_MATCHED, NOT_SHOWN, INTERRUPTED = 0, 1, 2, 4, 5, 6, 130
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO)

EPILOG = """\b
Exit codes: 0 ok; 1 some trials failed (diverged is a result, not a failure);
2 wrong usage or experiment file, or a folder that cannot be read or written;
4 stopped before the end (--max-time, SIGTERM); 5 nothing matched;
6 a claim that --require names does not hold; 130 interrupted.

\b
Shell completion of verbs and component names, for bash, zsh or fish:
  eval "$(_ANNX_COMPLETE=bash_source annx)"
"""


_COMMANDS = "anncore.cli.commands of plugins"  # where a context keeps them


class _PipeClosed(Exception):
    """The reader of our output has closed the pipe, as in `annx list | head -1`."""


class Verbs(click.Group):
    """A group whose commands are modules of this package, imported when asked for, and those of plugins."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order in which a user needs them, then the commands of plugins."""
        return [*VERBS, *(verb for verb in _of_plugins(ctx).by_verb if ":" not in verb)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb's module and return its command; None for what neither annx nor a plugin has."""
        if cmd_name not in VERBS:
            return _of_plugins(ctx).get(cmd_name)
        command: click.Command = importlib.import_module(f"anncore.cli.{cmd_name.replace('-', '_')}").command
        command.help = command.help or documentation(command.callback)  # click finds none under python -OO
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs, and the commands of plugins in a group of their own."""
        limit = formatter.width - 6 - max(map(len, VERBS))
        own = [(verb, self.get_command(ctx, verb)) for verb in VERBS]
        with formatter.section("Commands"):
            formatter.write_dl(
                [(verb, command.get_short_help_str(limit)) for verb, command in own if command]
            )
        rows = [(printable(verb), printable(text)) for verb, text in _of_plugins(ctx).rows()]
        if rows:
            with formatter.section("Commands of plugins"):
                formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command to run; an unknown verb is an error with the nearest one."""
        if args and args[0] in VERBS and ctx.params.get("plugins"):
            raise click.UsageError(
                f"--plugin before a verb loads commands; for {args[0]!r} write it after the verb.", ctx
            )
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            commands = _of_plugins(ctx)
            if commands.get(args[0]) is None:
                from anncore.cli.plugin_commands import nearest_verb

                text = f"No verb is called {args[0]!r}.{nearest_verb(args[0], commands)}"
                raise click.UsageError(text, ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; hide a closed pipe from click, which would end with 1, our code for failed trials."""
        try:
            with _blamed(ctx):
                result = super().invoke(ctx)
            with unread_output_dropped():
                sys.stdout.flush()
        except BrokenPipeError as error:
            raise _PipeClosed from error
        except AnnxError as error:
            if ctx.invoked_subcommand in VERBS and ctx.invoked_subcommand not in WITH_OUT:
                error.args = tuple(without_out(str(line)) for line in error.args)
            raise
        return result

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> NoReturn:
        """Run, and end the process with the exit code; a user's mistake is one line on standard error."""
        prepare_streams()
        TELLER.say = partial(say, err=True)
        extra["standalone_mode"] = False
        extra["prog_name"] = "annx"
        with on_command_line():
            code = self._ended(args, *rest, **extra)
        sys.exit(code if isinstance(code, int) else OK)

    def _ended(self, args: Sequence[str] | None, *rest: Any, **extra: Any) -> Any:
        """Run, and return the exit code, or what the verb returned."""
        code: Any
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
            drop_stream()
            code = OK
        except OSError as error:
            if error.errno not in DISK:
                raise
            if error.filename is None:
                drop_stream()
            code = _say(f"{error.filename or 'the output'} cannot be used: {error.strerror}.", MISUSED)
        return code


def _of_plugins(ctx: click.Context) -> PluginCommands:
    """Return the commands of plugins, which are looked for once."""
    from anncore.cli.plugin_commands import plugin_commands

    root = ctx.find_root()
    if _COMMANDS not in root.meta:
        root.meta[_COMMANDS] = plugin_commands(root.params.get("plugins") or ())
    commands: PluginCommands = root.meta[_COMMANDS]
    return commands


@contextlib.contextmanager
def _blamed(ctx: click.Context) -> Iterator[None]:
    """Name the plugin whose command raises what is no message to the user."""
    from anncore.contract.errors import PluginError

    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort, AnnxError, OSError):
        raise
    except Exception as error:
        verb = ctx.invoked_subcommand or ""
        if verb in VERBS or not verb or os.environ.get("ANNX_STRICT_PLUGINS") == "1":
            raise
        owner = _of_plugins(ctx).by_verb[verb]
        raise PluginError(
            f"command {verb!r} of {owner.dist} {owner.version} raised {type(error).__name__}: {error}; with "
            "ANNX_STRICT_PLUGINS=1 it shows where."
        ) from error


def _stop(error: click.UsageError) -> str:
    return "" if error.format_message().rstrip().endswith("?") else "."


def _say(message: str | Sequence[str], code: int) -> int:
    """Print one line per mistake and return the code, also where nothing can be printed."""
    try:
        for line in [message] if isinstance(message, str) else message:
            say(broken(printable(f"annx: {' '.join(shortened(line).split())}")), err=True)
    except OSError:  # standard error lies on a full disk, or nobody reads it
        drop_stream(err=True)
    return code


@click.group(cls=Verbs, invoke_without_command=True, epilog=EPILOG)
@click.version_option(__version__, prog_name="annx", message="%(prog)s %(version)s")
@click.option(
    "--plugin",
    "plugins",
    multiple=True,
    metavar="FILE.py",
    is_eager=True,
    help="Also load the commands of this file; repeatable.",
)
@click.pass_context
def cli(ctx: click.Context, plugins: tuple[str, ...]) -> None:
    """Compare the parts of neural networks honestly: which is better here, by how much, how sure are we?"""
    if ctx.invoked_subcommand is None:
        say(ctx.get_help())
