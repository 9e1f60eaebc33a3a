"""`annx new-plugin`: write a package for one component, complete except for its formula."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from string import Template

import click

from anncore._version import __version__
from anncore.cli.common import print_json, say
from anncore.cli.options import NamedPath, json_option
from anncore.contract.errors import PluginError, StoreError
from anncore.contract.kind_names import KINDS
from anncore.contract.verbs import VERBS
from anncore.running.files import replace_file

TRY_IT = {
    "figure": "`annx sweep annx_$name.toml` draws it into the report",
    "executor": "`annx sweep annx_$name.toml --executor $name` runs on it",
    "metric": "`annx sweep annx_$name.toml` chooses by it",
    "objective": "`annx sweep annx_$name.toml` minimises it",
    "dataset": "`annx sweep annx_$name.toml` trains on it",
    "sampler": "`annx sweep annx_$name.toml` draws configurations by it",
    "selector": "`annx sweep annx_$name.toml` chooses by it",
    "stopper": "`annx sweep annx_$name.toml` adds seeds as it asks for them",
    "suite": "`annx sweep annx_$name.toml` compares on it",
    "section": "`annx sweep annx_$name.toml` writes it into the report",
    "exporter": "`annx export reports/annx_$name --format $name` writes it",
    "listener": "`annx sweep annx_$name.toml` tells it how it goes",
    "command": "`annx --help` lists it",
}


@click.command(short_help="Write a package for your own component, complete except for its formula.")
@click.argument("name")
@click.option(
    "--kind",
    required=True,
    type=click.Choice(KINDS),
    metavar="KIND",
    help="The kind of the component: optimizer, loss, ...",
)
@click.option(
    "--dir",
    "parent",
    default=".",
    metavar="DIR",
    type=NamedPath(file_okay=False),
    help="Where to make the package's folder; by default here.",
)
@json_option
def command(name: str, kind: str, parent: str, as_json: bool) -> int:
    """Write the package annx-NAME: a module with a component NAME of kind KIND, its tests, an experiment.

    NAME is in snake_case, as in experiment files. Only the formula is missing: until you write it, `annx
    check` and the package's tests fail and say what is missing. No existing file is overwritten.
    """
    from anncore.contract.loading import load_registry

    refuse_name(
        name,
        kind,
        [*_verbs(kind), *(known.name for known in load_registry().of_kind(kind) if known.dist == "annx")],
    )
    folder = Path(parent) / f"annx-{name.replace('_', '-')}"
    files = package(name, kind)
    _write(folder, files)
    if as_json:
        print_json({"folder": str(folder), "files": sorted(files)})
        return 0
    say(f"{folder} holds {', '.join(files)}")
    say(f"Write the formula in {folder / f'annx_{name}.py'}, then")
    say(f'    pip install -e "{folder}[test]"')
    say(f"    annx check {name}")
    return 0


def _verbs(kind: str) -> list[str]:
    """Return the names that a command cannot have."""
    return [verb.replace("-", "_") for verb in VERBS] if kind == "command" else []


def refuse_name(name: str, kind: str, ours: list[str]) -> None:
    """Raise PluginError for a name that cannot be a component's, a module's or a distribution's."""
    from anncore.contract.admission import RESERVED_NAMES, snake_case
    from anncore.contract.kind_names import article

    bare = re.sub(r"^annx[-_]", "", name.lower())
    snake = snake_case(re.sub(r"^annx[-_]", "", name, flags=re.IGNORECASE))
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or name != bare:
        guess = f" Did you mean {snake!r}?" if re.match(r"[a-z]", snake) else ""
        raise PluginError(
            f"a component's name must be in snake_case, without 'annx', such as 'lion', got {name!r}.{guess}"
        )
    if keyword.iskeyword(name) or name in (*RESERVED_NAMES, "plugins"):
        raise PluginError(f"no component can be called {name!r}: it has another meaning; choose another.")
    if name in ours:
        raise PluginError(
            f"annx has {article(kind)} {kind} called {name!r}, and the short name always means that one; "
            "choose another name."
        )


def package(name: str, kind: str) -> dict[str, str]:
    """Return the files of a package by their path in it."""
    from anncore.contract.kind_names import article

    words = {
        "name": name,
        "kind": kind,
        "article": article(kind),
        "module": f"annx_{name}",
        "dist": f"annx-{name.replace('_', '-')}",
        "class_name": class_name(name, kind),
        "verb": name.replace("_", "-"),
        "version": __version__,
    }
    try_it = TRY_IT.get(kind, "`annx sweep annx_$name.toml` compares it with what annx brings")
    words["try_it"] = Template(try_it).substitute(name=name)
    templates = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        f"annx_{name}.py": f"{kind}/module.py",
        f"tests/test_{name}.py": "test.py",
        f"annx_{name}.toml": f"{kind}/experiment.toml",  # its report goes to reports/annx_{name}
    }
    folder = resources.files("anncore.cli") / "templates"
    return {
        path: Template((folder / f"{template}.txt").read_text(encoding="utf-8")).substitute(words).rstrip()
        + "\n"
        for path, template in templates.items()
    }


def class_name(name: str, kind: str) -> str:
    """Return "SoftSign" for "soft_sign"; followed by the kind where the module imports that name."""
    import anncore

    camel = "".join(part.capitalize() for part in name.split("_"))
    taken = {*dir(anncore), "Any", "Callable", "ClassVar", "Iterable", "Iterator", "Literal", "Mapping"}
    return camel + kind.capitalize() if camel in taken | {"Check", "NamedTuple", "Sequence"} else camel


def _write(folder: Path, files: Mapping[str, str]) -> None:
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise PluginError(f"{folder} already exists; choose another name or another --dir.") from None
    except OSError as error:
        raise PluginError(f"{folder} cannot be made: {error.strerror}; choose another --dir.") from None
    for path, text in files.items():
        file = folder / path
        try:
            file.parent.mkdir(exist_ok=True)
            replace_file(file, text.encode())
        except (OSError, StoreError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error).partition(". ")[0]
            raise PluginError(f"{file} cannot be written: {reason}; choose another --dir.") from None
