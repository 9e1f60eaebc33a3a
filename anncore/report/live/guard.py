"""Who may see the page: whoever has the address with its token, by the name of this machine, to read."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Message = MutableMapping[str, Any]
App = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]

HEADERS = (
    (b"referrer-policy", b"no-referrer"),  # the address holds the token
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


class Guard:
    """Lets through what asks to read, under a name of this machine, from no other site, with the token.

    A browser sends the name that it was told: a stranger's page whose name is made to lead here (DNS
    rebinding) sends the stranger's. A script on a page of another site sends that site as its origin.

    host: the address that is listened on. The port is not looked at, as tunnels give another one.
    """

    def __init__(self, app: App, *, token: str, host: str) -> None:
        self._app, self._root = app, f"/{token}"
        self._loopback_only = is_loopback(host)
        self._names = {"localhost", host.casefold()}
        if not self._loopback_only:
            self._names |= {socket.gethostname().casefold(), socket.getfqdn().casefold()}

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Answer, or hand on to the application with the token taken off the path."""
        if scope["type"] != "http":
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        refusal = self._refusal(scope)
        if refusal is None:
            path = scope["path"][len(self._root) :]
            await self._app({**scope, "path": path, "raw_path": path.encode()}, receive, guarded)
            return
        status, text = refusal
        plain = [(b"content-type", b"text/plain; charset=utf-8")]
        await guarded({"type": "http.response.start", "status": status, "headers": plain})
        await guarded({"type": "http.response.body", "body": f"{text}\n".encode()})

    def _refusal(self, scope: Message) -> tuple[int, str] | None:
        """Return why a request is refused; None for one that is not."""
        headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.lower(), []).append(value)
        hosts = headers.get(b"host", [])
        if len(hosts) != 1 or not self._is_ours(_name(hosts[0])):
            return 403, "This page answers to the name of its own machine only, such as localhost."
        for origin in headers.get(b"origin", []):
            if origin.lower() != b"http://" + hosts[0].lower():
                return 403, "This page answers no other site."
        if scope["method"] not in ("GET", "HEAD"):
            return 405, "This page is for reading."
        root, path = self._root.encode(), scope["path"].encode()
        if not hmac.compare_digest(path[: len(root) + 1], root + b"/"):
            return (
                404,
                "There is nothing here; take the whole address that 'annx serve' prints, with its token.",
            )
        return None

    def _is_ours(self, name: str) -> bool:
        """Tell whether a request's host is a name of this machine; an address is never somebody's name."""
        if name.casefold() in self._names or is_loopback(name):
            return True
        return not self._loopback_only and _is_address(name)


def _name(host: bytes) -> str:
    """Return the name in a Host header, without port and brackets; "" where it is none."""
    try:
        return urlsplit("//" + host.decode("ascii")).hostname or ""
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(name: str) -> bool:
    """Tell whether a host is this machine for itself."""
    if name.casefold() == "localhost":
        return True
    return _is_address(name) and ipaddress.ip_address(name).is_loopback
