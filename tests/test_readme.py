"""What the guides say works: their code blocks are run, their commands compared with CI's."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from anncore import load_registry
from anncore.cli.group import cli

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PLUGIN_GUIDE = ROOT / "plugins" / "README.md"
REPORT_GUIDE = ROOT / "reports" / "README.md"


def blocks(file: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", file.read_text(encoding="utf-8"), re.M | re.S)


def block(file: Path, language: str, holding: str) -> str:
    (found,) = [text for text in blocks(file, language) if holding in text]
    return found


def _owner(code: str) -> str:
    return re.findall(r"^class (\w+)", code, re.M)[-1]


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
    plugin = block(README, "python", "Swish")
    assert len(plugin.splitlines()) <= 24
    (tmp_path / "swish.py").write_text(plugin, encoding="utf-8")
    for line in block(README, "sh", "annx plan first.toml").splitlines():
        verb, *args = line.partition("#")[0].split()[1:]
        invoke(verb, *args, "train.steps=20", *(["--executor", "serial"] if verb == "sweep" else []))
    text = README.read_text(encoding="utf-8")
    (command,) = re.findall(r"`annx (sweep first.toml .*--plugin swish.py)`", text)
    invoke(*command.split(), "train.steps=20", "--executor", "serial", "--out", "swish")
    assert (tmp_path / "swish" / "report.html").is_file()


def test_the_first_plugin_keeps_every_promise(tmp_path: Path) -> None:
    from anncore.testing import check_component

    (tmp_path / "swish.py").write_text(block(README, "python", "Swish"), encoding="utf-8")
    check_component(load_registry([tmp_path / "swish.py"]).get("activation", "swish"))


def test_the_plugin_guides_code_runs_as_written(tmp_path: Path) -> None:
    (tmp_path / "qhm.py").write_text(block(PLUGIN_GUIDE, "python", "class QHM"), encoding="utf-8")
    (tmp_path / "test_qhm.py").write_text(block(PLUGIN_GUIDE, "python", "check()"), encoding="utf-8")
    assert load_registry([tmp_path / "qhm.py"]).get("optimizer", "qhm").full_name == "qhm:qhm"
    pytest_run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(pytest_run, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout


@pytest.mark.parametrize(
    "code", [text for text in blocks(PLUGIN_GUIDE, "python") if "@hookimpl" in text], ids=_owner
)
def test_every_component_of_the_plugin_guide_keeps_every_promise(tmp_path: Path, code: str) -> None:
    from anncore.testing import check_component

    (tmp_path / "guide.py").write_text(code, encoding="utf-8")
    (component,) = [
        each for each in load_registry([tmp_path / "guide.py"]).components if each.dist == "guide"
    ]
    check_component(component)


def test_the_plugin_guide_has_an_example_of_every_kind() -> None:
    from anncore.contract.kind_names import HOOKS

    code = "".join(blocks(PLUGIN_GUIDE, "python"))
    assert [hook for hook in HOOKS.values() if f"def {hook}()" not in code] == []


def test_the_checks_that_the_plugin_guide_quotes_are_there() -> None:
    from anncore.testing import checks_for

    known = {check.name for each in load_registry().components for check in checks_for(each)}
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


@pytest.mark.parametrize("file", [README, PLUGIN_GUIDE], ids=lambda file: file.parent.name)
def test_links_lead_somewhere(file: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", file.read_text(encoding="utf-8"))
    assert [target for target in targets if not (file.parent / target).exists()] == []


def test_what_the_report_guide_computes_from_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import anncore

    (tmp_path / "optimizers.toml").write_text(
        "train.steps = 5\nseeds.report = [1, 2]\ndataset.xor.n = 60\n[optimizer.sgd]\n[optimizer.adam]\n"
    )
    monkeypatch.chdir(tmp_path)
    anncore.sweep(anncore.load_experiment("optimizers.toml"), out="reports/optimizers", executor="serial")
    exec(block(REPORT_GUIDE, "python", "compare_arms"), {})
    table = REPORT_GUIDE.read_text(encoding="utf-8").partition("| question | function |")[2]
    for name in re.findall(r"`(\w+)`", table):
        assert name == "__version__" or callable(getattr(anncore, name))


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
