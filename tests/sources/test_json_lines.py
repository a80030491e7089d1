"""JSON Lines."""

from collections.abc import Callable

import pytest
from sqlalchemy import Table

from hardlite.sources import SourceError, UnfitRow, open_source

Write = Callable[[str, str | bytes], str]
Read = Callable[..., list[object]]


@pytest.fixture
def table(make_table: Callable[[str], Table]) -> Table:
    return make_table("id INTEGER PRIMARY KEY, name TEXT NOT NULL, age INTEGER DEFAULT 7")


@pytest.mark.parametrize("name", ["t.jsonl", "t.ndjson", "t.json", "t", "t.txt"])
def test_one_object_a_line(write: Write, table: Table, read: Read, name: str) -> None:
    path = write(name, '\n{"id": 1, "name": "Ann"}\n\n{"NAME": "Bob", "id": 2}')

    assert read(path, table) == [{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}]


def test_a_key_that_a_line_lacks_is_left_to_the_database(
    write: Write, table: Table, read: Read
) -> None:
    path = write("t.jsonl", '{"id": 1, "name": "", "age": null}\n{"id": 2, "name": "Bob"}\n')

    assert read(path, table) == [{"id": 1, "name": "", "age": None}, {"id": 2, "name": "Bob"}]


def test_a_key_may_be_spelled_in_two_ways_but_not_in_one_line(
    write: Write, table: Table, read: Read
) -> None:
    path = write("t.jsonl", '{"id": 1, "NAME": "Ann"}\n{"ID": 2, "id": 3, "name": "Bob"}\n')

    assert list(map(str, read(path, table))) == [
        "{'id': 1, 'name': 'Ann'}",
        "line 2: column id is named twice",
    ]


def test_a_key_may_come_up_late(write: Write, table: Table, read: Read) -> None:
    early = '{"id": 1, "name": "Ann"}\n' * 1000
    path = write("t.jsonl", early + '{"id": 2, "name": "Bob", "age": 3}\n')

    assert read(path, table)[-1] == {"id": 2, "name": "Bob", "age": 3}


def test_a_line_that_is_no_row_is_left_out_with_the_reason(
    write: Write, table: Table, read: Read
) -> None:
    late = [
        "nope",
        "[1]",
        '{"id": NaN, "name": "x"}',
        "[" * 100_000,
        '{"id": ' + "9" * 5000 + "}",
        '{"id": 1, "nmae": "Ann"}',
        '{"id": 2}',
        "{}",
    ]
    path = write("t.jsonl", '{"id": 0, "name": "x"}\n' * 1000 + "\n".join(late))

    rows = read(path, table)[1000:]

    assert [str(row) for row in rows if isinstance(row, UnfitRow)] == [
        "line 1001: not JSON: Expecting value at character 1",
        "line 1002: not a JSON object",
        "line 1003: not JSON: NaN is not a JSON value",
        "line 1004: not JSON: nested too deep",
        "line 1005: not JSON: Exceeds the limit (4300 digits) for integer string conversion",
        "line 1006: the table has no column nmae",
        "line 1007: column name takes no NULL",
        "line 1008: column name takes no NULL",
    ]


def test_an_object_without_keys_is_no_row(
    write: Write, make_table: Callable[[str], Table], read: Read
) -> None:
    table = make_table("id INTEGER PRIMARY KEY, name TEXT")
    path = write("t.jsonl", '{"id": 1}\n{}\n')

    assert list(map(str, read(path, table))) == ["{'id': 1}", "line 2: an object without keys"]


def test_a_block_of_unknown_keys_has_no_rows(
    write: Write, make_table: Callable[[str], Table], read: Read
) -> None:
    table = make_table("id INTEGER PRIMARY KEY, name TEXT")
    path = write("t.jsonl", '{"id": 1}\n' * 1000 + '{"ID": 2}\n{"no": 3}\n')

    assert list(map(str, read(path, table, block_rows=1)[1000:])) == [
        "{'id': 2}",
        "line 1002: the table has no column no",
    ]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('[\n{"id": 1}\n]', "holds a JSON array, not one object a line"),
        ("id,name\n1,Ann\n", "No line at the start of .* is a JSON object with a key"),
        ('{"id": 1}\n{"id": "\udc80"}\n', "byte 0xff at position 9 of line 2"),
    ],
)
def test_a_file_that_is_not_json_lines_is_refused(
    write: Write, content: str, complaint: str
) -> None:
    path = write("t.jsonl", content.encode("utf-8", "surrogateescape").replace(b"\x80", b"\xff"))

    with pytest.raises(SourceError, match=complaint), open_source(path):
        pass


def test_bytes_that_are_not_utf_8_are_told_by_line_and_position(
    write: Write, table: Table, read: Read
) -> None:
    good = b'{"id": 1, "name": "Ann"}\n' * 1000
    path = write("t.jsonl", good + b'\n{"id": 2, "name": "B\xf6b"}\n')

    with pytest.raises(SourceError, match="byte 0xf6 at position 21 of line 1002"):
        read(path, table)
