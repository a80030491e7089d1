"""``hardlite import --resume``: run again, and every row is in once."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import event
from sqlalchemy.engine import Engine

from hardlite.cli.exit_codes import ExitCode
from hardlite.cli.resumes import run_resumes
from hardlite.resume.import_claim import claim_file
from tests.fixtures.lock_keepers import keeper, until

Write = Callable[[str, str | bytes], Path]
Command = Callable[..., Any]
Sql = Callable[[str], list[tuple[object, ...]]]

TABLE = "PRAGMA journal_mode=wal;CREATE TABLE people (id INTEGER, name TEXT NOT NULL)"


def rows(count: int, *, first: int = 0) -> str:
    return "".join(f"{number},name {number}\n" for number in range(first, count))


def people(count: int) -> str:
    return f"id,name\n{rows(count)}"


@pytest.fixture
def ids(sql: Sql) -> Callable[[], list[object]]:
    """The ids in the table, in order; it has no key, so a row that went in twice is there twice."""
    sql(TABLE)
    return lambda: [number for (number,) in sql("SELECT id FROM people ORDER BY id")]


def one_line(text: str) -> str:
    return text.splitlines()[-1]


@pytest.fixture
def broken(hardlite: Command, write: Write, db_path: Path) -> Callable[..., Any]:
    """Run the command on a file that is not UTF-8 from row 40 on."""

    def broken(*options: object) -> Any:  # noqa: ANN401 - what `hardlite` returns
        path = write("people.csv", people(40).encode() + b"40,B\xf6b\n")
        return hardlite("import", path, db_path, "--batch-size", 10, "--resume", "k", *options)

    return broken


def test_an_import_that_broke_goes_on_and_says_what_was_done(
    hardlite: Command, broken: Command, write: Write, db_path: Path, ids: Command
) -> None:
    first = broken()
    path = write("people.csv", people(60))
    second = hardlite("import", path, db_path, "--resume", "k")
    third = hardlite("import", path, db_path, "--resume", "k")

    assert (first.code, second.code, third.code) == (3, 0, 0)
    assert ids() == list(range(60))
    assert (
        "people.csv: resume key 'k': 40 items were done before "
        "(40 committed, 0 rejected, 0 skipped)\n"
    ) in second.out
    assert "people.csv: resume key 'k': all of it was done before (60 committed, 0" in third.out
    assert "before" not in first.out


def test_the_report_has_what_was_done_before(
    hardlite: Command, broken: Command, db_path: Path, ids: Command, tmp_path: Path
) -> None:
    broken()
    path, report = tmp_path / "people.csv", tmp_path / "r.json"
    path.write_text(people(50), encoding="utf-8")
    hardlite("import", path, db_path, "--resume", "k", "--report", report)

    content = json.loads(report.read_text(encoding="utf-8"))["imports"][0]
    assert content["resumed_from"]["position"] == 40
    assert content["committed"] == 10
    assert ids() == list(range(50))


@pytest.mark.parametrize("size", ["1", "7", "500", "auto"])
def test_rows_are_counted_as_the_source_has_them_whatever_the_batches(
    hardlite: Command, write: Write, db_path: Path, ids: Command, size: str
) -> None:
    """Rows without a field are found by the reader, and others by the types of the columns."""
    good = people(30).splitlines(keepends=True)
    bad = [*good[:5], "9\n", *good[5:12], "x,y\n", *good[12:25], "\n", "8\n", *good[25:]]
    path = write("people.csv", "".join(bad).encode() + b"30,B\xf6b\n")
    first = hardlite("import", path, db_path, "--batch-size", 3, "--resume", "k")
    path.write_bytes("".join(bad).encode())
    second = hardlite("import", path, db_path, "--batch-size", size, "--resume", "k")

    assert (first.code, second.code) == (3, 1)
    assert ids() == list(range(30))


def test_rows_that_were_rejected_before_are_in_the_exit_code(
    hardlite: Command, write: Write, db_path: Path, ids: Command
) -> None:
    text = people(60).replace("5,name 5\n", "5\n", 1)
    path = write("people.csv", text.encode()[:400] + b"\n\xff")
    first = hardlite("import", path, db_path, "--batch-size", 2, "--resume", "k")
    path.write_text(text, encoding="utf-8")
    second = hardlite("import", path, db_path, "--resume", "k")
    third = hardlite("import", path, db_path, "--resume", "k")

    assert (first.code, second.code, third.code) == (3, 1, 1)
    assert ids() == [number for number in range(60) if number != 5]


def test_a_newer_hardlite_whose_modules_have_moved_goes_on(
    broken: Command, ids: Command, sql: Sql
) -> None:
    broken()

    assert ids() == list(range(40))
    ((told,),) = sql("SELECT settings FROM hardlite_progress")
    assert str(told).endswith(" and conflict='error', prepared by checked")


def test_ctrl_c_does_not_finish_a_key(
    hardlite: Command, write: Write, db_path: Path, ids: Command, sql: Sql
) -> None:
    """The rows end in order then, as at the end of the file; but it is not the end."""
    path = write("people.csv", people(20))

    def press(_1: object, _2: object, statement: str, values: Sequence[Any], *_: object) -> None:
        if statement.startswith("INSERT INTO people") and values[0][0] == 4:
            signal.raise_signal(signal.SIGINT)

    event.listen(Engine, "before_cursor_execute", press)
    try:
        first = hardlite("import", path, db_path, "--batch-size", 4, "--resume", "k")
    finally:
        event.remove(Engine, "before_cursor_execute", press)
    then = sql("SELECT position, finished_at FROM hardlite_progress")
    second = hardlite("import", path, db_path, "--resume", "k")

    assert (first.code, then) == (3, [(8, None)])
    assert second.code == 0
    assert ids() == list(range(20))


@pytest.mark.parametrize("kills", [1, 3])
def test_kill_9_in_the_middle_and_again_leaves_every_row_once(
    hardlite: Command, db_path: Path, ids: Command, tmp_path: Path, kills: int
) -> None:
    """The source is a pipe until it is killed, so the test says how far it comes."""
    path = tmp_path / "people.csv"
    command = [sys.executable, "-m", "hardlite", "import", path, db_path, "--batch-size", "5"]
    for kill in range(1, kills + 1):
        os.mkfifo(path)
        with (
            subprocess.Popen(
                [*map(str, command), "--resume", "k"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ) as process,
            path.open("w", encoding="utf-8") as pipe,
        ):
            pipe.write(people(20 * kill + 3))
            pipe.flush()
            until(lambda: len(ids()) >= 20 * kill)  # noqa: B023 - called at once
            process.kill()
            process.wait()
        path.unlink()

    path.write_text(people(100), encoding="utf-8")
    ran = hardlite("import", path, db_path, "--resume", "k")

    assert ran.code == 0
    assert ids() == list(range(100))
    with closing(sqlite3.connect(db_path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_several_sources_have_a_key_each(
    hardlite: Command, write: Write, db_path: Path, ids: Command
) -> None:
    a = write("a.csv", people(5))
    b = write("b.csv", "id,name\n" + rows(10, first=5))
    sources = (a, b, db_path, "--table", "people", "--resume", "nightly")

    codes = [hardlite("import", *sources).code for _ in range(2)]
    listed = hardlite("import", "--list-resumes", db_path)

    assert codes == [0, 0]
    assert ids() == list(range(10))
    assert [line.split("'")[1] for line in listed.out.splitlines()] == [
        "nightly:a.csv", "nightly:b.csv",
    ]  # fmt: skip


def test_standard_input_has_a_key_among_several_too(
    run_process: Command, write: Write, db_path: Path, ids: Command
) -> None:
    a = write("a.csv", people(5))

    for _ in range(2):
        run_process(
            "import", a, "-", db_path, "--table", "people", "--resume", "k",
            stdin=f"id,name\n{rows(8, first=5)}".encode(),
        )  # fmt: skip

    assert ids() == list(range(8))


def test_a_key_of_one_source_is_not_used_for_several(
    hardlite: Command, write: Write, db_path: Path, ids: Command
) -> None:
    a, b = write("a.csv", people(5)), write("b.csv", people(5))
    options = (db_path, "--table", "people", "--resume", "k")
    hardlite("import", a, *options)

    ran = hardlite("import", a, b, *options)

    assert ran.code == 2
    assert "The resume key 'k' was used for one source, not for several." in ran.err
    assert ids() == list(range(5))


def test_a_key_of_several_sources_is_not_used_for_one_of_them(
    hardlite: Command, write: Write, db_path: Path, ids: Command
) -> None:
    a, b = write("a.csv", people(5)), write("b.csv", "id,name\n" + rows(9, first=5))
    options = (db_path, "--table", "people", "--resume")
    hardlite("import", a, b, *options, "k")

    refused = hardlite("import", a, *options, "k")
    alone = hardlite("import", a, *options, "k:a.csv")

    assert refused.code == 2
    assert "Go on with that: --resume 'k:a.csv'." in refused.err
    assert alone.code == 0
    assert ids() == list(range(9))


def test_two_sources_of_one_name_are_refused(
    hardlite: Command, write: Write, db_path: Path, tmp_path: Path, ids: Command
) -> None:
    (tmp_path / "old").mkdir()
    a, b = write("a.csv", people(5)), write("old/a.csv", people(5))

    ran = hardlite("import", a, b, db_path, "--table", "people", "--resume", "k")

    assert (ran.code, ids()) == (2, [])
    assert "Two sources would have the resume key 'k:a.csv'" in ran.err


def test_a_new_database_and_table_can_be_resumed(
    hardlite: Command, write: Write, tmp_path: Path
) -> None:
    path, new = write("people.csv", people(5)), tmp_path / "new.db"

    codes = [hardlite("import", path, new, "--create", "--resume", "k").code for _ in range(2)]

    with closing(sqlite3.connect(new)) as connection:
        assert connection.execute("SELECT count(*) FROM people").fetchall() == [(5,)]
    assert codes == [0, 0]


@pytest.fixture
def refused(hardlite: Command, write: Write, db_path: Path, ids: Command) -> Callable[..., str]:
    """Import nine rows under a key; then say what a command with that key complains of."""

    def refused(text: str, *options: str) -> str:
        path = write("people.csv", people(9))
        hardlite("import", path, db_path, "--resume", "k")
        write("people.csv", text)
        ran = hardlite("import", path, db_path, "--resume", "k", *options)
        assert (ran.code, ids()) == (2, list(range(9)))
        assert ran.err.count("\n") == 1
        return str(ran.err)

    return refused


def test_another_source_is_refused(refused: Callable[..., str]) -> None:
    told = refused("id,name\n7,Bob\n")

    assert "begins with {'id': 0, 'name': 'name 0'}; it cannot be used for" in told
    assert "one that begins with {'id': 7, 'name': 'Bob'}" in told


def test_other_options_are_refused(refused: Callable[..., str]) -> None:
    told = refused(people(9), "--on-error", "stop")

    assert "with on_error='continue' and conflict='error'" in told
    assert "with on_error='stop' and conflict='error'" in told


HOLD = """
    import fcntl
    file = open(sys.argv[2], "w")
    fcntl.flock(file, fcntl.LOCK_EX)
    hold()
"""


def test_a_key_in_use_is_refused(
    hardlite: Command, write: Write, db_path: Path, ids: Command
) -> None:
    path = write("people.csv", people(9))
    hardlite("import", path, db_path, "--resume", "other")

    with keeper(db_path, HOLD, claim_file(os.path.realpath(db_path), "k")):
        ran = hardlite("import", path, db_path, "--resume", "k")

    assert ran.code == 2
    assert "The resume key 'k' is in use by another import" in ran.err
    assert ids() == list(range(9))


def test_a_second_source_that_is_refused_leaves_the_first_in(
    hardlite: Command, write: Write, db_path: Path, ids: Command
) -> None:
    a, b = write("a.csv", people(5)), write("b.csv", "id,name\n" + rows(9, first=5))
    options = (db_path, "--table", "people", "--resume", "k")

    with keeper(db_path, HOLD, claim_file(os.path.realpath(db_path), "k:b.csv")):
        ran = hardlite("import", a, b, *options)

    assert (ran.code, ids()) == (3, list(range(5)))
    assert "is in use by another import" in one_line(ran.err)
    assert one_line(ran.err).endswith("Rows committed before: 5; they stay.")
    assert "b.csv" in ran.out
    assert hardlite("import", a, b, *options).code == 0
    assert ids() == list(range(9))


@pytest.fixture
def listed(hardlite: Command, broken: Command, write: Write, db_path: Path, ids: Command) -> None:
    """Two keys, one of them finished."""
    broken()
    path = write("people.csv", people(3))
    hardlite("import", path, db_path, "--resume", "done")
    assert ids()


@pytest.mark.usefixtures("listed")
def test_the_keys_of_a_database_are_listed(hardlite: Command, db_path: Path, sql: Sql) -> None:
    ran = hardlite("import", "--list-resumes", db_path)

    times = [time for (time,) in sql("SELECT updated_at FROM hardlite_progress ORDER BY rowid")]
    assert ran.code == 0
    counts = "{0} committed, 0 rejected, 0 skipped"
    k, done = counts.format(40), counts.format(3)
    assert ran.out.splitlines() == [
        f"resume key 'k': 40 items were done before ({k}); last at {times[0]}",
        f"resume key 'done': all of it was done before ({done}); last at {times[1]}",
    ]


@pytest.mark.usefixtures("listed")
def test_the_keys_are_a_table_on_a_terminal(db_path: Path, tmp_path: Path) -> None:
    with (tmp_path / "screen.txt").open("w", encoding="utf-8") as screen:
        console = Console(file=screen, force_terminal=True, width=120, no_color=True)
        assert run_resumes(str(db_path), forget=None, out=console) is ExitCode.DONE

    shown = (tmp_path / "screen.txt").read_text(encoding="utf-8")
    assert "rows done" in shown
    (first, second) = [line.split() for line in shown.splitlines() if " 0 " in line]
    assert first[:6] == ["k", "40", "40", "0", "0", "no"]
    assert second[:6] == ["done", "3", "3", "0", "0", "yes"]


@pytest.mark.usefixtures("listed")
def test_a_key_is_forgotten_and_what_is_in_stays(
    hardlite: Command, db_path: Path, ids: Command, write: Write
) -> None:
    before = ids()

    ran = hardlite("import", "--forget", "done", db_path)

    assert ran.code == 0
    assert ran.out == (
        "forgotten: resume key 'done': all of it was done before "
        "(3 committed, 0 rejected, 0 skipped)\n"
    )
    assert ids() == before
    hardlite("import", write("people.csv", people(3)), db_path, "--resume", "done")
    assert len(ids()) == len(before) + 3


@pytest.fixture
def within(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The test's directory is the current one."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("ids")
def test_a_database_without_keys_says_so(hardlite: Command, db_path: Path) -> None:
    ran = hardlite("import", "--list-resumes", db_path)

    assert (ran.code, ran.out) == (0, "no resume keys\n")


@pytest.mark.usefixtures("listed")
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--forget", "nightly", "app.db"], "There is no resume key 'nightly'. The database has"),
        (["--forget", "k", "none.db"], "There is no database none.db."),
        (["--list-resumes", "none.db"], "There is no database none.db."),
        (["--list-resumes", "people.csv"], "people.csv cannot be used: file is not a database."),
        (["--list-resumes", "people.csv", "app.db"], "import nothing, and people.csv is a source."),
        (["--forget", "k", "people.csv", "app.db"], "import nothing, and people.csv is a source."),
        (["people.csv", "app.db", "--resume", ""], "resume_key= cannot be ''"),
        (["people.csv", "app.db", "--resume", "x" * 201], "resume_key= cannot be"),
        (["people.csv", "app.db", "--batch-size", "many"], "--batch-size cannot be many."),
        (["people.csv", "app.db", "--batch-size", "-3"], "--batch-size cannot be -3."),
    ],
)
@pytest.mark.usefixtures("within")
def test_misuse_is_told(
    hardlite: Command, ids: Command, arguments: list[str], complaint: str
) -> None:
    before = ids()

    ran = hardlite("import", *arguments)

    assert (ran.code, ids()) == (2, before)
    assert complaint in ran.err


def test_batches_may_size_themselves(
    hardlite: Command, write: Write, db_path: Path, ids: Command, tmp_path: Path
) -> None:
    report = tmp_path / "r.json"

    ran = hardlite(
        "import", write("people.csv", people(3000)), db_path, "--batch-size", "auto", "--report",
        report,
    )  # fmt: skip

    batches = json.loads(report.read_text(encoding="utf-8"))["imports"][0]["batches"]
    assert (ran.code, len(ids())) == (0, 3000)
    assert batches[0]["items"] == 1
    assert len({batch["items"] for batch in batches}) > 2
