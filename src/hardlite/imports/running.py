"""An import while it runs: one batch after the other, and what is known of them at the end."""

import logging
import operator
from collections.abc import Callable, Sequence

from sqlalchemy.exc import SQLAlchemyError

from hardlite.clock import Clock
from hardlite.imports.arguments import Watcher
from hardlite.imports.batch_size import BatchSize
from hardlite.imports.batch_writer import BatchWriter, Written
from hardlite.imports.collecting import Batch, Collector
from hardlite.imports.kept_errors import KeptErrors
from hardlite.imports.rejecting import Rejecting
from hardlite.log_events import Event, log_event
from hardlite.reports.batch_results import BatchResult, Outcome
from hardlite.reports.report import ImportReport
from hardlite.resume.progress import Progress

__all__ = ["ImportRun"]

_log = logging.getLogger("hardlite.batches")


class ImportRun:
    """One call of `batched_unit_of_work`.

    Args:
        collector: takes the items of each batch from the source.
        writer: writes them.
        rejecting: makes and keeps the rejections.
        size: how many items a batch takes.
        progress: where the import stands, under its resume key; None without one.
        max_hold: seconds a turn should last at the most.
        stop_at_rejection: the first rejected item ends it.
        is_cut_short: says, once no items are left, whether the source ended before its time.
        watch: is told of each batch.
        clock: measures.
    """

    def __init__(
        self,
        *,
        collector: Collector,
        writer: BatchWriter,
        rejecting: Rejecting,
        size: BatchSize,
        progress: Progress | None,
        max_hold: float,
        stop_at_rejection: bool,
        is_cut_short: Callable[[], bool],
        watch: Watcher,
        clock: Clock,
    ) -> None:
        self._collector = collector
        self._writer = writer
        self._rejecting = rejecting
        self._size = size
        self._progress = progress
        self._max_hold = max_hold
        self._stop_at_rejection = stop_at_rejection
        self._is_cut_short = is_cut_short
        self._watch = watch
        self._clock = clock
        self._results: list[BatchResult] = []
        self._errors = KeptErrors()
        self._started = clock.now()

    def to_the_end(self, error: Exception | None = None) -> ImportReport:
        """Import all that is left, or as much as can be.

        Args:
            error: what keeps it from beginning at all.
        """
        self._started = self._clock.now()
        stopped = error is not None
        try:
            while not stopped and (batch := self._collector.collect(self._size.next())).count:
                error = self._write(batch)
                self._errors.lighten(self._results[-1].error)
                stopped = error is not None or self._is_to_stop()
            stopped = stopped or self._is_cut_short()
            if not stopped and self._progress is not None:
                error = self._written(self._progress.finish)
        except BaseException as interruption:
            kept = sum(result.committed for result in self._results)
            interruption.add_note(
                f"hardlite: the import was interrupted; the first {len(self._results)} batches "
                f"are done and stay: {kept} items committed, {self._rejecting.count} rejected"
            )
            raise
        finally:
            self._collector.close()
        return ImportReport(
            batches=tuple(self._results),
            rejections=self._rejecting.log,
            error=error,
            stopped=stopped,
            elapsed=self._clock.now() - self._started,
            resumed_from=None if self._progress is None else self._progress.before,
            max_hold=self._max_hold,
        )

    def _is_to_stop(self) -> bool:
        return self._stop_at_rejection and self._rejecting.count > 0

    def _write(self, batch: Batch) -> Exception | None:
        written = self._writer.write(batch.items, self._marks(batch))
        rejected = batch.rejected + [
            self._rejecting.rejected(
                batch.positions[fault.offset],
                batch.told[fault.offset],
                self._rejecting.shared_cause(fault.error, fault.constraint),
            )
            for fault in written.result.faults
        ]
        rejected.sort(key=operator.attrgetter("position"))
        ended = self._clock.now() - self._started
        result = _result(len(self._results), batch, written, len(rejected), ended)
        self._results.append(result)
        self._rejecting.keep(rejected)
        if batch.items:
            self._size.learn(len(batch.items), written.hold)
        failure = written.failure or self._pass(batch)
        self._log(result)
        # Last: a batch that was told of is done, whatever happens next.
        self._watch(result)
        return failure

    def _marks(self, batch: Batch) -> Sequence[int]:
        """Return for each item up to where all is done once it is in, rejected ones included."""
        if self._progress is None:
            return batch.positions
        positions = batch.positions
        end = positions[-1] + 1 if self._stop_at_rejection and positions else batch.end
        return [*positions[1:], end]

    def _pass(self, batch: Batch) -> Exception | None:
        """Move the progress past what was rejected; where that ends the import, it comes again."""
        progress = self._progress
        if progress is None or progress.position == batch.end or self._is_to_stop():
            return None
        return self._written(lambda: progress.record(batch.end))

    @staticmethod
    def _written(write: Callable[[], None]) -> Exception | None:
        try:
            write()
        except SQLAlchemyError as error:
            return error
        return None

    def _log(self, result: BatchResult) -> None:
        slow = result.hold > self._max_hold
        _log.log(
            logging.WARNING if slow else logging.INFO,
            "batch %d (items %d to %d) %s: waited %.3f s, held the turn %.3f s, prepared %.3f s%s",
            result.index,
            result.first_item,
            result.last_item,
            result.outcome,
            result.wait,
            result.hold,
            result.prepare,
            f"; over max_hold={self._max_hold}: make batches smaller" if slow else "",
            extra=_event_of(result, self._max_hold),
        )


def _event_of(result: BatchResult, max_hold: float) -> Event:
    return log_event(
        "batch.done",
        index=result.index,
        first_item=result.first_item,
        last_item=result.last_item,
        committed=result.committed,
        rejected=result.rejected,
        outcome=result.outcome,
        attempts=result.attempts,
        wait=result.wait,
        hold=result.hold,
        prepare=result.prepare,
        max_hold=max_hold,
    )


def _result(index: int, batch: Batch, written: Written, rejected: int, ended: float) -> BatchResult:
    outcome: Outcome = "committed"
    faults = written.result.faults
    if written.failure is not None:
        outcome = "failed"
    elif rejected:
        outcome = "rejected" if rejected == batch.count else "partial"
    return BatchResult(
        index=index,
        first_item=batch.first,
        last_item=batch.first + batch.count - 1,
        items=batch.count,
        committed=written.kept,
        rejected=rejected,
        skipped=written.result.skipped,
        updated=written.result.updated,
        outcome=outcome,
        attempts=written.attempts,
        wait=written.wait,
        hold=written.hold,
        prepare=batch.seconds,
        ended=ended,
        error=written.failure or (faults[0].error if faults else None),
    )
