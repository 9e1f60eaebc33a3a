"""What the guides say works: every block of code is run, every command is one that `annx` takes."""

from __future__ import annotations

import contextlib
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner
from experiment_factory import plan
from shipped import REGISTRY

import anncore
from anncore import Registry, load_experiment, load_registry
from anncore.cli.group import cli
from anncore.cli.new_plugin import package
from anncore.contract.handed_over import packed, unpacked, with_components
from anncore.contract.kind_names import KINDS

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PLUGIN_GUIDE = ROOT / "plugins" / "README.md"
REPORT_GUIDE = ROOT / "reports" / "README.md"
EXPERIMENT_GUIDE = ROOT / "experiments" / "README.md"
BENCHMARKS = ROOT / "tests" / "benchmarks" / "README.md"
GUIDES = (README, PLUGIN_GUIDE, REPORT_GUIDE, EXPERIMENT_GUIDE, BENCHMARKS, ROOT / "anncore" / "README.md")


def blocks(file: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", file.read_text(encoding="utf-8"), re.M | re.S)


def block(file: Path, language: str, holding: str) -> str:
    (text,) = [text for text in blocks(file, language) if holding in text]
    return text


def _owner(code: str) -> str:
    return re.findall(r"^class (\w+)", code, re.M)[-1]


COMPONENTS = [
    text for text in blocks(PLUGIN_GUIDE, "python") if "@hookimpl" in text and "annx_libraries" not in text
]


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    monkeypatch.chdir(tmp_path)

    def run(*args: str) -> str:
        result = CliRunner().invoke(cli, args)
        assert result.exit_code == 0, result.output
        return result.output

    return run


def test_ci_runs_the_readmes_test_command_word_for_word() -> None:
    command = block(README, "sh", "pytest").strip()
    assert f"command='{command}'" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_readmes_first_command_sweeps_an_experiment_that_is_there() -> None:
    command = block(README, "sh", "pip install -q . ").strip()
    assert (ROOT / command.rpartition(" ")[2]).is_file()


def test_the_first_experiment_and_the_first_plugin_run(tmp_path: Path, invoke: Callable[..., str]) -> None:
    (tmp_path / "first.toml").write_text(block(README, "toml", "half-moons"), encoding="utf-8")
    plugin = block(README, "python", "ISRU")
    assert len(plugin.splitlines()) <= 24
    (tmp_path / "isru.py").write_text(plugin, encoding="utf-8")
    for line in block(README, "sh", "annx plan first.toml").splitlines():
        verb, *args = line.partition("#")[0].split()[1:]
        quickly = ["--executor", "serial", "--no-figures"] if verb == "sweep" else []
        invoke(verb, *args, "train.steps=20", *quickly)
    text = README.read_text(encoding="utf-8")
    (command,) = re.findall(r"`annx (sweep first.toml .*--plugin isru.py)`", text)
    invoke(*command.split(), "train.steps=20", "--executor", "serial", "--no-figures", "--out", "isru")
    assert (tmp_path / "isru" / "report.html").is_file()


def test_the_first_plugin_keeps_every_promise(tmp_path: Path) -> None:
    from anncore.testing import check_component

    (tmp_path / "isru.py").write_text(block(README, "python", "ISRU"), encoding="utf-8")
    check_component(load_registry([tmp_path / "isru.py"]).get("activation", "isru"))


def test_the_plugin_guides_code_runs_as_written(tmp_path: Path) -> None:
    (tmp_path / "myqhm.py").write_text(block(PLUGIN_GUIDE, "python", "class MyQHM"), encoding="utf-8")
    (tmp_path / "test_myqhm.py").write_text(block(PLUGIN_GUIDE, "python", "check()"), encoding="utf-8")
    assert load_registry([tmp_path / "myqhm.py"]).get("optimizer", "myqhm").full_name == "myqhm:myqhm"
    pytest_run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(pytest_run, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout


@pytest.mark.parametrize("code", COMPONENTS, ids=_owner)
def test_every_component_of_the_plugin_guide_keeps_every_promise(tmp_path: Path, code: str) -> None:
    from anncore.testing import check_component

    (tmp_path / "guide.py").write_text(code, encoding="utf-8")
    components = load_registry([tmp_path / "guide.py"]).components
    given = [component for component in components if component.dist == "guide"]
    assert given
    for component in given:
        check_component(component)


@pytest.mark.parametrize("code", COMPONENTS, ids=_owner)
def test_every_component_of_the_plugin_guide_can_be_typed_and_handed_over(code: str) -> None:
    def typed() -> Registry:
        names: dict[str, Any] = {"__name__": "__main__"}
        exec(compile(code, "<cell>", "exec", dont_inherit=True), names)
        return with_components(REGISTRY, [names[_owner(code)]])

    first, second = typed(), typed()
    (component,), (again,) = first.given, second.given
    assert component.full_name == f"session:{component.name}"
    assert component.code == again.code
    (there,) = unpacked(REGISTRY, packed(first.given)).given
    assert (there.kind, there.code) == (component.kind, component.code)


def test_the_library_of_the_plugin_guide_makes_components(tmp_path: Path) -> None:
    from anncore.testing import check_component

    (tmp_path / "library.py").write_text(block(PLUGIN_GUIDE, "python", "annx_libraries"), encoding="utf-8")
    registry = load_registry([tmp_path / "library.py"])
    erf = registry.get("activation", "special:erf")
    assert erf.cls().forward(np.full((1, 1, 1), 0.5)).item() == pytest.approx(0.5204998778130465)
    assert registry.kind_of("special:erf") == "activation"
    check_component(erf)


def test_the_class_beside_an_experiment_of_the_guide_is_trained(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from anncore import sweep

    (tmp_path / "halved.py").write_text(block(EXPERIMENT_GUIDE, "python", "class Halved"), encoding="utf-8")
    (tmp_path / "halving.toml").write_text(block(EXPERIMENT_GUIDE, "toml", "halved.Halved"), encoding="utf-8")
    overrides = ["train.steps=3", "seeds.tune=[1]", "seeds.report=[2,3]"]
    experiment = load_experiment(tmp_path / "halving.toml", overrides=overrides)
    run = sweep(experiment, executor="serial", out=tmp_path / "run", unchecked=True)
    assert set(run.trials.status) == {"ok"}


def test_the_plugin_guide_has_an_example_of_every_kind() -> None:
    from anncore.contract.kind_names import HOOKS

    code = "".join(blocks(PLUGIN_GUIDE, "python"))
    assert [hook for hook in HOOKS.values() if f"def {hook}()" not in code] == []


def test_the_checks_that_the_plugin_guide_quotes_are_there() -> None:
    from anncore.testing import checks_for

    components = load_registry().components
    known = {check.name for component in components for check in checks_for(component)}
    text = PLUGIN_GUIDE.read_text(encoding="utf-8")
    quoted = {
        "stacked_as_alone",
        "isolated",
        "inputs_unchanged",
        "keeps_dtype",
        "no_global_rng",
        "other_process",
    }
    assert quoted <= known
    assert all(f"`{name}`" in text for name in quoted)


def test_the_plugin_guide_knows_every_hook() -> None:
    from anncore.contract.kind_names import HOOKS

    text = PLUGIN_GUIDE.read_text(encoding="utf-8")
    assert [hook for hook in HOOKS.values() if f"`{hook}`" not in text] == []


@pytest.mark.parametrize("file", GUIDES, ids=lambda file: file.parent.name)
def test_links_lead_somewhere(file: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", file.read_text(encoding="utf-8"))
    assert [target for target in targets if not (file.parent / target).exists()] == []


SMALL = "train.steps = 5\nseeds.report = [1, 2]\ndataset.xor.n = 60\n[optimizer.sgd]\n[optimizer.adam]\n"


def commands(text: str) -> list[str]:
    return [line.partition("#")[0].strip() for line in text.splitlines() if line.partition("#")[0].strip()]


def test_what_the_report_guide_compares_and_computes_from_python(
    tmp_path: Path, invoke: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "optimizers.toml").write_text(SMALL, encoding="utf-8")
    for command in commands(block(REPORT_GUIDE, "sh", "annx compare first again")):
        program, *args = shlex.split(command)
        assert program == "annx"
        output = invoke(*args, *(["--executor", "serial"] if args[0] == "sweep" else []))
    assert "train.steps" in output
    exec(block(REPORT_GUIDE, "python", "compare_arms"), {})
    assert "too few for a claim" in capsys.readouterr().out
    table = REPORT_GUIDE.read_text(encoding="utf-8").partition("| question | function |")[2]
    for name in re.findall(r"`(\w+)`", table):
        assert name == "__version__" or callable(getattr(anncore, name))


def test_the_python_of_the_readme_prints_what_stands_below_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Words are compared as they are, numbers within a tenth: last digits depend on the processor."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")  # a narrow terminal leaves columns out
    monkeypatch.setattr(anncore, "sweep", partial(anncore.sweep, executor="serial"))
    names: dict[str, Any] = {"__name__": "__main__"}
    code = block(README, "python", "anncore.sweep(")
    exec(compile(code, "<cell>", "exec", dont_inherit=True), names)  # without this file's __future__
    printed, written = (text.split() for text in (capsys.readouterr().out, block(README, "text", "bent")))
    assert [re.sub(r"[\d.]+", "0", word) for word in printed] == [
        re.sub(r"[\d.]+", "0", word) for word in written
    ]
    for one, other in zip(printed, written, strict=True):
        if re.fullmatch(r"\d*\.?\d+", one):
            assert float(one) == pytest.approx(float(other), rel=0.1)
    run: Any = names["run"]
    text = README.read_text(encoding="utf-8")
    assert "`run.trials`, `run.curves` and `run.selection` are data frames" in text
    assert all(len(getattr(run, name)) for name in ("trials", "curves", "selection"))
    assert '`run.figure("learning_curves")`' in text
    assert run.figure("learning_curves").name == "learning_curves"
    assert '`run.report("bent")`' in text
    assert run.report("bent", figures=False) == Path("bent/report.html")


# Every block is looked at by a test: here, or by the one that these words belong to.
RUN_ABOVE = {
    "toml": ("half-moons",),
    "python": ("class ISRU", "class MyQHM", "check()", "compare_arms", "anncore.sweep(", "class Halved"),
    "sh": ("pip install -q . ", "pytest", "annx plan first.toml", "annx compare first again", "--require"),
    "text": ("relu beats bent",),
}
BLOCKS = [
    pytest.param(language, text, id=f"{file.parent.name}-{language}-{place}")
    for file in GUIDES
    for place, (language, text) in enumerate(
        re.findall(r"^```(\w*)\n(.*?)^```$", file.read_text(encoding="utf-8"), re.M | re.S)
    )
]


CUSTOMERS = "number,household,zip,since,age,remark,importance,part,left\n" + "".join(
    f"{row},{row // 2},{100 + row % 3},2024-01-0{1 + row % 9},{20 + row % 40},none,{1 + row % 2},"
    f"{'test' if row % 10 > 7 else 'train'},{'yes' if row % 3 else 'no'}\n"
    for row in range(120)
)


@pytest.mark.parametrize(("language", "text"), BLOCKS)
def test_every_block_of_every_guide_is_run(tmp_path: Path, language: str, text: str) -> None:
    if any(words in text for words in RUN_ABOVE.get(language, ())) or "@hookimpl" in text:
        return
    assert language == "toml", "a block that no test runs"
    if "entry-points" in text:
        (line,) = tomllib.loads(text)["project"]["entry-points"]["annx"].items()
        assert line == ("myqhm", "annx_myqhm")
        return
    for library in re.findall(r'"(torch|optax|jax):', text):
        pytest.importorskip(library)
    if "halved" in text:
        (tmp_path / "halved.py").write_text(block(EXPERIMENT_GUIDE, "python", "class Halved"), "utf-8")
    if "customers.csv" in text:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "customers.csv").write_text(CUSTOMERS, "utf-8")
    else:
        (tmp_path / "data").symlink_to(ROOT / "experiments" / "data")
    assert plan(tmp_path, text).counts["total"] > 0


def test_indented_blocks_hold_no_code_that_no_test_runs() -> None:
    for file in GUIDES:
        text = re.sub(r"^```.*?^```$", "", file.read_text(encoding="utf-8"), flags=re.M | re.S)
        for line in re.findall(r"^    (\S.*)$", text, re.M):
            assert file == BENCHMARKS, f"{file}: write {line!r} in a fenced block, which is run"


def inline_commands() -> Iterator[tuple[str, str]]:
    """Yield where each command of `annx` stands, between backticks or in a block, and the command."""
    texts = {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in GUIDES}
    for kind in KINDS:
        for path, text in package("fresh", kind).items():
            texts[f"new-plugin {kind}: {path}"] = text
    for where, text in texts.items():
        for command in re.findall(r"`(annx [^`]+)`|^(annx .*)$", text, re.M):
            yield where, " ".join("".join(command).partition("#")[0].split())


@pytest.mark.parametrize("command", sorted({command for _, command in inline_commands()}))
def test_every_command_of_every_guide_is_one_that_annx_takes(command: str) -> None:
    program, *args = shlex.split(command.replace("[--max-seeds N]", "--max-seeds 9"))
    assert program == "annx"
    if args[0].startswith("-") or args[0].rpartition(":")[2] in ("winner", "fresh"):
        return  # an option, or the command of a plugin: of the guide's example, of a scaffold
    verb: click.Command = cli.get_command(click.Context(cli), args[0])  # type: ignore[assignment]
    assert verb is not None, f"annx has no verb {args[0]!r}"
    with contextlib.suppress(click.MissingParameter):  # a verb and an option named in a sentence
        verb.make_context(args[0], args[1:])


def test_the_commands_of_the_guides_are_seen() -> None:
    places = {where.partition(":")[0] for where, _ in inline_commands()}
    assert {"README.md", "plugins/README.md", "experiments/README.md", "new-plugin optimizer"} <= places


@pytest.mark.parametrize("kind", KINDS)
def test_the_scaffolds_hyperparameter_is_one(kind: str) -> None:
    text = package("fresh", kind)["README.md"]
    (declaration,) = re.findall(r"`alpha: Hyper = (hyper\(.*\))`", text)
    field = eval(declaration, vars(anncore) | {name: getattr(anncore, name) for name in ("hyper", "log")})
    assert field.default == 1.0


def test_the_page_for_contributors_names_files_that_are_there() -> None:
    text = (ROOT / "anncore" / "README.md").read_text(encoding="utf-8")
    names = set(re.findall(r"`([\w/.]+(?:\.py|\.json|\.md|\.toml|/))`", text))
    assert len(names) > 30
    places = {path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if ".venv" not in path.parts}
    missing = [
        name
        for name in sorted(names)
        if not any(f"/{path}".endswith(f"/{name.strip('/')}") for path in places)
    ]
    assert missing == ["report.json"]  # which a sweep makes
