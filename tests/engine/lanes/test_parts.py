"""Loops that occur several times become functions: fewer lines, the same bits. Sources: by hand, LLVM."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from shipped import REGISTRY
from shipped_bits import DATA
from trial_factory import make_trial

from anncore.contract.derivatives.symbols import Graph
from anncore.engine.lanes import code as codes, made, stack as stacks, written
from anncore.engine.lanes.code import Code
from anncore.engine.lanes.compiling import kernel
from anncore.engine.lanes.lowering import Lowering
from anncore.engine.lanes.parts import Part, joined
from anncore.engine.lanes.places import aligned
from anncore.engine.lanes.programs import _Kernel
from anncore.engine.lanes.stack import LaneStack
from anncore.engine.lanes.workspace import Place, Workspace
from anncore.engine.problem import ON_DATA
from anncore.engine.training import train_stack

pytest.importorskip("llvmlite")

DEEP = {"network": ("mlp", {"hidden": [5] * 6})}
UNROLLED = {**DATA["regression"], "dataset": ("adding", {"n": 40, "steps": 6}), "network": "gru"}


def doubled(code: Code, pointer: str, at: int) -> None:
    """Append a part that doubles three vectors."""
    with code.part():
        place = code.outside(pointer, at)

        def turn(index: Any, _: Any) -> Any:
            code.store(code.times(code.load(place, index), code.number(2.0)), place, index)
            return []

        code.loop(3, turn)


def test_equal_parts_are_one_function_and_do_what_they_did() -> None:
    code = Code("float32")
    array = code.load_scalar("ptr", "%table", 0)
    for at in (0, 3, 6):
        doubled(code, array, at)
    code.store(code.number(7.0), array, 9)
    text = code.function()
    assert text.count("define") == 2
    assert text.count("call void @part0(ptr ") == 3
    assert text.count("fmul") == 1
    numbers = np.zeros((10, 16), np.float32) + np.arange(10, dtype=np.float32)[:, None]
    raw = np.zeros(10 * 64 + 64, np.uint8)
    start = -raw.ctypes.data % 64
    aligned = raw[start : start + 640].view(np.float32).reshape(10, 16)
    aligned[...] = numbers
    kernel(text)([aligned])
    assert np.array_equal(aligned[:9], 2 * numbers[:9])
    assert (aligned[9] == 7).all()


def test_a_part_that_occurs_once_or_sees_a_vector_stays_where_it_is() -> None:
    code = Code("float32")
    array = code.load_scalar("ptr", "%table", 0)
    doubled(code, array, 0)
    seen = code.load(array, 5)
    for at in (1, 2):
        with code.part():
            code.store(code.plus(seen, seen), code.outside(array, at))
    assert code.function().count("define") == 1
    assert [part.arguments is None for part in code._parts] == [False, True, True]


def test_what_follows_a_call_comes_from_the_block_before_it() -> None:
    lines = ["br label %b1", "b1:", "%v2 = phi i64 [0, %entry], [%v2, %b1]", "br label %b3", "b3:"]
    after = ["br label %b4", "b4:", "%v5 = phi i64 [0, %b3], [%v5, %b4]"]
    one = Part.of(lines, 0, "entry", "b3", [])
    other = one._replace(start=5, end=10, before="b3", after="b8")
    functions, rest = joined([*lines, *lines, *after], [one, other])
    assert len(functions) == 1
    assert rest[:2] == ["call void @part0()"] * 2
    assert rest[-1] == "%v5 = phi i64 [0, %entry], [%v5, %b4]"


@pytest.mark.parametrize("options", [DEEP, UNROLLED], ids=["deep", "unrolled"])
def test_bits_are_those_of_one_long_function(options: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = make_trial(REGISTRY, **{"steps": 6, "eval_every": 3, "engine": "lanes", **options})
    monkeypatch.setattr(written, "read", lambda name: [])
    monkeypatch.setattr(written, "write", lambda name, entries: None)
    texts, metrics = [], []
    for together in (
        joined,
        lambda lines, parts: joined(lines, [part._replace(arguments=None) for part in parts]),
    ):
        monkeypatch.setattr(codes, "joined", together)
        monkeypatch.setattr(made, "_MADE", {})
        monkeypatch.setattr(stacks, "_AGREED", set())
        stack = LaneStack([trial], REGISTRY, ON_DATA.load([trial], REGISTRY))
        texts.append(stack._made_passes[0].program.text)
        metrics.append(train_stack([trial], REGISTRY)[0].metrics)
    assert metrics[0] == metrics[1]
    assert 2 * texts[0].count("\n") < texts[1].count("\n")
    assert "define internal" not in texts[1]


def test_a_deeper_network_is_hardly_longer_to_compile() -> None:
    lengths = []
    for depth in (4, 12):
        trial = make_trial(REGISTRY, network=("mlp", {"hidden": [5] * depth}), engine="lanes", steps=5)
        lengths.append(LaneStack([trial], REGISTRY, ON_DATA.load([trial], REGISTRY)).write_passes())
    assert lengths[1] < 1.2 * lengths[0]


def test_a_number_that_a_shared_loop_loaded_is_loaded_again_where_it_is_copied() -> None:
    graph = Graph()
    one, other, factor = (graph.input(np.ones((8, *shape))) for shape in ((2, 2), (2, 2), (1, 1)))
    names = ["one", "other", "factor", "first", "second", "kept", "work"]
    built = _Kernel("float64", names)
    at = {name: Place(place) for name, place in built.arguments.items()}
    inputs = {one.node: at["one"], other.node: at["other"], factor.node: at["factor"]}
    first, second = (one @ one * factor).node, (other @ other * factor).node
    ends = [(first, at["first"]), (second, at["second"]), (factor.node, at["kept"])]
    Lowering(built.code, inputs, ends, Workspace(at["work"].pointer))
    text = built.code.function()
    assert text.count("call void @part0") == 2
    arrays = {name: aligned((64 if name == "work" else 4, 8), "float64") for name in names}
    for value, name in enumerate(("one", "other", "factor"), start=2):
        arrays[name][...] = value
    kernel(text)([arrays[name] for name in names])
    assert [arrays[name].max() for name in ("first", "second", "kept")] == [2 * 2 * 2 * 4, 2 * 3 * 3 * 4, 4]
