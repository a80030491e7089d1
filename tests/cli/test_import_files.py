"""`hardlite import` when all is well, or nearly."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Write = Callable[[str, str | bytes], Path]
Command = Callable[..., Any]
Sql = Callable[[str], list[tuple[object, ...]]]

TABLE = "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL)"
CSV = "id,name\n1,Ann\n2,Bob\n3,Cy\n"


def test_a_file_goes_into_the_table_of_its_name(
    hardlite: Command, write: Write, sql: Sql, db_path: Path
) -> None:
    sql(TABLE)

    ran = hardlite("import", write("people.csv", CSV), db_path)

    assert (ran.code, sql("SELECT * FROM people")) == (0, [(1, "Ann"), (2, "Bob"), (3, "Cy")])
    assert ran.out.splitlines()[-2].split()[:5] == ["people.csv", "3", "0", "0", "1"]


def test_the_command_is_a_process_like_any_other(
    run_process: Command, write: Write, sql: Sql, db_path: Path
) -> None:
    sql(TABLE)

    ran = run_process("import", write("people.csv.gz", gzip.compress(CSV.encode())), db_path)

    assert (ran.code, sql("SELECT count(*) FROM people")) == (0, [(3,)])
    assert "people.csv.gz: 3 rows" in ran.err


def test_standard_input_goes_into_the_table_that_is_named(
    run_process: Command, sql: Sql, db_path: Path
) -> None:
    sql(TABLE)

    ran = run_process("import", "-", db_path, "--table", "people", stdin=CSV.encode())

    assert (ran.code, sql("SELECT count(*) FROM people")) == (0, [(3,)])


def test_a_new_file_and_table_are_made_on_demand(
    hardlite: Command, write: Write, sql: Sql, db_path: Path
) -> None:
    path = write("people.csv", "id,size,zip\n1,1.5,00123\n2,NA,00456\n")

    ran = hardlite("import", path, db_path, "--create", "--null", "NA")

    assert ran.code == 0
    assert sql("SELECT name, type FROM pragma_table_info('people')") == [
        ("id", "INTEGER"),
        ("size", "REAL"),
        ("zip", "TEXT"),
    ]
    assert sql("SELECT * FROM people") == [(1, 1.5, "00123"), (2, None, "00456")]


def test_a_table_that_is_there_is_not_made_again(
    hardlite: Command, write: Write, sql: Sql, db_path: Path
) -> None:
    sql(TABLE)

    assert hardlite("import", write("people.csv", CSV), db_path, "--create").code == 0
    assert sql("SELECT type FROM pragma_table_info('people')") == [("INTEGER",), ("TEXT",)]


def test_several_files_go_into_one_table_or_into_one_each(
    hardlite: Command, write: Write, sql: Sql, db_path: Path
) -> None:
    one, two = write("one.csv", "n\n1\n"), write("two.jsonl", '{"n": 2}\n')

    assert hardlite("import", one, two, db_path, "--create", "--table", "both").code == 0
    assert hardlite("import", one, two, db_path, "--create").code == 0
    assert sql(
        "SELECT n FROM both UNION ALL SELECT n + 10 FROM one UNION ALL SELECT n FROM two"
    ) == [
        (1,),
        (2,),
        (11,),
        (2,),
    ]


def test_a_url_says_which_database_and_how(
    hardlite: Command, write: Write, sql: Sql, db_path: Path
) -> None:
    sql(TABLE)
    url = f"sqlite:///{db_path}?hardlite_journal_mode=delete"

    assert hardlite("import", write("people.csv", CSV), url).code == 0
    assert sql("PRAGMA journal_mode") == [("delete",)]


def test_a_database_in_memory_is_used_and_forgotten(hardlite: Command, write: Write) -> None:
    assert hardlite("import", write("people.csv", CSV), "sqlite://", "--create").code == 0


def test_rejected_rows_are_counted_by_reason_with_their_lines(
    hardlite: Command, write: Write, sql: Sql, db_path: Path
) -> None:
    sql(TABLE)
    rows = "".join(f"x{number},Ann\n" for number in range(7))
    path = write("people.csv", f"id,name\n1,Ann\n{rows}1,Bob\n2\n")

    ran = hardlite("import", path, db_path, "--on-error", "isolate")

    assert (ran.code, sql("SELECT * FROM people")) == (1, [(1, "Ann")])
    assert "7 column id (INTEGER) cannot hold the value 3, 4, 5, 6, 7, ..." in " ".join(
        ran.out.split()
    )
    assert "IntegrityError: UNIQUE constraint failed: people.id" in ran.out
    assert "fields in the row: 1, in the header: 2" in ran.out


def test_only_the_commonest_reasons_are_shown_each_with_its_source(
    hardlite: Command, write: Write, sql: Sql, db_path: Path
) -> None:
    sql(TABLE)
    ragged = "".join(f"1,x{',y' * width}\n" for width in range(1, 26))
    files = write("a.csv", f"id,name\n{ragged}"), write("b.csv", "id,name\n5,x\n")

    ran = hardlite("import", *files, db_path, "--table", "people")

    assert ran.code == 1
    assert "a.csv: fields in the row: 3, in the header: 2" in ran.out
    assert "and 5 other reasons: see them with --report" in ran.out


@pytest.fixture
def import_people(hardlite: Command, sql: Sql, db_path: Path) -> Callable[..., Any]:
    """Import into a table that has number 1 already; return the exit code and what is there."""

    def import_people(path: Path, *options: str) -> tuple[int, list[tuple[object, ...]]]:
        sql(f"{TABLE};INSERT INTO people VALUES (1, 'old')")
        ran = hardlite("import", path, db_path, "--batch-size", 2, *options)
        return ran.code, sql("SELECT * FROM people")

    return import_people


@pytest.mark.parametrize(
    ("mode", "outcome"),
    [
        ("error", (1, [(1, "old"), (4, "Dee")])),
        ("ignore", (0, [(1, "old"), (2, "Bob"), (4, "Dee")])),
        ("update", (0, [(1, "Ann"), (2, "Bob"), (4, "Dee")])),
    ],
)
def test_a_row_that_is_there_already_is_an_error_skipped_or_written_over(
    import_people: Command, write: Write, mode: str, outcome: object
) -> None:
    path = write("people.csv", "id,name\n1,Ann\n2,Bob\n4,Dee\n")

    assert import_people(path, "--conflict", mode) == outcome


def test_rows_that_are_written_over_are_told(
    hardlite: Command, write: Write, sql: Sql, db_path: Path
) -> None:
    sql(f"{TABLE};INSERT INTO people VALUES (1, 'old')")

    ran = hardlite("import", write("people.csv", CSV), db_path, "--conflict", "update")

    assert "3 (1 updated)" in ran.out


@pytest.mark.parametrize(
    ("mode", "kept"),
    [("continue", [1, 2, 3, 6]), ("stop", [1, 2, 3]), ("isolate", [1, 2, 3, 4, 6])],
)
def test_a_bad_row_costs_its_batch_the_rest_or_only_itself(
    import_people: Command, write: Write, mode: str, kept: list[int]
) -> None:
    path = write("people.csv", "id,name\n2,b\n3,c\n4,d\n1,e\n6,f\n")

    code, rows = import_people(path, "--on-error", mode)

    assert (code, [number for number, _ in rows]) == (1, kept)


def test_after_a_stop_no_other_source_is_begun(
    hardlite: Command, write: Write, sql: Sql, db_path: Path
) -> None:
    sql(TABLE)
    files = write("bad.csv", "id,name\nx,Ann\n"), write("good.csv", CSV)

    ran = hardlite("import", *files, db_path, "--table", "people", "--on-error", "stop")

    assert (ran.code, sql("SELECT * FROM people")) == (1, [])
    assert "good.csv" not in ran.out
