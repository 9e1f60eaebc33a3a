"""annx's core: compare the parts of neural networks honestly.

A plugin's author imports everything from here; `__init__.pyi` lists it. Names load when they are first used,
so that `annx --help` need not wait for NumPy.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
