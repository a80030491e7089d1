"""What an import kept and what it left out: frozen records, and how they are told."""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Final, TypedDict

from hardlite.errors import ImportRejectedError
from hardlite.pages import ReasonLine, RejectionLine, Section, page
from hardlite.readable import shown
from hardlite.reports.batch_results import BatchDict, BatchResult
from hardlite.reports.reasons import ReasonTally
from hardlite.reports.rejection_log import RejectionLog
from hardlite.reports.rejections import Rejection, RejectionDict, in_one_line
from hardlite.resume.resume_points import ResumePoint, ResumePointDict

__all__ = ["SHOWN_REJECTIONS", "ImportReport", "ReportDict", "ReportFacts"]

SHOWN_REJECTIONS: Final = 100
"""On a page: it is to be read, and not too large for a phone."""

_SHOWN_REASONS = 5
_REASONS_ON_A_PAGE = 20


class ReportFacts(TypedDict):
    """An `ImportReport` as plain values, but for its lists."""

    schema: str
    ok: bool
    committed: int
    rejected: int
    skipped: int
    updated: int
    stopped: bool
    elapsed: float
    max_hold: float | None
    error: str | None
    rejections_lost: int
    resumed_from: ResumePointDict | None


class ReportDict(ReportFacts):
    """An `ImportReport` as plain values, ready for `json.dumps`."""

    batches: list[BatchDict]
    rejections: list[RejectionDict]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import kept and what it left out.

    Attributes:
        batches: every batch in order.
        rejections: every item that was left out for an error, in order; the first thousand in
            memory, the others in a temporary file that goes with the report.
        error: what stopped the import although no item was at fault: a full disk, a lock that was
            not had in time. The batches before it are committed.
        stopped: the import ended before its source did.
        elapsed: seconds from the first item to the last commit.
        resumed_from: where the import under this resume key stood before; None without a key.
            What is counted here is what came after that.
        max_hold: seconds a batch should have held the turn; None if nobody knows.
    """

    batches: tuple[BatchResult, ...]
    rejections: Sequence[Rejection]
    error: Exception | None
    stopped: bool
    elapsed: float
    resumed_from: ResumePoint | None = None
    max_hold: float | None = None

    @property
    def committed(self) -> int:
        """How many items are in the database now."""
        return sum(batch.committed for batch in self.batches)

    @property
    def rejected(self) -> int:
        """How many items were left out for an error."""
        return sum(batch.rejected for batch in self.batches)

    @property
    def skipped(self) -> int:
        """How many items were left out because the database had them already."""
        return sum(batch.skipped for batch in self.batches)

    @property
    def updated(self) -> int:
        """How many of the committed items were there already and have been written over."""
        return sum(batch.updated for batch in self.batches)

    @property
    def rejections_lost(self) -> int:
        """How many items were rejected but could not be kept: the temporary directory is full."""
        return self._log().lost

    @property
    def ok(self) -> bool:
        """Whether every item of the source is in the database."""
        before = 0 if self.resumed_from is None else self.resumed_from.rejected
        return not (self.rejected or before) and self.error is None and not self.stopped

    def raise_for_rejections(self) -> None:
        """Do nothing if the import is `ok`.

        Raises:
            ImportRejectedError: it is not; the error carries this report.
        """
        if not self.ok:
            raise ImportRejectedError(
                self.summary(),
                "Look at report.rejections and report.error; mend the items and import them "
                "again. What was committed stays.",
                self,
            ) from self.error

    def summary(self) -> str:
        """Return a few lines for a person."""
        counts = f"{self.committed} committed"
        if self.updated:
            counts += f" ({self.committed - self.updated} inserted, {self.updated} updated)"
        counts += f", {self.rejected} rejected"
        if self.skipped:
            counts += f", {self.skipped} skipped"
        lines = [f"{counts} in {len(self.batches)} batches, {self.elapsed:.1f} s"]
        if self.resumed_from is not None and self.resumed_from.position:
            lines.append(str(self.resumed_from))
        if self.error is not None:
            lines.append(f"stopped by {in_one_line(self.error)}")
        log = self._log()
        lines += [f"{each.count} x {each}" for each in log.reasons.most_common(_SHOWN_REASONS)]
        if len(log.reasons) > _SHOWN_REASONS:
            more = "more than " if log.reasons.others else ""
            lines.append(f"and {more}{len(log.reasons) - _SHOWN_REASONS} other reasons")
        if log.lost:
            lines.append(f"{log.lost} rejections could not be kept: {log.lost_because}")
        return "\n".join(lines)

    def to_html(self, title: str = "Import report") -> str:
        """Return a page for a browser that needs nothing but itself, and has no script.

        It has the figures, a timeline of the batches, the reasons for rejections and the first
        hundred rejected items: as they were written by others, so that none of it is taken for markup.

        Args:
            title: the heading of the page.

        >>> report = ImportReport(batches=(), rejections=(), error=None, stopped=False, elapsed=0)
        >>> "<script" in report.to_html("<script>alert(1)</script>")
        False
        """
        log = self._log()
        first = itertools.islice(self.rejections, SHOWN_REJECTIONS)
        lines = [
            RejectionLine(
                place=rejection.position,
                columns=", ".join(rejection.columns),
                reason=rejection.reason,
                item=shown(rejection.item),
            )
            for rejection in first
        ]
        section = self.section(
            title="", noun="items", place="position", reasons=log.reasons, rejections=lines
        )
        return page(title, [section], made_by="Made by hardlite.")

    def section(
        self,
        *,
        title: str,
        noun: str,
        place: str,
        reasons: ReasonTally,
        rejections: Sequence[RejectionLine],
    ) -> Section:
        """Return what a page tells of this import.

        Args:
            title: what was imported; empty if the page has but this one.
            noun: what the items are called, in the plural.
            place: what their places are called.
            reasons: why items were rejected.
            rejections: the first of them.
        """
        most = reasons.most_common(_REASONS_ON_A_PAGE)
        return Section(
            title=title,
            noun=noun,
            place=place,
            ok=self.ok,
            stopped=self.stopped,
            committed=self.committed,
            rejected=self.rejected,
            skipped=self.skipped,
            updated=self.updated,
            elapsed=self.elapsed,
            troubles=self._troubles(),
            batches=self.batches,
            max_hold=self.max_hold,
            reasons=[
                ReasonLine(
                    text=reason.text,
                    count=reason.count,
                    constraint=""
                    if reason.constraint is None
                    else str(reason.constraint).replace("->", "→"),
                    places=reason.places,
                )
                for reason in most
            ],
            further=self.rejected - sum(reason.count for reason in most),
            rejections=rejections,
        )

    def to_dict(self) -> ReportDict:
        """Return plain values, ready for `json.dumps`; the schema is named in the result."""
        return {
            **self.facts(),
            "batches": [batch.to_dict() for batch in self.batches],
            "rejections": [rejection.to_dict() for rejection in self.rejections],
        }

    def facts(self) -> ReportFacts:
        """Return what `to_dict` does, but for the lists: these may be long."""
        return {
            "schema": "hardlite.import-report/3",
            "ok": self.ok,
            "committed": self.committed,
            "rejected": self.rejected,
            "skipped": self.skipped,
            "updated": self.updated,
            "stopped": self.stopped,
            "elapsed": self.elapsed,
            "max_hold": self.max_hold,
            "error": None if self.error is None else in_one_line(self.error),
            "rejections_lost": self.rejections_lost,
            "resumed_from": None if self.resumed_from is None else self.resumed_from.to_dict(),
        }

    def _troubles(self) -> list[str]:
        told = []
        if self.resumed_from is not None and self.resumed_from.position:
            told.append(str(self.resumed_from))
        if self.error is not None:
            told.append(f"Stopped by {in_one_line(self.error)}")
        elif self.stopped:
            told.append("Stopped before the end of the source.")
        if self.rejections_lost:
            told.append(f"{self.rejections_lost:,} rejections could not be kept.")
        return told

    def _log(self) -> RejectionLog:
        kept = self.rejections
        return kept if isinstance(kept, RejectionLog) else RejectionLog(kept)
