"""Where items come from: how far the source is read, what `prepare` does, and what interrupts."""

import gc
import weakref
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from hardlite import batched_unit_of_work
from hardlite.imports.batch_units import Work
from hardlite.reports.batch_results import BatchResult
from tests.fixtures.library import AUTHORS, Author, add_with_books, author, authors, stored


class Counted:
    """A source that knows how many items were taken from it."""

    def __init__(self, count: int) -> None:
        self.pulled = 0
        self._count = count

    def __iter__(self) -> Iterator[dict[str, object]]:
        for number in range(self._count):
            self.pulled += 1
            yield author(number)


@pytest.mark.parametrize("work", [AUTHORS, Author, add_with_books])
@pytest.mark.parametrize("prepare", [dict, None])
def test_no_item_is_taken_before_the_batch_in_front_of_it_is_written(
    library: Engine, work: Work, prepare: type | None
) -> None:
    source = Counted(10)
    pulled: list[int] = []

    batched_unit_of_work(
        library,
        source,
        work,
        prepare=prepare,
        batch_size=3,
        progress=lambda _: pulled.append(source.pulled),
    )

    assert pulled == [3, 6, 9, 10]
    assert stored(library) == list(range(10))


@pytest.mark.parametrize("on_error", ["continue", "isolate"])
def test_the_report_keeps_no_item_in_memory_but_those_it_names(
    library: Engine, on_error: str
) -> None:
    class Row(dict[str, object]):
        """A row that tells when it is gone."""

    made: list[weakref.ref[Row]] = []

    def rows() -> Iterator[Row]:
        for number in range(20):
            row = Row(author(number, **({"born": -1} if number == 7 else {})))
            made.append(weakref.ref(row))
            yield row

    report = batched_unit_of_work(library, rows(), AUTHORS, batch_size=5, on_error=on_error)

    gc.collect()
    alive = [number for number, row in enumerate(made) if row() is not None]
    assert alive == [rejection.position for rejection in report.rejections]


def test_an_error_in_the_report_still_shows_where_it_came_from(library: Engine) -> None:
    first = ValueError("never raised")
    first.__cause__ = first

    def work(_session: object, _item: object) -> None:
        raise KeyError("a name to look for") from first

    report = batched_unit_of_work(library, [1], work)

    error = report.batches[0].error
    names = []
    trace = error.__traceback__
    while trace is not None:
        names.append(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    assert names[-1] == "work"


def test_an_error_in_the_report_has_a_statement_and_no_parameters(library: Engine) -> None:
    report = batched_unit_of_work(library, [author(1), author(1, name="secret")], AUTHORS)

    error = report.batches[0].error
    assert isinstance(error, IntegrityError)
    assert "INSERT INTO authors" in str(error)
    assert "secret" not in str(error)


def test_the_first_hundred_errors_have_a_traceback_and_all_of_them_a_message(
    library: Engine,
) -> None:
    items = [author(0)] * 103

    report = batched_unit_of_work(library, items, AUTHORS, batch_size=1)

    errors = [batch.error for batch in report.batches[1:]]
    assert [error.__traceback__ is not None for error in errors] == [True] * 100 + [False] * 2
    assert {str(error) for error in errors} == {str(errors[0])}
    assert errors[-1].__context__ is errors[-1].__cause__ is None
    assert errors[-1].orig.__traceback__ is None


def test_an_import_of_nothing_is_a_good_one(library: Engine) -> None:
    report = batched_unit_of_work(library, iter(()), AUTHORS)

    assert (report.ok, report.committed, report.rejected, report.batches) == (True, 0, 0, ())


@pytest.mark.parametrize(("count", "sizes"), [(3, [3]), (4, [4]), (5, [4, 1]), (8, [4, 4])])
def test_every_batch_but_the_last_has_batch_size_items(
    library: Engine, count: int, sizes: list[int]
) -> None:
    report = batched_unit_of_work(library, authors(count), AUTHORS, batch_size=4)

    assert [batch.items for batch in report.batches] == sizes
    assert [batch.attempts for batch in report.batches] == [1] * len(sizes)


def only_even(number: int) -> dict[str, object]:
    if number % 2:
        raise LookupError(f"{number} is odd")
    return author(number)


def test_an_item_that_cannot_be_prepared_is_rejected_alone(library: Engine) -> None:
    report = batched_unit_of_work(library, range(9), AUTHORS, prepare=only_even, batch_size=4)

    assert stored(library) == [0, 2, 4, 6, 8]
    assert [
        (rejection.position, rejection.item, rejection.reason) for rejection in report.rejections
    ] == [(number, number, f"LookupError: {number} is odd") for number in (1, 3, 5, 7)]
    assert [batch.outcome for batch in report.batches] == ["partial", "partial", "committed"]
    assert [batch.committed for batch in report.batches] == [2, 2, 1]


def test_positions_count_the_source_also_behind_items_that_were_not_prepared(
    library: Engine,
) -> None:
    def prepare(number: int) -> dict[str, object]:
        return only_even(number) | ({"born": -1} if number == 6 else {})

    report = batched_unit_of_work(
        library, range(8), AUTHORS, prepare=prepare, on_error="isolate", batch_size=8
    )

    assert [(rejection.position, rejection.error_type) for rejection in report.rejections] == [
        (1, "LookupError"),
        (3, "LookupError"),
        (5, "LookupError"),
        (6, "IntegrityError"),
        (7, "LookupError"),
    ]
    assert report.rejections[3].item == author(6, born=-1)


def test_a_batch_of_which_nothing_could_be_prepared_takes_no_turn(library: Engine) -> None:
    report = batched_unit_of_work(library, [1, 3, 5], AUTHORS, prepare=only_even, batch_size=2)

    assert [(batch.outcome, batch.attempts, batch.hold) for batch in report.batches] == [
        ("rejected", 0, 0.0),
        ("rejected", 0, 0.0),
    ]


def test_stop_takes_no_item_after_one_that_could_not_be_prepared(library: Engine) -> None:
    source = iter([0, 2, 4, 5, 6, 8])

    report = batched_unit_of_work(library, source, AUTHORS, prepare=only_even, on_error="stop")

    assert list(source) == [6, 8]
    assert stored(library) == [0, 2, 4]
    assert report.stopped
    assert [rejection.position for rejection in report.rejections] == [3]


def interrupted(error: BaseException) -> Iterator[dict[str, object]]:
    """Five items in batches of two, and then ``error``."""
    for number in range(5):
        yield author(number, **({"born": -1} if number == 3 else {}))
    raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ConnectionError("the feed broke")])
@pytest.mark.parametrize("prepare", [None, dict])
def test_what_the_source_raises_comes_through_and_says_what_stays(
    library: Engine, error: BaseException, prepare: type | None
) -> None:
    with pytest.raises(type(error)) as caught:
        batched_unit_of_work(library, interrupted(error), AUTHORS, prepare=prepare, batch_size=2)

    assert caught.value is error
    (note,) = error.__notes__
    assert note == (
        "hardlite: the import was interrupted; the first 2 batches are done and stay: "
        "2 items committed, 2 rejected"
    )
    assert stored(library) == [0, 1]
    del error.__notes__


def test_ctrl_c_inside_a_batch_leaves_nothing_of_that_batch(library: Engine) -> None:
    def work(session: object, item: dict[str, object]) -> None:
        if item["id"] == 3:
            raise KeyboardInterrupt
        add_with_books(session, item)

    with pytest.raises(KeyboardInterrupt) as caught:
        batched_unit_of_work(library, authors(6), work, batch_size=2)

    assert "the first 1 batches are done and stay: 2 items committed" in caught.value.__notes__[0]
    assert stored(library) == [0, 1]
    assert batched_unit_of_work(library, [author(9)], AUTHORS).ok


def test_ctrl_c_in_prepare_is_nobodys_rejection(library: Engine) -> None:
    def prepare(item: dict[str, object]) -> dict[str, object]:
        if item["id"] == 4:
            raise KeyboardInterrupt
        return item

    with pytest.raises(KeyboardInterrupt):
        batched_unit_of_work(library, authors(6), AUTHORS, prepare=prepare, batch_size=2)

    assert stored(library) == [0, 1, 2, 3]


def test_what_the_progress_function_raises_comes_through_after_its_batch(library: Engine) -> None:
    def progress(batch: BatchResult) -> None:
        if batch.index == 1:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough") as caught:
        batched_unit_of_work(library, authors(6), AUTHORS, batch_size=2, progress=progress)

    assert "4 items committed" in caught.value.__notes__[0]
    assert stored(library) == [0, 1, 2, 3]
