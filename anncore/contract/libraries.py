"""Components from other libraries, as they are: `torch:torch.optim.NAdam`.

A plugin offers a library by the hook `annx_libraries`. In an experiment its prefix stands before the dotted
path of a class or function, which the library makes a component of when it is first named: one that the
library brings, one of another installed package, or one in a file beside the experiment.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.metadata
import importlib.util
import inspect
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore.contract.code_digest import Code, beside_code, installed_code, versions
from anncore.contract.errors import ComponentError, nearest
from anncore.contract.kind_names import article
from anncore.contract.kinds import Array, Component
from anncore.contract.plugin_files import import_beside, is_neighbour
from anncore.contract.session_code import SessionCode
from anncore.contract.signatures import Signature

DOT = "·"  # stands in the name of a made class for the dots and the colon of its full name
CORNERS = (-6.0, -3.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0, 6.0)  # where activations have theirs
MAKER = "anncore.contract.made_classes"  # the module that finds such a class again in another process


class Made(Component):
    """What components have that a library makes: the thing itself, its keyword arguments, its full name."""

    _theirs: ClassVar[Any]
    _signature: ClassVar[Signature]
    _full: ClassVar[str]
    place: ClassVar[tuple[tuple[str, ...], str]]
    """The plugin files and the folder with which it was made, for another process."""

    def arguments(self, trial: int) -> dict[str, Any]:
        """Return the keyword arguments of one trial of the stack."""
        return self._signature.arguments(self, trial)

    def refuse_missing(self) -> None:
        """Raise ValueError for an argument without a default that has no value."""
        for key in self._signature.needed:
            if getattr(self, key) is None:
                raise ValueError(f"{key} has no default; give it a value")

    def refuse_unless_activation(self) -> None:
        """Raise ValueError for a missing argument, and unless `forward` keeps the shape of z."""
        self.refuse_missing()
        called: Any = self
        try:
            a = called.forward(np.linspace(-1, 1, 6).reshape(1, 3, 2))
        except ComponentError as error:
            raise ValueError(self.reason(error)) from None
        if a.shape != (1, 3, 2):
            raise ValueError(f"gives shape {a.shape[1:]} for (3, 2); an activation keeps the shape")

    def refuse_unless_loss(self) -> None:
        """Raise ValueError for a missing argument, and unless `value` can be computed of predictions."""
        self.refuse_missing()
        called: Any = self
        try:
            called.value(np.full((1, 3, 2), 0.25), np.tile([[[0.0, 1.0]]], (1, 3, 1)))
        except ComponentError as error:
            raise ValueError(self.reason(error)) from None

    def corners(self, slope: Callable[[Array], Array]) -> tuple[float, ...]:
        """Return the usual places of a corner at which f', which `slope` returns for z (T, N, 1), jumps."""
        trials = max([1, *(len(value) for value in vars(self).values() if np.ndim(value) == 3)])
        beside = np.array([[place - 1e-6, place + 1e-6] for place in CORNERS]).reshape(1, -1, 1)
        slopes = slope(np.repeat(beside, trials, axis=0)).reshape(trials, -1, 2)
        jumps = (np.abs(slopes[:, :, 1] - slopes[:, :, 0]) > 1e-4).any(axis=0)
        return tuple(place for place, jump in zip(CORNERS, jumps, strict=True) if jump)

    def reason(self, error: ComponentError) -> str:
        """Return an error's text without the full name, which stands before it where it is shown."""
        return str(error).removeprefix(f"{self._full}: ").removeprefix(f"{self._full} ")


class Library(ABC):
    """A library whose classes and functions serve as components without being rewritten."""

    prefix: ClassVar[str]
    """What stands before the colon; also the name of the extra that installs the library."""

    title: ClassVar[str]
    """Its name as its authors write it."""

    packages: ClassVar[tuple[str, ...]]
    """The packages that it needs; their versions enter a trial's key. The first one must be importable."""

    within: ClassVar[tuple[str, ...]] = ()
    """The modules in which a path is looked for first, so that `optax:adamw` means `optax.adamw`."""

    address: ClassVar[str]
    """Where it is documented."""

    offers: ClassVar[Mapping[str, str]]
    """By kind of component what it makes one of: {"optimizer": "a subclass of torch.optim.Optimizer"}."""

    @abstractmethod
    def kind_of(self, thing: Any) -> str:
        """Return the kind of component that a class or function is, "" where it can be none."""

    @abstractmethod
    def component(self, kind: str, thing: Any, path: str) -> type[Component]:
        """Return a component class of this kind; raises ComponentError for a thing that cannot be one."""

    def inside(self, module: ModuleType) -> Any:
        """Return what a path stands for that ends at a module; None, by default, for nothing."""
        return None

    @property
    def version(self) -> str:
        """The version of the library itself, "" where it is not installed."""
        try:
            return importlib.metadata.version(self.packages[0])
        except importlib.metadata.PackageNotFoundError:
            return ""

    def make(
        self, form: type[Any], path: str, thing: Any, signature: Signature, attributes: Mapping[str, Any]
    ) -> type[Component]:
        """Return a component class of a form, with the hyperparameters of a signature.

        attributes: further class attributes. `form` derives from `Made`.
        """
        name = f"{self.prefix}_{path.rpartition('.')[2]}".lower()
        namespace = {
            "name": name,
            "_theirs": staticmethod(thing),
            "_signature": signature,
            "_full": f"{self.prefix}:{path}",
            "other_names": {theirs: key for key, theirs in signature.names.items() if key != theirs},
            "__doc__": self._documentation(path, thing, signature),
            **attributes,
        }
        fields = [(key, Any, field) for key, field in signature.fields.items()]
        return dataclasses.make_dataclass(name, fields, bases=(form,), namespace=namespace, frozen=True)

    def _documentation(self, path: str, thing: Any, signature: Signature) -> str:
        keys = ", ".join(signature.fields) or "none"
        lines = [f"{path}, as {self.title} {self.version} runs it.", "", f"Its keyword arguments: {keys}."]
        renamed = next((theirs for key, theirs in signature.names.items() if key != theirs), "")
        if renamed:
            lines[-1] += f" What it calls {renamed} is lr here."
        if "lr" in signature.fields and _has_no_default(thing, signature):
            lines[-1] += f" It gives lr no default; here it is {signature.fields['lr'].default:g}."
        first = (inspect.getdoc(thing) or "").strip().partition("\n\n")[0]
        lines += ["", first] if first else []
        return "\n".join([*lines, "", f"{self.title}: {self.address}"])


def _has_no_default(thing: Any, signature: Signature) -> bool:
    try:
        parameters = inspect.signature(thing).parameters
    except (ValueError, TypeError):
        return False
    rate = parameters.get(signature.names["lr"])
    return rate is not None and not isinstance(rate.default, (int, float))


class Located(NamedTuple):
    """What a path leads to, and the text that identifies its code in a trial's key."""

    thing: Any
    code: SessionCode


class Offered(NamedTuple):
    """A library, with the plugin that offers it and that plugin's code; None for annx's own."""

    library: Library
    plugin: str
    code: Code | None


def locate(offered: Offered, path: str, folder: Path) -> Located:
    """Return what a path names; raises ComponentError where the library or the thing is missing.

    folder: modules and packages in it are looked at before installed ones.
    """
    library = offered.library
    full = f"{library.prefix}:{path}"
    _refuse_missing(library, full)
    module, rest, home = _module(library, full, path, folder)
    thing: Any = module
    done = module.__name__ if home is None else path.removesuffix(".".join(rest)).rstrip(".")
    for name in rest:
        if not hasattr(thing, name):
            guess = nearest(name, [known for known in dir(thing) if known[0] != "_"])
            raise ComponentError(f"{full}: {done} has no {name}.{guess}")
        thing, done = getattr(thing, name), f"{done}.{name}"
    if isinstance(thing, ModuleType):
        thing = library.inside(thing) or thing
    if isinstance(thing, ModuleType) or not callable(thing):
        what = "a module" if isinstance(thing, ModuleType) else f"a {type(thing).__name__}"
        raise ComponentError(f"{full} is {what}; name a class or a function in it, as {full}.NAME.")
    own = "" if offered.code is None else f"{offered.code.text} "
    return Located(thing, SessionCode(own + _code(library, module, home)))


def _refuse_missing(library: Library, full: str) -> None:
    """Refuse a name whose library cannot be imported; this is where it is imported first."""
    package = library.packages[0]
    if importlib.util.find_spec(package) is None:
        raise ComponentError(f"{full} needs {library.title}; install annx[{library.prefix}].")
    try:
        importlib.import_module(package)
    except Exception as error:
        raise ComponentError(
            f"{full}: {library.title} cannot be imported: {type(error).__name__}: {error}."
        ) from error


def _module(library: Library, full: str, path: str, folder: Path) -> tuple[Any, list[str], Path | None]:
    """Return the module that a path begins with, what follows, and the folder where it lies if not installed.

    The longest beginning of the path that is a module counts.
    """
    steps = path.split(".")
    if not all(step.isidentifier() for step in steps):
        raise ComponentError(f"{full}: {path!r} is not a path of names with dots, as package.module.Name.")
    if len(steps) > 1 and steps[0] not in library.packages and is_neighbour(folder, steps[0]):
        depth = len(steps) - 1
        while depth > 1 and not _is_module(folder.joinpath(*steps[:depth])):
            depth -= 1
        return _imported(full, lambda: import_beside(folder, ".".join(steps[:depth]))), steps[depth:], folder
    for outer in library.within:
        module = importlib.import_module(outer)
        first = getattr(module, steps[0], None)
        inner = not isinstance(first, ModuleType) or first.__name__ == f"{outer}.{steps[0]}"
        if first is not None and inner:
            return module, steps, None
    for depth in range(max(len(steps) - 1, 1), 0, -1):
        name = ".".join(steps[:depth])
        if _is_installed(name):
            return _imported(full, lambda name=name: importlib.import_module(name)), steps[depth:], None
    raise ComponentError(f"{full}: {_no_module(library, steps, folder)}")


def _no_module(library: Library, steps: list[str], folder: Path) -> str:
    if len(steps) == 1:
        known = [name for outer in library.within for name in dir(importlib.import_module(outer))]
        guess = nearest(steps[0], known)
        return f"{library.title} has no {steps[0]}." + (
            guess or " Write the whole path, as package.module.Name."
        )
    guess = nearest(steps[0], library.packages)
    return f"no package is called {steps[0]!r}, and no file {steps[0]}.py lies in {folder}.{guess}"


def _is_module(place: Path) -> bool:
    return place.with_name(f"{place.name}.py").is_file() or (place / "__init__.py").is_file()


def _is_installed(name: str) -> bool:
    if name in sys.modules:
        return True
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError, AttributeError):  # its parent is no package
        return False


def _imported(full: str, load: Any) -> ModuleType:
    try:
        module: ModuleType = load()
    except Exception as error:
        raise ComponentError(f"{full} cannot be imported: {type(error).__name__}: {error}.") from error
    return module


def _code(library: Library, module: Any, folder: Path | None) -> str:
    """Return what identifies the code: versions for the library's own, with a digest for anybody else's."""
    own = " ".join(versions(library.packages, None))
    top = module.__name__.partition(".")[0]
    if folder is not None:
        file = Path(module.__file__)
        code = beside_code(folder, file.relative_to(folder).parts[0].removesuffix(".py"))
    elif top in library.packages:
        return own
    else:
        code = installed_code(_distribution(top), top, module.__name__)
    return " ".join(dict.fromkeys([*code.text.split(" ", 1)[:1], *versions_apart(code.text, own)]))


def versions_apart(text: str, more: str) -> list[str]:
    """Return the versions in a code's text, and further ones, each once."""
    words = [*text.split()[1:], *more.split()]
    pairs = [f"{name} {version}" for name, version in zip(words[::2], words[1::2], strict=True)]
    return list(dict.fromkeys(pairs))


def _distribution(top: str) -> importlib.metadata.Distribution | None:
    """Return the distribution that brings a package; None where none says so."""
    for name in (top, *importlib.metadata.packages_distributions().get(top, ())):
        try:
            return importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


# Made classes, so that one process has one class for a name, and pickle finds it by that name

_MADE: dict[tuple[str, str], type[Any]] = {}
_CURRENT: dict[str, type[Any]] = {}


def made_class(offered: Offered, kind: str, path: str, located: Located) -> type[Any]:
    """Return the component class of a thing; in one process it is one class while the code is the same."""
    library = offered.library
    qualified = DOT.join([kind, library.prefix, *path.split(".")])
    made = _MADE.get((qualified, located.code.text))
    if made is None or made._theirs is not located.thing:
        if kind not in library.offers:
            raise ComponentError(
                f"{library.prefix}:{path} cannot be {article(kind)} {kind}; {library.title} gives "
                f"components of these kinds: {', '.join(library.offers)}."
            )
        made = library.component(kind, located.thing, path)
        made.__module__, made.__qualname__ = MAKER, qualified
        _MADE[qualified, located.code.text] = made
    _CURRENT[qualified] = made
    return made


def current(qualified: str) -> type[Any] | None:
    """Return the class that was last made under a qualified name, None where there is none."""
    return _CURRENT.get(qualified)


__all__ = ["Library", "Located", "Made", "Offered", "current", "locate", "made_class"]
