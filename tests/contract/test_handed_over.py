"""Component classes handed over from Python: which code they are, and where they may run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from shipped import REGISTRY

import anncore
from anncore.contract.errors import PluginError
from anncore.contract.handed_over import packed, unpacked, with_components
from anncore.contract.session_code import Unclear, has_no_home, session_code

IMPORTS = """
import functools, math, threading
from dataclasses import dataclass
from typing import Any, ClassVar
import numpy as np
from anncore import Activation, Array, Hyper, Network, hyper
"""
BENT = """
SHIFT = 1.0
TABLE = {"half": np.array([0.5, 0.25])}

def root(z):
    return np.sqrt(z * z + SHIFT)

@functools.cache
def half():
    return TABLE["half"][0]

@dataclass(frozen=True)
class Bent(Activation):
    '''Bent identity.'''
    name: ClassVar[str] = "bent"
    slope: Hyper = hyper(1.0, "(0, inf)")

    def forward(self, z: Array) -> Array:
        return half() * (root(z) - 1) + self.slope * z

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        return grad * (half() * z / root(z) + self.slope)
"""


def typed(text: str = BENT, name: str = "Bent") -> Any:
    """Return a class as a session defines it: its module is no file."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(IMPORTS + text, "<session>", "exec", dont_inherit=True), names)
    return names[name]


def changed(old: str, new: str) -> Any:
    assert BENT.count(old) == 1
    return typed(BENT.replace(old, new))


def test_the_same_code_is_the_same_in_another_session_with_other_lines_and_hashes() -> None:
    here = session_code(typed("\n\n# a comment\n" + BENT)).text
    command = (
        f"{IMPORTS}{BENT}\nfrom anncore.contract.session_code import session_code\n"
        "print(session_code(Bent).text)"
    )
    there = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert there.stdout.strip() == here


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("SHIFT = 1.0", "SHIFT = 2.0"),  # a constant of the session
        ("z * z + SHIFT", "z * z * SHIFT"),  # a helper
        ("[0.5, 0.25]", "[0.4, 0.25]"),  # what a cached helper reads
        ("- 1) + self", "- 2) + self"),  # the formula
        ('hyper(1.0, "(0, inf)")', 'hyper(1.5, "(0, inf)")'),  # a default
        ('hyper(1.0, "(0, inf)")', 'hyper(1.0, "[0, inf)")'),  # a domain
        ('= "bent"\n', '= "bent"\n    kinks: ClassVar[tuple[float, ...]] = (0.0,)\n'),  # an attribute
    ],
)
def test_any_change_of_what_computes_is_another_code(old: str, new: str) -> None:
    assert session_code(changed(old, new)).text != session_code(typed()).text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("'''Bent identity.'''", "'''The bent identity, said otherwise.'''"),
        ("    return np.sqrt", "    # why\n\n    return np.sqrt"),
        ("SHIFT = 1.0", "SHIFT = 1.0\nunused = [1, 2, 3]"),
        ("SHIFT = 1.0", "SHIFT = 1.0\nslope = 5"),  # the name of an attribute is no use of a global
    ],
)
def test_what_computes_nothing_is_no_part_of_the_code(old: str, new: str) -> None:
    assert session_code(changed(old, new)).text == session_code(typed()).text


def test_values_are_told_apart_by_what_they_hold() -> None:
    def uses(value: str) -> str:
        text = BENT.replace("SHIFT = 1.0", f"VALUE = {value}\n\ndef use(value):\n    return 1.0\n")
        return session_code(typed(text.replace("SHIFT", "use(VALUE)"))).text

    values = (
        *("1", "1.0", "True", "'1'", "b'1'", "None", "(1,)", "[1]", "{1}", "{1: 2}", "{2: 1}", "[1, [1]]"),
        *("np.float32(1)", "np.float64(1)", "np.ones(1)", "np.ones((1, 1))", "np.ones(1, int)"),
        *("math.sin", "math.cos", "np.sin", "np.cos", "functools.partial(math.pow, 2)", "math", "np"),
        *("functools.partial(math.pow, 3)", "np.random.default_rng(1)", "np.random.default_rng(2)"),
        *("lambda z: z", "lambda z: z + 1", "np.linalg.norm", "dataclass", "Activation", "frozenset({2, 3})"),
    )
    codes = [uses(value) for value in values]
    assert len(set(codes)) == len(values)
    assert codes == [uses(value) for value in values]


def test_a_value_that_nothing_identifies_is_refused() -> None:
    with pytest.raises(Unclear, match="uses a lock, whose content cannot be read"):
        session_code(changed("SHIFT = 1.0", "SHIFT = threading.Lock()"))


def test_a_class_and_functions_that_refer_to_each_other_are_read_once() -> None:
    text = BENT.replace("half() * (root", "type(self)().slope * half() * (root")
    first, second = (session_code(typed(f"{text}\nother = Bent()\n")).text for _ in range(2))
    assert first == second != session_code(typed()).text


def test_a_handed_over_class_is_found_by_its_name() -> None:
    registry = with_components(REGISTRY, [typed()])
    component = registry.get("activation", "bent")
    assert (component.full_name, component.kind) == ("session:bent", "activation")
    assert registry.get("activation", "session:bent") is component
    assert component.code == session_code(component.cls).text
    assert registry.given == (component,)
    assert REGISTRY.given == ()


def test_a_class_of_an_importable_module_counts_with_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "annx_mine_one.py").write_text(IMPORTS + BENT)
    module = __import__("annx_mine_one")
    assert not has_no_home(module.Bent)
    component = with_components(REGISTRY, [module.Bent]).get("activation", "bent")
    assert component.full_name == "annx_mine_one:bent"
    # A helper of that module is named by the class of a session with the digest of its file.
    text = BENT.replace("SHIFT = 1.0", "from annx_mine_one import SHIFT, root as far\n")
    code = session_code(typed(text.replace("np.sqrt(z * z + SHIFT)", "far(z)"))).text
    assert f"annx_mine_one {component.code.split()[0]}" in code


def test_the_other_side_gets_the_same_components_by_value() -> None:
    registry = with_components(REGISTRY, [changed("@functools.cache\n", "")])
    there = unpacked(REGISTRY, packed(registry.given)).get("activation", "bent")
    here = registry.get("activation", "bent")
    assert (there.code, there.full_name) == (here.code, here.full_name)
    command = (
        "import sys, pickle, numpy as np\nfrom anncore import build\n"
        "(component,) = pickle.loads(sys.stdin.buffer.read())\n"
        "print(component.code, build(component.cls, slope=2.0).forward(np.full((1, 1, 1), 0.75)).item())"
    )
    done = subprocess.run(
        [sys.executable, "-c", command], input=packed(registry.given), capture_output=True, check=True
    )
    # 0.5 (√(0.75² + 1) - 1) + 2 x 0.75 = 0.5 x 0.25 + 1.5
    assert done.stdout.decode().split() == [here.code, "1.625"]


def test_what_cannot_be_sent_is_said_in_one_line() -> None:
    registry = with_components(REGISTRY, [typed()])  # functools.cache pickles by its name, which is not there
    with pytest.raises(PluginError, match=r"Bent cannot be sent to worker processes: .*'serial'") as caught:
        packed(registry.given)
    assert "\n" not in str(caught.value)


RAISES = """
@dataclass(frozen=True)
class Raises(Activation):
    '''One that raises.'''
    name: ClassVar[str] = "raises"
    def __post_init__(self):
        raise OSError("no")
    def forward(self, z: Array) -> Array:
        return z
    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        return grad
"""
SHAPELESS = """
@dataclass(frozen=True)
class Shapeless(Network):
    '''One that names no output activation.'''
    name: ClassVar[str] = "shapeless"
    def specs(self, inputs: int, outputs: int) -> Any:
        return []
    def forward(self, weights: Any, x: Array) -> Any:
        return x, x
    def backward(self, weights: Any, tape: Any, grad: Array, grads: Any) -> None:
        return None
"""
MISTAKES: dict[str, tuple[Callable[[], Any], str]] = {
    "no component": (lambda: [object], "object is no component: derive it from one of anncore's Activation"),
    "an object": (lambda: [typed()()], r"got Bent\(slope=1.0\); give the class itself, Bent"),
    "a file": (lambda: ["bent.py"], "components must be classes, got 'bent.py'"),
    "no list": (typed, "components must be a list of classes, got <class '__main__.Bent'>"),
    "no dataclass": (lambda: [changed("@dataclass(frozen=True)\n", "")], "must be a frozen dataclass"),
    "no method": (lambda: [changed("def forward", "def front")], "no activation: it has no method forward"),
    "misspelt": (
        lambda: [changed("def backward", "def back")],
        "back is no method .* Did you mean 'backward'",
    ),
    "no documentation": (lambda: [changed("'''Bent identity.'''", "")], "must have a docstring"),
    "twice": (lambda: [typed(), changed("1.0,", "1.5,")], "'session:bent' is there already, .*another name"),
    "a lock": (
        lambda: [changed("SHIFT = 1.0", "SHIFT = threading.Lock()")],
        "Bent uses a lock, whose content cannot be read; put it into a file",
    ),
    "no output": (lambda: [typed(SHAPELESS, "Shapeless")], "give it a field output: Any = ref"),
    "raises": (lambda: [typed(RAISES, "Raises")], "Raises cannot be made: OSError: no"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(mistake: str) -> None:
    make, says = MISTAKES[mistake]
    with pytest.raises(PluginError, match=says) as caught:
        with_components(REGISTRY, make())
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, anncore.AnnxError)
