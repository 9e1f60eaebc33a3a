"""Reports: report.json and its views, and what figures are drawn with.

`__init__.pyi` lists the names. Each loads its module when it is first used: `annx --help` needs none of
them, and `annx list`, which loads all figure plugins, only what these draw with.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
