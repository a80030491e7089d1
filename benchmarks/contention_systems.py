"""The systems that contention.py lets write, and what each of them has to be able to do.

A process opens its own `Store`. The modules of a system are loaded there and nowhere else, so no
process carries the libraries of another system.
"""

import dataclasses
import importlib
import importlib.metadata
import importlib.util
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, cast

__all__ = [
    "CHILDREN",
    "FOREIGN",
    "PRAGMAS",
    "RECIPE",
    "SUBJECT",
    "SYSTEMS",
    "TIMEOUT",
    "Inside",
    "Prepare",
    "Store",
    "System",
    "Teller",
    "configure",
    "load_until_committed",
]

TIMEOUT = 5.0
"""Seconds after which a wait for a lock is given up: Python's own default, the same for all."""
CHILDREN = 10
"""Rows that belong to each item of an import."""

# What a hardened engine sets, for all that let one choose. WAL stays in the file.
PRAGMAS: dict[str, str | int] = {
    "journal_mode": "WAL",
    "synchronous": "NORMAL",
    "foreign_keys": "ON",
    "cache_size": -64000,
    "temp_store": "MEMORY",
}

Inside = Callable[[], None]
"""To be called within a transaction, right after its first write."""
Prepare = Callable[[int], str]
"""Makes the name of an item from its number, and takes its time."""


class Teller(Protocol):
    """Writes down what became of the transactions of an import."""

    def committed(self, *, wait: float, hold: float) -> None:
        """Count a transaction that waited ``wait`` seconds and then held the file for ``hold``."""
        ...

    def refused(self, error: Exception, *, waited: float) -> None:
        """Count a transaction that failed after ``waited`` seconds."""
        ...


class Store(Protocol):
    """The database, as one process has it open. Threads share it."""

    errors: tuple[type[Exception], ...]
    """What `write` raises when nothing was committed."""

    def connect(self, meet: Callable[[], object]) -> None:
        """Open a connection of this thread, read with it, and keep it while ``meet`` runs.

        No transaction may be open on it then: that of some systems would lock the others out.
        """
        ...

    def write(self, worker: int, inside: Inside) -> None:
        """Insert a note, call ``inside``, and count the note, all in one transaction."""
        ...

    def load(self, number: int, items: Sequence[int], prepare: Prepare, told: Teller) -> None:
        """Import all ``items`` with their children; what failed is tried again until it is in."""
        ...

    def close(self) -> None:
        """Close what is open."""
        ...


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A library and a way to use it.

    Attributes:
        title: how it is called in the tables.
        about: what was chosen, for those who want to know.
        package: what has to be installed.
        maker: module and name of what opens a `Store`, given the file and the threads.
        wal: whether the file is in WAL mode before the first process opens it.
    """

    title: str
    about: str
    package: str
    maker: str
    wal: bool = True

    @property
    def version(self) -> str | None:
        """The installed version of the package; None where it is not installed."""
        if importlib.util.find_spec(self.package) is None:
            return None
        return importlib.metadata.version(self.package)

    def open(self, path: Path, threads: int) -> Store:
        """Open the database for as many threads."""
        module, _, name = self.maker.partition(":")
        return cast("Store", getattr(importlib.import_module(module), name)(path, threads))


SUBJECT = "hardlite"
RECIPE = "recipe"

SYSTEMS: dict[str, System] = {
    "plain": System(
        title="SQLAlchemy, plain",
        about="create_engine() as it is: rollback journal, synchronous FULL, 5 s timeout",
        package="sqlalchemy",
        maker="contention_sqlalchemy:plain",
        wal=False,
    ),
    RECIPE: System(
        title="SQLAlchemy, recipe",
        about="create_engine() with busy_timeout 5 s, BEGIN IMMEDIATE and the pragmas, by listeners",
        package="sqlalchemy",
        maker="contention_sqlalchemy:recipe",
    ),
    "peewee": System(
        title="peewee queue",
        about="SqliteQueueDatabase with the pragmas: one writing thread in each process. It has no\n"
        "transactions, so a unit is one statement with a trigger, and an import commits each row",
        package="peewee",
        maker="contention_peewee:Queue",
    ),
    "django": System(
        title="Django IMMEDIATE",
        about="transaction_mode IMMEDIATE, timeout 5 s and the pragmas",
        package="django",
        maker="contention_django:Django",
    ),
    SUBJECT: System(
        title="hardlite",
        about="create_hardened_engine(timeout=5); imports by batched_unit_of_work(prepare=...)",
        package="hardlite",
        maker="contention_sqlalchemy:hardened",
    ),
}

FOREIGN = System(
    title="foreign writer",
    about="the sqlite3 module alone: BEGIN IMMEDIATE, 5 s timeout",
    package="sqlite3",
    maker="contention_systems:Plainest",
)


def configure(connection: sqlite3.Connection, _: object = None) -> None:
    """Set the pragmas that everybody has."""
    for name, value in PRAGMAS.items():
        connection.execute(f"PRAGMA {name} = {value}")


def load_until_committed(
    attempt: Callable[[], tuple[float, float]], errors: tuple[type[Exception], ...], told: Teller
) -> None:
    """Repeat an import of one transaction until it is committed.

    Args:
        attempt: runs the whole import; returns the seconds it waited and held the file.
        errors: what says that the attempt was in vain.
        told: is given what became of each attempt.
    """
    while True:
        asked = time.perf_counter()
        try:
            wait, hold = attempt()
        except errors as error:
            told.refused(error, waited=time.perf_counter() - asked)
        else:
            told.committed(wait=wait, hold=hold)
            return


class Plainest:
    """A program that knows nothing of the others: one connection, for one thread."""

    errors = (sqlite3.Error,)

    def __init__(self, path: Path, _: int) -> None:
        self._connection = sqlite3.connect(
            path, timeout=TIMEOUT, isolation_level=None, check_same_thread=False
        )

    def connect(self, meet: Callable[[], object]) -> None:
        """Read the counter."""
        self._connection.execute("SELECT value FROM counter").fetchall()
        meet()

    def write(self, worker: int, inside: Inside) -> None:
        """Write between BEGIN IMMEDIATE and COMMIT."""
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        # Its context manager commits, or rolls back what failed.
        with self._connection:
            execute("INSERT INTO note (worker) VALUES (?)", (worker,))
            inside()
            (value,) = execute("SELECT value FROM counter").fetchone()
            execute("UPDATE counter SET value = ?", (value + 1,))

    def load(self, number: int, items: Sequence[int], prepare: Prepare, told: Teller) -> None:
        """Do nothing that any scene asks for."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
