"""Every verb on a standard output of any encoding, and under `python -OO`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

import anncore
from anncore.cli.group import cli
from anncore.cli.printing import prepare_streams

TITLE = "Größe θ ≥ √2 – 中文 😀"
EXPERIMENT = f"""
title = "{TITLE}"
train = {{ steps = 4, eval_every = 2, batch_size = 16 }}
seeds.report = [0, 1]
network.mlp.hidden = [[3]]
[dataset.two_moons]
n = 40
[optimizer.sgd]
[optimizer."größer θ"]
use = "sgd"
lr = 0.2
"""
ENCODINGS = ("ascii", "cp1252", "gbk")
OTHERS = ("latin-1", "cp437", "shift_jis", "utf-16-le")  # on the verbs that print most
VERBS: dict[str, tuple[str, ...]] = {
    "list": ("list",),
    "list --json": ("list", "--json"),
    "show": ("show", "adam"),
    "show --json": ("show", "softmax", "--json"),
    "plugins": ("plugins",),
    "plan": ("plan", "FILE"),
    "plan --json": ("plan", "FILE", "--json"),
    "explain": ("explain", "FILE"),
    "explain --json": ("explain", "FILE", "--json"),
    "sweep --dry-run": ("sweep", "FILE", "--dry-run"),
    "sweep --json": ("sweep", "FILE", "--out", "RUN", "--no-figures", "--json"),
    "report": ("report", "RUN", "--no-figures"),
    "report --json": ("report", "RUN", "--no-figures", "--json"),
    "status": ("status", "RUN"),
    "status --json": ("status", "RUN", "--json"),
    "compare": ("compare", "RUN", "RUN"),
    "compare --json": ("compare", "RUN", "RUN", "--json"),
    "verify": ("verify", "RUN", "--sample", "1", "--executor", "serial"),
    "export": ("export", "RUN", "--format", "csv"),
    "check": ("check", "relu", "--only", "documentation", "-v"),
    "check --json": ("check", "relu", "--only", "documentation", "--json"),
    "help": ("--help",),
    "sweep --help": ("sweep", "--help"),
}
Where = Callable[[str], list[str]]


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Where:
    """Return what puts the experiment and a finished run folder into the arguments of a verb."""
    folder = tmp_path_factory.mktemp("encodings")
    (folder / "größe.toml").write_text(EXPERIMENT, encoding="utf-8")
    places = {"FILE": str(folder / "größe.toml"), "RUN": str(folder / "run θ")}
    outcome = CliRunner().invoke(cli, ["sweep", places["FILE"], "--out", places["RUN"], "--no-figures"])
    assert outcome.exit_code == 0, outcome.output
    return lambda verb: [places.get(word, word) for word in VERBS[verb]]


def annx(arguments: list[str], encoding: str) -> tuple[int, str, str]:
    """Return the exit code and what the verb printed on streams that know this encoding alone."""
    outcome = CliRunner(charset=encoding).invoke(cli, arguments)
    assert outcome.exception is None or isinstance(outcome.exception, SystemExit), outcome.exception
    return outcome.exit_code, outcome.stdout_bytes.decode(encoding), outcome.stderr_bytes.decode(encoding)


@pytest.mark.parametrize("encoding", [*ENCODINGS, *OTHERS])
def test_no_verb_ends_in_an_encoding_error(where: Where, encoding: str) -> None:
    for verb in VERBS if encoding in ENCODINGS else ("list", "show", "plan", "status --json"):
        code, out, err = annx(where(verb), encoding)
        assert (code, err) == (0, ""), verb
        assert out, verb


@pytest.mark.parametrize(
    "verb", ["list --json", "show --json", "plan --json", "compare --json", "status --json"]
)
def test_json_keeps_every_character(where: Where, verb: str) -> None:
    assert json.loads(annx(where(verb), "ascii")[1]) == json.loads(annx(where(verb), "utf-8")[1])


def test_what_an_encoding_lacks_is_replaced_by_what_means_the_same(where: Where) -> None:
    assert annx(where("plan"), "ascii")[1].splitlines()[0] == "Gro?e theta >= sqrt2 - ?? ?"
    assert annx(where("plan"), "cp1252")[1].splitlines()[0] == "Größe theta >= sqrt2 – ?? ?"
    assert annx(where("plan"), "gbk")[1].splitlines()[0].endswith("中文 ?")
    # The bias of a moment, from the documentation: m̂ ← m / (1 - beta1ᵗ)
    assert "m / (1 - beta1^t)" in annx(where("show"), "ascii")[1]


def test_errors_are_said_in_any_encoding(where: Where) -> None:
    for encoding in (*ENCODINGS, *OTHERS):
        code, out, err = annx(["show", "größe θ 中文"], encoding)
        assert (code, out) == (2, "")
        assert err.startswith("annx: No component is called 'gr")
        assert err.count("\n") == 1


def test_files_are_utf_8_whatever_the_locale_and_streams(where: Where) -> None:
    """In a process of its own, whose locale is C and whose streams know cp1252 alone."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG"))}
    environ |= {"PYTHONIOENCODING": "cp1252", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    _, file, _, run, *_ = where("sweep --json")
    command = [sys.executable, "-m", "anncore", "sweep", "größe.toml", "--out", "other", "--no-figures"]
    folder = Path(file).parent
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "größer theta" in done.stdout.decode("cp1252")
    texts = [
        path for path in (folder / "other").iterdir() if path.suffix in (".json", ".md", ".html", ".csv")
    ]
    assert len(texts) >= 4
    for path in texts:
        path.read_text(encoding="utf-8")
    report = json.loads((folder / "other" / "report.json").read_text(encoding="utf-8"))
    assert report["title"] == TITLE
    assert report["arms"] == json.loads((Path(run) / "report.json").read_text(encoding="utf-8"))["arms"]


WITHOUT_DOCSTRINGS = """
import sys
from click.testing import CliRunner
from anncore.cli.group import cli
from anncore.cli.printing import prepare_streams
assert False, "python -OO skips this"
for arguments in {verbs!r}:
    outcome = CliRunner().invoke(cli, arguments)
    if outcome.exit_code or outcome.stderr or not outcome.stdout:
        sys.exit(f"{{arguments}}: {{outcome.exit_code}} {{outcome.output}} {{outcome.exception!r}}")
    sys.stdout.buffer.write(outcome.stdout_bytes + b"\\0")
"""


def test_every_verb_works_without_docstrings_and_asserts(where: Where, tmp_path: Path) -> None:
    """`python -OO` removes both; what a verb prints stays the same."""
    names = (
        "list",
        "show",
        "show --json",
        "plugins",
        "plan",
        "status",
        "compare",
        "export",
        "check",
        "sweep --help",
    )
    verbs = [where(name) for name in names]
    fresh = ["sweep", where("plan")[1], "--out", str(tmp_path / "run"), "--no-figures"]
    code = WITHOUT_DOCSTRINGS.format(verbs=[*verbs, fresh])
    done = subprocess.run(
        [sys.executable, "-OO", "-W", "error", "-c", code],
        capture_output=True,
        env={**os.environ, "COLUMNS": "100"},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr.decode()
    *texts, swept, _ = done.stdout.decode().split("\0")
    assert "too few for a claim" in swept
    for name, verb, text in zip(names, verbs, texts, strict=True):
        if name != "check":  # it says how long it took
            assert text == CliRunner(env={"COLUMNS": "100"}).invoke(cli, verb).stdout, name


def test_paths_that_name_nothing_are_refused(
    where: Where, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An unset variable in a script gives --out "", which would fill the current folder."""
    monkeypatch.chdir(tmp_path)
    file = where("plan")[1]
    for arguments in (
        ["sweep", file, "--out", ""],
        ["plan", file, "--out", "  "],
        ["report", ""],
        ["status", ""],
        ["compare", "", ""],
        ["export", where("status")[1], "--out", ""],
        ["export", "", "--format", "csv"],
        ["doctor", "--out", ""],
        ["new-plugin", "soft_x", "--kind", "activation", "--dir", ""],
    ):
        code, out, err = annx(arguments, "utf-8")
        assert (code, out) == (2, ""), arguments
        assert "names nothing; write '.' for the current folder" in err
        assert err.count("\n") == 1
    with pytest.raises(anncore.StoreError, match="out is '', which names no folder"):
        anncore.sweep(anncore.load_experiment(file), out="")
    assert list(tmp_path.iterdir()) == []


def test_long_values_are_shortened_in_every_message(where: Where) -> None:
    long = "x" * 10_000
    file = where("plan")[1]
    for arguments in (
        ["plan", file, f"optimizer.sgd.lr={long}"],
        ["plan", file, f"{long}=1"],
        ["plan", file, f"train.steps=[{','.join(['1'] * 9000)}]"],
        ["plan", file, "--only", f"optimizer={long}"],
        ["plan", file, "--plugin", f"{long}.py"],
        ["plan", long],
        ["show", long],
        ["list", long],
        ["check", long],
        ["report", long],
        [long],
        ["sweep", file, "--max-time", long],
        ["sweep", file, "--executor", long],
        ["export", where("status")[1], "--format", long],
        ["new-plugin", long, "--kind", "activation"],
        ["new-plugin", f"not a name {long}", "--kind", "activation"],
    ):
        code, _, err = annx(arguments, "utf-8")
        assert code in (2, 5), arguments[:1]
        assert err.startswith("annx: ")
        assert len(err) < 2500, (arguments[:1], len(err))


@pytest.mark.skipif(sys.platform == "win32", reason="a shell that closes streams")
def test_a_closed_stream_is_the_null_device() -> None:
    """A file that is opened later must not become standard output: what a plugin prints would damage it."""
    script = "import sys; sys.argv = ['annx', 'list', 'executor']\nfrom anncore.cli import main\nmain()"
    closed = f'exec 0<&- 1>&- 2>&-; exec {sys.executable} -c "{script}"'
    assert subprocess.run(["sh", "-c", closed], timeout=60).returncode == 0


def test_a_stream_that_is_none_can_be_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    prepare_streams()
    for stream in (sys.stdout, sys.stderr):
        assert stream is not None
        assert stream.writable()
        assert stream.errors == "replace"
    assert sys.stdin is not None
