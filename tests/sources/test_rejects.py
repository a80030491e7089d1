"""Rejected rows in the format of their source: what was read is written, and can be read again."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Table

from hardlite.sources import Row, UnfitRow, declare_table, match, open_source, rows_for
from hardlite.sources.rejects import DelimitedRejects, JsonLinesRejects

Rows = Callable[..., Sequence[Row | UnfitRow]]
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


def read_csv(data: bytes, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline=""), delimiter=delimiter))


def spelled(fields: list[str], delimiter: str, end: str) -> bytes:
    # Python 3.11 puts only what is in its line end into quotes.
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\r\n").writerow(fields)
    return (text.getvalue().removesuffix("\r\n") + end).encode()


@given(
    st.lists(TEXTS, min_size=2, max_size=4),
    TEXTS,
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r\n", ""]),
)
def test_a_row_of_csv_keeps_its_fields_and_gets_one_more(
    fields: list[str], reason: str, delimiter: str, end: str
) -> None:
    style = DelimitedRejects(b"a\n", "abcd"[: len(fields)], (), delimiter)

    row = style.row(spelled(fields, delimiter, end), reason)

    assert read_csv(row, delimiter) == [[*fields, reason]]
    assert row.endswith(b"\r\n" if end == "\r\n" else b"\n")


@given(st.lists(TEXTS, min_size=2, max_size=4), TEXTS, TEXTS, st.sampled_from(["", '"', " "]))
def test_a_reason_of_csv_is_replaced_however_it_is_spelled(
    fields: list[str], old: str, new: str, around: str
) -> None:
    names = [*"abcd"[: len(fields)], "hardlite_reason"]
    style = DelimitedRejects(b"", names, {"hardlite_reason"}, ",")
    text = spelled([*fields, around + old + around], ",", "\n")

    assert read_csv(style.row(text, new)) == [[*fields, new]]


def test_what_is_not_needed_of_a_row_is_not_touched() -> None:
    style = DelimitedRejects(
        b"a,hardlite_reason\n", ["a", "hardlite_reason"], {"hardlite_reason"}, ","
    )

    assert style.header == b"a,hardlite_reason\n"
    assert style.row(b'"1",old\r\n', "new") == b'"1","new"\r\n'
    assert style.row(b' "1" ,"o""ld"\n', "new") == b' "1" ,"new"\n'
    assert style.row(b'"1",o"ld\n', "new") == b'"1","new"\n'
    assert style.row(b'"1","old" \n', "new") == b'"1","old" ,"new"\n'
    assert style.row(b"1,2,3\n", "new") == b'1,2,3,"new"\n'


@pytest.mark.parametrize(
    ("names", "passed_over", "header"),
    [
        (["a"], set(), "a,hardlite_reason"),
        (["hardlite_reason"], set(), "a,hardlite_reason_2"),
        (["HARDLITE_reason", "hardlite_reason_2"], set(), "a,hardlite_reason_3"),
        (["hardlite_reason", "b"], {"hardlite_reason"}, "a,hardlite_reason_2"),
    ],
)
def test_the_new_column_has_a_name_of_its_own(
    names: list[str], passed_over: set[str], header: str
) -> None:
    assert DelimitedRejects(b"a\r\n", names, passed_over, ",").header.decode() == f"{header}\r\n"


@given(st.dictionaries(TEXTS, TEXTS | st.integers() | st.none(), min_size=1), st.text())
def test_an_object_keeps_its_keys_and_gets_one_more(found: dict[str, object], reason: str) -> None:
    style = JsonLinesRejects(list(found))

    row = style.row(json.dumps(found).encode(), reason)

    again = json.loads(row)
    assert {key: again[key] for key in found} == found
    assert again["hardlite_reason"] == reason
    assert list(again)[-1] == "hardlite_reason"
    assert row.count(b"\n") == 1


def test_an_object_with_a_column_of_that_name_gets_another() -> None:
    row = JsonLinesRejects(["hardlite_reason"]).row(b'{"hardlite_reason": 1}\n', "why")

    assert row == b'{"hardlite_reason": 1, "hardlite_reason_2": "why"}\n'


def test_half_a_character_in_a_reason_is_shown_by_its_number() -> None:
    assert DelimitedRejects(b"", ["a"], (), ",").row(b"1", "\udcff") == b'1,"\\udcff"\n'


def test_the_texts_are_those_of_the_file_in_every_row_good_or_bad(
    make_table: Callable[[str], Table], tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    rows = [b'1,"x\ny"\r\n', b"2,\r\n", b"x,z\r\n", b"3\r\n", b'4,"a"b\r\n', b"5,last"]
    path.write_bytes(b"\xef\xbb\xbf\n\r\na,b\r\n\r\n" + b"".join(rows))

    with open_source(str(path), keep_text=True) as source:
        target = match(source, make_table("a INTEGER, b TEXT"))
        found = list(rows_for(target, source, frozenset()))
        header = source.rejects(target.passed_over).header

    assert header == b"a,b,hardlite_reason\r\n"
    assert sorted(item.text for item in found) == sorted(rows)
    assert [item.column for item in found if isinstance(item, UnfitRow)] == ["a", None, None]


def test_no_table_gets_a_column_for_reasons(
    write: Callable[[str, str], str], make_table: Callable[[str], Table]
) -> None:
    path = write("t.csv", "a,Hardlite_Reason,hardlite_reason_2\n1,old,older\n")

    with open_source(path) as source:
        assert declare_table("t", source, frozenset()).columns.keys() == ["a"]
        assert match(source, make_table("a INTEGER")).passed_over == {
            "Hardlite_Reason",
            "hardlite_reason_2",
        }


def test_a_column_of_that_name_in_the_table_is_one_like_others(
    read: Rows, write: Callable[[str, str], str], make_table: Callable[[str], Table]
) -> None:
    table = make_table("hardlite_reason TEXT")

    (row,) = read(write("t.jsonl", '{"hardlite_reason": "mine"}\n'), table)

    assert row == {"hardlite_reason": "mine"}
