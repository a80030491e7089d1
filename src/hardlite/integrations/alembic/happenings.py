"""What happens in a run of migrations, for those who watch it."""

import dataclasses
from collections.abc import Callable
from typing import Literal

__all__ = ["Happening", "Tell", "What"]

What = Literal["waiting", "backup", "revision", "rebuild", "done"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that begins, or the end of the run.

    Attributes:
        what: ``"waiting"`` for another process that migrates, ``"backup"``, ``"revision"``,
            ``"rebuild"`` of a table, or ``"done"``.
        name: who is waited for, the database, the revision, or the table; empty at the end.
        rows: how many rows the table has that is rebuilt.

    >>> print(Happening(what="rebuild", name="flights", rows=336776))
    rebuilding flights (336,776 rows)
    """

    what: What
    name: str = ""
    rows: int | None = None

    def __str__(self) -> str:
        if self.what == "waiting":
            return f"waiting for another run of migrations: {self.name}"
        if self.what == "rebuild":
            return f"rebuilding {self.name} ({self.rows:,} rows)"
        if self.what == "backup":
            return f"backing up {self.name}"
        return f"revision {self.name}" if self.what == "revision" else "done"


Tell = Callable[[Happening], None]
