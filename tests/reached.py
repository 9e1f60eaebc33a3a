"""Which expressions of some modules ran: a proof that a test looks at every branch, also of a conditional."""

from __future__ import annotations

import dis
import linecache
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FrameType, ModuleType
from typing import Any

# What the compiler adds to leave a loop or a block by an exception, and to jump over what did not run.
ADDED = {
    "RERAISE",
    "COPY",
    "POP_EXCEPT",
    "PUSH_EXC_INFO",
    "CACHE",
    "RESUME",
    "NOP",
    "SWAP",
    "PRECALL",
    "POP_TOP",
}
ADDED |= {"JUMP_FORWARD", "JUMP_BACKWARD", "END_FOR", "EXTENDED_ARG", "COPY_FREE_VARS", "MAKE_CELL"}


class Reached:
    """The expressions of modules' functions, by line and columns, and those of them that have run."""

    def __init__(self, modules: list[ModuleType]) -> None:
        self.files = {str(module.__file__) for module in modules}
        self.all: dict[CodeType, dict[int, tuple[int, int, int]]] = {}
        for module in modules:
            source = linecache.getlines(str(module.__file__))
            for code in _nested(compile("".join(source), str(module.__file__), "exec")):
                self.all[code] = _places(code)
        self.by_name = {_name(code): code for code in self.all}
        # The instructions of each function that have not run yet; a function is watched while there are any.
        self.left = {name: set(self.all[code]) for name, code in self.by_name.items()}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note every instruction that runs meanwhile."""
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            yield
        finally:
            sys.settrace(before)

    def _enter(self, frame: FrameType, event: str, arg: Any) -> Any:
        if frame.f_code.co_filename not in self.files:
            return None
        left = self.left.get(_name(frame.f_code))
        if not left:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False

        def note(frame: FrameType, event: str, arg: Any) -> Any:
            if event == "opcode":
                left.discard(frame.f_lasti)
            return note

        return note

    def unreached(self) -> list[str]:
        """Return the expressions that never ran, as "file:line: source", without the bodies of others."""
        lines = []
        for name, code in self.by_name.items():
            places = self.all[code]
            reached = {places[offset] for offset in places.keys() - self.left[name]}
            for line, start, end in sorted(set(places.values()) - reached):
                text = linecache.getline(code.co_filename, line)[start:end].strip()
                lines.append(f"{code.co_filename.rpartition('/')[2]}:{line}: {text}")
        return lines


def _name(code: CodeType) -> tuple[str, str, int]:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def _nested(code: CodeType) -> Iterator[CodeType]:
    """Yield the functions in a module's code, at any depth; class bodies and the module itself run once."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_flags & 2:  # optimised: a function, no class body
                yield constant
            yield from _nested(constant)


def _places(code: CodeType) -> dict[int, tuple[int, int, int]]:
    places = {}
    for instruction in dis.get_instructions(code):
        spot = instruction.positions
        if instruction.opname in ADDED or spot is None or None in (spot.lineno, spot.col_offset):
            continue
        if spot.lineno == spot.end_lineno:
            places[instruction.offset] = (spot.lineno, spot.col_offset, spot.end_col_offset)
    return places  # type: ignore[return-value]
