"""What an import tells while it runs."""

import sys
from collections.abc import Callable, Iterable
from typing import Literal

import pytest
from sqlalchemy import Engine

from hardlite import batched_unit_of_work
from hardlite.errors import MissingExtraError
from hardlite.reports.batch_results import BatchResult
from tests.fixtures.library import AUTHORS, author, authors, stored


def test_the_progress_function_gets_each_batch_in_order_after_its_commit(library: Engine) -> None:
    told: list[BatchResult] = []
    stored_then: list[int] = []

    def progress(batch: BatchResult) -> None:
        told.append(batch)
        stored_then.append(len(stored(library)))

    report = batched_unit_of_work(library, authors(7), AUTHORS, batch_size=3, progress=progress)

    assert tuple(told) == report.batches
    assert stored_then == [3, 6, 7]


def test_rejections_are_told_once_their_batch_is_done_and_before_the_batch_itself(
    library: Engine,
) -> None:
    told: list[object] = []
    items = [author(number) for number in (0, 0, 1, 2, 2)]

    batched_unit_of_work(
        library,
        items,
        AUTHORS,
        batch_size=3,
        on_error="isolate",
        on_rejection=lambda rejection: told.append((rejection.position, stored(library))),
        progress=lambda batch: told.append(batch.index),
    )

    assert told == [(1, [0, 1]), 0, (4, [0, 1, 2]), 1]


@pytest.mark.parametrize("progress", [None, False])
def test_nothing_is_drawn_unless_asked_for(
    library: Engine, capsys: pytest.CaptureFixture[str], progress: Literal[False] | None
) -> None:
    batched_unit_of_work(library, authors(3), AUTHORS, progress=progress)

    assert capsys.readouterr() == ("", "")


@pytest.fixture
def bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for the whole bar in one line, and the extra that draws it."""
    pytest.importorskip("rich", reason="the extra `cli` is not installed")
    monkeypatch.setenv("COLUMNS", "120")


@pytest.mark.usefixtures("bar")
@pytest.mark.parametrize(
    ("collect", "total", "expected"),
    [(list, None, "7/7"), (iter, None, "7/?"), (iter, 20, "7/20"), (list, 14, "7/14")],
)
def test_a_bar_on_standard_error_counts_the_items(
    library: Engine,
    capsys: pytest.CaptureFixture[str],
    collect: Callable[[Iterable[object]], Iterable[object]],
    total: int | None,
    expected: str,
) -> None:
    items = collect(authors(7))

    report = batched_unit_of_work(library, items, AUTHORS, batch_size=3, progress=True, total=total)

    out, err = capsys.readouterr()
    assert report.ok
    assert out == ""
    assert expected in err
    assert "0 rejected" in err


@pytest.mark.usefixtures("bar")
def test_the_bar_counts_what_is_rejected_over_all_batches(
    library: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    items = [author(number, **({"born": -1} if number in {1, 4, 5} else {})) for number in range(7)]

    batched_unit_of_work(library, items, AUTHORS, batch_size=3, progress=True, on_error="isolate")

    err = capsys.readouterr().err
    assert "7/7" in err
    assert "3 rejected" in err


def test_a_bar_without_the_extra_is_refused_before_anything_is_read(
    library: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rich.console", None)
    source = authors(3)

    with pytest.raises(MissingExtraError, match=r"pip install 'hardlite\[cli\]'"):
        batched_unit_of_work(library, source, AUTHORS, progress=True)

    assert len(list(source)) == 3
