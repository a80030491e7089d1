"""The databases of migrations.py: how they are made, upgraded, and looked at."""

import argparse
import contextlib
import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config

from hardlite.integrations.alembic import Happening
from hardlite.integrations.alembic.orders import ATTRIBUTE, Orders

__all__ = ["REVISIONS", "copy", "fault_in", "fill", "upgrade", "version"]

INI = Path(__file__).parents[1] / "migrations" / "alembic.ini"
REVISIONS = ("0001", "0002", "0003", "0004", "0005")
_FLIGHT = (
    "INSERT INTO flights (id, year, month, day, sched_dep_time, sched_arr_time, carrier, flight, "
    "origin, dest, distance, time_hour) "
    "VALUES (?, 2013, 1, 1, ?, 700, 'UA', 1, 'JFK', 'JFK', 9, '2013-01-01 05:00:00')"
)
_DESKS = 50


def upgrade(database: Path, revision: str, told: Path | None) -> None:
    """Upgrade a database in this process, and append the revisions that ran to a file."""

    def tell(happening: Happening) -> None:
        if told is not None and happening.what == "revision":
            with told.open("a", encoding="utf-8") as file:
                file.write(f"{happening.name}\n")

    options = argparse.Namespace(x=[f"url=sqlite:///{database}"])
    config = Config(INI, cmd_opts=options, attributes={ATTRIBUTE: Orders(tell=tell)})
    command.upgrade(config, revision)


def fill(database: Path, rows: int) -> None:
    """Put flights, and desks with visits, into a database at 0002."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("INSERT INTO airlines VALUES ('UA', 'United')")
        connection.execute("INSERT INTO airports VALUES ('JFK', 'x', 0, 0, 0, 0, 'A', NULL)")
        connection.executemany(_FLIGHT, ((n, 500 + n % 60) for n in range(1, rows + 1)))
        desks = range(1, _DESKS + 1)
        connection.executemany("INSERT INTO desks VALUES (?, NULL)", ((n,) for n in desks))
        connection.executemany("INSERT INTO visits VALUES (?, ?, 1)", ((n, n) for n in desks))
        connection.commit()
        connection.execute("CREATE TABLE filled AS SELECT count(*) AS rows FROM flights")


def copy(source: Path, target: Path) -> None:
    """Copy a database by SQLite's own backup."""
    with (
        contextlib.closing(sqlite3.connect(source)) as one,
        contextlib.closing(sqlite3.connect(target)) as other,
    ):
        one.backup(other)


def version(database: Path) -> str | None:
    """Return the revision that a file is at; None before the first one."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        try:
            found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.OperationalError:
            return None
    return None if found is None else str(found[0])


def fault_in(database: Path, kind: str) -> str:
    """Say what is wrong with a file; nothing if it is whole and has all of its rows."""
    asked = list(_ALWAYS)
    if kind == "old":
        asked += _ROWS
    if kind == "old" and version(database) in REVISIONS[3:]:
        asked.append(_HOURS)
    with contextlib.closing(sqlite3.connect(database)) as connection:
        wrong = [what for sql, what in asked if connection.execute(sql).fetchone() != (1,)]
    return ", ".join(wrong)


_ALWAYS = (
    ("SELECT integrity_check = 'ok' FROM pragma_integrity_check", "it is damaged"),
    ("SELECT count(*) = 0 FROM pragma_foreign_key_check", "references are broken"),
    ("SELECT count(*) = 0 FROM sqlite_master WHERE name LIKE '%alembic_tmp%'", "a copy is left"),
)
_ROWS = (
    ("SELECT count(*) = (SELECT rows FROM filled) FROM flights", "flights are missing"),
    (f"SELECT count(*) = {_DESKS} FROM desks", "desks are missing"),
    (f"SELECT count(*) = {_DESKS} FROM visits", "visits are missing"),
)
_HOURS = (
    "SELECT count(*) = 0 FROM flights WHERE hour * 100 + minute IS NOT sched_dep_time",
    "hours are wrong",
)
