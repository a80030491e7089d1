"""What became of one source of a command."""

import dataclasses
from pathlib import Path
from typing import cast

from hardlite.reports.reasons import ReasonTally, with_key
from hardlite.reports.rejections import Rejection
from hardlite.reports.report import ImportReport
from hardlite.sources import Row, RowPlace, UnfitRow

__all__ = ["Imported", "columns_of", "line_of", "reason_of", "why"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """One source that went into one table, as far as it did.

    Attributes:
        source: what messages call the source.
        row_place: what the places of its rows are counted in.
        table: the name of the table.
        report: what became of its rows; after an interrupt without the list of rejected ones.
        reasons: why rows were rejected, with lines, also after an interrupt.
        rejects: the file that has the rejected rows.
    """

    source: str
    row_place: RowPlace
    table: str
    report: ImportReport
    reasons: ReasonTally
    rejects: Path | None

    @property
    def rejected(self) -> int:
        """How many rows were left out, under a resume key also before this command."""
        before = self.report.resumed_from
        return self.report.rejected + (0 if before is None else before.rejected)


def line_of(rejection: Rejection) -> int:
    """Return the line of the source on which a rejected row starts, or the row's number."""
    return cast("Row | UnfitRow", rejection.item).line


def reason_of(rejection: Rejection) -> str:
    """Return why a row was rejected, in words that rows with the same fault share."""
    item = rejection.item
    return item.reason if isinstance(item, UnfitRow) else rejection.reason


def why(rejection: Rejection) -> str:
    """Return in one line why a row was rejected, with what is particular to it but its line."""
    item = rejection.item
    if isinstance(item, UnfitRow):
        return " ".join(f"{item.reason} {item.detail}".split())
    return with_key(rejection.reason, rejection.constraint)


def columns_of(rejection: Rejection) -> list[str]:
    """Return the columns that are at fault, as far as they are known."""
    item = rejection.item
    if isinstance(item, UnfitRow) and item.column is not None:
        return [item.column]
    return list(rejection.columns)
