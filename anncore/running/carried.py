"""What a worker on another machine needs of this one: plugin and data files; and what it must have itself."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from anncore._version import __version__
from anncore.contract.code_digest import file_code
from anncore.contract.engine_version import engine_version
from anncore.contract.errors import ComponentError, PluginError
from anncore.contract.kind_names import SECTIONS
from anncore.contract.named_file import CARRIED, read_files
from anncore.contract.registry import Registry
from anncore.running.files import make_folder, replace_file

TRAINED = (*SECTIONS, "metric")
"""The kinds of components that a worker computes with."""


@dataclass(frozen=True)
class Carried:
    """Files by their content, and what the numbers of this process depend on.

    plugins: for each plugin file its place in the folder of the same number, and by their names the contents
    of that folder: the file and the modules beside it that it imports. named: by its path the content of each
    file that a hyperparameter names. codes: by kind and full name what identifies a component's code.
    """

    plugins: tuple[tuple[str, Mapping[str, bytes]], ...]
    named: Mapping[str, bytes]
    annx: str
    engine: str
    codes: Mapping[tuple[str, str], str]

    @staticmethod
    def of(files: Sequence[str], registry: Registry) -> Carried:
        """Return what to carry of this process, whose plugin files and components these are."""
        plugins = []
        for file in files:
            code = file_code(Path(file))
            contents = {path.relative_to(code.root).as_posix(): path.read_bytes() for path in code.files}
            plugins.append((Path(file).name, contents))
        codes = {
            (known.kind, known.full_name): known.code
            for known in registry.components
            if known.kind in TRAINED and known not in registry.given  # these travel by value
        }
        return Carried(tuple(plugins), read_files(), __version__, engine_version(), codes)

    def unpacked(self) -> list[str]:
        """Write the plugin files into a folder of this process, let data files be read from memory.

        Returns the paths of the plugin files; the folder goes when the process ends.
        """
        CARRIED.update(self.named)
        if not self.plugins:
            return []
        place = Path(tempfile.mkdtemp(prefix="annx-plugins-"))
        atexit.register(shutil.rmtree, place, ignore_errors=True)
        files = []
        for number, (name, contents) in enumerate(self.plugins):
            for relative, content in contents.items():
                path = place / str(number) / relative
                make_folder(path.parent)
                replace_file(path, content)
            files.append(str(place / str(number) / name))
        return files

    def unfit(self, registry: Registry) -> str:
        """Say in one line what this process has otherwise than the driver; "" where nothing is."""
        if engine_version() != self.engine:
            return (
                f"it has annx {__version__} ({engine_version()}), and the sweep annx {self.annx} "
                f"({self.engine}); install the same versions there."
            )
        different = []
        for (kind, name), code in self.codes.items():
            try:
                here = registry.get(kind, name).code
            except (ComponentError, PluginError):
                different.append(f"it lacks {kind} {name}")
                continue
            if here != code:
                different.append(f"{kind} {name} is {here or 'plain'} there, and {code or 'plain'} here")
        more = f"; and {len(different) - 3} more" if len(different) > 3 else ""
        return "; ".join(different[:3]) + more + ("; install the same there." if different else "")
