"""`batched_unit_of_work`: an import in batches, each one transaction, each one reported."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, TypeVar, get_args

from sqlalchemy.engine import Engine
from sqlalchemy.orm import sessionmaker

from hardlite.clock import system_clock
from hardlite.imports.arguments import (
    require_batch_size,
    require_choice,
    require_functions,
    require_key,
    require_one_file,
    require_policy,
    require_seconds,
    require_workers,
    told_settings,
)
from hardlite.imports.batch_size import size_of_batches
from hardlite.imports.batch_units import Work, unit_for
from hardlite.imports.batch_writer import BatchWriter
from hardlite.imports.collecting import Collector
from hardlite.imports.progress_bar import progress_bar
from hardlite.imports.rejecting import Rejecting
from hardlite.imports.running import ImportRun, Watcher
from hardlite.inserts.fast_insert import Conflict
from hardlite.reports.rejections import Rejection
from hardlite.reports.report import ImportReport
from hardlite.resume.resuming import Interruptible, resumed
from hardlite.retry_policy import Retries, RetryPolicy
from hardlite.rows.item_sources import RowSource, item_source
from hardlite.sessions import sessionmaker_of

__all__ = ["OnError", "batched_unit_of_work"]

T = TypeVar("T")
OnError = Literal["continue", "stop", "isolate"]
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
    require_batch_size(batch_size)
    require_workers(prepare_workers, prepare)
    require_seconds(max_hold=max_hold, timeout=timeout)
    require_choice("on_error", on_error, get_args(OnError))
    require_choice("conflict", conflict, get_args(Conflict))
    require_functions(
        prepare=prepare, describe=describe, on_rejection=on_rejection, progress=progress
    )
    require_policy(retry)
    require_key(resume_key)
    require_one_file(work, resume_key)
    maker = sessionmaker_of(target)
    unit = unit_for(work, conflict, maker, in_session=not isinstance(target, Engine))
    source = item_source(items)
    total = source.total if total is None else total
    rejecting = Rejecting(describe, on_rejection)
    retries = Retries(retry, system_clock)
    settings = told_settings(work, on_error=on_error, conflict=conflict, prepare=prepare)
    with (
        resumed(
            maker,
            iter(source.items),
            resume_key,
            settings=settings,
            timeout=timeout,
            retries=retries,
            clock=system_clock,
        ) as left,
        _watching(progress=progress, total=total, done=left.first) as watch,
    ):
        return ImportRun(
            collector=Collector(
                left.source,
                first=left.first,
                prepare=prepare,
                workers=prepare_workers,
                rejecting=rejecting,
                stop_at_rejection=on_error == "stop",
                clock=system_clock,
            ),
            writer=BatchWriter(
                maker,
                unit,
                isolate=on_error == "isolate",
                timeout=timeout,
                retries=retries,
                progress=left.progress,
                clock=system_clock,
            ),
            rejecting=rejecting,
            size=size_of_batches(batch_size, max_hold),
            progress=left.progress,
            max_hold=max_hold,
            stop_at_rejection=on_error == "stop",
            is_cut_short=lambda: isinstance(items, Interruptible) and items.cut_short,
            watch=watch,
            clock=system_clock,
        ).to_the_end(left.error)


@contextlib.contextmanager
def _watching(
    *, progress: bool | Watcher | None, total: int | None, done: int
) -> Iterator[Watcher]:
    if progress is True:
        with progress_bar(None if total is None else max(0, total - done)) as watch:
            yield watch
    else:
        yield progress or (lambda _: None)
