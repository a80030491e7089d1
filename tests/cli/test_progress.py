"""How an import shows how far it is."""

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from hardlite.cli.progress_view import progress_view
from hardlite.sources import open_source
from tests.fixtures.reports import batch

Write = Callable[[str, str | bytes], Path]

BATCH = batch(0, last_item=499, items=500, committed=500, wait=0.0, hold=0.0, prepare=0.0)


@dataclasses.dataclass
class Hands:
    """A clock whose time the test sets."""

    time: float = 100.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


@pytest.fixture
def rows(write: Write) -> Path:
    return write("people.csv", "id\n" + "1\n" * 400_000)


def test_there_is_a_line_for_the_first_batch_and_then_one_every_two_seconds(rows: Path) -> None:
    out = io.StringIO()
    clock = Hands()

    with (
        open_source(str(rows), block_rows=500) as source,
        progress_view(source, Console(file=out), clock) as show,
    ):
        blocks = source.blocks()
        for _ in range(6):
            next(blocks)
            clock.sleep(0.5)
            show(BATCH)

    assert out.getvalue().splitlines() == [
        "people.csv: 500 rows, 1,000 rows/s, 33%, about 1 s left",
        "people.csv: 2,500 rows, 1,000 rows/s, 33%, about 5 s left",
    ]


def test_a_source_of_unknown_size_has_no_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(b"id\n1\n")), encoding="utf-8")
    monkeypatch.setattr("sys.stdin", stdin)
    out = io.StringIO()
    clock = Hands()

    with (
        open_source("-") as source,
        progress_view(source, Console(file=out), clock) as show,
    ):
        clock.sleep(1.0)
        show(BATCH)

    assert out.getvalue() == "standard input: 500 rows, 500 rows/s\n"


def test_on_a_terminal_there_is_a_bar_with_rows_rate_and_time_left(rows: Path) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=120)
    clock = Hands()

    with (
        open_source(str(rows), block_rows=500) as source,
        progress_view(source, console, clock) as show,
    ):
        next(source.blocks())
        clock.sleep(0.5)
        show(BATCH)

    last = out.getvalue().splitlines()[-2]
    assert "people.csv" in out.getvalue()
    assert "500 rows, 1,000 rows/s" in out.getvalue(), last
