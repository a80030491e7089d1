"""The note in the gate file, which may be read at any moment of its being written."""

import os
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardlite.call_sites import CallSite
from hardlite.turns.gate_note import MAX_SIZE, Note, decode, encode, read_note

NOTE = encode(12, 1.5, "thread 'x'", CallSite("/app/orders.py", 12, "save"), "orders")

PIDS = st.integers(1, 2**31)
MOMENTS = st.integers(0, 2**45).map(lambda number: number / 1_000_000)
LINES = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=60)
SITES = st.builds(CallSite, LINES.filter(bool), st.integers(1, 10**6), LINES)
ANYTHING = st.text(st.characters(exclude_categories=[]), max_size=2000)
NOTES = st.builds(encode, PIDS, MOMENTS, LINES, SITES, LINES)


@given(PIDS, MOMENTS, st.none() | LINES, st.none() | SITES, st.none() | LINES)
def test_what_was_written_is_read(
    pid: int, since: float, thread: str | None, site: CallSite | None, label: str | None
) -> None:
    note = decode(encode(pid, since, thread, site, label))

    assert note == Note(
        pid=pid,
        since=note.since if note else 0,
        thread=thread or None,
        site=site,
        label=label or None,
    )
    assert note.since == pytest.approx(since, abs=2e-6)


@given(
    PIDS,
    MOMENTS,
    ANYTHING,
    st.builds(CallSite, ANYTHING, st.integers(0, 10**9), ANYTHING),
    ANYTHING,
)
def test_texts_of_any_kind_and_length_make_a_note_that_fits_and_can_be_read(
    pid: int, since: float, thread: str, site: CallSite, label: str
) -> None:
    written = encode(pid, since, thread, site, label)
    note = decode(written)

    assert len(written) <= MAX_SIZE
    assert note is not None
    assert note.pid == pid


def test_a_file_name_that_is_no_text_loses_what_is_none() -> None:
    note = decode(encode(12, 1.5, None, CallSite("/app/\udcff.py", 12, "save"), None))

    assert note is not None
    assert note.site == CallSite("/app/.py", 12, "save")


def test_long_texts_without_line_breaks_are_cut_too() -> None:
    written = encode(12, 1.5, "t" * 2000, CallSite("/app.py", 12, "f" * 2000), "ü" * 2000)

    note = decode(written)

    assert len(written) <= MAX_SIZE
    assert note is not None
    assert note.label == "ü" * 100


def test_line_breaks_become_spaces_and_a_long_path_keeps_its_end() -> None:
    site = CallSite("/very" * 200 + "/orders\n.py", 12, "save")

    note = decode(encode(12, 1.5, "a\nb", site, "l" * 2000))

    assert note is not None
    assert (note.thread, note.label) == ("a b", "l" * 200)
    assert note.site is not None
    assert note.site.file.endswith("/very/orders .py")


@given(NOTES, NOTES, st.integers(0, MAX_SIZE))
def test_a_note_half_written_over_another_is_one_of_them_or_none(
    old: bytes, new: bytes, written: int
) -> None:
    torn = new[:written] + old[written:]

    assert decode(torn) in {None, decode(old), decode(new)}


@given(NOTES, st.binary(max_size=MAX_SIZE))
def test_what_stands_behind_a_note_does_no_harm(note: bytes, rest: bytes) -> None:
    assert decode(note + rest) == decode(note)


@given(NOTES, st.integers(0, MAX_SIZE), st.integers(1, 255))
def test_a_note_with_a_wrong_byte_is_none(note: bytes, place: int, change: int) -> None:
    place %= len(note)
    damaged = note[:place] + bytes([note[place] ^ change]) + note[place + 1 :]

    assert decode(damaged) is None


@given(st.binary(max_size=2 * MAX_SIZE))
def test_bytes_that_are_no_note_are_none(content: bytes) -> None:
    assert decode(content) is None


@pytest.mark.parametrize(
    "body",
    [
        "hardlite-note 2\n12\n1500000\n\n\n0\n\n\n",
        "hardlite-note 1\n0\n1500000\n\n\n0\n\n\n",
        "hardlite-note 1\nx\n1500000\n\n\n0\n\n\n",
        "hardlite-note 1\n12\nnan\n\n\n0\n\n\n",
        "hardlite-note 1\n12\n1500000\n\nfile\nline\n\n\n",
    ],
)
def test_a_note_of_another_form_is_none_even_with_its_checksum(body: str) -> None:
    assert decode(body.encode() + b"%d\n" % zlib.crc32(body.encode())) is None


def test_the_note_is_read_from_the_beginning_of_the_gate_file(tmp_path: Path) -> None:
    gate = tmp_path / "app.db-gate"
    gate.write_bytes(NOTE + b"rest of a longer one\n")

    assert read_note(gate) == decode(NOTE)


def test_a_gate_file_that_is_none_or_something_else_has_no_note(tmp_path: Path) -> None:
    empty, pipe = tmp_path / "empty", tmp_path / "pipe"
    empty.touch()
    os.mkfifo(pipe)

    assert [read_note(path) for path in (empty, pipe, tmp_path, tmp_path / "none")] == [None] * 4
