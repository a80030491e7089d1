"""The two sides: the same rows, the same writers in the foreground, two kinds of engine."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, cast

import sqlalchemy
from sqlalchemy import Table
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from hardlite.demo.data import rows_of
from hardlite.demo.foreground import THREADS, Served, foreground
from hardlite.demo.loading import Loaded, load_in_batches, load_in_one_transaction
from hardlite.demo.schema import Airline, Airport, Base, Desk, Flight, Plane, Weather
from hardlite.engine import create_hardened_engine
from hardlite.sources import Row, UnfitRow

__all__ = ["Side", "play_hardened", "play_plain"]

Load = Callable[[Engine, Table, Iterable[Row | UnfitRow]], Loaded]

_ENTITIES: Final = (Airline, Airport, Plane, Weather, Flight)
_DANGLING: Final = "SELECT count(DISTINCT rowid) FROM pragma_foreign_key_check('flights')"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one of the two ways came to.

    Attributes:
        loaded: each table in the order in which they were loaded.
        served: what the writers in the foreground met with.
        dangling: rows of flights that name a row which is not there.
    """

    loaded: Sequence[Loaded]
    served: Served
    dangling: int


def play_hardened(
    database: Path, data: Path, rows: int | None, told: Callable[[Loaded], None]
) -> Side:
    """Load everything through a hardened engine.

    Args:
        database: the file to make.
        data: the directory of the rows.
        rows: flights to load; None loads all.
        told: is given each table as soon as it is loaded.
    """
    return _play(create_hardened_engine(_url(database)), load_in_batches, data, rows, told)


def play_plain(
    database: Path, data: Path, rows: int | None, told: Callable[[Loaded], None]
) -> Side:
    """Load everything through a plain engine, with the defaults of SQLAlchemy and sqlite3.

    Args:
        database: the file to make.
        data: the directory of the rows.
        rows: flights to load; None loads all.
        told: is given each table as soon as it is loaded.
    """
    engine = sqlalchemy.create_engine(_url(database))
    return _play(engine, load_in_one_transaction, data, rows, told)


def _url(database: Path) -> sqlalchemy.URL:
    return sqlalchemy.URL.create("sqlite", database=str(database))


def _play(
    engine: Engine, load: Load, data: Path, rows: int | None, told: Callable[[Loaded], None]
) -> Side:
    loaded = []
    try:
        Base.metadata.create_all(engine)
        with Session(engine) as session, session.begin():
            session.add_all(Desk(id=number, served=0) for number in range(THREADS + 1))
        with foreground(engine) as served:
            for entity in _ENTITIES:
                table = cast("Table", entity.__table__)
                with rows_of(table, data, rows if entity is Flight else None) as source:
                    loaded.append(load(engine, table, source))
                told(loaded[-1])
        with engine.connect() as connection:
            dangling = connection.exec_driver_sql(_DANGLING).scalar_one()
    finally:
        engine.dispose()
    return Side(loaded=loaded, served=served, dangling=dangling)
