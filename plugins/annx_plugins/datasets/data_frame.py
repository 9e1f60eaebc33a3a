"""Data set: data_frame."""

import hashlib
import json
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, Table, TableDataset, hookimpl, hyper, named_file


@dataclass(frozen=True)
class DataFrame(TableDataset):
    """A data frame of a Python session, as `anncore.dataset_from_frame(frame, target="y")` hands it over.

    That function writes the frame into a file that is named by its content, and returns the section of an
    experiment that reads it: {"use": "data_frame", "path": ..., "target": "y"}. The same frame gives the same
    trials. Its keys are those of `csv`; columns hold what their types say, and a missing value is what pandas
    takes for one.

    Shapes: x (rows, features); y (rows,), none for an unsupervised task.

    McKinney, "Data Structures for Statistical Computing in Python", Proceedings of the 9th Python in Science
    Conference (2010), 56-61. https://doi.org/10.25080/Majora-92bf1922-00a
    """

    name: ClassVar[str] = "data_frame"
    holds_frames: ClassVar[bool] = True

    path: str = hyper("", "path", help="the file that dataset_from_frame wrote")

    def fingerprint(self) -> str:
        """Return the SHA-256 of the file's bytes."""
        return hashlib.sha256(self._content()).hexdigest()

    def make(self, rng: np.random.Generator) -> Data:
        try:
            plain = json.loads(self._content())
            columns = plain["columns"]
            header = [str(column["name"]) for column in columns]
            rows = [list(row) for row in zip(*(column["cells"] for column in columns), strict=True)]
            kinds = {i: column["kind"] for i, column in enumerate(columns) if column["kind"]}
        except (ValueError, KeyError, TypeError):
            raise self.error("is no frame that anncore.dataset_from_frame wrote") from None
        return self.data_of(Table(header, rows, list(range(1, len(rows) + 1)), unit="row", kinds=kinds))

    def _content(self) -> bytes:
        return named_file("data_frame", self.path, "frame.json")


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [DataFrame]
