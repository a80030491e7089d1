"""CSV and TSV."""

from collections.abc import Callable

import pytest
from sqlalchemy import Table

from hardlite.sources import SourceError, UnfitRow, open_source

Write = Callable[[str, str | bytes], str]
People = [{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}]


@pytest.fixture
def table(make_table: Callable[[str], Table]) -> Table:
    return make_table("id INTEGER PRIMARY KEY, name TEXT")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "id,name\n1,Ann\n2,Bob\n"),
        ("t.csv", "\ufeffid,name\r\n1,Ann\r\n\r\n2,Bob"),
        ("t.csv", "\n ID , Name \n1,Ann\n2,Bob\n"),
        ("t.csv", "id;name\n1;Ann\n2;Bob\n"),
        ("t.tsv", "id\tname\n1\tAnn\n2\tBob\n"),
        ("t.tab", "id\tname\n1\tAnn\n2\tBob\n"),
        ("t.txt", "id|name\n1|Ann\n2|Bob\n"),
        ("t", 'id,name\n1,"Ann"\n"2","Bob"\n'),
    ],
)
def test_spellings_of_the_same_rows(
    write: Write, table: Table, read: Callable[..., list[object]], name: str, content: str
) -> None:
    assert read(write(name, content), table) == People


def test_a_field_may_hold_line_ends_quotes_and_more_text_than_csv_allows(
    write: Write, table: Table, read: Callable[..., list[object]]
) -> None:
    long = "x" * 200_000
    path = write("t.csv", f'id,name\n1,"a\nb"\n2,"say ""hi"", {long}"\n3,c\n')

    rows = read(path, table)

    assert [row["name"] for row in rows] == ["a\nb", f'say "hi", {long}', "c"]
    assert [row.line for row in rows] == [2, 4, 5]


def test_a_row_that_is_no_csv_or_has_another_width_is_left_out_with_its_line(
    write: Write, table: Table, read: Callable[..., list[object]]
) -> None:
    path = write("t.csv", 'id,name\n1\n2,Bob\n3,Cy,x\n4,"D"d\n5,Eve\n6,"never closed\n7,Fay\n')

    rows = read(path, table)

    assert [row for row in rows if isinstance(row, dict)] == [
        {"id": 2, "name": "Bob"},
        {"id": 5, "name": "Eve"},
    ]
    assert [str(row) for row in rows if isinstance(row, UnfitRow)] == [
        "line 2: fields in the row: 1, in the header: 2",
        "line 4: fields in the row: 3, in the header: 2",
        "line 5: not CSV: ',' expected after '\"'",
        "line 7: not CSV: unexpected end of data",
    ]


def test_a_header_alone_is_a_file_without_rows(
    write: Write, table: Table, read: Callable[..., list[object]]
) -> None:
    assert read(write("t.csv", "id,name\n"), table) == []


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        ("id,name,ID", "names a column twice: ID, id"),
        ("id,,name", "Column 2 of .* has no name"),
        ('id,"na"me', "cannot be read: ',' expected"),
        ("id,name\r1,Ann\r", "lines must end with a line feed"),
    ],
)
def test_a_header_that_does_not_name_the_columns_is_refused(
    write: Write, header: str, complaint: str
) -> None:
    path = write("t.csv", f"{header}\n")

    with pytest.raises(SourceError, match=complaint), open_source(path):
        pass


def test_bytes_that_are_not_utf_8_are_told_by_line_and_position(
    write: Write, table: Table, read: Callable[..., list[object]]
) -> None:
    path = write("t.csv", b'id,name\n1,"a\nb"\n2,B\xf6b\n')

    with pytest.raises(SourceError) as caught:
        read(path, table, block_rows=1)

    assert "byte 0xf6 at position 4 of line 4" in str(caught.value)
    assert "iconv" in caught.value.hint
