"""Programs that know nothing of hardlite hold SQLite's lock: they are waited for, and told of."""

import logging
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine

from hardlite import DatabaseLockedError
from hardlite.turns.gate_registry import gate_for
from tests.fixtures.arrivals import PATIENCE
from tests.fixtures.databases import EngineFactory
from tests.fixtures.lock_keepers import keeper, needs_proc
from tests.fixtures.writers import (
    INCREMENT,
    WriterFactory,
    count,
    increment,
    make_counter,
)

pytestmark = needs_proc

WRITES = """
connection = connect()
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE counter SET number = number + 10")
hold()
connection.commit()
connection.close()
"""
LOCKS_IT_ALL = WRITES.replace("IMMEDIATE", "EXCLUSIVE")


class ForeignLocks(logging.Handler):
    """Hears the warnings of a lock that a program without the gate holds."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.told = threading.Event()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("waiting for SQLite's lock"):
            self.messages.append(record.getMessage())
            self.told.set()


@pytest.fixture
def foreign_locks() -> Iterator[ForeignLocks]:
    heard = ForeignLocks()
    logger = logging.getLogger("hardlite.connection")
    logger.addHandler(heard)
    yield heard
    logger.removeHandler(heard)


foreign_programs = pytest.mark.parametrize(
    ("program", "journal_mode"),
    [(WRITES, "wal"), (WRITES, "delete"), (LOCKS_IT_ALL, "wal"), (LOCKS_IT_ALL, "delete")],
    ids=["writes-wal", "writes-delete", "locks it all-wal", "locks it all-delete"],
)


@foreign_programs
def test_a_program_without_the_gate_is_waited_for_and_warned_of_once(
    make_engine: EngineFactory,
    foreign_locks: ForeignLocks,
    db_path: Path,
    program: str,
    journal_mode: str,
) -> None:
    engine = make_engine(journal_mode=journal_mode, warn_wait=0)
    make_counter(engine)
    with ThreadPoolExecutor(1) as pool:
        with keeper(db_path, program) as foreign:
            waiting = pool.submit(increment, engine)
            assert foreign_locks.told.wait(PATIENCE)
            assert not waiting.done()
        waiting.result(PATIENCE)

    (message,) = foreign_locks.messages
    assert f"process {foreign.pid} " in message
    assert "outside of hardlite" in message
    assert count(engine) == 11


@foreign_programs
def test_a_program_without_the_gate_that_stays_is_named_in_the_error(
    make_engine: EngineFactory, db_path: Path, program: str, journal_mode: str
) -> None:
    engine = make_engine(journal_mode=journal_mode, timeout=0.05)
    make_counter(engine)
    with keeper(db_path, program) as foreign:
        with pytest.raises(DatabaseLockedError, match="outside of hardlite") as caught:
            increment(engine)
        assert gate_for(str(db_path)).holder() is None

    assert caught.value.holder is not None
    assert caught.value.holder.pid == foreign.pid
    increment(engine)
    assert count(engine) == 11


def test_a_hardened_writer_and_one_without_the_gate_lose_nothing_together(
    counted: Engine, new_writer: WriterFactory, db_path: Path
) -> None:
    mine, plain = new_writer(), sqlite3.connect(db_path, timeout=PATIENCE, isolation_level=None)
    mine.ask("add", 100)
    for _ in range(100):
        plain.execute("BEGIN IMMEDIATE")
        plain.execute(str(INCREMENT))
        plain.execute("COMMIT")
    plain.close()

    assert mine.answer() is None
    assert count(counted) == 200
