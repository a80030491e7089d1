"""`batched_unit_of_work`: an import in batches, each one transaction, each one reported."""

import contextlib
import dataclasses
import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from typing import Any, Literal, TypeVar, get_args

from sqlalchemy.engine import Engine
from sqlalchemy.orm import sessionmaker

from hardlite.clock import system_clock
from hardlite.errors import ConfigurationError
from hardlite.imports.batch_units import Work, unit_for
from hardlite.imports.batch_writer import BatchWriter, Written
from hardlite.imports.fast_insert import Conflict
from hardlite.imports.kept_errors import KeptErrors
from hardlite.imports.progress_bar import progress_bar
from hardlite.imports.rejecting import Rejecting
from hardlite.imports.rejections import Rejection
from hardlite.imports.report import BatchResult, ImportReport, Outcome
from hardlite.sessions import sessionmaker_of

__all__ = ["OnError", "batched_unit_of_work"]

_log = logging.getLogger("hardlite.batches")

T = TypeVar("T")
OnError = Literal["continue", "stop", "isolate"]
Watcher = Callable[[BatchResult], object]


def batched_unit_of_work(
    target: Engine | sessionmaker[Any],
    items: Iterable[T],
    work: Work,
    *,
    prepare: Callable[[T], Any] | None = None,
    describe: Callable[[T], object] | None = None,
    batch_size: int = 500,
    max_hold: float = 0.25,
    on_error: OnError = "continue",
    conflict: Conflict = "error",
    on_rejection: Callable[[Rejection], object] | None = None,
    progress: bool | Watcher | None = None,
    total: int | None = None,
    timeout: float = 30.0,
) -> ImportReport:
    """Import ``items`` in batches: each is one transaction, and other writers go in between.

    A batch is collected and prepared before its turn, so a slow source keeps nobody waiting. It
    counts as committed when COMMIT has returned. The report says of every item what became of it.

    Args:
        target: a hardened engine, or a sessionmaker bound to one; listeners to the sessions of
            that one see the commits, also where rows need no session.
        items: any iterable, also one that never fits in memory.
        work: a `Table`, a mapped class or an `Insert`: the items are mappings of column names
            to values and go straight to the driver; a key that names no column rejects its row.
            Or a function ``work(session, item)`` that adds one item, children included; it must
            not commit.
        prepare: ``prepare(item)`` runs before the batch's turn and returns what ``work`` gets:
            the place for parsing, files and network. An item it raises for is rejected alone.
        describe: ``describe(item)`` returns what the report keeps of a rejected item, such as its
            key: it gets the item as the source gave it. Left out, the whole item is kept.
        batch_size: items in a transaction.
        max_hold: seconds a batch should hold the turn; one that holds it longer is warned of.
        on_error: ``"continue"`` rejects a batch that has a bad item, whole, and goes on;
            ``"stop"`` does not go on; ``"isolate"`` rejects the bad items alone. A function may
            then be called twice for an item.
        conflict: for a table or class, what to do with a row whose primary or unique key is
            there already: ``"error"`` rejects it, ``"ignore"`` skips it, ``"update"`` writes its
            other columns over those that are there.
        on_rejection: is given each `Rejection` once its batch is done, outside of any turn: to
            write them down as they come.
        progress: ``True`` draws a bar (needs the extra ``cli``); a function is given each
            `BatchResult`.
        total: how many items there are, for the bar; found out where ``items`` has a length.
        timeout: seconds to wait for each turn.

    Returns:
        The report. A full disk, a lock that was not had and the like stop the import and are
        ``report.error``; look at ``report.ok``, or call ``report.raise_for_rejections()``.

    Raises:
        ConfigurationError: an argument makes no sense; nothing has been read or written.
        UsageError: ``work`` committed, or this thread has a turn already.

    What ``items`` itself raises, and KeyboardInterrupt, come through with a note that says how
    much is committed.

    >>> from hardlite import create_hardened_engine
    >>> from sqlalchemy import Column, Integer, MetaData, Table
    >>> engine = create_hardened_engine("sqlite://")
    >>> numbers = Table("numbers", MetaData(), Column("n", Integer, primary_key=True))
    >>> numbers.create(engine)
    >>> report = batched_unit_of_work(engine, ({"n": n % 8} for n in range(10)), numbers,
    ...                               on_error="isolate")
    >>> report.committed, report.rejected
    (8, 2)
    >>> engine.dispose()
    """
    _require(batch_size=batch_size, max_hold=max_hold, timeout=timeout)
    _require_choice("on_error", on_error, get_args(OnError))
    _require_choice("conflict", conflict, get_args(Conflict))
    _require_callable(
        prepare=prepare, describe=describe, on_rejection=on_rejection, progress=progress
    )
    maker = sessionmaker_of(target)
    writer = BatchWriter(
        maker,
        unit_for(work, conflict, maker, in_session=not isinstance(target, Engine)),
        isolate=on_error == "isolate",
        timeout=timeout,
        clock=system_clock,
    )
    if total is None and isinstance(items, Sized):
        total = len(items)
    with _watching(progress=progress, total=total) as watch:
        return _Import(
            writer=writer,
            prepare=prepare,
            rejecting=Rejecting(describe, on_rejection),
            batch_size=batch_size,
            max_hold=max_hold,
            stop_at_rejection=on_error == "stop",
            watch=watch,
        ).through(items)


@dataclasses.dataclass(slots=True)
class _Batch:
    """The items of a batch, prepared, with their positions in the source.

    Attributes:
        told: what to tell of each item in case it is rejected.
    """

    first: int
    count: int = 0
    items: list[Any] = dataclasses.field(default_factory=list)
    told: Sequence[Any] = ()
    positions: Sequence[int] = ()
    rejections: list[Rejection] = dataclasses.field(default_factory=list)
    seconds: float = 0.0


class _Import:
    """One call of `batched_unit_of_work` while it runs."""

    def __init__(
        self,
        *,
        writer: BatchWriter,
        prepare: Callable[[Any], Any] | None,
        rejecting: Rejecting,
        batch_size: int,
        max_hold: float,
        stop_at_rejection: bool,
        watch: Watcher,
    ) -> None:
        self._writer = writer
        self._prepare = prepare
        self._rejecting = rejecting
        self._batch_size = batch_size
        self._max_hold = max_hold
        self._stop_at_rejection = stop_at_rejection
        self._watch = watch
        self._results: list[BatchResult] = []
        self._errors = KeptErrors()

    def through(self, items: Iterable[Any]) -> ImportReport:
        started = system_clock.now()
        error: Exception | None = None
        stopped = False
        try:
            source = iter(items)
            while not stopped and (batch := self._collect(source)).count:
                error = self._write(batch)
                self._errors.lighten(self._results[-1].error)
                stopped = error is not None or bool(
                    self._stop_at_rejection and self._rejecting.count
                )
        except BaseException as interruption:
            kept = sum(result.committed for result in self._results)
            interruption.add_note(
                f"hardlite: the import was interrupted; the first {len(self._results)} batches "
                f"are done and stay: {kept} items committed, {self._rejecting.count} rejected"
            )
            raise
        return ImportReport(
            batches=tuple(self._results),
            rejections=self._rejecting.log,
            error=error,
            stopped=stopped,
            elapsed=system_clock.now() - started,
        )

    def _collect(self, source: Iterator[Any]) -> _Batch:
        started = system_clock.now()
        last = self._results[-1].last_item if self._results else -1
        batch = _Batch(first=last + 1)
        if self._prepare is None:
            batch.items = list(itertools.islice(source, self._batch_size))
            batch.told = batch.items
            batch.count = len(batch.items)
            batch.positions = range(batch.first, batch.first + batch.count)
        else:
            self._collect_prepared(source, batch, self._prepare)
        batch.seconds = system_clock.now() - started
        return batch

    def _collect_prepared(
        self, source: Iterator[Any], batch: _Batch, prepare: Callable[[Any], Any]
    ) -> None:
        positions: list[int] = []
        batch.positions = positions
        sources: list[Any] = []
        batch.told = sources if self._rejecting.by_source else batch.items
        for item in itertools.islice(source, self._batch_size):
            position = batch.first + batch.count
            batch.count += 1
            try:
                batch.items.append(prepare(item))
                positions.append(position)
                if self._rejecting.by_source:
                    sources.append(item)
            except Exception as error:  # noqa: BLE001 - whatever it raises, it is about this item
                batch.rejections.append(self._rejecting.rejection(position, item, error))
                if self._stop_at_rejection:
                    return

    def _write(self, batch: _Batch) -> Exception | None:
        written = self._writer.write(batch.items)
        rejections = sorted(
            batch.rejections
            + [
                self._rejecting.rejection(
                    batch.positions[fault.offset],
                    batch.told[fault.offset],
                    fault.error,
                    fault.constraint,
                )
                for fault in written.faults
            ],
            key=lambda rejection: rejection.position,
        )
        result = _result(len(self._results), batch, written, len(rejections))
        self._results.append(result)
        self._rejecting.keep(rejections)
        self._log(result)
        self._watch(result)
        return written.failure

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
            f"; over max_hold={self._max_hold}: make batch_size smaller" if slow else "",
        )


def _result(index: int, batch: _Batch, written: Written, rejected: int) -> BatchResult:
    outcome: Outcome = "committed"
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
        skipped=written.skipped,
        outcome=outcome,
        attempts=written.attempts,
        wait=written.wait,
        hold=written.hold,
        prepare=batch.seconds,
        error=written.failure or (written.faults[0].error if written.faults else None),
    )


@contextlib.contextmanager
def _watching(*, progress: bool | Watcher | None, total: int | None) -> Iterator[Watcher]:
    if progress is True:
        with progress_bar(total) as watch:
            yield watch
    else:
        yield progress or (lambda _: None)


def _require(**numbers: float) -> None:
    for name, value in numbers.items():
        least = 1 if name == "batch_size" else 0
        kind = int if name == "batch_size" else int | float
        if not isinstance(value, kind) or isinstance(value, bool) or not value >= least:
            whole = "a whole number, " if kind is int else ""
            raise ConfigurationError(
                f"{name}= cannot be {value!r}", f"It takes {whole}{least} or more."
            )


def _require_callable(**functions: object) -> None:
    for name, function in functions.items():
        switch = name == "progress" and isinstance(function, bool)
        if not (function is None or switch or callable(function)):
            raise ConfigurationError(f"{name}= cannot be {function!r}", "It takes a function.")


def _require_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigurationError(
            f"{name}= cannot be {value!r}", f"It takes one of: {', '.join(choices)}."
        )
