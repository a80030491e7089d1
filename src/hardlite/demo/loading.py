"""Two ways to load a table: hardlite's, and the usual one."""

import collections
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Final, cast

from sqlalchemy import Table, insert, select
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import sessionmaker

from hardlite.clock import system_clock
from hardlite.imports.batches import batched_unit_of_work
from hardlite.reports.rejections import Rejection
from hardlite.sources import Row, UnfitRow, checked

__all__ = ["Loaded", "load_in_batches", "load_in_one_transaction"]

_CHUNK: Final = 1000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What became of the rows of one table.

    Attributes:
        table: its name.
        kept: rows in the database.
        lost: the others, counted by why they are not there.
        rate: rows in a second, up to the end or the error.
        longest: seconds of the longest transaction, in which nobody else could write.
    """

    table: str
    kept: int
    lost: Mapping[str, int]
    rate: float
    longest: float


def load_in_batches(engine: Engine, table: Table, rows: Iterable[Row | UnfitRow]) -> Loaded:
    """Load ``rows`` with hardlite: a transaction for each batch, only bad rows left out.

    Raises:
        Exception: what stopped it, if it was not the rows: a full disk, for example.
    """
    report = batched_unit_of_work(engine, rows, table, prepare=checked, on_error="isolate")
    if report.error is not None:
        raise report.error
    return Loaded(
        table=table.name,
        kept=report.committed,
        lost=_reasons(engine, table, report.rejections),
        rate=(report.committed + report.rejected) / report.elapsed,
        longest=max((batch.hold for batch in report.batches), default=0.0),
    )


def load_in_one_transaction(engine: Engine, table: Table, rows: Iterable[Row | UnfitRow]) -> Loaded:
    """Load ``rows`` as it is usually written: read, insert, and commit in the end."""
    started = system_clock.now()
    read = kept = 0
    why = ""
    source = map(checked, rows)
    try:
        with sessionmaker(engine).begin() as session:
            while chunk := list(islice(source, _CHUNK)):
                read += len(chunk)
                session.execute(insert(table), chunk)
        kept = read
    except DBAPIError as error:
        why = f"all rolled back: {_without_columns(str(error.orig))}"
    seconds = system_clock.now() - started
    unread = sum(1 for _ in source)
    return Loaded(
        table=table.name,
        kept=kept,
        lost={why: read + unread} if why else {},
        rate=read / seconds,
        longest=seconds,
    )


def _reasons(engine: Engine, table: Table, rejections: Sequence[Rejection]) -> Mapping[str, int]:
    """Count why rows were rejected. SQLite does not say which foreign key it was: look it up."""
    known: dict[str, tuple[str, frozenset[object]]] = {}
    with engine.connect() as connection:
        for key in table.foreign_keys if rejections else ():
            values = frozenset(connection.scalars(select(key.column)))
            known[key.parent.name] = (key.column.table.name, values)
    return collections.Counter(_reason(rejection, known) for rejection in rejections)


def _reason(rejection: Rejection, known: Mapping[str, tuple[str, frozenset[object]]]) -> str:
    row = cast("Row", rejection.item)
    nowhere = [
        f"{name} is not in {parent}"
        for name, (parent, values) in known.items()
        if row[name] is not None and row[name] not in values
    ]
    return " and ".join(sorted(nowhere)) or _without_columns(rejection.reason.partition(": ")[2])


def _without_columns(message: str) -> str:
    """Shorten ``UNIQUE constraint failed: weather.origin, ...``."""
    return message.partition(":")[0]
