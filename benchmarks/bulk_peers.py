"""The ways to insert the flights that bulk.py compares.

Each is written as its own documentation tells people to, in one transaction where it lets the
caller choose. What a way needs before its first row (imports, models, an open and configured
connection) is made ready by its function here and not timed; the function that it returns is.
"""

import functools
import operator
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flights import COLUMNS, NUMBERS

if TYPE_CHECKING:
    from sqlalchemy import Engine, Table

__all__ = [
    "PRAGMAS",
    "Load",
    "Row",
    "connect",
    "core",
    "django",
    "flights_class",
    "flights_table",
    "hardlite",
    "orm_add_all",
    "orm_bulk",
    "peewee_bulk_create",
    "peewee_insert_many",
    "raw_batches",
    "raw_dicts",
    "raw_tuples",
    "sqlite_utils",
]

Row = dict[str, Any]
Load = Callable[[Sequence[Row]], object]

# The same for everybody: what a hardened engine sets. WAL stays in the file, the rest is set on
# each connection.
PRAGMAS: dict[str, str | int] = {
    "journal_mode": "WAL",
    "synchronous": "NORMAL",
    "foreign_keys": "ON",
    "cache_size": -64000,
    "temp_store": "MEMORY",
}
_INSERT = f"INSERT INTO flights ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
_BATCH = 1000


def _configure(connection: sqlite3.Connection, _: object = None) -> None:
    for name, value in PRAGMAS.items():
        connection.execute(f"PRAGMA {name} = {value}")


def connect(path: Path) -> sqlite3.Connection:
    """Open the database with the pragmas that everybody has."""
    connection = sqlite3.connect(path)
    _configure(connection)
    return connection


def raw_dicts(path: Path) -> Load:
    """The driver alone: dicts are made into tuples on the way."""
    connection = connect(path)
    take = operator.itemgetter(*COLUMNS)

    def load(rows: Sequence[Row]) -> None:
        with connection:
            connection.executemany(_INSERT, map(take, rows))

    return load


def raw_tuples(path: Path) -> Load:
    """The driver alone, and the tuples are there already."""
    connection = connect(path)

    def load(rows: Sequence[Any]) -> None:
        with connection:
            connection.executemany(_INSERT, rows)

    return load


def raw_batches(path: Path) -> Load:
    """The driver alone, with as many transactions as hardlite has."""
    connection = connect(path)
    take = operator.itemgetter(*COLUMNS)

    def load(rows: Sequence[Row]) -> None:
        for start in range(0, len(rows), _BATCH):
            with connection:
                connection.executemany(_INSERT, map(take, rows[start : start + _BATCH]))

    return load


def flights_table(*, dates: bool) -> "Table":
    """Describe the table to SQLAlchemy; ``dates`` gives it a DateTime."""
    from sqlalchemy import Column, DateTime, Integer, MetaData, String, Table

    def kind(name: str) -> type:
        if dates and name == "time_hour":
            return DateTime
        return Integer if name in NUMBERS else String

    columns = [Column(name, kind(name)) for name in COLUMNS]
    return Table("flights", MetaData(), Column("id", Integer, primary_key=True), *columns)


def flights_class() -> type:
    """Map a class to the table."""
    from sqlalchemy.orm import registry

    class Flight:
        pass

    registry().map_imperatively(Flight, flights_table(dates=False))
    return Flight


def _plain_engine(path: Path) -> "Engine":
    from sqlalchemy import create_engine, event

    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", _configure)
    engine.connect().close()
    return engine


def hardlite(path: Path, target: "Table | type") -> Load:
    """The fast path of `batched_unit_of_work`."""
    from hardlite import batched_unit_of_work, create_hardened_engine

    engine = create_hardened_engine(f"sqlite:///{path}")
    engine.connect().close()

    def load(rows: Sequence[Row]) -> None:
        report = batched_unit_of_work(engine, rows, target, batch_size=_BATCH)
        report.raise_for_rejections()

    return load


def core(path: Path, *, dates: bool) -> Load:
    """One `execute` with a list of dicts."""
    from sqlalchemy import insert

    engine, table = _plain_engine(path), flights_table(dates=dates)

    def load(rows: Sequence[Row]) -> None:
        with engine.begin() as connection:
            connection.execute(insert(table), rows)

    return load


def orm_bulk(path: Path) -> Load:
    """The bulk INSERT of the ORM."""
    from sqlalchemy import insert
    from sqlalchemy.orm import Session

    engine, model = _plain_engine(path), flights_class()

    def load(rows: Sequence[Row]) -> None:
        with Session(engine) as session, session.begin():
            session.execute(insert(model), rows)

    return load


def orm_add_all(path: Path) -> Load:
    """Objects, as most programs have them."""
    from sqlalchemy.orm import Session

    engine, model = _plain_engine(path), flights_class()

    def load(rows: Sequence[Row]) -> None:
        with Session(engine) as session, session.begin():
            for start in range(0, len(rows), _BATCH):
                session.add_all([model(**row) for row in rows[start : start + _BATCH]])
                session.flush()

    return load


def sqlite_utils(path: Path) -> Load:
    """As the command line of sqlite-utils does it."""
    from sqlite_utils import Database

    table = Database(connect(path))["flights"]
    return functools.partial(table.insert_all, batch_size=_BATCH)


def _peewee_model(path: Path) -> type:
    import peewee

    database = peewee.SqliteDatabase(path, pragmas=PRAGMAS)

    class Flight(peewee.Model):
        class Meta:
            table_name = "flights"

    Flight.bind(database)
    for name in COLUMNS:
        field = peewee.IntegerField if name in NUMBERS else peewee.CharField
        Flight._meta.add_field(name, field(null=True))  # noqa: SLF001 - documented, if underscored
    database.connect()
    return Flight


def peewee_insert_many(path: Path) -> Load:
    """INSERTs of many rows from dicts."""
    import peewee

    model = _peewee_model(path)

    def load(rows: Sequence[Row]) -> None:
        with model._meta.database.atomic():  # noqa: SLF001 - documented, if underscored
            for batch in peewee.chunked(rows, _BATCH):
                model.insert_many(batch).execute()

    return load


def peewee_bulk_create(path: Path) -> Load:
    """INSERTs of many rows from objects."""
    model = _peewee_model(path)

    def load(rows: Sequence[Row]) -> None:
        with model._meta.database.atomic():  # noqa: SLF001 - documented, if underscored
            model.bulk_create([model(**row) for row in rows], batch_size=_BATCH)

    return load


def django(path: Path) -> Load:
    """INSERTs of as many rows as Django thinks SQLite takes, from objects."""
    import django as package
    from django.conf import settings

    pragmas = ";".join(f"PRAGMA {name} = {value}" for name, value in PRAGMAS.items())
    database = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "OPTIONS": {"init_command": pragmas},
    }
    settings.configure(DATABASES={"default": database})
    package.setup()
    from django.db import connection, models, transaction

    fields: dict[str, Any] = {
        name: models.IntegerField(null=True) if name in NUMBERS else models.TextField(null=True)
        for name in COLUMNS
    }
    meta = type("Meta", (), {"app_label": "benchmark", "db_table": "flights"})
    model = type("Flight", (models.Model,), {**fields, "Meta": meta, "__module__": __name__})
    connection.ensure_connection()

    def load(rows: Sequence[Row]) -> None:
        with transaction.atomic():
            for start in range(0, len(rows), _BATCH):
                batch = [model(**row) for row in rows[start : start + _BATCH]]
                model.objects.bulk_create(batch)

    return load
