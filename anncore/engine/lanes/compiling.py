"""Kernels as machine code, ready to be called with arrays; compiled once, and kept on disk."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from anncore.contract.kinds import Array
from anncore.engine.lanes.clock import counted
from anncore.engine.lanes.kept import keep_code, kept_code, named

Argument = Array | int
Kernel = Callable[[Sequence[Argument]], None]
"""A kernel, called with the entries of its table: arrays by address, and lengths."""

_LOCK = threading.Lock()
_ENGINES: list[Any] = []  # code lives as long as its engine


@cache
def kernel(text: str, processor: str = "", features: str = "") -> Kernel:
    """Return the kernel of a text, compiled for a processor, by default for this one."""
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address(text, processor, features))

    def call(arguments: Sequence[Argument]) -> None:
        table = table_of(arguments)  # it must stay in memory during the call
        function(table.ctypes.data)

    return call


class Table:
    """A kernel's table that is used again and again, most often with the same arrays.

    names: of its entries. Where an entry is the object that it was before, its address stands. The arrays
    live as long as the table.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._given: dict[str, Argument | None] = dict.fromkeys(names)
        self._places = {name: at for at, name in enumerate(names)}
        self._entries = np.zeros(len(names), np.int64)
        self.address: int = self._entries.ctypes.data

    def fill(self, values: Mapping[str, Argument]) -> None:
        """Put in arrays by name, and lengths; other entries stay as they are."""
        for name, one in values.items():
            if one is not self._given[name]:
                self._given[name] = one
                self._entries[self._places[name]] = one if isinstance(one, int) else one.ctypes.data


class Called:
    """A kernel with a table of its own."""

    def __init__(self, text: str, names: Sequence[str]) -> None:
        self._function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address(text))
        self._table = Table(names)

    def __call__(self, values: Mapping[str, Argument]) -> None:
        """Call it with arrays by name, and lengths; what is not given is as in the call before."""
        self._table.fill(values)
        self._function(self._table.address)


def table_of(arguments: Sequence[Argument]) -> Array:
    """Return a kernel's table: arrays by address, which must live on, and lengths."""
    return np.array([one if isinstance(one, int) else one.ctypes.data for one in arguments], np.int64)


@cache
def address(text: str, processor: str = "", features: str = "") -> int:
    """Return the address of the function of a text, compiled for a processor, by default for this one."""
    with _LOCK, counted():
        return _address(text, processor, features)


@cache
def machine() -> str:
    """Return what names this processor and LLVM."""
    import llvmlite
    import llvmlite.binding as llvm

    versions = f"{llvmlite.__version__} {'.'.join(map(str, llvm.llvm_version_info))}"
    features = llvm.get_host_cpu_features().flatten()
    return f"{versions} {llvm.get_process_triple()} {llvm.get_host_cpu_name()} {features}"


def _address(text: str, processor: str, features: str) -> int:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    _name_stack_probe(llvm)
    name = named(text, f"{machine()} for {processor} {features}" if processor else machine())
    if not processor:
        processor, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    target = llvm.Target.from_default_triple()
    settings = {"cpu": processor, "features": features, "opt": 3, "jit": True}
    code = kept_code(name)
    if code is None:
        code = _compiled(text, target.create_target_machine(**settings))
        keep_code(name, code)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target.create_target_machine(**settings))
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _ENGINES.append(engine)
    place: int = engine.get_function_address("f")
    return place


def _compiled(text: str, compiler: Any) -> bytes:
    """Return the machine code of a text, by a target machine that compiles nothing else.

    An engine, and its target machine, would keep what LLVM has made of the text on the way there: half a
    megabyte for a kernel of five kilobytes.
    """
    import llvmlite.binding as llvm

    module = llvm.parse_assembly(text, llvm.create_context())
    module.triple, module.data_layout = compiler.triple, str(compiler.target_data)
    module.verify()
    with module:
        code: bytes = compiler.emit_object(module)
    return code


def _name_stack_probe(llvm: Any) -> None:
    """Tell LLVM where `__chkstk` is on Windows: all that a kernel asks of a system, and it touches no number.

    Functions with more than a page of local variables call it there, to take the stack page by page.
    """
    if sys.platform == "win32":
        probe = ctypes.cast(ctypes.WinDLL("ntdll")["__chkstk"], ctypes.c_void_p)
        llvm.add_symbol("__chkstk", probe.value)
