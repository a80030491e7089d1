"""`describe`: what the report keeps of a rejected item."""

import logging

import pytest
from sqlalchemy import Engine

from hardlite import batched_unit_of_work
from hardlite.imports.batch_units import Work
from tests.fixtures.library import AUTHORS, add_with_books, author, stored


def parsed(line: str) -> dict[str, object]:
    return author(int(line))


@pytest.mark.parametrize("work", [AUTHORS, add_with_books])
def test_it_gets_the_item_as_the_source_gave_it(library: Engine, work: Work) -> None:
    lines = ["1", "one", "2", "1", "3"]

    report = batched_unit_of_work(
        library, lines, work, prepare=parsed, describe=lambda line: f"<{line}>", on_error="isolate"
    )

    assert [(each.position, each.item) for each in report.rejections] == [(1, "<one>"), (3, "<1>")]
    assert stored(library) == [1, 2, 3]


def test_without_prepare_it_gets_the_item_too(library: Engine) -> None:
    rows = [author(1), author(1, name="another")]

    report = batched_unit_of_work(
        library, rows, AUTHORS, describe=lambda row: row["name"], on_error="isolate"
    )

    assert [each.item for each in report.rejections] == ["another"]


def test_it_is_called_for_rejected_items_alone(library: Engine) -> None:
    called: list[object] = []

    batched_unit_of_work(
        library, [author(number) for number in (1, 2, 2)], AUTHORS, describe=called.append
    )

    assert called == [author(1), author(2), author(2)]


def test_where_it_fails_the_item_is_kept_whole_and_that_is_logged_once(
    library: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [author(1), author(1), author(1)]

    with caplog.at_level(logging.WARNING, "hardlite.batches"):
        report = batched_unit_of_work(
            library, rows, AUTHORS, describe=lambda row: row["title"], on_error="isolate"
        )

    assert [each.item for each in report.rejections] == [author(1), author(1)]
    (record,) = caplog.records
    assert "describe= failed for item 1" in record.getMessage()
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], KeyError)
