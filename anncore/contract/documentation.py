"""What classes and functions say of themselves, also under `python -OO`, which removes it from the code."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from functools import cache
from typing import Any

REMOVED = sys.flags.optimize >= 2


def documentation(thing: Any) -> str:
    """Return the docstring of a class or function without its indent, "" where it has none of its own.

    Under `python -OO` it is read from the source file. The text that `dataclass` writes in place of a
    docstring counts as none.
    """
    thing = inspect.unwrap(thing) if inspect.isfunction(thing) else thing
    own = thing.__doc__
    if own and not (inspect.isclass(thing) and own.startswith(f"{thing.__name__}(")):
        return inspect.cleandoc(own)
    return _from_source(thing) if REMOVED else ""


@cache
def _from_source(thing: Any) -> str:
    try:
        [node] = ast.parse(textwrap.dedent(inspect.getsource(thing))).body
    except (OSError, TypeError, SyntaxError, ValueError):  # no source, or one that has changed
        return ""
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return (ast.get_docstring(node) or "") if isinstance(node, kinds) else ""
