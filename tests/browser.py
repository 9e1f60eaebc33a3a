"""A headless Chromium for tests, spoken to through its debugging pipe: no driver, no port, no package."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LIMIT = 120  # seconds for an answer
ROOT = Path(__file__).parents[1]
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--hide-scrollbars", "--remote-debugging-pipe", "about:blank"),
)
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)


def axe_core() -> Path | None:
    """Return axe-core's script: the one that AXE_CORE names, or what `npm install axe-core` left here."""
    named = os.environ.get("AXE_CORE")
    paths = [Path(named)] if named else [ROOT / "node_modules" / "axe-core" / "axe.min.js"]
    return next((path for path in paths if path.is_file()), None)


class Browser:
    """One page in a headless Chromium. Commands are those of the Chrome DevTools Protocol."""

    def __init__(self, profile: Path) -> None:
        assert CHROMIUM is not None
        read, self._write = os.pipe()
        self._read, write = os.pipe()
        script = f'exec "$0" "$@" 3<&{read} 4>&{write}'
        command = ["bash", "-c", script, CHROMIUM, *FLAGS, f"--user-data-dir={profile}"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, pass_fds=(read, write), **quiet)  # type: ignore[call-overload]
        os.close(read)
        os.close(write)
        self._rest, self._number, self._session = b"", 0, ""
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def close(self) -> None:
        """End the browser."""
        with contextlib.suppress(OSError):
            os.close(self._write)
        self._process.terminate()
        self._process.wait(30)
        os.close(self._read)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and return its result; what happens meanwhile is kept in `events`."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            assert select.select([self._read], [], [], LIMIT)[0], f"Chromium says nothing for {LIMIT} s"
            piece = os.read(self._read, 1 << 20)
            assert piece, "Chromium went away"
            self._rest += piece
        text, self._rest = self._rest.split(b"\0", 1)
        message: dict[str, Any] = json.loads(text)
        return message

    def open(self, page: Path | str, *, width: int = 1200, dark: bool = False, scripts: bool = True) -> None:
        """Show a file, or an address, in a window of some width, and wait until it is there."""
        mobile = width < 600
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": mobile}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media="", features=[scheme])
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.call("Page.setBypassCSP", enabled=False)
        self.events.clear()
        self.call("Page.navigate", url=page if isinstance(page, str) else page.absolute().as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def run(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page; a promise is waited for."""
        asked = {"returnByValue": True, "awaitPromise": True}
        answer = self.call("Runtime.evaluate", expression=expression, **asked)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def complaints(self) -> list[str]:
        """Return what the page complained of since it was opened: errors, refused content, requests out."""
        complaints = []
        for event in self.events:
            method, params = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                complaints.append(params["exceptionDetails"]["text"])
            elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                complaints.append(params["entry"]["text"])
            elif method == "Page.javascriptDialogOpening":
                complaints.append(f"dialog: {params['message']}")
            elif method == "Network.requestWillBeSent":
                url = params["request"]["url"]
                if not url.startswith(("file:", "data:")):
                    complaints.append(f"request: {url}")
        return complaints

    def axe(self, script: Path) -> list[str]:
        """Return what axe-core finds wrong by WCAG 2 A and AA, one line each."""
        self.run(script.read_text(encoding="utf-8") + "; 0")
        tags = json.dumps(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"])
        violations = self.run(f"axe.run({{ runOnly: {tags} }}).then(r => r.violations)")
        return [
            f"{violation['id']}: {node['html'][:200]} ({node['failureSummary']})"
            for violation in violations
            for node in violation["nodes"]
        ]

    def pdf(self) -> bytes:
        """Return the page as it prints."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=False)["data"])

    def picture(self, path: Path, *, whole: bool = True) -> None:
        """Save the page as a PNG."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))


@contextlib.contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Start a Chromium with a new profile, and end it."""
    page = Browser(profile)
    try:
        yield page
    finally:
        page.close()
