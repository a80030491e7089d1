"""`--rejects`: the rejected rows as the source has them, to be mended and imported again."""

import gzip
import io
import json
import math
import os
import re
import shutil
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from hardlite import Rejection
from hardlite.cli.output_file import OutputFile
from hardlite.cli.rejects_file import RejectsFile
from hardlite.sources import UnfitRow
from hardlite.sources.rejects import DelimitedRejects
from tests.fixtures.programs import run_program

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

Write = Callable[[str, str | bytes], Path]
Command = Callable[..., Any]
Sql = Callable[[str], list[tuple[object, ...]]]

TABLE = "PRAGMA journal_mode=wal;CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL)"
UNIQUE = "IntegrityError: UNIQUE constraint failed: people.id"
NOT_A_NUMBER = "column id (INTEGER) cannot hold the value"
needs_limits = pytest.mark.skipif(os.name != "posix", reason="this system has no limits")


@pytest.fixture
def imported(hardlite: Command, sql: Sql, db_path: Path, tmp_path: Path) -> Command:
    """Import into the table people, each bad row by itself, rejected ones to a file."""
    sql(TABLE)

    def imported(source: Path, rejects: str, *more: object) -> Any:  # noqa: ANN401 - as above
        return hardlite(
            "import",
            source,
            db_path,
            "--table",
            "people",
            "--on-error",
            "isolate",
            "--rejects",
            tmp_path / rejects,
            *more,
        )

    return imported


def test_rejected_rows_are_written_as_they_stand_in_the_source_with_the_reason(
    imported: Command, write: Write, tmp_path: Path
) -> None:
    content = 'ID;name\r\n 1;"Ann; or\nAnna"\r\n1;Bob\r\nx;" ""Cy"" "\r\n\r\n3\r\n4;"Dee"\r\n'

    ran = imported(write("people.csv", content), "bad.csv")

    assert ran.code == 1
    assert (tmp_path / "bad.csv").read_bytes().decode() == (
        "ID;name;hardlite_reason\r\n"
        f'1;Bob;"{UNIQUE}"\r\n'
        f"""x;" ""Cy"" ";"{NOT_A_NUMBER} 'x'"\r\n"""
        '3;"fields in the row: 1, in the header: 2"\r\n'
    )
    assert f"rejected rows: {tmp_path / 'bad.csv'}" in ran.out
    assert not list(tmp_path.glob(".bad*"))


def test_the_mended_file_is_imported_again_without_its_reasons(
    imported: Command, write: Write, sql: Sql, tmp_path: Path
) -> None:
    imported(write("people.csv", "id,name\n1,Ann\n1,Bob\nx,Cy\n4,Dee\n"), "bad.csv")
    bad = (tmp_path / "bad.csv").read_text(encoding="utf-8")
    mended = write("mended.csv", bad.replace("1,Bob", "2,Bob").replace("x,Cy", "2,Cy"))

    ran = imported(mended, "worse.csv")

    assert ran.code == 1
    assert (tmp_path / "worse.csv").read_text(encoding="utf-8") == (
        f'id,name,hardlite_reason\n2,Cy,"{UNIQUE}"\n'
    )
    assert sql("SELECT id, name FROM people") == [(1, "Ann"), (2, "Bob"), (4, "Dee")]
    assert imported(write("fixed.csv", "id,name,hardlite_reason\n3,Cy,\n"), "bad.csv").code == 0


def test_json_lines_get_the_reason_as_their_last_key(
    imported: Command, write: Write, sql: Sql, tmp_path: Path
) -> None:
    lines = (
        '{"id": 1, "name": "Ann"}\n'
        '{"name":"Bob"  , "id":1.0 }\n'
        '{"id": 2, "name": }\n'
        "[3]\n"
        "{}\n"
        '{"id": 3.5, "name": "Cy"}\n'
    )

    ran = imported(write("people.jsonl", lines), "bad.jsonl")

    assert ran.code == 1
    bad = (tmp_path / "bad.jsonl").read_text(encoding="utf-8")
    assert bad == (
        f'{{"name":"Bob"  , "id":1.0, "hardlite_reason": "{UNIQUE}"}}\n'
        '{"hardlite_reason": "not JSON: Expecting value at character 19"}\n'
        '{"id": 2, "name": }\n'
        '{"hardlite_reason": "not a JSON object"}\n'
        "[3]\n"
        '{"hardlite_reason": "column name takes no NULL"}\n{}\n'
        f'{{"id": 3.5, "name": "Cy", "hardlite_reason": "{NOT_A_NUMBER} 3.5"}}\n'
    )
    mended = bad.replace("1.0", "5").replace("[3]", "").replace('"name": }', '"name": "Di"}')
    again = imported(write("again.jsonl", mended), "worse.jsonl")
    assert again.code == 1
    assert (tmp_path / "worse.jsonl").read_text(encoding="utf-8") == (
        '{"hardlite_reason": "column name takes no NULL"}\n{}\n'
        f'{{"id": 3.5, "name": "Cy", "hardlite_reason": "{NOT_A_NUMBER} 3.5"}}\n'
    )
    assert sql("SELECT id, name FROM people") == [(1, "Ann"), (2, "Di"), (5, "Bob")]


def test_reasons_of_an_earlier_import_are_replaced(
    imported: Command, write: Write, tmp_path: Path
) -> None:
    line = '{"id": 1, "name": "Ann"%s}\n'
    old = ', "hardlite_reason": "old \\" reason"'

    imported(write("people.jsonl", line % "" + line % old), "bad.jsonl")

    new = f', "hardlite_reason": "{UNIQUE}"'
    assert (tmp_path / "bad.jsonl").read_text(encoding="utf-8") == line % new


def test_a_packed_file_is_written_where_the_name_says_so(
    imported: Command, write: Write, tmp_path: Path
) -> None:
    imported(write("people.csv", "id,name\nx,Ann\n"), "bad.csv.gz")

    with gzip.open(tmp_path / "bad.csv.gz", "rt", encoding="utf-8") as file:
        assert file.read() == f"""id,name,hardlite_reason\nx,Ann,"{NOT_A_NUMBER} 'x'"\n"""


def test_there_is_no_file_if_nothing_was_rejected(
    imported: Command, write: Write, tmp_path: Path
) -> None:
    write("bad.csv", "of an earlier import")

    ran = imported(write("people.csv", "id,name\n1,Ann\n"), "bad.csv", "--report", tmp_path / "r")

    assert ran.code == 0
    assert not (tmp_path / "bad.csv").exists()
    assert "rejected rows" not in ran.out
    assert json.loads((tmp_path / "r").read_text(encoding="utf-8"))["imports"][0]["rejects"] is None


def test_several_sources_need_a_directory_and_get_a_file_each(
    hardlite: Command, write: Write, db_path: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "rejected"
    paths = write("a.csv", "n\n1\nx\n"), write("b.tsv.old", "n\tm\n2\t\n\n3\n")
    options = ("--create", "--null", "x", "--rejects")

    one_file = hardlite("import", *paths, db_path, *options, tmp_path / "bad.csv")
    folder.mkdir()
    ran = hardlite("import", *paths, db_path, *options, folder, "--report", tmp_path / "r.json")

    assert one_file.code == 2
    assert "of 2 sources cannot go into one file. Name a directory" in one_file.err
    assert ran.code == 1
    assert [file.name for file in folder.iterdir()] == ["b.rejects.tsv"]
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert [each["rejects"] for each in report["imports"]] == [None, str(folder / "b.rejects.tsv")]


def test_rows_from_standard_input_have_a_file_too(
    run_process: Command, db_path: Path, tmp_path: Path
) -> None:
    ran = run_process(
        *("import", "-", db_path, "--table", "t", "--create", "--rejects", tmp_path),
        stdin=b"n\n1\n2,3",
    )

    assert ran.code == 1
    assert (tmp_path / "rows.rejects.csv").read_text(encoding="utf-8") == (
        'n,hardlite_reason\n2,3,"fields in the row: 2, in the header: 1"\n'
    )


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("people.csv", "people.csv, which the command needs"),
        ("app.db", "app.db, which the command needs"),
        ("r.csv", "r.csv, which the command needs"),
        ("none/bad.csv", "cannot be written to"),
        ("bad.jsonl", "they are in the format of their source. Name a file that ends in .csv"),
        ("bad.TSV.gz", "they are in the format of their source. Name a file that ends in .csv"),
    ],
)
def test_a_wrong_place_is_refused_before_anything_is_written(
    imported: Command, write: Write, tmp_path: Path, name: str, complaint: str
) -> None:
    path = write("people.csv", "id,name\n1,Ann\n")

    ran = imported(path, name, "--report", tmp_path / "r.csv")

    assert (ran.code, ran.out) == (2, "")
    assert complaint in ran.err
    assert path.read_text(encoding="utf-8") == "id,name\n1,Ann\n"


def test_two_sources_of_one_name_are_refused(
    hardlite: Command, write: Write, db_path: Path, tmp_path: Path
) -> None:
    (tmp_path / "old").mkdir()
    paths = write("a.csv", "n\n1\n"), write("old/a.csv", "n\n1\n")

    ran = hardlite("import", *paths, db_path, "--create", "--rejects", tmp_path)

    assert (ran.code, db_path.exists()) == (2, False)
    assert "a.rejects.csv, which the command needs" in ran.err


@pytest.mark.parametrize(("times", "kept"), [(1, 3), (2, 1)])
def test_what_was_rejected_before_an_interrupt_is_kept(
    imported: Command, write: Write, tmp_path: Path, times: int, kept: int
) -> None:
    rows = "id,name\n1,a\nx,b\n2,c\n3,d\n3,e\ny,f\n5,g\nz,h\n"

    def press(_1: object, _2: object, statement: str, rows: Sequence[Any], *_: object) -> None:
        if statement.startswith("INSERT") and rows[0][0] == 3 and not pressed:
            pressed.append(True)
            for _time in range(times):
                signal.raise_signal(signal.SIGINT)

    pressed: list[bool] = []
    event.listen(Engine, "before_cursor_execute", press)
    try:
        ran = imported(write("people.csv", rows), "bad.csv", "--batch-size", 3)
    finally:
        event.remove(Engine, "before_cursor_execute", press)

    assert ran.code == 3
    lines = (tmp_path / "bad.csv").read_text(encoding="utf-8").splitlines()
    assert [line[:3] for line in lines[1:]] == ["x,b", "3,e", "y,f"][:kept]


def test_what_was_rejected_before_a_damage_of_the_source_is_kept(
    imported: Command, write: Write, tmp_path: Path
) -> None:
    ran = imported(
        write("people.csv", b"id,name\nx,a\n1,b\n2,\xff\n"), "bad.csv", "--batch-size", 1
    )

    assert ran.code == 3
    lines = (tmp_path / "bad.csv").read_text(encoding="utf-8").splitlines()
    assert [line[:3] for line in lines[1:]] == ["x,a"]


FULL = """
import resource, sys
from hardlite.cli import main

before = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, before[1]))
sys.argv = ["hardlite", "import", *sys.argv[1:]]
try:
    main()
except SystemExit as ended:
    print(ended.code)
# What measures this program writes too, when it ends.
resource.setrlimit(resource.RLIMIT_FSIZE, before)
"""


@needs_limits
@pytest.mark.parametrize("name", ["bad.csv", "bad.csv.gz"])
def test_a_full_disk_ends_the_import_and_keeps_the_rows_before(
    write: Write, sql: Sql, db_path: Path, tmp_path: Path, name: str
) -> None:
    sql(TABLE)
    texts = [os.urandom(40).hex() for _ in range(20_000)]
    path = write("people.csv", "id,name\n" + "".join(f"x,{text}\n" for text in texts))
    rejects = tmp_path / name

    told = run_program(tmp_path, FULL, path, db_path, "--rejects", rejects)

    assert told.splitlines()[-1] == "3"
    # The batch under way was the last one: there was no reading on to the end.
    summary = re.search(r"people\.csv +0 +([\d,]+) ", told)
    assert summary is not None
    assert 500 <= int(summary[1].replace(",", "")) < 10_000
    if name == "bad.csv":
        lines = rejects.read_text(encoding="utf-8").splitlines()
        assert [line.split(",")[1] for line in lines[1:]] == texts[: len(lines) - 1]
        assert 500 < len(lines) < 2000
        assert rejects.read_bytes().endswith(b"\n")
    else:
        assert rejects.stat().st_size > 100_000
    assert not list(tmp_path.glob(".bad*"))


@pytest.mark.parametrize("trouble", ["no directory", "a directory of that name"])
def test_a_place_that_is_gone_in_the_end_is_told(
    imported: Command, write: Write, tmp_path: Path, trouble: str
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()

    def spoil(_1: object, _2: object, statement: str, *_: object) -> None:
        if not statement.startswith("INSERT"):
            return
        if trouble == "no directory":
            shutil.rmtree(folder, ignore_errors=True)
        else:
            (folder / "bad.csv").mkdir(exist_ok=True)

    event.listen(Engine, "before_cursor_execute", spoil)
    try:
        ran = imported(write("people.csv", "id,name\n1,b\n1,c\n"), "folder/bad.csv")
    finally:
        event.remove(Engine, "before_cursor_execute", spoil)

    assert ran.code == 3
    assert "The rejected rows could not all be written to" in ran.err
    assert "Rows committed before: 1; they stay." in ran.err


def test_rows_of_a_parquet_file_are_written_as_json_lines(
    imported: Command, tmp_path: Path
) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")
    rows = {"id": [1.0, 1.0, math.inf, 2.5], "name": ["Ann", "Bob", "Cy", "Dee"]}
    parquet.write_table(pyarrow.table(rows), tmp_path / "people.parquet")

    ran = imported(tmp_path / "people.parquet", "bad.jsonl")

    assert ran.code == 1
    assert (tmp_path / "bad.jsonl").read_text(encoding="utf-8") == (
        f'{{"id": 1, "name": "Bob", "hardlite_reason": "{UNIQUE}"}}\n'
        f'{{"id": "inf", "name": "Cy", "hardlite_reason": "{NOT_A_NUMBER} inf"}}\n'
        f'{{"id": 2.5, "name": "Dee", "hardlite_reason": "{NOT_A_NUMBER} 2.5"}}\n'
    )


def test_the_foreign_key_of_a_row_is_named(
    hardlite: Command, write: Write, sql: Sql, db_path: Path, tmp_path: Path
) -> None:
    sql(
        "CREATE TABLE plane (id TEXT PRIMARY KEY);"
        "CREATE TABLE flight (plane TEXT REFERENCES plane, pilot TEXT REFERENCES plane);"
        "INSERT INTO plane VALUES ('N1')"
    )
    path = write("flight.csv", "plane,pilot\nN1,N1\nN2,N1\nN1,N3\n")

    ran = hardlite(
        "import", path, db_path, "--on-error", "isolate", "--rejects", tmp_path / "x.csv"
    )

    keys = "failed: flight.plane -> plane", "failed: flight.pilot -> plane"
    lines = (tmp_path / "x.csv").read_text(encoding="utf-8").splitlines()
    assert [key in line for key, line in zip(keys, lines[1:], strict=True)] == [True, True]
    assert [key in ran.out for key in keys] == [True, True]


class Pressed(io.FileIO):
    """A file during the first write of which the user presses Ctrl-C."""

    pressed = False

    def write(self, data: "Buffer") -> int:
        if self.pressed:
            return super().write(data)
        self.pressed = True
        super().write(memoryview(data)[: len(memoryview(data)) // 2])
        raise KeyboardInterrupt


def test_an_interrupt_in_the_middle_of_writing_leaves_no_half_row_and_none_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reject(rejects: RejectsFile, rows: int) -> None:
        for number in range(rows):
            item = UnfitRow(line=number, reason="why", text=b"%d\n" % number)
            rejects.add(Rejection(position=number, item=item, reason="", error_type=""))

    monkeypatch.setattr(RejectsFile, "_opened", lambda _: Pressed(tmp_path / "draft", "wb"))
    style = DelimitedRejects(b"n\n", ["n"], (), ",")
    rejects = RejectsFile(OutputFile(tmp_path / "bad.csv", tmp_path / "draft"), style)

    with pytest.raises(KeyboardInterrupt), rejects.during_import():
        reject(rejects, 20_000)

    lines = (tmp_path / "bad.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "n,hardlite_reason"
    assert lines[1:] == [f'{number},"why"' for number in range(rejects.rows)]
