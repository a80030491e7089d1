"""Ctrl-C in the middle: in order the first time, at once the second time."""

import io
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from hardlite.cli import main

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

Write = Callable[[str, str | bytes], Path]
Command = Callable[..., Any]
Sql = Callable[[str], list[tuple[object, ...]]]

TABLE = "PRAGMA journal_mode=wal;CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL)"


@pytest.fixture
def report(tmp_path: Path) -> Callable[[], dict[str, Any]]:
    """Read the report of the one import."""

    def report() -> dict[str, Any]:
        content = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
        imported: dict[str, Any] = content["imports"][0]
        return imported

    return report


def test_a_process_that_waits_for_a_pipe_stops_at_once(
    sql: Sql, db_path: Path, tmp_path: Path, report: Callable[[], dict[str, Any]]
) -> None:
    sql(TABLE)
    arguments = [
        "-",
        db_path,
        "--table",
        "people",
        "--batch-size",
        "2",
        "--report",
        tmp_path / "r.json",
    ]
    with subprocess.Popen(
        [sys.executable, "-m", "hardlite", "import", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write("id,name\n1,Ann\n2,Bob\n3,Cy\n")
        process.stdin.flush()
        progress = process.stderr.readline()

        process.send_signal(signal.SIGINT)
        code = process.wait(timeout=60)
        message = process.stderr.read()

    assert "standard input: 2 rows" in progress
    assert code == 3
    assert "Traceback" not in message
    kept = sql("SELECT count(*) FROM people")[0][0]
    assert (
        message.splitlines()[-1]
        == f"hardlite: Interrupted. Rows committed before: {kept}; they stay."
    )
    assert (report()["committed"], report()["stopped"]) == (kept, True)


class Typist(io.RawIOBase):
    """A pipe whose writer falls silent, so that the user loses patience."""

    def __init__(self, text: bytes) -> None:
        self._text = text

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "Buffer") -> int:
        if not self._text:
            signal.raise_signal(signal.SIGINT)
        taken, self._text = self._text, b""
        memoryview(buffer)[: len(taken)] = taken
        return len(taken)


def test_rows_that_were_read_are_committed_before_the_end(
    sql: Sql, db_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sql(TABLE)
    stdin = io.TextIOWrapper(
        io.BufferedReader(Typist(b"id,name\n1,Ann\n2,Bob\n3,Cy\n")), encoding="utf-8"
    )
    monkeypatch.setattr(sys, "stdin", stdin)
    options = ["--table", "people", "--batch-size", "1"]
    monkeypatch.setattr(sys, "argv", ["hardlite", "import", "-", str(db_path), *options])
    before = signal.getsignal(signal.SIGINT)

    with pytest.raises(SystemExit) as ended:
        main()

    assert (ended.value.code, sql("SELECT count(*) FROM people")) == (3, [(3,)])
    assert "Interrupted. Rows committed before: 3; they stay." in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is before


@pytest.fixture
def interrupted(
    hardlite: Command, write: Write, sql: Sql, db_path: Path, tmp_path: Path
) -> Callable[[int], Any]:
    """Import six rows, and press Ctrl-C so many times while the second batch is written."""

    def interrupted(times: int) -> Any:  # noqa: ANN401 - what `hardlite` returns
        sql(TABLE)
        path = write("people.csv", "id,name\n1,a\nx,b\n2,c\n3,d\n4,e\n5,f\n6,g\n")

        def press(_1: object, _2: object, statement: str, rows: Sequence[Any], *_: object) -> None:
            if statement.startswith("INSERT") and rows[0][0] == 3:
                for _time in range(times):
                    signal.raise_signal(signal.SIGINT)

        event.listen(Engine, "before_cursor_execute", press)
        try:
            return hardlite(
                "import", path, db_path, "--batch-size", 3, "--report", tmp_path / "r.json"
            )
        finally:
            event.remove(Engine, "before_cursor_execute", press)

    return interrupted


@pytest.mark.parametrize(("times", "kept"), [(1, 5), (2, 2)])
def test_the_first_ctrl_c_ends_the_batch_and_the_second_drops_it(
    interrupted: Command, report: Callable[[], dict[str, Any]], times: int, kept: int
) -> None:
    ran = interrupted(times)

    assert ran.code == 3
    assert "stopping after this batch; press Ctrl-C again to stop at once" in ran.err
    assert f"Interrupted. Rows committed before: {kept}; they stay." in ran.err
    assert (report()["committed"], report()["rejected"], report()["ok"]) == (kept, 1, False)


def test_ctrl_c_before_the_first_row_ends_the_command(
    hardlite: Command, write: Write, db_path: Path
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    event.listen(Engine, "connect", interrupt)
    try:
        ran = hardlite("import", write("people.csv", "id\n1\n"), db_path, "--create")
    finally:
        event.remove(Engine, "connect", interrupt)

    assert (ran.code, ran.err) == (3, "hardlite: Interrupted.\n")


class Busy(io.RawIOBase):
    """A standard error on which Ctrl-C is pressed just as something is written to it."""

    def writable(self) -> bool:
        return True

    def write(self, text: "Buffer") -> int:
        if b"rows" in bytes(text):
            signal.raise_signal(signal.SIGINT)
        return len(bytes(text))


def test_ctrl_c_in_the_middle_of_printing_ends_the_import_in_order(
    sql: Sql, db_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql(TABLE)
    path = tmp_path / "people.csv"
    path.write_text("id,name\n1,Ann\n2,Bob\n3,Cy\n", encoding="utf-8")
    busy = io.TextIOWrapper(io.BufferedWriter(Busy()), encoding="utf-8", line_buffering=True)
    monkeypatch.setattr(sys, "stderr", busy)
    monkeypatch.setattr(
        sys, "argv", ["hardlite", "import", str(path), str(db_path), "--batch-size", "1"]
    )

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 3
    assert sql("SELECT count(*) FROM people") == [(1,)]
