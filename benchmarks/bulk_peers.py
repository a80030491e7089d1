"""The ways to insert the flights that bulk.py compares; run as a program, one of them once.

Each is written as its own documentation tells people to, in one transaction where it lets the
caller choose. What a way needs before its first row (imports, models, an open and configured
connection) is made ready by its function here and not timed; the function that it returns is.
"""

import dataclasses
import datetime
import functools
import gc
import json
import marshal
import operator
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from flights import COLUMNS, NUMBERS

__all__ = ["WAYS", "Way"]

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


def _configure(connection: Any, _: object = None) -> None:
    for name, value in PRAGMAS.items():
        connection.execute(f"PRAGMA {name} = {value}")


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    _configure(connection)
    return connection


def raw_dicts(path: Path) -> Load:
    connection = _connect(path)
    take = operator.itemgetter(*COLUMNS)

    def load(rows: Sequence[Row]) -> None:
        with connection:
            connection.executemany(_INSERT, map(take, rows))

    return load


def raw_tuples(path: Path) -> Load:
    connection = _connect(path)

    def load(rows: Sequence[Any]) -> None:
        with connection:
            connection.executemany(_INSERT, rows)

    return load


def raw_batches(path: Path) -> Load:
    connection = _connect(path)
    take = operator.itemgetter(*COLUMNS)

    def load(rows: Sequence[Row]) -> None:
        for start in range(0, len(rows), _BATCH):
            with connection:
                connection.executemany(_INSERT, map(take, rows[start : start + _BATCH]))

    return load


def _table(*, dates: bool) -> Any:
    from sqlalchemy import Column, DateTime, Integer, MetaData, String, Table

    def kind(name: str) -> Any:
        if dates and name == "time_hour":
            return DateTime
        return Integer if name in NUMBERS else String

    columns = [Column(name, kind(name)) for name in COLUMNS]
    return Table("flights", MetaData(), Column("id", Integer, primary_key=True), *columns)


def _model() -> Any:
    from sqlalchemy.orm import registry

    class Flight:
        pass

    registry().map_imperatively(Flight, _table(dates=False))
    return Flight


def _plain_engine(path: Path) -> Any:
    from sqlalchemy import create_engine, event

    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", _configure)
    engine.connect().close()
    return engine


def hardlite(path: Path, target: Any) -> Load:
    from hardlite import batched_unit_of_work, create_hardened_engine

    engine = create_hardened_engine(f"sqlite:///{path}")
    engine.connect().close()

    def load(rows: Sequence[Row]) -> None:
        report = batched_unit_of_work(engine, rows, target, batch_size=_BATCH)
        report.raise_for_rejections()

    return load


def core(path: Path, *, dates: bool) -> Load:
    from sqlalchemy import insert

    engine, table = _plain_engine(path), _table(dates=dates)

    def load(rows: Sequence[Row]) -> None:
        with engine.begin() as connection:
            connection.execute(insert(table), rows)

    return load


def orm_bulk(path: Path) -> Load:
    from sqlalchemy import insert
    from sqlalchemy.orm import Session

    engine, model = _plain_engine(path), _model()

    def load(rows: Sequence[Row]) -> None:
        with Session(engine) as session, session.begin():
            session.execute(insert(model), rows)

    return load


def orm_add_all(path: Path) -> Load:
    from sqlalchemy.orm import Session

    engine, model = _plain_engine(path), _model()

    def load(rows: Sequence[Row]) -> None:
        with Session(engine) as session, session.begin():
            for start in range(0, len(rows), _BATCH):
                session.add_all([model(**row) for row in rows[start : start + _BATCH]])
                session.flush()

    return load


def sqlite_utils(path: Path) -> Load:
    from sqlite_utils import Database

    table = Database(_connect(path))["flights"]
    return functools.partial(table.insert_all, batch_size=_BATCH)


def _peewee_model(path: Path) -> Any:
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
    import peewee

    model = _peewee_model(path)

    def load(rows: Sequence[Row]) -> None:
        with model._meta.database.atomic():  # noqa: SLF001 - documented, if underscored
            for batch in peewee.chunked(rows, _BATCH):
                model.insert_many(batch).execute()

    return load


def peewee_bulk_create(path: Path) -> Load:
    model = _peewee_model(path)

    def load(rows: Sequence[Row]) -> None:
        with model._meta.database.atomic():  # noqa: SLF001 - documented, if underscored
            model.bulk_create([model(**row) for row in rows], batch_size=_BATCH)

    return load


def django(path: Path) -> Load:
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


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to insert rows.

    Attributes:
        title: what it is called in the table.
        prepare: makes it ready on a file and returns what is timed.
        package: the package it needs.
        slow: it takes many seconds for all flights.
        dates: it is given ``time_hour`` as a datetime.
        tuples: it is given tuples.
    """

    title: str
    prepare: Callable[[Path], Load]
    package: str = "sqlalchemy"
    slow: bool = False
    dates: bool = False
    tuples: bool = False


WAYS: dict[str, Way] = {
    "raw": Way(title="raw executemany, from dicts", prepare=raw_dicts),
    "raw-tuples": Way(title="raw executemany, from ready tuples", prepare=raw_tuples, tuples=True),
    "raw-batches": Way(title="raw executemany, from dicts, 1000 a commit", prepare=raw_batches),
    "hardlite-table": Way(
        title="hardlite, Table, 1000 a commit",
        prepare=lambda path: hardlite(path, _table(dates=False)),
    ),
    "hardlite-class": Way(
        title="hardlite, mapped class, 1000 a commit",
        prepare=lambda path: hardlite(path, _model()),
    ),
    "core": Way(
        title="SQLAlchemy Core execute(insert(table), rows)",
        prepare=lambda path: core(path, dates=False),
    ),
    "hardlite-dates": Way(
        title="hardlite, Table with a DateTime, 1000 a commit",
        prepare=lambda path: hardlite(path, _table(dates=True)),
        dates=True,
    ),
    "core-dates": Way(
        title="SQLAlchemy Core, Table with a DateTime",
        prepare=lambda path: core(path, dates=True),
        dates=True,
    ),
    "orm-bulk": Way(
        title="SQLAlchemy ORM session.execute(insert(class), rows)", prepare=orm_bulk
    ),
    "orm-add-all": Way(
        title="SQLAlchemy ORM add_all, 1000 a flush", prepare=orm_add_all, slow=True
    ),
    "sqlite-utils": Way(
        title="sqlite-utils insert_all, 1000 a batch",
        prepare=sqlite_utils,
        package="sqlite_utils",
    ),
    "peewee-insert-many": Way(
        title="peewee insert_many, 1000 a statement",
        prepare=peewee_insert_many,
        package="peewee",
        slow=True,
    ),
    "peewee-bulk-create": Way(
        title="peewee bulk_create, batch_size=1000",
        prepare=peewee_bulk_create,
        package="peewee",
        slow=True,
    ),
    "django": Way(
        title="Django bulk_create, 1000 a call", prepare=django, package="django", slow=True
    ),
}


def _rows(way: Way, file: Path) -> Sequence[Any]:
    values: list[tuple[Any, ...]] = marshal.loads(file.read_bytes())  # noqa: S302 - bulk.py wrote it
    if way.tuples:
        return values
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in values]
    if way.dates:
        for row in rows:
            row["time_hour"] = datetime.datetime.fromisoformat(row["time_hour"]).replace(tzinfo=None)
    return rows


def _create(path: Path) -> None:
    columns = [f"{name} {'INTEGER' if name in NUMBERS else 'TEXT'}" for name in COLUMNS]
    connection = _connect(path)
    connection.execute(f"CREATE TABLE flights (id INTEGER PRIMARY KEY, {', '.join(columns)})")
    connection.close()


def _check(path: Path, rows: int) -> None:
    connection = sqlite3.connect(path)
    found, distance = connection.execute("SELECT count(*), sum(distance) FROM flights").fetchone()
    connection.close()
    if found != rows or not distance:
        raise RuntimeError(f"{rows} rows should be in the file, {found} are")


def _main(name: str, data: Path, database: Path) -> None:
    way = WAYS[name]
    _create(database)
    load = way.prepare(database)
    rows = _rows(way, data)
    # What exists before the clock starts is never looked at by the collector while it runs.
    gc.collect()
    gc.freeze()
    wall, cpu = time.perf_counter(), time.process_time()
    load(rows)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    _check(database, len(rows))
    json.dump({"wall": wall, "cpu": cpu}, sys.stdout)


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
