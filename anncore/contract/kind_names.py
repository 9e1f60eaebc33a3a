"""The kinds of components: the one list, from which every other list of kinds derives.

A new kind needs a row in `ALL_KINDS`, a base class in `kinds`, a hook in `hookspecs`, a kit in
`anncore.testing.KITS` and templates in `anncore/cli/templates`; tests compare these with the list. Nothing
of annx is imported here, so that `annx --help` and shell completion need not wait for NumPy.
"""

from __future__ import annotations

from typing import Literal, NamedTuple


class Kind(NamedTuple):
    """What the rest of annx must know of a kind.

    section: an experiment file may have [kind.label] sections of it. required: a file must have one, because
    there is no default. on_data, on_objectives: whether it has a meaning in experiments that train networks
    on data, and in those that minimise objectives. own_part: a trial has a part of this kind; activations
    are inside of the network's part. tuned: whether its hyperparameters are chosen by tuning; those that are
    not belong to the problem, and "if varied" means where arms are compared by this kind. published: its
    documentation must name a source. around: what surrounds the trials; a name that such a component shares
    with one of another kind means the other one.
    """

    name: str
    plural: str
    section: bool = True
    required: bool = False
    on_data: bool = False
    on_objectives: bool = False
    own_part: bool = True
    tuned: Literal["never", "if varied", "always"] = "always"
    published: bool = True
    around: bool = False

    @property
    def hook(self) -> str:
        """The function by which a plugin provides components of this kind."""
        return f"annx_{self.plural}"


ALL_KINDS = (
    Kind("dataset", "datasets", required=True, on_data=True, tuned="never", published=False),
    Kind("objective", "objectives", required=True, on_objectives=True, tuned="never"),
    Kind("network", "networks", on_data=True, tuned="if varied"),
    Kind("activation", "activations", on_data=True, own_part=False),
    Kind("loss", "losses", on_data=True),
    Kind("optimizer", "optimizers", required=True, on_data=True, on_objectives=True),
    Kind("schedule", "schedules", on_data=True, on_objectives=True),
    Kind("initializer", "initializers", on_data=True),
    Kind("metric", "metrics", section=False),
    Kind("figure", "figures", section=False, published=False),
    Kind("executor", "executors", section=False, published=False),
    Kind("sampler", "samplers", section=False, published=False, around=True),
    Kind("selector", "selectors", section=False, published=False, around=True),
    Kind("stopper", "stoppers", section=False, published=False, around=True),
    Kind("suite", "suites", section=False, published=False, around=True),
    Kind("section", "sections", section=False, published=False, around=True),
    Kind("exporter", "exporters", section=False, published=False, around=True),
    Kind("listener", "listeners", section=False, published=False, around=True),
    Kind("command", "commands", section=False, published=False, around=True),
)
"""In the order in which everything is listed: what an experiment is made of, then what reads and runs it."""

KINDS = tuple(kind.name for kind in ALL_KINDS)
"""Every kind of component."""

HOOKS = {kind.name: kind.hook for kind in ALL_KINDS}
"""The hook of each kind."""

SECTIONS = tuple(kind.name for kind in ALL_KINDS if kind.section)
"""The kinds that have sections in an experiment file."""

REQUIRED = tuple(kind.name for kind in ALL_KINDS if kind.required)
"""The kinds of which a file must name a component."""

ON_DATA = tuple(kind.name for kind in ALL_KINDS if kind.on_data)
"""The kinds of an experiment that trains networks on data."""

ON_OBJECTIVES = tuple(kind.name for kind in ALL_KINDS if kind.on_objectives)
"""The kinds of an experiment that minimises objectives; each is a part of its trials."""

PARTS_ON_DATA = tuple(kind.name for kind in ALL_KINDS if kind.on_data and kind.own_part)
"""The kinds of the parts of a trial that trains a network."""

PROBLEMS = tuple(kind.name for kind in ALL_KINDS if kind.tuned == "never")
"""The kinds that arms are compared on."""

UNTUNED = tuple(kind.name for kind in ALL_KINDS if kind.tuned != "always")
"""The kinds that belong to the problem, unless arms are compared by them."""

PUBLISHED = tuple(kind.name for kind in ALL_KINDS if kind.published)
"""The kinds whose documentation must name a source."""

AROUND = tuple(kind.name for kind in ALL_KINDS if kind.around)
"""The kinds that surround the trials."""

_BY_WORD = {word: kind.name for kind in ALL_KINDS for word in (kind.name, kind.plural)}


def kind_called(word: str) -> str | None:
    """Return the kind of that name, singular or plural; None where there is none."""
    return _BY_WORD.get(word)


def article(kind: str) -> str:
    """Return "a" or "an", whichever goes before a kind."""
    return "an" if kind[0] in "aeiou" else "a"
