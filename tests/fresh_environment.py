"""A virtual environment whose own packages were built and installed as wheels."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIMIT = 300  # seconds for a command
SERVER = """
import json, os, sys
from click.testing import CliRunner
from anncore.cli.group import cli
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # nothing else may come between the answers
before = dict(os.environ)
for line in sys.stdin:
    arguments, folder, environ = json.loads(line)
    os.chdir(folder)
    os.environ.update(environ)
    outcome = CliRunner().invoke(cli, arguments)
    for name in environ:
        del os.environ[name]
    os.environ.update(before)
    error = outcome.exception
    crash = "" if error is None or isinstance(error, SystemExit) else repr(error)
    print(json.dumps([outcome.exit_code, outcome.stdout, outcome.stderr + crash]), file=answers, flush=True)
"""
Annx = Callable[..., "subprocess.CompletedProcess[str]"]


@dataclass
class Environment:
    """Where it is, and the wheels that were installed, by name."""

    bin: Path
    wheels: dict[str, Path]

    def annx(self, *args: object, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run its `annx`, the program where annx was installed from a wheel."""
        if "annx" in self.wheels:
            return self.run("annx", *args, cwd=cwd, **environ)
        return self.run("python", "-m", "anncore", *args, cwd=cwd, **environ)

    def run(self, program: str, *args: object, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run one of its programs, in an environment that knows nothing of this one."""
        return subprocess.run(
            [self.bin / program, *map(str, args)],
            cwd=cwd,
            env={**_clean(), **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )

    @contextmanager
    def one_process(self) -> Iterator[Annx]:
        """Yield what runs `annx` as the method of that name does, all in one process, which imports once."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        command = [str(self.bin / "python"), "-c", SERVER]
        with subprocess.Popen(command, env=_clean(), encoding="utf-8", **pipes) as process:
            assert process.stdin
            assert process.stdout
            asked, answers = process.stdin, process.stdout

            def annx(*args: object, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
                limit = threading.Timer(LIMIT, process.kill)
                limit.start()
                try:
                    print(json.dumps([list(map(str, args)), str(cwd), environ]), file=asked, flush=True)
                    answer = answers.readline()
                finally:
                    limit.cancel()
                assert answer, f"the process ended, or took more than {LIMIT} s: {args}"
                return subprocess.CompletedProcess(args, *json.loads(answer))

            try:
                yield annx
            finally:
                process.kill()


def _clean() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith(("ANNX_", "PYTHON"))}


def fresh_environment(root: Path, packages: Iterable[Path], *, own_wheel: bool = True) -> Environment:
    """Build wheels of annx and other packages, and install them where our dependencies are seen.

    own_wheel: False takes annx as it is installed here, where it is not annx's own wheel that is tested.
    """
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    wheels = root / "wheels"
    # The build backend is in the test extra, so that this needs no network.
    build = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(wheels)]
    sources = [*([ROOT] if own_wheel else []), *packages]
    if sources:
        run(pip + build + [str(source) for source in sources])
    venv = root / "venv"
    run([sys.executable, "-m", "venv", "--without-pip", str(venv)])
    python = venv / ("Scripts" if os.name == "nt" else "bin") / "python"
    (site,) = venv.glob("lib/python*/site-packages") if os.name != "nt" else venv.glob("Lib/site-packages")
    # addsitedir, unlike a plain path, honours the .pth files there.
    (site / "dependencies.pth").write_text(
        f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n", encoding="utf-8"
    )
    built = {path.name.split("-")[0]: path for path in wheels.glob("*.whl")}
    install = ["--python", str(python), "install", "--no-deps", "--no-index", "--force-reinstall"]
    if built:
        run(pip + install + [str(path) for path in built.values()])
    return Environment(python.parent, built)


def run(command: list[str]) -> None:
    """Run a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=LIMIT)
    assert done.returncode == 0, done.stdout + done.stderr
