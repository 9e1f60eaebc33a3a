"""A field: the finished trials of many arms on suites, small enough for a repository.

    KIND/SUITE.toml         the protocol: an experiment file without its arms (`anncore.experiment.protocols`)
    KIND/SUITE/ARM.csv.gz   an arm's trials: "# " and a line of JSON, a header, and a row per trial

The line of JSON says what the numbers depend on: the component with its code, the suite with its version,
the protocol's digest, the engine, and the environments that the trials ran in. A row holds a report trial's
place in the plan (problem, chosen configuration, seed), its status, the first digits of its run key, and its
metrics at the end as the shortest texts that read back to the same bits. The trials that chose the
configuration are not kept: they are half of all, and the choice is in the row. An arm is a file of its own,
so that whoever adds one changes nobody else's.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anncore._version import __version__
from anncore.contract.counts import counted
from anncore.contract.engine_version import engine_version, environment_digest
from anncore.contract.errors import AnnxError, StoreError
from anncore.contract.registry import Registry
from anncore.evidence.results import Results
from anncore.experiment.protocols import Group, Protocol, read_protocol
from anncore.running.files import make_folder, replace_file

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
ENDING = ".csv.gz"
KEY_DIGITS = 8
HEAD = ("problem", "config", "seed", "status", "environment", "key")
DEFAULT = Path("reports") / "field"


@dataclass(frozen=True)
class Field:
    """The arms of one kind on one suite.

    trials: a row per trial of all arms, with the columns of `HEAD`, arm, phase and the metrics. meta: by arm
    what the first line of its file says.
    """

    protocol: Protocol
    trials: pd.DataFrame
    meta: Mapping[str, Mapping[str, Any]]

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms' labels, in alphabetical order."""
        return tuple(self.meta)

    def stale(self, registry: Registry) -> dict[str, str]:
        """Return by arm why its numbers are not those that it would have here; none where all are."""
        reasons = {arm: _stale(meta, self.protocol, registry) for arm, meta in self.meta.items()}
        return {arm: reason for arm, reason in reasons.items() if reason}


def _stale(meta: Mapping[str, Any], protocol: Protocol, registry: Registry) -> str:
    if meta["protocol"] != protocol.digest:
        return f"it ran by another form of {protocol.path.name}"
    try:
        component = registry.get(protocol.kind, meta["component"])
    except AnnxError as error:
        return str(error)
    if component.code != meta["code"]:
        return f"{meta['component']} was {meta['code'] or 'without imports'} and is {component.code} here"
    version = suite_version(protocol, registry)
    if version != meta["suite_version"]:
        return f"it ran on version {meta['suite_version']} of {protocol.suite}, and here is {version}"
    return ""


def suite_version(protocol: Protocol, registry: Registry) -> int | None:
    """Return the version of the suite that a protocol names; None where it names none."""
    name = protocol.suite_name
    return int(registry.get("suite", name).cls.version) if name else None


def field_folder(given: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of the field: the one that is named, reports/field here, or the one beside annx.

    Raises StoreError where there is none.
    """
    beside = Path(__file__).parents[2] / DEFAULT
    for folder in [Path(given)] if given is not None else [DEFAULT, beside]:
        if any(folder.glob("*/*.toml")):
            return folder
    raise StoreError(
        f"{given if given is not None else DEFAULT} is no field: it has no KIND/SUITE.toml, such as "
        "optimizer/core.toml."
    )


def protocols(folder: Path, kind: str = "*", suite: str = "*") -> list[Protocol]:
    """Return the protocols of a field, of one kind or suite where these are named."""
    return [read_protocol(path) for path in sorted(folder.glob(f"{kind}/{suite}.toml"))]


def read_field(folder: Path, kind: str, suite: str) -> Field:
    """Return the arms of a kind on a suite. Raises StoreError, with its name, for a file that is damaged."""
    import pandas as pd

    path = folder / kind / f"{suite}.toml"
    if not path.is_file():
        raise StoreError(f"{folder} has no {kind}s on {suite}: there is no {path}.")
    protocol = read_protocol(path)
    frames, meta = [], {}
    for file in sorted(path.with_suffix("").glob(f"*{ENDING}")):
        head, rows = read_arm(file)
        meta[head["arm"]] = head
        frames.append(pd.DataFrame(rows).assign(arm=head["arm"], phase="report"))
    trials = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=[*HEAD, "arm", "phase"])
    return Field(protocol, trials, meta)


def read_arm(file: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what an arm's file says of itself, and its rows. Raises StoreError where it is damaged."""
    try:
        first, _, table = gzip.decompress(file.read_bytes()).decode().partition("\n")
        head = json.loads(first.removeprefix("# "))
        if head["schema"] > SCHEMA:
            raise StoreError(f"{file} was written by a newer annx ({head['annx']}); upgrade annx.")
        rows = [_read_row(row, head) for row in csv.DictReader(io.StringIO(table, newline=""), strict=True)]
        lacking = {"arm", "component", "code", "protocol", "suite_version", "engine"} - set(head)
        if lacking:
            raise ValueError(f"its first line lacks {', '.join(sorted(lacking))}")
    except (OSError, EOFError, ValueError, LookupError, TypeError, csv.Error, zlib.error) as error:
        raise StoreError(f"{file} cannot be read as an arm of a field: {error}") from None
    return head, rows


def _read_row(row: Mapping[str, Any], head: Mapping[str, Any]) -> dict[str, Any]:
    if None in row or None in row.values():
        raise ValueError(f"a row of {len(row)} cells does not fit the header")
    metrics = {name: float(text) for name, text in row.items() if name not in HEAD and text}
    own = {name: row[name] for name in HEAD}
    environment = head["environments"][int(row["environment"])] if row["environment"] else ""
    return {**own, "seed": int(row["seed"]), "environment": environment, **metrics}


def write_arm(protocol: Protocol, label: str, group: Group, results: Results) -> Path:
    """Write an arm's file of finished report trials, and return its path.

    Raises StoreError where some are missing.
    """
    component = group.arms[label]
    trials = results.trials[(results.trials["arm"] == label) & (results.trials["phase"] == "report")]
    unfinished = trials[trials["status"].isin(["missing", "not run", "timeout", "crashed", "failed"])]
    if trials.empty or len(unfinished):
        lost = f"{len(unfinished)} of its {counted(len(trials), 'report trials')} ended without numbers"
        words = lost if len(trials) else "no configuration of it could be chosen"
        raise StoreError(f"{label} gets no file in {protocol.kind}/{protocol.suite}: {words}.")
    texts = {environment_digest(text): text for text in results.environments}
    digests = [digest for digest in dict.fromkeys(trials["environment"]) if digest in texts]
    head = {
        "schema": SCHEMA,
        "annx": __version__,
        "arm": label,
        "component": component.full_name,
        "code": component.code,
        "kind": protocol.kind,
        "suite": protocol.suite,
        "suite_version": suite_version(protocol, results.experiment.registry),
        "protocol": protocol.digest,
        "engine": engine_version(),
        "environments": [texts[digest] for digest in digests],
        "skipped": group.skipped[label],
    }
    measured = _measured(trials, results)
    text = io.StringIO(newline="")
    text.write(f"# {json.dumps(head, ensure_ascii=False)}\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*HEAD, *measured])
    writer.writerows(_rows(trials, digests, measured))
    make_folder(protocol.path.with_suffix(""))
    file = protocol.path.with_suffix("") / f"{label}{ENDING}"
    replace_file(file, gzip.compress(text.getvalue().encode(), mtime=0))
    return file


def _measured(trials: pd.DataFrame, results: Results) -> list[str]:
    """Return the columns of metrics to keep: what configurations are chosen by, and what is reported."""
    registry = results.experiment.registry
    primary = {f"test_{metric.name}" for metric in registry.of_kind("metric") if metric.cls.primary_for}
    wanted = [*(name for name in ("test_loss", "valid_loss") if name in trials)][:1] + sorted(primary)
    return [name for name in wanted if name in trials and trials[name].notna().any()]


def _rows(trials: pd.DataFrame, digests: Sequence[str], measured: Sequence[str]) -> Iterator[list[str]]:
    for row in trials.to_dict("records"):
        place = str(digests.index(row["environment"])) if row["environment"] in digests else ""
        yield [
            *(row["problem"], row["config"], str(row["seed"]), row["status"]),
            *(place, row["key"][:KEY_DIGITS]),
            *(_number(row[name]) for name in measured),
        ]


def _number(value: float) -> str:
    """Return the shortest text that reads back to the same bits; "" of what is undefined."""
    return "" if math.isnan(value) else repr(float(value))


def finished_rows(fields: Iterable[Field]) -> int:
    """Return how many trials some fields hold."""
    return sum(len(field.trials) for field in fields)
