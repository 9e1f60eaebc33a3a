"""What of a run folder can be read, and what is done about the rest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from anncore.cli.common import counted
from anncore.cli.health import Finding
from anncore.contract.errors import AnnxError, StoreError

AGAIN = "give the same 'annx sweep' again, which writes it anew"


def examine_folder(folder: Path) -> Iterator[Finding]:
    """Yield what a run folder's store and records are like; a damaged store is replaced by what is sound."""
    yield from store(folder)
    yield from records(folder)


def store(folder: Path) -> Iterator[Finding]:
    """The results: all are read; where some are damaged, those that are sound go into a new store."""
    from anncore.running.database import is_taken
    from anncore.running.salvage import NAME, problem_of_store, salvage
    from anncore.running.store import Store

    if not folder.is_dir():
        what = "is a file" if folder.is_file() else "does not exist"
        yield Finding("folder", "bad", f"{folder} {what}", "name a run folder, which 'annx sweep' makes")
        return
    if is_taken(folder):
        yield Finding("store", "note", "a sweep is writing it", "look again when the sweep has ended")
        return
    try:
        problem = problem_of_store(folder)
        if not problem:
            with Store(folder / NAME, write=False) as whole:
                number = len(whole.keys())
            text = f"{counted(number, 'result')}, every checksum fits"
            yield Finding("store", "ok", text, facts={"results": number})
            return
        salvaged = salvage(folder)
    except StoreError as error:
        text, _, way_out = str(error).removesuffix(".").partition("; ")
        yield Finding("store", "bad", text, way_out)
        return
    sound = counted(salvaged.results, "sound result")
    text = f"was damaged; {sound} in a new one, the old one is {salvaged.kept.name}"
    lost = "all of the plan" if salvaged.missing is None else counted(salvaged.missing, "trial")
    missing = "give the same 'annx sweep' again, which runs what is missing"
    if salvaged.missing:
        missing += f" ({lost})"
    facts = {**salvaged._asdict(), "kept": str(salvaged.kept), "problem": problem}
    yield Finding("store", "note", text, missing if salvaged.missing != 0 else "", facts)
    if salvaged.undescribed:
        yield Finding(
            "store",
            "note",
            f"what determines {counted(salvaged.undescribed, 'result')} is lost",
            "'annx verify' cannot compute these again; 'annx sweep --fresh' can",
        )


def records(folder: Path) -> Iterator[Finding]:
    """The plan, the experiment and the environment, which a sweep writes anew."""
    from anncore.running.run_folder import RunFolder

    if not folder.is_dir():
        return
    run = RunFolder(folder)
    for name, read in (
        ("plan.json", run.summary),
        ("experiment.toml", run.experiment),
        ("env.json", run.environment),
    ):
        try:
            read()
        except AnnxError as error:
            text = str(error).splitlines()[0].partition(";")[0]
            yield Finding("record", "bad", text if name in text else f"{name}: {text}", AGAIN)
        else:
            yield Finding("record", "ok", f"{name} can be read")
