"""`annx serve`: running sweeps, and finished ones, on a page in the browser."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import click

from anncore.cli.common import print_json, say
from anncore.cli.options import NamedPath, json_option

if TYPE_CHECKING:
    from socket import socket

PORT = 8765  # where it is free
EXTRA = ("starlette", "uvicorn", "anyio", "h11")


@click.command(short_help="Show running and finished sweeps on a page in the browser.")
@click.argument("folders", metavar="[DIR]...", nargs=-1, type=NamedPath())
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Where to listen.")
@click.option("--port", type=click.IntRange(0, 65535), metavar="N", help=f"By default {PORT}, or a free one.")
@click.option("--open", "opens", is_flag=True, help="Open the page in the browser.")
@json_option
def command(folders: tuple[str, ...], host: str, port: int | None, opens: bool, as_json: bool) -> int:
    """Show run folders on a page in the browser, side by side, also while their sweeps run.

    Each DIR is a run folder, one that a sweep will make, or a folder that holds run folders; by default
    reports. The page shows how far each sweep is, learning curves as trials end, errors, the machine, and
    the report when it is there. It only reads.

    The page is for this machine, and only under the printed address, which holds a token that is new each
    time. From another machine: ssh -L 8765:localhost:8765 HOST, and the same address here. With --host
    other machines can reach it; it is not encrypted.

    Needs an extra: pip install 'annx[serve]'. Ctrl-C ends it.
    """
    from anncore.contract.errors import AnnxError

    try:
        from anncore.report.live.server import serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in EXTRA:
            raise
        raise AnnxError("'annx serve' needs starlette and uvicorn: pip install 'annx[serve]'.") from None
    from anncore.report.live.board import Board
    from anncore.report.live.guard import is_loopback

    listening = _listening(host, port)
    token = secrets.token_urlsafe(24)
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listening.getsockname()[1]}/{token}/"
    if as_json:
        print_json({"address": address, "folders": list(folders or ("reports",))})
    else:
        say(f"{address}\nThis page lives until Ctrl-C.")
        if not is_loopback(host):
            say(
                "Whoever can reach this machine and knows the address can read it; it is not encrypted.",
                err=True,
            )
    if opens:
        click.launch(address)
    serve(Board([Path(folder) for folder in folders or ("reports",)]), token, host, listening)
    return 0


def _listening(host: str, port: int | None) -> socket:
    """Return a socket that listens on the port, by default on PORT, or on a free one where PORT is taken."""
    from anncore.contract.errors import AnnxError
    from anncore.report.live.server import listen

    if not host.strip():
        raise AnnxError("--host is empty; write 0.0.0.0 for every address of this machine.")
    try:
        if port is not None:
            return listen(host, port)
        try:
            return listen(host, PORT)
        except OSError:  # another page has it
            return listen(host, 0)
    except (OSError, OverflowError, UnicodeError) as error:
        number = getattr(error, "errno", None) or 0
        reason = os.strerror(number) if number > 0 else getattr(error, "strerror", None) or str(error)
        place = host if port is None else f"{host}, port {port},"
        way_out = "give another --port, or none" if port else "give another --host"
        raise AnnxError(f"{place} cannot be listened on: {reason}; {way_out}.") from None
