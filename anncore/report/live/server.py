"""The server of the page: Starlette's routes and uvicorn, which nothing else imports."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from types import FrameType
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from anncore.report.html import asset, source_hash
from anncore.report.live.arms import style_rules
from anncore.report.live.board import Board
from anncore.report.live.finished import file_of
from anncore.report.live.guard import Guard
from anncore.report.live.page import POLICY, page

PAUSE = 1.0  # seconds between two looks
SOON = 0.1  # seconds to the next look where there is more to do
QUIET = 15.0  # seconds after which a line without content keeps a connection alive
RETRY = 2000  # milliseconds after which a browser tries again
MOST_LISTENERS = 32


class Live:
    """The application: the page, its events, its table and the files of the reports."""

    def __init__(self, board: Board, token: str, host: str) -> None:
        self.board = board
        self._listeners: set[asyncio.Event] = set()
        self._watch: asyncio.Task[None] | None = None
        self._ends = False
        routes = [
            Route("/", self._page),
            Route("/live.css", self._style),
            Route("/live.js", self._script),
            Route("/events", self._events),
            Route("/runs/{run:int}/trials", self._trials),
            Route("/runs/{run:int}/{name:path}", self._file),
        ]
        self.app = Guard(Starlette(routes=routes), token=token, host=host)

    def end(self) -> None:
        """Let all connections end; to be called in the loop's thread."""
        self._ends = True
        for listener in self._listeners:
            listener.set()

    async def _page(self, request: Request) -> Response:
        return Response(page(), media_type="text/html", headers={"content-security-policy": POLICY})

    async def _style(self, request: Request) -> Response:
        return Response(f"{asset('live.css')}\n{style_rules()}\n", media_type="text/css")

    async def _script(self, request: Request) -> Response:
        return Response(asset("live.js"), media_type="text/javascript")

    async def _trials(self, request: Request) -> Response:
        number = request.path_params["run"]
        if number >= len(self.board.runs):
            return Response("There is no such run.\n", 404, media_type="text/plain")
        run = self.board.runs[number]
        return JSONResponse(await asyncio.to_thread(run.trials, dict(request.query_params)))

    async def _file(self, request: Request) -> Response:
        number = request.path_params["run"]
        try:
            folder = self.board.runs[number].folder
            content, kind = await asyncio.to_thread(file_of, folder, request.path_params["name"])
        except (OSError, IndexError, ValueError):  # ValueError: a NUL in the name
            return Response("There is no such file.\n", 404, media_type="text/plain")
        # What lies in a run folder may come from anyone: no script of it runs but our own.
        policy = (
            "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
            f"script-src '{source_hash(asset('sort.js'))}'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'; sandbox allow-scripts allow-popups"
        )
        return Response(content, media_type=kind, headers={"content-security-policy": policy})

    async def _events(self, request: Request) -> Response:
        if len(self._listeners) >= MOST_LISTENERS:
            return Response("Too many pages are open.\n", 503, media_type="text/plain")
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        asked = request.query_params.get("runs")
        runs = (
            None
            if asked is None
            else [int(text) for text in asked.split(",") if text.isdecimal() and len(text) < 6]
        )
        find = request.query_params.get("find", "")
        headers = {"x-accel-buffering": "no"}
        return StreamingResponse(self._told(runs, find), media_type="text/event-stream", headers=headers)

    async def _told(self, runs: list[int] | None, find: str) -> AsyncIterator[str]:
        """Yield what is new as events, each a JSON object with the parts that changed."""
        news = asyncio.Event()
        self._listeners.add(news)
        try:
            yield f"retry: {RETRY}\n\n"
            if self._watch is None or self._watch.done():
                self._watch = asyncio.create_task(self._look())
            version, sent = 0, None
            while not self._ends:
                newest = self.board.version
                changed, now = self.board.since(version, runs, find)
                if sent is not None and now != sent:  # others run now: all of theirs is new
                    changed, now = self.board.since(0, runs, find)
                if changed and newest:
                    parts = ",".join(f'"{name}":{text}' for name, text in changed.items())
                    yield f'data: {{"runs":{now},"parts":{{{parts}}}}}\n\n'
                version, sent = newest, now
                try:
                    await asyncio.wait_for(news.wait(), QUIET)
                except TimeoutError:
                    yield ": still here\n\n"
                news.clear()
        finally:
            self._listeners.discard(news)

    async def _look(self) -> None:
        """Look at the run folders as long as somebody listens."""
        while self._listeners and not self._ends:
            more = await asyncio.to_thread(self.board.look)
            for listener in self._listeners:
                listener.set()
            await asyncio.sleep(SOON if more else PAUSE)


class _Server(uvicorn.Server):
    """Ends its open connections when it is asked to stop, instead of waiting for them."""

    def __init__(self, config: uvicorn.Config, at_end: Callable[[], None]) -> None:
        super().__init__(config)
        self._at_end = at_end

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal: stop, and do it at once."""
        super().handle_exit(sig, frame)
        self._at_end()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop."""
        self._at_end()
        await super().shutdown(sockets)


def make_server(board: Board, token: str, host: str) -> uvicorn.Server:
    """Return a server of the page; `run(sockets=[...])` listens until a signal, or until `should_exit`."""
    live = Live(board, token, host)
    app: Any = live.app
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="critical",
        access_log=False,
        lifespan="off",
        loop="asyncio",
        http="h11",
        ws="none",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    return _Server(config, live.end)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens there; raises OSError where that is not possible."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=128)


def serve(board: Board, token: str, host: str, listening: socket.socket) -> None:
    """Serve the page until Ctrl-C or SIGTERM."""
    with contextlib.suppress(KeyboardInterrupt), listening:  # Ctrl-C is how this ends
        make_server(board, token, host).run(sockets=[listening])
