"""Loading: every plugin alone, whatever is wrong with its neighbour, and every name with one owner."""

import dataclasses
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from right import RIGHT

from anncore import ComponentError, PluginError, Registry, load_registry
from anncore.contract.admission import Refused, refuse_malformed, snake_case
from anncore.contract.errors import closest
from anncore.experiment import load_experiment

HEAD = """
from dataclasses import dataclass
from typing import ClassVar
from anncore import Activation, Hyper, Optimizer, choice, hookimpl, log, hyper, ref
"""

# One activation, with a gap for what a test puts into the class and one for what follows it.
ACTIVATION = (
    HEAD
    + """
@dataclass(frozen=True)
class Double(Activation):
    '''Twice the input: f(z) = 2z.'''

    name: ClassVar[str] = "{name}"
{body}
    def forward(self, z): return 2 * z
    def backward(self, grad, z, a): return 2 * grad

@hookimpl
def {hook}(): return [Double]
"""
)


def activation(name: str = "double", body: str = "", hook: str = "annx_activations") -> str:
    return ACTIVATION.format(name=name, body=textwrap.indent(textwrap.dedent(body), "    "), hook=hook)


class Site:
    """A directory on sys.path with installed distributions."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def install(self, dist: str, version: str = "1.0", **modules: str) -> None:
        """Lay modules and a dist-info down, each module behind an entry point of its own name."""
        info = self.root / f"{dist.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: {version}\n")
        lines = []
        for entry, source in modules.items():
            module = f"{dist.replace('-', '_')}_{entry}"
            (self.root / f"{module}.py").write_text(source)
            lines.append(f"{entry} = {module}")
        (info / "entry_points.txt").write_text("\n".join(["[annx]", *lines, ""]))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    root = tmp_path / "site"
    root.mkdir()
    monkeypatch.syspath_prepend(root)
    before = set(sys.modules)
    yield Site(root)
    for name in set(sys.modules) - before:
        if str(root) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def load(**environ: str) -> Registry:
    return load_registry(environ=environ)


def problem(registry: Registry, name: str) -> str:
    (plugin,) = [plugin for plugin in registry.plugins if plugin.name == name]
    return plugin.problem


# The good case


def test_an_installed_component_answers_to_its_short_and_its_full_name(site: Site) -> None:
    site.install("annx-two", double=activation())
    component = load().get("activation", "double")
    assert component == load().get("activation", "annx-two:double")
    assert (component.dist, component.version, component.plugin) == ("annx-two", "1.0", "annx-two:double")


def test_a_distributions_name_is_read_as_indexes_read_it(site: Site) -> None:
    site.install("Annx_Two", double=activation())
    assert load().get("activation", "annx-two:double").full_name == "annx-two:double"


def test_the_order_does_not_depend_on_the_order_of_installation(site: Site) -> None:
    site.install("annx-z", double=activation())
    site.install("annx-a", twice=activation("twice"), another=activation("another"))
    names = [c.full_name for c in load().of_kind("activation") if c.dist != "annx"]
    assert names == ["annx-a:another", "annx-z:double", "annx-a:twice"]


# Names


def test_a_built_in_keeps_its_short_name(site: Site) -> None:
    site.install("annx-a", relu=activation("relu"))
    registry = load()
    assert registry.get("activation", "relu").dist == "annx"
    assert registry.get("activation", "annx-a:relu").dist == "annx-a"


def test_a_short_name_of_two_strangers_is_an_error_where_it_is_used(site: Site) -> None:
    site.install("annx-a", double=activation())
    site.install("annx-b", double=activation())
    registry = load()
    with pytest.raises(ComponentError, match="write one of annx-a:double, annx-b:double"):
        registry.get("activation", "double")
    assert registry.get("activation", "annx-b:double").dist == "annx-b"
    assert not registry.broken or all(plugin.dist == "annx" for plugin in registry.broken)


def test_one_distribution_cannot_offer_a_name_twice(site: Site) -> None:
    site.install("annx-a", first=activation(), second=activation())
    assert "provided already by plugin 'annx-a:first'" in problem(load(), "annx-a:second")
    assert load().get("activation", "double").plugin == "annx-a:first"


def test_one_module_behind_two_entry_points_counts_once(site: Site) -> None:
    site.install("annx-a", first=activation(), second="", third="")
    (site.root / "annx_a-1.0.dist-info" / "entry_points.txt").write_text(
        "[annx]\nfirst = annx_a_first\nsecond = annx_a_first\nthird = annx_a_first\n"
    )
    registry = load()
    assert problem(registry, "annx-a:first") == ""
    for name in ("annx-a:second", "annx-a:third"):
        assert problem(registry, name) == "annx_a_first is registered already under another entry point"


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("activation", "rleu", "No activation is called 'rleu'. Did you mean 'relu'?"),
        ("activation", "zzzzzzz", "No activation is called 'zzzzzzz'. 'annx list activation' names all."),
        ("optimizer", "relu", "No optimizer is called 'relu'. 'relu' is an activation."),
        ("optimiser", "adam", "Did you mean 'optimizer'?"),
    ],
)
def test_an_unknown_name_comes_with_a_way_out(kind: str, name: str, message: str) -> None:
    with pytest.raises(ComponentError) as caught:
        load().get(kind, name)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["double", "annx-a:double"])
def test_a_name_that_a_broken_plugin_would_have_brought_says_so(site: Site, name: str) -> None:
    site.install("annx-a", double="import nowhere_to_be_found")
    with pytest.raises(ComponentError, match="Plugin 'annx-a:double' is broken: ModuleNotFoundError"):
        load().get("activation", name)


# What is broken stays alone

BROKEN = {
    "import error": (
        "import nowhere_to_be_found",
        "ModuleNotFoundError: No module named 'nowhere_to_be_found'",
    ),
    "syntax error": ("def :", "SyntaxError: "),
    "exit": ("raise SystemExit(3)", "SystemExit: 3"),
    "own exception": ("class Odd(BaseException): pass\nraise Odd('no')", "Odd: no"),
    "no hook": ("x = 1", "it implements no hook"),
    "misspelt hook": (
        activation(hook="annx_activation"),
        "no hook is called 'annx_activation'. Did you mean 'annx_activations'?",
    ),
    "hook with an argument": (
        HEAD + "@hookimpl\ndef annx_activations(extra): return []",
        "hookimpl definition: annx_activations(extra)",
    ),
    "hook raises": (HEAD + "@hookimpl\ndef annx_activations(): return 1 / 0", "ZeroDivisionError"),
    "no list": (
        HEAD + "@hookimpl\ndef annx_activations(): return 3",
        "must return a list of classes, got int",
    ),
    "no class": (HEAD + "@hookimpl\ndef annx_activations(): return [3]", "must return classes, got 3"),
    "no dataclass": (
        HEAD + "class A: name = 'a'\n@hookimpl\ndef annx_activations(): return [A]",
        "A must be a frozen dataclass",
    ),
    "no dataclass of its own": (
        activation()
        + "class B(Double):\n  '''B.'''\n  name = 'b'\n@hookimpl\ndef annx_activations(): return [B]",
        "B must be a frozen dataclass",
    ),
    "name": (activation("Double"), "must have a class attribute name in snake_case, got 'Double'"),
    "reserved name": (activation("auto"), "cannot be called 'auto'"),
    "no docstring": (activation(body="__doc__ = ''\n"), "must have a docstring"),
    "signature": (
        activation(body="def extra(self): ...\n").replace(
            "backward(self, grad, z, a)", "backward(self, grad, z)"
        ),
        "Double.backward must take (self, grad, z, a), it takes (self, grad, z)",
    ),
    "missing method": (
        activation().replace("def forward", "def forwards"),
        "Double is no activation: it has no method forward",
    ),
    "misspelt optional method": (
        activation().replace("def backward", "def backwards"),
        "Double.backwards is no method of activations. Did you mean 'backward'?",
    ),
    "no method": (
        activation().replace("def backward(self, grad, z, a): return 2 * grad", "backward = 3"),
        "Double.backward must be a method, got 3",
    ),
    "another kind": (
        activation(hook="annx_optimizers"),
        "Double is no optimizer, it derives from activation; return it by annx_activations",
    ),
    "undeclared field": (activation(body="slope: float = 1.0\n"), "slope must be declared by anncore.hyper"),
    "default": (
        activation(body="slope: Hyper = hyper(2.0, '[0, 1]')\n"),
        "Double.slope: the default must be in [0, 1], got 2.0",
    ),
    "domain": (activation(body="slope: Hyper = hyper(2.0, '[0, 1')\n"), "not an interval: '[0, 1'"),
    "search": (
        activation(body="slope: Hyper = hyper(0.5, '(0, 1]', search=log(0, 1))\n"),
        "Double.slope: every value of the search must be in (0, 1], got 0",
    ),
    "reserved key": (
        activation(body="use: Hyper = hyper(0.5, '[0, 1]')\n"),
        "use is a key of experiments themselves",
    ),
    "reference": (
        activation(body="inner: Hyper = ref('optimiser', 'sgd')\n"),
        "'optimiser', which is no kind",
    ),
    "preset's key": (
        activation(body="slope: Hyper = hyper(0.5, '[0, 1]')\npresets: ClassVar = {'old': {'slop': 1}}\n"),
        "preset 'old': double: unknown hyperparameter 'slop'",
    ),
    "preset's value": (
        activation(body="slope: Hyper = hyper(0.5, '[0, 1]')\npresets: ClassVar = {'old': {'slope': 2}}\n"),
        "preset 'old': double: slope must be in [0, 1], got 2",
    ),
    "range": (activation(body="range: ClassVar[str] = '[0, inf]'\n"), "Double.range: not an interval"),
    "constructor": (
        activation(body="def __post_init__(self): raise ValueError('never')\n"),
        "ValueError: never",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("source", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_plugin_is_set_aside_with_its_reason_and_stops_nobody(
    site: Site, source: str, reason: str
) -> None:
    site.install("annx-good", triple=activation("triple"))
    site.install("annx-broken", first=source, second=activation("second"))
    registry = load()
    problem_text = problem(registry, "annx-broken:first")
    assert reason in problem_text
    assert "\n" not in problem_text
    assert registry.get("activation", "triple")
    assert registry.get("activation", "second")
    assert registry.get("activation", "relu")
    with pytest.raises(PluginError, match="plugin annx-broken:first is broken"):
        load(ANNX_STRICT_PLUGINS="1")


def test_ctrl_c_during_loading_is_the_users(site: Site) -> None:
    site.install("annx-a", first="raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load()


def test_what_a_plugin_prints_goes_to_standard_error(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.install("annx-a", first="print('hello')\n" + activation())
    assert load().get("activation", "double")
    assert capsys.readouterr() == ("", "hello\n")


@pytest.mark.parametrize(
    ("kind", "attribute", "tasks", "way_out"),
    [
        ("metric", "tasks", ("binary", "multiklass"), " Did you mean 'multiclass'?"),
        ("metric", "tasks", "binary", " Write ('binary',)."),
        ("metric", "primary_for", ("classification",), ""),
        ("loss", "natural_for", ("regresion",), " Did you mean 'regression'?"),
        ("network", "tasks", ("sequence",), ""),
    ],
)
def test_tasks_that_there_are_not_are_refused(kind: str, attribute: str, tasks: Any, way_out: str) -> None:
    members = {attribute: tasks, "__doc__": "Odd."}
    changed = dataclasses.dataclass(frozen=True)(type("Odd", (RIGHT[kind],), members))
    with pytest.raises(Refused) as refused:
        refuse_malformed(kind, changed)
    assert str(refused.value) == (
        f"Odd.{attribute} must be a tuple of tasks among binary, multiclass, regression, unsupervised, got "
        f"{tasks!r}.{way_out}"
    )


# The environment


def test_annx_plugins_limits_third_parties(site: Site) -> None:
    site.install("annx-a", double=activation())
    site.install("Annx.B", triple=activation("triple"))
    dists = {plugin.dist for plugin in load(ANNX_PLUGINS=" annx_b ,").plugins}
    assert dists == {"annx", "annx-b"}
    assert {plugin.dist for plugin in load(ANNX_PLUGINS="").plugins} == {"annx"}


def test_annx_plugins_reports_what_is_not_installed(site: Site) -> None:
    assert "no such distribution" in problem(load(ANNX_PLUGINS="annx-lino"), "annx-lino")


# Local files


@pytest.fixture
def lion(tmp_path: Path) -> Path:
    path = tmp_path / "lion.py"
    path.write_text(activation())
    return path


def test_a_file_is_named_after_its_stem_and_dated_by_its_content(lion: Path) -> None:
    component = load_registry([lion]).get("activation", "lion:double")
    assert component == load_registry([lion]).get("activation", "double") or component.cls is not None
    lion.write_text(lion.read_text() + "# changed\n")
    assert load_registry([lion]).get("activation", "double").version != component.version


def test_a_file_asked_for_twice_is_loaded_once(lion: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(lion.parent)
    registry = load_registry([lion, "lion.py"])
    assert registry.files == (str(lion),)


def test_two_files_of_one_name_are_refused_by_name(lion: Path) -> None:
    other = lion.parent / "more" / "lion.py"
    other.parent.mkdir()
    other.write_text(activation("triple"))
    with pytest.raises(PluginError, match="another plugin is called file:lion already"):
        load_registry([lion, other])


def test_a_file_cannot_pass_for_annx(tmp_path: Path) -> None:
    path = tmp_path / "annx.py"
    path.write_text(activation())
    with pytest.raises(PluginError, match=r"a plugin file cannot be called annx\.py"):
        load_registry([path])


@pytest.mark.parametrize(
    ("name", "source", "message"),
    [
        ("lion.py", "raise SystemExit(3)", "plugin file:lion is broken: SystemExit: 3"),
        ("lion.txt", "", "no Python file"),
    ],
)
def test_a_broken_file_always_raises(tmp_path: Path, name: str, source: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(source)
    before = set(sys.modules)
    with pytest.raises(PluginError, match=message):
        load_registry([path])
    assert not {name for name in set(sys.modules) - before if "lion" in name}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"plugin file '.*none\.py' does not exist"):
        load_registry([tmp_path / "none.py"])


# What the core asks for without naming an algorithm


def test_a_stranger_never_becomes_the_default(site: Site) -> None:
    site.install("annx-a", a=activation("aaa", body="default: ClassVar[bool] = True\n"))
    registry = load()
    assert registry.get("activation", "aaa")
    with pytest.raises(ComponentError, match="no default is installed"):
        Registry(tuple(c for c in registry.components if c.dist != "annx"), ()).default("activation")


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_every_task_has_its_natural_loss_and_headline_metric(task: Any) -> None:
    registry = load(ANNX_PLUGINS="")
    assert task in registry.natural_loss(task).cls.outputs
    assert task in registry.primary_metric(task).cls.tasks
    assert registry.primary_metric(task) in registry.metrics(task)


@pytest.mark.parametrize("kind", ["network", "schedule", "initializer"])
def test_kinds_that_an_experiment_may_leave_out_have_a_default(kind: str) -> None:
    assert load(ANNX_PLUGINS="").default(kind).dist == "annx"


def test_all_of_ours_load() -> None:
    assert [f"{plugin.name}: {plugin.problem}" for plugin in load(ANNX_PLUGINS="").broken] == []


def test_a_plugin_for_an_older_annx_is_told_the_new_name() -> None:
    with pytest.raises(ImportError, match=r"anncore\.param is called anncore\.hyper now"):
        exec("from anncore import param")


# Hints


@pytest.mark.parametrize(
    ("hook", "hint"),
    [
        ("annx_widgets", "Hooks are annx_datasets, annx_objectives"),
        ("annx_sampler", "Did you mean 'annx_samplers'"),
        ("annx_comands", "Did you mean 'annx_commands'"),
        ("annx_optimisers", "Did you mean 'annx_optimizers'"),
        ("annx_optimizer", "Did you mean 'annx_optimizers'"),
    ],
)
def test_a_hook_is_near_by_what_sets_it_apart(tmp_path: Path, hook: str, hint: str) -> None:
    path = tmp_path / "lion.py"
    path.write_text(activation(hook=hook))
    with pytest.raises(PluginError, match=hint):
        load_registry([path])


def test_a_class_name_comes_with_its_snake_case(tmp_path: Path) -> None:
    path = tmp_path / "lion.py"
    path.write_text(activation("MyOpt"))
    with pytest.raises(PluginError, match=r"name in snake_case, got 'MyOpt'; write 'my_opt'"):
        load_registry([path])


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("MyOpt", "my_opt"),
        ("HTTPNet2", "http_net2"),
        ("Adam-W 2", "adam_w_2"),
        ("relu", "relu"),
        ("SGD", "sgd"),
    ],
)
def test_snake_case(name: str, snake: str) -> None:
    assert snake_case(name) == snake


@pytest.mark.parametrize(("name", "near"), [("SGD", "sgd"), ("Adam_W", "adamw"), ("he-normal", "he_normal")])
def test_capitals_and_joints_are_no_other_spelling(name: str, near: str) -> None:
    known = [component.name for component in load(ANNX_PLUGINS="").components]
    assert closest(name, known) == near


def test_a_very_long_name_is_near_to_nothing() -> None:
    assert closest("sgd" * 1000, ["sgd"]) == ""


# Neighbours and namesakes of files


@pytest.mark.parametrize(
    "statement", ["import helper", "from helper import x", "from .helper import x", "import pack.inner"]
)
def test_a_file_imports_its_neighbours(tmp_path: Path, statement: str) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("")
    (tmp_path / "pack" / "inner.py").write_text("")
    (tmp_path / "helper.py").write_text("import helper2\nx = helper2.x")
    (tmp_path / "helper2.py").write_text("x = 1")
    (tmp_path / "lion.py").write_text(f"{statement}\n{activation()}")
    assert load_registry([tmp_path / "lion.py"]).get("activation", "lion:double")


def test_a_file_that_imports_what_is_not_there_is_told_how(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "lion.py").write_text("import parts.inner")
    with pytest.raises(PluginError, match=r"put an empty __init__\.py into it"):
        load_registry([tmp_path / "lion.py"])
    (tmp_path / "lion.py").write_text("import nowhere")
    with pytest.raises(
        PluginError, match=r"it finds modules beside it, as .*nowhere\.py, and installed ones"
    ):
        load_registry([tmp_path / "lion.py"])
    (tmp_path / "lion.py").write_text("from anncore.drawing import Drawing")
    with pytest.raises(PluginError, match="'from anncore import drawing' brings what anncore has") as error:
        load_registry([tmp_path / "lion.py"])
    assert "beside it" not in str(error.value)


def test_a_name_that_annx_has_already_is_noted_where_it_is_used(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(activation("relu"))
    text = "[plugins]\nfiles = ['mine.py']\n[dataset.iris]\n[optimizer.sgd]\n[network.mlp]\nactivation = "
    for written, notes in (("'relu'", 1), ("'annx:relu'", 0), ("'mine:relu'", 0), ("'tanh'", 0)):
        (tmp_path / "x.toml").write_text(f"{text}{written}\n")
        experiment = load_experiment(tmp_path / "x.toml")
        assert len(experiment.notes) == notes, written
        if notes:
            (note,) = experiment.notes
            assert note.startswith("activation 'relu' is annx's own; a plugin offers one of that name too")
            assert "'mine:relu'" in note
