"""What is printed and what is written goes through one place each; here all sources are read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import anncore

CORE = Path(anncore.__file__).parent
SOURCES = [*CORE.rglob("*.py"), *(CORE.parent / "plugins").rglob("*.py")]

PRINTING = "anncore/cli/printing.py"
WRITING = "anncore/running/files.py"
PRINTS = {"print", "echo", "secho", "Console", "pprint", "print_exc", "print_exception"}
WRITES = {"write_text", "write_bytes", "fdopen", "mkstemp", "NamedTemporaryFile"}
WRITES_TO_A_PATH = {
    "to_csv",
    "to_parquet",
    "to_json",
    "to_pickle",
    "savefig",
    "save",
    "savez",
    "savetxt",
    "tofile",
}
STREAMS = {"stdout", "stderr", "__stdout__", "__stderr__"}
ELSEWHERE = {
    "anncore/running/progress_line.py": "one line about a sweep in Python or in a notebook",
    "anncore/report/drawing/sheet.py": "saves a figure of a notebook in the file that its user names",
    "anncore/testing/elsewhere.py": "answers of the process that checks run in",
    "anncore/engine/process.py": "tells the kernel by a file of /proc which process may end first",
    "anncore/engine/lanes/kept.py": "machine code in the user's cache, which running/files.py may not know",
    "anncore/contract/standard_output.py": "moves descriptors of standard output, prints nothing",
}


def uses(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and name of every call and stream that prints or writes."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and node.attr in STREAMS
            and getattr(node.value, "id", "") == "sys"
        ):
            yield node.lineno, f"sys.{node.attr}"
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        method = isinstance(function, ast.Attribute)
        if name in PRINTS | WRITES and not (method and name == "print"):  # consoles come from the one place
            yield node.lineno, name
        elif name == "open" and writes(node):
            yield node.lineno, "open to write"
        elif method and name in WRITES_TO_A_PATH and any(is_path(argument) for argument in node.args[:1]):
            yield node.lineno, name


def writes(call: ast.Call) -> bool:
    """Say whether a call of open has a mode that writes."""
    modes = [*call.args[:2], *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    texts = [mode.value for mode in modes if isinstance(mode, ast.Constant) and isinstance(mode.value, str)]
    return any(set(text) <= set("rwaxbt+U") and set(text) & set("wax+") for text in texts)


def is_path(argument: ast.expr) -> bool:
    """Say whether a first argument may be a path: neither a buffer nor a byte string."""
    return not (isinstance(argument, ast.Name) and argument.id == "buffer")


def named(path: Path) -> str:
    return path.relative_to(CORE.parent).as_posix()


def around(path: Path, source: str) -> list[str]:
    """Return what of a source prints or writes by itself."""
    place = named(path)
    uses_around = []
    for line, name in uses(ast.parse(source)):
        stream = name.startswith("sys.")
        prints = name in PRINTS or stream
        if place == (PRINTING if prints else WRITING) or place in ELSEWHERE:
            continue
        if stream and not prints_to(source.splitlines()[line - 1]):
            continue
        uses_around.append(f"{place}:{line} {name}")
    return uses_around


def prints_to(line: str) -> bool:
    """Say whether a line does more with a stream than ask for its width, flush it or turn prints to it."""
    harmless = (".isatty()", ".flush()", ".fileno()", "redirect_stdout(sys.stderr)")
    return not any(use in line for use in harmless)


def test_no_module_goes_around_the_place_that_prints_and_the_place_that_writes() -> None:
    assert len(SOURCES) > 200
    assert [use for path in SOURCES for use in around(path, path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    "code",
    [
        "print('x')",
        "click.echo(text)",
        "sys.stdout.write('x')",
        "sys.stderr.write('x')",
        "Console().print('x')",
        "traceback.print_exc()",
        "path.write_text('x', encoding='utf-8')",
        "path.write_bytes(b'')",
        "open(path, 'w')",
        "path.open('ab')",
        "open(path, mode='x')",
        "figure.savefig('a.png')",
        "frame.to_csv(path)",
    ],
)
def test_each_way_around_is_seen(code: str) -> None:
    assert around(CORE / "engine" / "x.py", code)


@pytest.mark.parametrize(
    "code",
    ["path.read_text(encoding='utf-8')", "open(path, 'rb')", "sys.stdout.isatty()", "figure.savefig(buffer)"],
)
def test_what_only_reads_is_no_way_around(code: str) -> None:
    assert not around(CORE / "engine" / "x.py", code)


def test_every_text_is_read_and_encoded_as_utf_8_whatever_the_locale() -> None:
    """Calls without an encoding take the locale's; files of the kernel are ASCII."""
    bare = [
        f"{named(path)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("read_text", "write_text")
        and not any(keyword.arg == "encoding" for keyword in node.keywords)
    ]
    assert bare == []
