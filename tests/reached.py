"""Which statements and branches of some modules ran: a proof that a test looks at all, also of a conditional.

The functions of the modules are compiled again with a mark before each statement and in each expression that
runs only sometimes. They run with the marks only while they are watched. A trace function would see the same,
but Python calls it for every instruction of the whole process.
"""

from __future__ import annotations

import ast
import gc
import linecache
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

MARK = "__reached__"  # the name of the marking function among a module's globals
Name = tuple[str, str, int]


class Place(NamedTuple):
    """Where a statement or an expression stands."""

    file: str
    line: int
    source: str


class Reached:
    """The statements and conditional expressions of modules' functions, and those of them that have run."""

    def __init__(self, modules: list[ModuleType]) -> None:
        self.modules = modules
        self.places: list[Place] = []
        self.marked: dict[Name, CodeType] = {}
        for module in modules:
            file = str(module.__file__)
            lines = linecache.getlines(file)
            tree = _Marking(file, lines, self.places).visit(ast.parse("".join(lines)))
            for code in _functions(compile(ast.fix_missing_locations(tree), file, "exec", dont_inherit=True)):
                assert _name(code) not in self.marked, f"two functions look alike: {_name(code)}"
                self.marked[_name(code)] = code
        self.left = set(range(len(self.places)))  # what has not run yet

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note every statement and branch that runs meanwhile."""
        functions = [
            (function, function.__code__)
            for function in gc.get_objects()
            if isinstance(function, FunctionType) and _name(function.__code__) in self.marked
        ]
        for module in self.modules:
            setattr(module, MARK, self.left.discard)
        for function, code in functions:
            function.__code__ = self.marked[_name(code)]
        try:
            yield
        finally:
            for function, code in functions:
                function.__code__ = code
            for module in self.modules:
                delattr(module, MARK)

    def unreached(self) -> list[str]:
        """Return what never ran, as "file:line: source"."""
        missed = [self.places[number] for number in sorted(self.left)]
        return [f"{place.file.rpartition('/')[2]}:{place.line}: {place.source}" for place in missed]


def _name(code: CodeType) -> Name:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def _functions(code: CodeType) -> Iterator[CodeType]:
    """Yield the functions in a module's code, also those in classes; what stands in one comes with it."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_flags & 2:  # optimised: a function, no class body
                yield constant
            else:
                yield from _functions(constant)


class _Marking(ast.NodeTransformer):
    """Put `MARK(number)` before each statement of a function and into each expression that may not run."""

    def __init__(self, file: str, lines: list[str], places: list[Place]) -> None:
        self.file, self.lines, self.places = file, lines, places

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Mark a function's statements; its docstring stays the first of them."""
        start = 1 if ast.get_docstring(node) is not None else 0
        self._mark_blocks(node)
        node.body = node.body[:start] + self._block(node.body[start:])
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        """Mark a lambda's value."""
        self.generic_visit(node)
        node.body = self._value(node.body)
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        """Mark both values of a conditional."""
        self.generic_visit(node)
        node.body, node.orelse = self._value(node.body), self._value(node.orelse)
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        """Mark what the first value may decide alone."""
        self.generic_visit(node)
        node.values[1:] = map(self._value, node.values[1:])
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """Mark what a chain compares last."""
        self.generic_visit(node)
        node.comparators[1:] = map(self._value, node.comparators[1:])
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        """Mark the conditions of a comprehension."""
        self.generic_visit(node)
        node.ifs = [self._value(condition) for condition in node.ifs]
        return node

    def visit_match_case(self, node: ast.match_case) -> ast.AST:
        """Mark a case's condition."""
        self.generic_visit(node)
        node.guard = None if node.guard is None else self._value(node.guard)
        return node

    def _comprehended(self, node: Any) -> ast.AST:
        self.generic_visit(node)
        name = "key" if isinstance(node, ast.DictComp) else "elt"
        setattr(node, name, self._value(getattr(node, name)))
        return node

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehended

    def _mark_blocks(self, function: ast.FunctionDef) -> None:
        """Mark the expressions of a function, then its statements, but for those of nested ones."""
        self.generic_visit(function)
        inner: list[ast.AST] = list(function.body)
        while inner:
            node = inner.pop()
            if isinstance(node, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
                continue
            for name in ("body", "orelse", "finalbody"):
                block = getattr(node, name, None)
                if isinstance(block, list):
                    inner.extend(block)
                    setattr(node, name, self._block(block))
            inner.extend(getattr(node, "handlers", ()))
            inner.extend(getattr(node, "cases", ()))

    def _block(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        marked: list[ast.stmt] = []
        for statement in statements:
            marked += [ast.copy_location(ast.Expr(self._mark(statement)), statement), statement]
        return marked

    def _value(self, node: ast.expr) -> ast.expr:
        # The mark returns None, so that the value is that of the expression.
        return ast.copy_location(ast.BoolOp(ast.Or(), [self._mark(node), node]), node)

    def _mark(self, node: ast.stmt | ast.expr) -> ast.expr:
        end = node.end_col_offset if node.end_lineno == node.lineno else None
        text = self.lines[node.lineno - 1].encode()[node.col_offset : end].decode().strip()
        self.places.append(Place(self.file, node.lineno, text))
        call = ast.Call(ast.Name(MARK, ast.Load()), [ast.Constant(len(self.places) - 1)], [])
        return ast.copy_location(call, node)
