"""Libraries whose classes and functions serve as components: paths, files, keys, pickles, mistakes."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anncore import ComponentError, Library, PluginError, Registry, build, load_registry, read_signature
from anncore.contract import made_classes
from anncore.contract.hyperparameters import Interval, declared
from anncore.contract.stand_ins import StandIn, describe, with_stand_ins

LIBRARY = '''
"""A library of functions of NumPy arrays, each with its slope beside it as `name_slope`."""
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from anncore import Activation, Array, Component, ComponentError, Library, Made, hookimpl, read_signature

@dataclass(frozen=True)
class Plain(Made, Activation):
    """A function of an array."""

    def validate(self) -> None:
        self.refuse_missing()

    def forward(self, z: Array) -> Array:
        return self._theirs(z, **self.arguments(0))

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        return grad * getattr(sys.modules[self._theirs.__module__], f"{self._theirs.__name__}_slope")(z)

class Functions(Library):
    """Functions of arrays."""

    prefix = "plain"
    title = "Plain functions"
    packages = ("PACKAGE",)
    within = ("numpy",)
    address = "https://example.org/plain"
    offers: ClassVar[Mapping[str, str]] = {"activation": "a function of an array"}

    def kind_of(self, thing: Any) -> str:
        return "" if isinstance(thing, type) else "activation"

    def component(self, kind: str, thing: Any, path: str) -> type[Component]:
        return self.make(Plain, path, thing, read_signature(thing, 1), {})

@hookimpl
def annx_libraries() -> list[type[Library]]:
    return [Functions]
'''

BENT = '''
"""Functions."""

def bent(z, slope=0, *, learning_rate=0.5, shift, tilt: float | None = None, how: int = 2, kind=dict):
    return z * slope + shift

def bent_slope(z):
    return z * 0
'''


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "library.py").write_text(LIBRARY.replace("PACKAGE", "numpy"))
    (tmp_path / "bent.py").write_text(BENT)
    return load_registry([tmp_path / "library.py"], environ={"ANNX_PLUGINS": ""})


def test_keyword_arguments_become_hyperparameters(registry: Registry) -> None:
    cls = registry.get("activation", "plain:bent.bent").cls
    fields = declared(cls)
    assert list(fields) == [
        "slope",
        "lr",
        "shift",
        "tilt",
        "how",
    ]  # a function as a default stays the default
    assert fields["lr"].default == 0.5
    assert fields["lr"].search is not None
    assert fields["lr"].search.how == "log"
    assert not fields["slope"].stackable  # a whole default: it may be a number of something
    assert not fields["tilt"].stackable
    assert isinstance(fields["tilt"].domain, Interval)
    assert fields["tilt"].domain.optional
    assert str(fields["how"].domain) == "(-inf, inf)"
    assert fields["how"].domain.integer  # type: ignore[union-attr]
    assert cls.other_names == {"learning_rate": "lr"}
    component = build(cls, shift=3, slope=2)
    assert component.arguments(0) == {"slope": 2, "learning_rate": 0.5, "shift": 3, "tilt": None, "how": 2}
    assert type(component.arguments(0)["slope"]) is int  # it was one in the signature, and is whole
    assert build(cls, shift=3, slope=0.5).arguments(0)["slope"] == 0.5
    with pytest.raises(ComponentError, match="plain_bent: shift has no default; give it a value"):
        build(cls)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("bent.bend", "plain:bent.bend: bent has no bend. Did you mean 'bent'?"),
        ("nowhere.f", "no package is called 'nowhere', and no file nowhere.py lies in"),
        ("tanhh", "Plain functions has no tanhh. Did you mean 'tanh'?"),
        ("numpy.linalg", "plain:numpy.linalg is a module; name a class or a function in it"),
        ("numpy.pi", "plain:numpy.pi is a float; name a class or a function in it"),
        ("a-b.c", "'a-b.c' is not a path of names with dots"),
        ("broken.f", "plain:broken.f cannot be imported: ZeroDivisionError: division by zero."),
    ],
)
def test_a_path_that_leads_nowhere_says_where_it_ends(registry: Registry, path: str, message: str) -> None:
    Path("broken.py").write_text("1 / 0")
    with pytest.raises(ComponentError) as caught:
        registry.get("activation", f"plain:{path}")
    assert message in str(caught.value)


def test_a_path_that_ends_at_a_module_means_what_the_library_says(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ComponentError, match=r"plain:os\.path is a module; name a class or a function"):
        registry.get("activation", "plain:os.path")
    monkeypatch.setattr(Library, "inside", lambda self, module: getattr(module, "bend", None))
    Path("bends").mkdir()
    Path("bends", "__init__.py").write_text("from bends import one\n")
    Path("bends", "one.py").write_text("def bend(z):\n    return 2 * z\n")
    cls = registry.get("activation", "plain:bends.one").cls
    assert build(cls).forward(np.ones((1, 1, 1))).item() == 2


def test_kinds_and_prefixes_that_a_library_does_not_have(registry: Registry) -> None:
    with pytest.raises(ComponentError, match=r"plain:bent\.bent cannot be an optimizer; .*: activation"):
        registry.get("optimizer", "plain:bent.bent")
    with pytest.raises(ComponentError, match=r"Did you mean 'plain:bent\.bent'"):
        registry.get("activation", "plian:bent.bent")
    with pytest.raises(ComponentError, match=r"plain:numpy\.float64 cannot be a component"):
        registry.kind_of("plain:numpy.float64")
    assert registry.kind_of("plain:bent.bent") == "activation"


def test_a_library_that_is_missing_is_one_line(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("library.py").write_text(LIBRARY.replace("PACKAGE", "no_such_package"))
    lacking = load_registry(["library.py"], environ={"ANNX_PLUGINS": ""})
    with pytest.raises(ComponentError) as caught:
        lacking.get("activation", "plain:bent.bent")
    assert str(caught.value) == "plain:bent.bent needs Plain functions; install annx[plain]."
    known = registry.get("activation", "plain:bent.bent")
    restored = with_stand_ins(lacking, [describe(known)])
    stand_in = restored.get("activation", "plain:bent.bent")
    assert issubclass(stand_in.cls, StandIn)
    assert stand_in.full_name == "plain:bent.bent"
    assert declared(stand_in.cls) == declared(known.cls)
    assert with_stand_ins(registry, [describe(known)]).get("activation", "plain:bent.bent").cls is known.cls


def test_code_and_version_are_in_the_key(registry: Registry) -> None:
    known = registry.get("activation", "plain:bent.bent")
    plugin = next(offered.code for offered in registry.libraries if offered.library.prefix == "plain")
    assert plugin is not None
    assert known.code.startswith(plugin.text)  # the library's plugin is a stranger's, so its code counts
    assert known.code.endswith(f" numpy {np.__version__}") or "numpy" not in known.code
    assert registry.get("activation", "plain:bent.bent") is known
    again = registry.changed()
    assert again.get("activation", "plain:bent.bent").code == known.code
    Path("bent.py").write_text(BENT + "# more\n")
    assert registry.changed().get("activation", "plain:bent.bent").code != known.code


def test_a_made_class_is_pickled_by_its_name(registry: Registry) -> None:
    component = build(registry.get("activation", "plain:bent.bent").cls, shift=1)
    again = pickle.loads(pickle.dumps(component))
    assert again == component
    assert type(again) is type(component)
    with pytest.raises(AttributeError):
        _ = made_classes.nothing


def test_files_of_two_folders_stay_apart(registry: Registry, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "bent.py").write_text("from helper import F\ndef bent(z): return z * F\n")
    (other / "helper.py").write_text("F = 7\n")
    component = registry.changed(folder=str(other)).get("activation", "plain:bent.bent")
    assert list(declared(component.cls)) == []
    assert component.cls().forward(np.ones((1, 1, 1))).item() == 7
    package = other / "shop"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "inner.py").write_text("from . import deep\nclass Box:\n    wide = staticmethod(deep.wide)\n")
    (package / "deep.py").write_text("def wide(z): return z + 1\n")
    wide = registry.changed(folder=str(other)).get("activation", "plain:shop.inner.Box.wide")
    assert wide.cls().forward(np.zeros((1, 1, 1))).item() == 1
    assert "bent" not in sys.modules
    assert "shop" not in sys.modules


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("return [Plain]", "annx_libraries must return subclasses of anncore.Library"),
        ("return [Functions()]", "annx_libraries must return subclasses of anncore.Library"),
        ("Functions.prefix = 'a b'; return [Functions]", "Functions.prefix must be a name, got 'a b'"),
    ],
)
def test_what_is_no_library_is_refused(registry: Registry, wrong: str, message: str) -> None:
    Path("library.py").write_text(LIBRARY.replace("PACKAGE", "numpy").replace("return [Functions]", wrong))
    with pytest.raises(PluginError, match=message.replace("(", r"\(")):
        load_registry(["library.py"])


def test_two_plugins_cannot_share_a_prefix(registry: Registry) -> None:
    Path("second.py").write_text(LIBRARY.replace("PACKAGE", "numpy"))
    with pytest.raises(PluginError, match="the prefix 'plain' is that of plugin 'file:library' already"):
        load_registry(["library.py", "second.py"])


def test_the_signature_of_a_function_written_in_c_is_read_from_its_text() -> None:
    def gelu(input: Any) -> Any:
        """gelu(input, approximate = 'none', *, out=None) -> Tensor."""

    class Builtin:
        __doc__ = gelu.__doc__
        __signature__ = "none"

        def __call__(self) -> None: ...

    signature = read_signature(Builtin(), 1, ("out",))
    assert dict(signature.names) == {"approximate": "approximate"}
    with pytest.raises(ValueError, match="it has no signature"):
        read_signature(type("Silent", (), {"__call__": None, "__signature__": 1, "__doc__": ""})(), 1)
