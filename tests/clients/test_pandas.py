"""pandas: `to_sql` and `read_sql` with a URL, with an engine, with a connection."""

import sqlite3
import threading
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from hardlite.connections.connection import HardenedConnection

pandas = pytest.importorskip("pandas")

THREADS = 4
FRAMES = 10
ROWS = 5


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = create_engine(url)
    yield engine
    engine.dispose()


def frame(*numbers: int) -> object:
    return pandas.DataFrame({"number": list(numbers)})


def numbers(source: str | Engine | Connection) -> list[int]:
    return sorted(pandas.read_sql("SELECT number FROM item", source)["number"].tolist())


def test_a_url_is_enough_to_append_replace_and_read(
    url: str, opened: list[type[sqlite3.Connection]]
) -> None:
    frame(1, 2).to_sql("item", url, index=False)
    frame(3).to_sql("item", url, index=False, if_exists="append")
    assert numbers(url) == [1, 2, 3]

    frame(4).to_sql("item", url, index=False, if_exists="replace")
    assert pandas.read_sql("item", url)["number"].tolist() == [4]
    assert set(opened) == {HardenedConnection}


def test_a_replace_that_is_rolled_back_keeps_the_old_table(engine: Engine) -> None:
    frame(1, 2).to_sql("item", engine, index=False)

    with engine.connect() as connection, connection.begin() as transaction:
        frame(3).to_sql("item", connection, index=False, if_exists="replace")
        assert numbers(connection) == [3]
        transaction.rollback()

    assert numbers(engine) == [1, 2]


def test_a_frame_that_breaks_a_foreign_key_is_refused_whole(engine: Engine) -> None:
    """With a connection: given an engine, pandas itself commits the rows before the bad one."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE parent (id INTEGER PRIMARY KEY)"))
        connection.execute(text("CREATE TABLE item (number INTEGER REFERENCES parent)"))
        connection.execute(text("INSERT INTO parent VALUES (1)"))

    with pytest.raises(Exception, match="FOREIGN KEY"), engine.begin() as connection:
        frame(1, 2).to_sql("item", connection, index=False, if_exists="append")

    assert numbers(engine) == []


def test_a_table_is_read_in_chunks_while_each_chunk_is_written_to_another(engine: Engine) -> None:
    """Without WAL the chunks still to be read keep the writer out."""
    frame(*range(10)).to_sql("source", engine, index=False)

    for chunk in pandas.read_sql("SELECT number FROM source", engine, chunksize=3):
        chunk.to_sql("item", engine, index=False, if_exists="append")

    assert numbers(engine) == list(range(10))


def append_from_threads(url: str) -> tuple[list[int], list[OperationalError]]:
    """Append frames from several threads; return the numbers that arrived, and the lock errors."""
    frame().to_sql("item", url, index=False)
    start = threading.Barrier(THREADS)
    errors: list[OperationalError] = []

    def append(thread: int) -> None:
        start.wait()
        for index in range(FRAMES):
            first = (thread * FRAMES + index) * ROWS
            try:
                frame(*range(first, first + ROWS)).to_sql(
                    "item", url, index=False, if_exists="append"
                )
            except OperationalError as error:
                errors.append(error)

    run_in_threads(append)
    return numbers(url), errors


def run_in_threads(work: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_threads_that_append_by_url_lose_nothing_that_a_plain_url_wins(
    url: str, plain_url: str
) -> None:
    plain, _ = append_from_threads(plain_url)
    hardened, errors = append_from_threads(url)

    assert errors == []
    assert hardened == list(range(THREADS * FRAMES * ROWS))
    assert len(plain) <= len(hardened)
