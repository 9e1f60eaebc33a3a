"""What a claim on one data set is about: the rows at hand, new rows like them, or new samples.

Where a data set is a finite table, each seed splits the same rows anew. Their mean difference is then that
over all splits and initial weights of these rows, which seeds tell as well as one likes; of new rows from the
same source they tell less, since any two training splits share most of their rows (`mean_difference`). The
claim about the rows at hand is made unless [report] scope = "new rows" asks for the other. A generated data
set draws other examples for each seed, so there is nothing to correct.
"""

from __future__ import annotations

from typing import NamedTuple

from anncore.contract.trial import Split
from anncore.engine.datasets import Shapes
from anncore.experiment.settings import NEW_ROWS as NEW_ROWS


class Scope(NamedTuple):
    """What a claim on one problem is about.

    same: what its seeds have in common, as `Shapes` has it; None where that is not known. rows: how many
    there are. correction: what is added to the variance of a mean difference, n_test / n_train, where the
    claim is about new rows and seeds split the same ones. unknowable: new rows are asked for, and every seed
    is tested on the same ones.
    """

    same: str | None
    rows: int = 0
    correction: float = 0.0
    unknowable: bool = False

    def words(self, problem: str) -> str:
        """Return where a claim holds: "wine (these 178 rows)", "rows like the 178 of wine"."""
        if self.same is None or not self.rows:
            return problem
        if self.same == "":
            return f"{problem} (new samples of {self.rows} rows)"
        if self.correction:
            return f"new rows like the {self.rows} of {problem}"
        return f"{problem} (these {self.rows} rows)"


def scope_of(shapes: Shapes | None, split: Split, new: bool) -> Scope:
    """Return what claims on a problem are about. new: the file asks for new rows.

    Where the sizes of the splits are not known, the correction is that of the shares in [split].
    """
    if shapes is None:
        return Scope(None, correction=split.test / (1 - split.valid - split.test) if new else 0.0)
    rows = shapes.n_train + shapes.n_valid + shapes.n_test
    if not new or not shapes.same:
        return Scope(shapes.same, rows)
    if shapes.same == "test":
        return Scope(shapes.same, rows, unknowable=True)
    return Scope(shapes.same, rows, shapes.n_test / shapes.n_train)
