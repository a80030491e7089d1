"""The table that is made for a source that has none."""

from collections.abc import Callable, Iterable

import pytest

from hardlite.sources import declare_table, open_source

Write = Callable[[str, str | bytes], str]


def declared(path: str, nulls: Iterable[str] = ()) -> dict[str, str]:
    with open_source(path) as source:
        table = declare_table("t", source, frozenset(nulls))
    return {column.name: str(column.type) for column in table.columns}


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        (["1", "-2", ""], "INTEGER"),
        (["0", "10"], "INTEGER"),
        (["1", "2.5"], "REAL"),
        (["1.0", "2.0"], "REAL"),
        (["1e3"], "REAL"),
        (["0.5", "-0.5"], "REAL"),
        (["9223372036854775808"], "REAL"),
        (["00123"], "TEXT"),
        (["-01"], "TEXT"),
        (["+49123"], "TEXT"),
        (["nan"], "TEXT"),
        (["1", "x"], "TEXT"),
        ([""], "TEXT"),
        (["1_000"], "TEXT"),
    ],
)
def test_a_column_gets_the_type_that_all_its_fields_fit(
    write: Write, fields: list[str], kind: str
) -> None:
    path = write("t.csv", "id,f\n" + "".join(f"x,{field}\n" for field in fields))

    assert declared(path) == {"id": "TEXT", "f": kind}


def test_texts_that_stand_for_no_value_say_nothing_about_the_type(write: Write) -> None:
    assert declared(write("t.csv", "n\n1\nNA\n"), nulls=["NA"]) == {"n": "INTEGER"}


def test_json_says_its_types_itself(write: Write) -> None:
    path = write("t.jsonl", '{"i": 1, "r": 1.0, "b": true, "t": "1x", "l": [], "n": null}\n{}\n')

    assert declared(path) == {
        "i": "INTEGER",
        "r": "REAL",
        "b": "INTEGER",
        "t": "TEXT",
        "l": "TEXT",
        "n": "TEXT",
    }


def test_two_spellings_of_a_key_are_one_column(write: Write) -> None:
    path = write("t.jsonl", '{"Id": 1}\n{"ID": 1.5}\n')

    assert declared(path) == {"Id": "REAL"}


def test_the_rows_that_were_looked_at_are_still_to_be_read(write: Write) -> None:
    path = write("t.csv", "n\n" + "1\n" * 6500)

    with open_source(path) as source:
        declare_table("t", source, frozenset())

        assert sum(len(block.lines) for block in source.blocks()) == 6500
