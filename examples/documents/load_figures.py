"""What a run of the load test came to: from what the processes noted, and from the database itself."""

import contextlib
import dataclasses
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from documents.load_clients import Answer
from documents.stages import STAGES

_WRITES: Final = ("upload", "claim", "checkpoint", "progress")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A run.

    Attributes:
        lock_errors: how often SQLite said that the database is locked.
        refused: uploads that were answered with an error, or not at all.
        lost: documents that were taken in, and are not done with all checkpoints.
        twice: checkpoints, files or rows that there are more of than there should be.
        taken_over: documents that more than one worker has worked on.
        writes: how long each write took, in seconds, sorted.
        uploads: how long each client waited for its answer, sorted.
        loop: how late the event loops were, sorted.
        seconds: from the first upload to the last checkpoint.
    """

    lock_errors: int
    refused: int
    lost: int
    twice: int
    taken_over: int
    writes: Sequence[float]
    uploads: Sequence[float]
    loop: Sequence[float]
    seconds: float

    @property
    def good(self) -> bool:
        """Whether nothing was refused, lost or done twice."""
        return not (self.lock_errors or self.refused or self.lost or self.twice)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that a share of the sorted values does not exceed."""
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def figures_of(folder: Path, answers: Sequence[Answer], seconds: float) -> Figures:
    """Put a run together when its server has ended.

    Args:
        folder: of its data.
        answers: what the clients were told.
        seconds: how long it took.
    """
    noted: dict[str, list[float]] = defaultdict(list)
    for file in (folder / "figures").iterdir():
        for line in file.read_text(encoding="ascii").splitlines():
            name, _, value = line.partition(" ")
            with contextlib.suppress(ValueError):
                noted[name].append(float(value))
    taken = [answer.id for answer in answers if answer.id is not None]
    lost, twice, taken_over = _looked_through(folder, taken)
    return Figures(
        lock_errors=len(noted["locked"]),
        refused=len(answers) - len(taken),
        lost=lost,
        twice=twice,
        taken_over=taken_over,
        writes=sorted(value for name in _WRITES for value in noted[name]),
        uploads=sorted(answer.seconds for answer in answers),
        loop=sorted(noted["loop"]),
        seconds=seconds,
    )


def _looked_through(folder: Path, taken: Sequence[int]) -> tuple[int, int, int]:
    # hardlite: ignore[1A] it looks at what is left when the servers have ended
    with contextlib.closing(sqlite3.connect(folder / "documents.db")) as connection:
        rows = connection.execute(
            "SELECT document.id, state, claims, count(kept.stage), count(DISTINCT kept.stage), file "
            "FROM document LEFT JOIN checkpoint AS kept ON document_id = document.id GROUP BY 1"
        ).fetchall()
    done = {
        number
        for number, state, _, kept, stages, _ in rows
        if state == "done" and kept == stages == len(STAGES)
    }
    files = {path.name for path in (folder / "files").iterdir()}
    lost = len(set(taken) - done) + len({row[5] for row in rows} - files)
    # A file without a row is what a crash leaves, and no document.
    twice = len(taken) - len(set(taken)) + sum(row[3] > len(STAGES) for row in rows)
    return lost, twice + max(0, len(rows) - len(taken)), sum(row[2] > 1 for row in rows)
