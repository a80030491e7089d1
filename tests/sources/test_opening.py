"""Where the bytes come from, and what is said when they cannot be had."""

import gzip
import io
import os
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from hardlite.sources import SourceError, open_source, table_name_of

Write = Callable[[str, str | bytes], str]
CSV = "id,name\n1,Ann\n2,Bob\n"


def zipped(*members: str, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive:
        for member in members:
            archive.writestr(member, CSV)
    return packed.getvalue()


def values(path: str) -> list[tuple[object, ...]]:
    with open_source(path) as source:
        blocks = list(source.blocks())
    return [row for block in blocks for row in zip(*block.columns.values(), strict=True)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("people.csv", CSV.encode()),
        ("people.csv.gz", gzip.compress(CSV.encode())),
        ("people.csv.zip", zipped("people.csv")),
        ("people.zip", zipped("__MACOSX/._people.csv", "data/", "data/people.csv")),
        ("people.csv", gzip.compress(CSV.encode())),
        ("people.csv", zipped("people.csv")),
        ("people.csv", zipped("people.csv", compression=zipfile.ZIP_STORED)),
    ],
    ids=["plain", "gz", "zip", "zip with more", "gz inside", "zip inside", "stored"],
)
def test_a_file_is_unpacked_by_its_suffix_or_its_first_bytes(
    write: Write, name: str, content: bytes
) -> None:
    assert values(write(name, content)) == [("1", "Ann"), ("2", "Bob")]


def test_the_suffix_within_an_archive_tells_the_format(write: Write) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("people.jsonl", '{"id": 1}\n')

    assert values(write("people.zip", packed.getvalue())) == [(1,)]


@pytest.mark.parametrize(
    ("source", "table"),
    [
        ("people.csv", "people"),
        ("/data/people.csv.gz", "people"),
        ("people", "people"),
        (".csv", None),
        ("-", None),
    ],
)
def test_a_source_is_for_the_table_of_its_name(source: str, table: str | None) -> None:
    assert table_name_of(source) == table


def test_the_position_is_in_bytes_of_the_packed_file(write: Write) -> None:
    path = write("people.csv.gz", gzip.compress(CSV.encode()))

    with open_source(path) as source:
        list(source.blocks())

        assert source.position() == source.size == Path(path).stat().st_size


def test_a_pipe_has_no_size(tmp_path: Path) -> None:
    pipe = tmp_path / "people.csv"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(CSV,), kwargs={"encoding": "utf-8"})
    writer.start()

    with open_source(str(pipe)) as source:
        assert len(next(source.blocks()).lines) == 2
        assert (source.size, source.position()) == (None, 0)
    writer.join()


def test_standard_input_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(CSV.encode())), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", stdin)

    with open_source("-") as source:
        assert source.title == "standard input"
        assert source.columns == ("id", "name")

    assert not stdin.buffer.closed


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("empty.csv", b"", "empty.csv is empty"),
        ("blank.csv", b"\xef\xbb\xbf\n\n", "blank.csv is empty"),
        ("empty.csv.gz", b"", "empty.csv.gz is empty"),
        ("people.zip", b"PK\x03\x04 and nothing more", "people.zip is damaged or cut off"),
        ("people.csv.gz", b"id,name\n", "people.csv.gz is damaged or cut off"),
        ("people.csv.gz", gzip.compress(CSV.encode())[:-9], "people.csv.gz is damaged or cut off"),
        (
            "people.zip",
            zipped("a.csv", "b.csv"),
            "holds 2 files where one is expected: a.csv, b.csv",
        ),
        ("people.zip", zipped(), "holds 0 files where one is expected: none"),
        ("people.zip", zipped("a.csv", compression=zipfile.ZIP_BZIP2), "a password or a rare"),
        ("utf16.csv", CSV.encode("utf-16"), "utf16.csv is UTF-16 text"),
        ("photo.csv", b"GIF89a\0\0\0", "photo.csv is not text: its line 1 holds zero bytes"),
        ("latin.csv", "größe\n".encode("latin-1"), "byte 0xf6 at position 3 of line 1"),
    ],
    ids=[
        "empty",
        "blank",
        "empty gz",
        "no zip",
        "no gz",
        "cut off",
        "two members",
        "no member",
        "bzip2",
        "utf-16",
        "binary",
        "latin-1",
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(
    write: Write, name: str, content: bytes, complaint: str
) -> None:
    path = write(name, content)

    with pytest.raises(SourceError, match=complaint), open_source(path):
        pass


def test_a_missing_file_a_directory_and_a_closed_standard_input_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    for source, complaint in (
        (str(tmp_path / "none.csv"), "There is no file"),
        (str(tmp_path), "is a directory"),
        (str(tmp_path / ("n" * 300)), "cannot be read: File name too long"),
        ("-", "standard input is closed"),
    ):
        with pytest.raises(SourceError, match=complaint), open_source(source):
            pass


def test_a_zip_archive_in_a_pipe_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(zipped("a.csv"))), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", stdin)

    with pytest.raises(SourceError, match="can only be read from a file"), open_source("-"):
        pass


def test_what_comes_before_damage_is_read(write: Write) -> None:
    rows = "".join(f"{number},{os.urandom(50).hex()}\n" for number in range(20_000))
    packed = gzip.compress(f"id,name\n{rows}".encode())
    path = write("people.csv.gz", packed[: len(packed) // 2])
    lines: list[int] = []

    with open_source(path) as source, pytest.raises(SourceError, match="damaged or cut off"):
        lines.extend(line for block in source.blocks() for line in block.lines)

    assert lines == list(range(2, len(lines) + 2))
    assert len(lines) > 1000
