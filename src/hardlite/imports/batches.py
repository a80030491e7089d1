"""`batched_unit_of_work`: an import in batches, each one transaction, each one reported."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, TypeVar

from sqlalchemy.engine import Engine
from sqlalchemy.orm import sessionmaker

from hardlite.clock import Clock, system_clock
from hardlite.coroutines import refuse_coroutine_functions
from hardlite.imports.arguments import ImportSettings, OnError, Watcher
from hardlite.imports.batch_size import size_of_batches
from hardlite.imports.batch_units import Work, unit_for
from hardlite.imports.batch_writer import BatchWriter
from hardlite.imports.collecting import Collector
from hardlite.imports.preparing import OutcomeSource, PreparedAhead, PreparedOneByOne
from hardlite.imports.progress_bar import progress_bar
from hardlite.imports.rejecting import Rejecting
from hardlite.imports.running import ImportRun
from hardlite.inserts.fast_insert import Conflict
from hardlite.reports.rejections import Rejection
from hardlite.reports.report import ImportReport
from hardlite.resume.resuming import Interruptible, resumed
from hardlite.retry_policy import Retries, RetryPolicy
from hardlite.rows.item_sources import ItemSource, RowSource, item_source
from hardlite.sessions import HardenedSessionmaker, sessionmaker_of

__all__ = ["OnError", "batched_unit_of_work", "prepared_by", "run_import"]

T = TypeVar("T")
_RETRY = RetryPolicy()


def batched_unit_of_work(
    target: Engine | sessionmaker[Any],
    items: Iterable[T] | RowSource,
    work: Work,
    *,
    prepare: Callable[[T], Any] | None = None,
    prepare_workers: int = 0,
    describe: Callable[[T], object] | None = None,
    batch_size: int | Literal["auto"] = 500,
    max_hold: float = 0.25,
    on_error: OnError = "continue",
    conflict: Conflict = "error",
    resume_key: str | None = None,
    retry: RetryPolicy = _RETRY,
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
        items: any iterable, also one that never fits in memory. Of a pandas or polars frame, of
            pyarrow's tables, readers, files and data sets, of a database cursor and of a
            SQLAlchemy `Result`, the items are the rows, each a dict.
        work: a `Table`, a mapped class or an `Insert`: the items are mappings of column names
            to values and go straight to the driver; a key that names no column rejects its row.
            Or a function ``work(session, item)`` that adds one item, children included; it must
            not commit.
        prepare: ``prepare(item)`` runs before the batch's turn and returns what ``work`` gets:
            the place for parsing, files and network. An item it raises for is rejected alone.
        prepare_workers: threads that call ``prepare``, also while a batch waits and is written;
            the order of the items stays. They are up to 32 items each ahead of what is written.
            0 calls it in the caller's own thread.
        describe: ``describe(item)`` returns what the report keeps of a rejected item, such as its
            key: it gets the item as the source gave it. Left out, the whole item is kept.
        batch_size: items in a transaction; ``"auto"`` measures what they cost, and takes as many
            as fit into half of ``max_hold``, beginning with one.
        max_hold: seconds a batch should hold the turn; one that holds it longer is warned of.
        on_error: ``"continue"`` rejects a batch that has a bad item, whole, and goes on;
            ``"stop"`` does not go on; ``"isolate"`` rejects the bad items alone. A function may
            then be called twice for an item.
        conflict: for a table or class, what to do with a row whose primary or unique key is
            there already: ``"error"`` rejects it, ``"ignore"`` skips it, ``"update"`` writes its
            other columns over those that are there.
        resume_key: a name under which each batch commits how far the import has come, so that the
            next call with this name goes on from there: each item once, whenever it was cut
            short. It needs the same source, ``work``, ``prepare``, ``on_error`` and ``conflict``
            again; when all is done, a further call does nothing.
        retry: which batches are tried again, and how often, when a lock or a broken connection
            got in their way. A function is then called again for each item of the batch.
        on_rejection: is given each `Rejection` once its batch is done, outside of any turn: to
            write them down as they come.
        progress: ``True`` draws a bar (needs the extra ``cli``); a function is given each
            `BatchResult`.
        total: how many items there are, for the bar; found out where ``items`` knows.
        timeout: seconds to wait for each turn.

    Returns:
        The report. A full disk, a lock that was not had and the like stop the import and are
        ``report.error``; look at ``report.ok``, or call ``report.raise_for_rejections()``.

    Raises:
        ConfigurationError: an argument makes no sense; nothing has been read or written.
        UsageError: ``work`` committed, this thread has a turn already, or the engine has the
            isolation level AUTOCOMMIT.
        ResumeRefusedError: another import uses ``resume_key`` right now, or it belongs to another
            source or to other settings.

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
    refuse_coroutine_functions(
        "async_batched_unit_of_work",
        work=work,
        prepare=prepare,
        on_rejection=on_rejection,
        progress=progress,
    )
    settings = ImportSettings(
        work=work,
        prepare=prepare,
        prepare_workers=prepare_workers,
        describe=describe,
        batch_size=batch_size,
        max_hold=max_hold,
        on_error=on_error,
        conflict=conflict,
        resume_key=resume_key,
        retry=retry,
        on_rejection=on_rejection,
        progress=progress,
        total=total,
        timeout=timeout,
    )
    return run_import(
        sessionmaker_of(target),
        items,
        item_source(items),
        settings,
        in_session=not isinstance(target, Engine),
        prepared=prepared_by,
        told=settings.told,
        clock=system_clock,
    )


@contextlib.contextmanager
def _watching(
    *, progress: bool | Watcher | None, total: int | None, done: int
) -> Iterator[Watcher]:
    if progress is True:
        with progress_bar(None if total is None else max(0, total - done)) as watch:
            yield watch
    else:
        yield progress or (lambda _: None)


def prepared_by(settings: ImportSettings, source: Iterator[Any]) -> OutcomeSource | None:
    """Return what prepares the items of ``source``; None if that is not wanted."""
    if settings.prepare is None:
        return None
    if settings.prepare_workers:
        return PreparedAhead(source, settings.prepare, settings.prepare_workers)
    return PreparedOneByOne(source, settings.prepare)


def run_import(
    maker: HardenedSessionmaker,
    items: object,
    source: ItemSource,
    settings: ImportSettings,
    *,
    in_session: bool,
    prepared: Callable[[ImportSettings, Iterator[Any]], OutcomeSource | None],
    told: Callable[[], str],
    clock: Clock,
) -> ImportReport:
    """Import the items of ``source``.

    Args:
        maker: takes the turns.
        items: what the caller gave; it may know that it was cut short.
        source: its items.
        settings: how to import them.
        in_session: there may be listeners to the sessions.
        prepared: returns what prepares items.
        told: tells the settings in words, by which a resumed import is known.
        clock: measures and waits.
    """
    unit = unit_for(settings.work, settings.conflict, maker, in_session=in_session)
    total = source.total if settings.total is None else settings.total
    rejecting = Rejecting(settings.describe, settings.on_rejection)
    retries = Retries(settings.retry, clock)
    stops = settings.on_error == "stop"
    with (
        resumed(
            maker,
            iter(source.items),
            settings.resume_key,
            settings=told(),
            timeout=settings.timeout,
            retries=retries,
            clock=clock,
        ) as left,
        _watching(progress=settings.progress, total=total, done=left.first) as watch,
    ):
        return ImportRun(
            collector=Collector(
                left.source,
                first=left.first,
                prepared=prepared(settings, left.source),
                rejecting=rejecting,
                stop_at_rejection=stops,
                clock=clock,
            ),
            writer=BatchWriter(
                maker,
                unit,
                isolate=settings.on_error == "isolate",
                timeout=settings.timeout,
                retries=retries,
                progress=left.progress,
                clock=clock,
            ),
            rejecting=rejecting,
            size=size_of_batches(settings.batch_size, settings.max_hold),
            progress=left.progress,
            max_hold=settings.max_hold,
            stop_at_rejection=stops,
            is_cut_short=lambda: isinstance(items, Interruptible) and items.cut_short,
            watch=watch,
            clock=clock,
        ).to_the_end(left.error)
