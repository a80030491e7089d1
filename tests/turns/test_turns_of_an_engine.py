"""When an engine's writers have the turn, and that it is free again whatever becomes of them."""

import gc
import sqlite3
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import scoped_session

from hardlite import get_sessionmaker
from hardlite.errors import DatabaseLockedError
from hardlite.turns.gate import Gate
from hardlite.turns.gate_registry import gate_for
from tests.fixtures.arrivals import PATIENCE, Arrivals, listening
from tests.fixtures.databases import EngineFactory

INSERT = text("INSERT INTO note VALUES (:body)")


@pytest.fixture
def engine(engine: Engine) -> Engine:
    """The test's engine, on a database with one table."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE note (body TEXT)"))
    return engine


@pytest.fixture
def gate(engine: Engine) -> Gate:
    return gate_for(str(engine.url.database))


@pytest.fixture
def arrivals() -> Iterator[Arrivals]:
    with listening() as heard:
        yield heard


def notes(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(text("SELECT count(*) FROM note")).scalar_one()


def test_all_engines_on_a_file_share_its_gate(
    engine: Engine, make_engine: EngineFactory, db_path: Path
) -> None:
    other = make_engine(f"sqlite:///{db_path.parent}/./{db_path.name}", timeout=0)

    with engine.begin() as connection:
        connection.execute(INSERT, {"body": "a"})
        with ThreadPoolExecutor(1) as pool:
            error = pool.submit(write, other).exception(PATIENCE)

    assert isinstance(error, DatabaseLockedError)
    write(other)


def test_another_file_has_another_gate(tmp_path: Path) -> None:
    assert gate_for(str(tmp_path / "a.db")) is not gate_for(str(tmp_path / "b.db"))


def test_a_gate_that_nobody_uses_any_more_is_forgotten(tmp_path: Path) -> None:
    gate = gate_for(str(tmp_path / "a.db"))
    kept = weakref.ref(gate)
    assert gate_for(str(tmp_path / "a.db")) is gate

    del gate
    gc.collect()

    assert kept() is None


def write(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(INSERT, {"body": "a"})


def test_the_lock_error_names_the_thread_and_the_line_that_have_the_turn(
    engine: Engine, make_engine: EngineFactory
) -> None:
    hasty = make_engine(timeout=0)
    begun, done = threading.Event(), threading.Event()

    def import_rows() -> None:
        with engine.begin() as connection:
            connection.execute(INSERT, {"body": "a"})
            begun.set()
            assert done.wait(PATIENCE)

    with ThreadPoolExecutor(1, thread_name_prefix="nightly-import") as pool:
        importing = pool.submit(import_rows)
        assert begun.wait(PATIENCE)
        with pytest.raises(DatabaseLockedError, match="nightly-import") as caught:
            write(hasty)
        done.set()
        importing.result(PATIENCE)

    holder = caught.value.holder
    assert holder is not None
    assert holder.site is not None
    assert (holder.site.file, holder.site.function) == (__file__, "import_rows")
    assert str(holder) in str(caught.value)
    write(hasty)


@pytest.mark.usefixtures("engine")
def test_a_long_hold_is_logged_with_the_line_where_it_began(
    make_engine: EngineFactory, caplog: pytest.LogCaptureFixture
) -> None:
    write(make_engine(warn_hold=0.0))

    (record,) = caplog.records
    assert "was held for" in record.message
    assert f"{__file__}:" in record.message


def test_an_ordinary_write_is_not_logged(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    write(engine)

    assert caplog.records == []


# What becomes of a writer


def leave_the_block(engine: Engine) -> None:
    with get_sessionmaker(engine)() as session:
        session.execute(INSERT, {"body": "a"})


def raise_in_the_body(engine: Engine) -> None:
    def fail() -> None:
        with get_sessionmaker(engine).begin() as session:
            session.execute(INSERT, {"body": "a"})
            raise LookupError

    with pytest.raises(LookupError):
        fail()


def drop_the_session(engine: Engine) -> None:
    session = get_sessionmaker(engine)()
    session.execute(INSERT, {"body": "a"})
    del session
    gc.collect()


def drop_the_connection(engine: Engine) -> None:
    connection = engine.connect()
    connection.execute(INSERT, {"body": "a"})
    del connection
    gc.collect()


def end_the_thread(engine: Engine) -> None:
    registry = scoped_session(get_sessionmaker(engine))

    def work() -> None:
        registry.execute(INSERT, {"body": "a"})

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(PATIENCE)
    gc.collect()


def invalidate_while_a_result_is_open(engine: Engine) -> None:
    """SQLite keeps a closed connection with its locks while a result of it is half read."""
    with engine.connect() as connection:
        connection.execute(text("INSERT INTO note VALUES ('a'), ('b')"))
        result = connection.execute(text("SELECT * FROM note"))
        assert result.fetchone() is not None
        connection.invalidate()
        write_at_once(engine)
        del result


def fail_on_the_first_write(engine: Engine) -> None:
    with engine.connect() as connection:
        with pytest.raises(Exception, match="no such table"):
            connection.execute(text("INSERT INTO nowhere VALUES (1)"))
        write_at_once(engine)


def write_at_once(engine: Engine) -> None:
    """Write through a connection that waits for nothing, neither its turn nor SQLite's lock."""
    hasty = engine.execution_options(hardlite_timeout=0)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(write, hasty).result(PATIENCE)


@pytest.mark.parametrize(
    "end",
    [
        leave_the_block,
        raise_in_the_body,
        drop_the_session,
        drop_the_connection,
        end_the_thread,
        invalidate_while_a_result_is_open,
        fail_on_the_first_write,
    ],
    ids=lambda end: end.__name__,
)
def test_the_turn_is_free_when_its_writer_is_gone(
    engine: Engine, gate: Gate, end: Callable[[Engine], None]
) -> None:
    before = notes(engine)

    end(engine)

    assert gate.holder() is None
    write_at_once(engine)
    assert notes(engine) > before


def test_sqlites_lock_is_free_whenever_a_turn_is_granted(
    engine: Engine, gate: Gate, db_path: Path
) -> None:
    """A turn that ended before its COMMIT or ROLLBACK had returned would meet the lock here."""
    plain = sqlite3.connect(db_path, timeout=0, isolation_level=None)
    done = threading.Event()

    def write_on(end: str) -> None:
        with engine.connect() as connection:
            while not done.is_set():
                connection.execute(INSERT, {"body": "a"})
                getattr(connection, end)()

    def look() -> None:
        handed_over = 0
        while handed_over < 1000:
            turn = gate.take(PATIENCE)
            plain.execute("BEGIN IMMEDIATE")
            plain.execute("ROLLBACK")
            handed_over += turn.waited > 0
            turn.release()

    with ThreadPoolExecutor(3) as pool:
        writers = [pool.submit(write_on, end) for end in ("commit", "rollback", "commit")]
        try:
            look()
        finally:
            done.set()
        for writer in writers:
            writer.result(PATIENCE)
    plain.close()


def test_64_threads_write_fair_shares_without_an_error(make_engine: EngineFactory) -> None:
    """They write until there are 3,200 commits, with a connection and a turn for each commit."""
    engine = make_engine(timeout=5)
    start, shares = threading.Barrier(64), Counter(dict.fromkeys(range(64), 0))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE note (body TEXT)"))

    def write_on(number: int) -> None:
        start.wait(PATIENCE)
        while shares.total() < 3200:
            write(engine)
            shares[number] += 1

    with ThreadPoolExecutor(64) as pool:
        writers = [pool.submit(write_on, number) for number in range(64)]
        for writer in writers:
            writer.result(4 * PATIENCE)

    with engine.connect() as connection:
        intact = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
    jain = shares.total() ** 2 / (64 * sum(share**2 for share in shares.values()))
    assert (intact, notes(engine)) == ("ok", shares.total())
    assert jain >= 0.98, shares
