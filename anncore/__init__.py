"""annx's core: compare the parts of neural networks honestly.

A plugin's author imports everything from here; `__init__.pyi` lists it. Names load when they are first used,
so that `annx --help` need not wait for NumPy.
"""

from typing import Any

import lazy_loader

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

_RENAMED = {"param": "hyper", "Params": "Weights", "ParamSpec": "WeightSpec"}


def __getattr__(name: str) -> Any:
    if name in _RENAMED:  # a plugin for an older annx; an AttributeError could not say the new name
        raise ImportError(f"anncore.{name} is called anncore.{_RENAMED[name]} now")
    return _load(name)
