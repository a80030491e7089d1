"""What becomes of a batch that has a bad item, for every way in which an item can be bad."""

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, Insert, Table, insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from hardlite import batched_unit_of_work
from hardlite.errors import UsageError
from hardlite.imports.batch_units import Work
from hardlite.imports.batches import OnError
from tests.fixtures.library import (
    AUTHORS,
    Author,
    Book,
    add_with_books,
    author,
    empty,
    stored,
)

BAD = {
    "unique": ({"name": "author 0"}, "IntegrityError: UNIQUE constraint failed: authors.name"),
    "primary key": ({"id": 0}, "IntegrityError: UNIQUE constraint failed: authors.id"),
    "foreign key": ({"country_id": 99}, "IntegrityError: FOREIGN KEY constraint failed"),
    "deferred foreign key": ({"mentor_id": 99}, "IntegrityError: FOREIGN KEY constraint failed"),
    "not null": ({"name": None}, "IntegrityError: NOT NULL constraint failed: authors.name"),
    "check": ({"born": -1}, "IntegrityError: CHECK constraint failed: born > 0"),
    "a type that SQLite has not": ({"born": object()}, "type 'object' is not supported"),
    "a number too large": ({"born": 2**70}, "OverflowError: Python int too large"),
    "a name that no text can hold": ({"name": "\ud800"}, "UnicodeEncodeError: "),
    "a type that the key cannot have": ({"id": "seven"}, "IntegrityError: datatype mismatch"),
}
WORKS: dict[str, Table | type | Insert | Callable[[Session, Any], object]] = {
    "a table": AUTHORS,
    "a mapped class": Author,
    "an INSERT of a table": insert(AUTHORS),
    "an INSERT of a class": insert(Author),
    "a function": add_with_books,
}
# Ten items in batches of four: the fifth position is in the second of three batches.
LEFT = {
    "continue": [0, 1, 2, 3, 8, 9],
    "stop": [0, 1, 2, 3],
    "isolate": [0, 1, 2, 3, 4, 6, 7, 8, 9],
}
PARAMETERS = [pytest.param(work, id=name) for name, work in WORKS.items()]


@pytest.mark.parametrize("work", PARAMETERS)
@pytest.mark.parametrize(("values", "reason"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("on_error", LEFT)
def test_a_bad_item_costs_what_on_error_says(
    library: Engine, on_error: OnError, values: dict[str, object], reason: str, work: Work
) -> None:
    items = [author(number, **(values if number == 5 else {})) for number in range(10)]

    report = batched_unit_of_work(library, items, work, batch_size=4, on_error=on_error)

    left = LEFT[on_error]
    out = [5] if on_error == "isolate" else [4, 5, 6, 7]
    assert stored(library) == left
    assert report.committed == len(left)
    assert [rejection.position for rejection in report.rejections] == out
    assert [rejection.item for rejection in report.rejections] == [items[place] for place in out]
    assert all(reason in rejection.reason for rejection in report.rejections)
    assert all(
        rejection.reason.startswith(f"{rejection.error_type}: ") for rejection in report.rejections
    )
    assert (report.ok, report.stopped, report.error) == (False, on_error == "stop", None)
    outcome = {"continue": "rejected", "stop": "rejected", "isolate": "partial"}[on_error]
    assert report.batches[1].outcome == outcome
    assert isinstance(report.batches[1].error, Exception)
    assert len(report.batches) == (2 if on_error == "stop" else 3)


@pytest.mark.parametrize("on_error", LEFT)
def test_what_a_function_raises_is_about_its_item(library: Engine, on_error: OnError) -> None:
    def work(session: Session, item: dict[str, object]) -> None:
        session.add(Author(**item))
        session.flush()
        if item["id"] == 5:
            raise ValueError("no such\n  author")

    items = [author(number) for number in range(10)]

    report = batched_unit_of_work(library, items, work, batch_size=4, on_error=on_error)

    assert stored(library) == LEFT[on_error]
    assert {rejection.reason for rejection in report.rejections} == {"ValueError: no such author"}
    assert {rejection.error_type for rejection in report.rejections} == {"ValueError"}


def test_the_children_of_a_rejected_item_are_left_out_with_it(library: Engine) -> None:
    items = [author(number, **({"born": -1} if number == 2 else {})) for number in range(4)]

    batched_unit_of_work(library, items, add_with_books, on_error="isolate")

    with library.connect() as connection:
        owners = list(connection.scalars(select(Book.author_id).order_by(Book.id)))
    assert owners == [0, 0, 1, 1, 3, 3]


def test_a_function_is_called_at_most_twice_for_an_item_that_is_found_bad_at_once(
    library: Engine,
) -> None:
    calls: list[object] = []

    def work(session: Session, item: dict[str, object]) -> None:
        calls.append(item["id"])
        add_with_books(session, item)

    items = [author(number, **({"born": -1} if number == 3 else {})) for number in range(8)]

    batched_unit_of_work(library, items, work, on_error="isolate")

    assert sorted(calls) == sorted([*range(8), *range(8)])


def test_the_first_of_two_rows_with_one_key_is_the_good_one(library: Engine) -> None:
    items = [author(number, name=name) for number, name in enumerate("abcbda")]

    report = batched_unit_of_work(library, items, AUTHORS, on_error="isolate")

    assert [rejection.position for rejection in report.rejections] == [3, 5]
    assert stored(library) == [0, 1, 2, 4]


@pytest.mark.parametrize("work", PARAMETERS)
def test_a_constraint_that_rolls_the_transaction_back_costs_its_item_alone(
    library: Engine, work: Work
) -> None:
    """RAISE(ROLLBACK) takes the savepoints along; what was good is written again."""
    with library.begin() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER refuse BEFORE INSERT ON authors WHEN new.born = 13 "
                "BEGIN SELECT raise(ROLLBACK, 'an unlucky year'); END"
            )
        )
    items = [author(number, **({"born": 13} if number in {2, 6} else {})) for number in range(8)]

    report = batched_unit_of_work(library, items, work, batch_size=8, on_error="isolate")

    assert stored(library) == [0, 1, 3, 4, 5, 7]
    assert [(rejection.position, rejection.reason) for rejection in report.rejections] == [
        (2, "IntegrityError: an unlucky year"),
        (6, "IntegrityError: an unlucky year"),
    ]
    assert report.batches[0].attempts > 1


@pytest.mark.parametrize("on_error", LEFT)
def test_a_function_that_hides_a_lost_transaction_is_stopped(
    library: Engine, on_error: OnError
) -> None:
    """The items before would be lost, and the report would not say so."""
    with library.begin() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER refuse BEFORE INSERT ON authors WHEN new.born = 13 "
                "BEGIN SELECT raise(ROLLBACK, 'an unlucky year'); END"
            )
        )

    def work(session: Session, item: dict[str, object]) -> None:
        with contextlib.suppress(IntegrityError):
            session.execute(insert(AUTHORS), item)

    items = [author(1), author(2, born=13), author(3)]

    with pytest.raises(UsageError, match="ended the transaction of its batch"):
        batched_unit_of_work(library, items, work, on_error=on_error)

    assert stored(library) == []


@pytest.mark.parametrize("work", PARAMETERS)
@given(data=st.data())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_isolation_keeps_exactly_the_good_items(
    library: Engine, work: Work, data: st.DataObject
) -> None:
    """Wherever the bad items are, whatever is bad about them, and whatever the batch size."""
    empty(library)
    count = data.draw(st.integers(0, 12), label="items")
    kinds = [None, "foreign key", "deferred foreign key", "check", "a number too large"]
    faults = data.draw(
        st.lists(st.sampled_from(kinds), min_size=count, max_size=count), label="faults"
    )
    batch_size = data.draw(st.integers(1, count + 1), label="batch_size")
    items = [
        author(number, **(BAD[fault][0] if fault else {})) for number, fault in enumerate(faults)
    ]

    report = batched_unit_of_work(library, items, work, batch_size=batch_size, on_error="isolate")

    good = [number for number, fault in enumerate(faults) if fault is None]
    assert stored(library) == good
    assert report.committed == len(good)
    assert [rejection.position for rejection in report.rejections] == [
        number for number, fault in enumerate(faults) if fault is not None
    ]


@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_report_is_what_the_database_holds(library: Engine, data: st.DataObject) -> None:
    """Counts, positions and ranges add up for every way of going on."""
    empty(library)
    count = data.draw(st.integers(0, 20), label="items")
    positions = st.sets(st.integers(0, count), max_size=6)
    unprepared, unwritten = data.draw(positions, label="prepare"), data.draw(positions, label="db")
    on_error = data.draw(st.sampled_from(list(LEFT)), label="on_error")
    conflict = data.draw(st.sampled_from(["error", "ignore", "update"]), label="conflict")
    batch_size = data.draw(st.integers(1, 7), label="batch_size")
    there_already = data.draw(positions, label="there already")
    batched_unit_of_work(library, map(author, sorted(there_already)), AUTHORS)

    def prepare(number: int) -> dict[str, object]:
        if number in unprepared:
            raise LookupError(number)
        return author(number, **({"born": -1} if number in unwritten else {"born": 1950}))

    report = batched_unit_of_work(
        library,
        iter(range(count)),
        AUTHORS,
        prepare=prepare,
        batch_size=batch_size,
        on_error=on_error,
        conflict=conflict,
    )

    seen = [n for batch in report.batches for n in range(batch.first_item, batch.last_item + 1)]
    assert seen == list(range(len(seen)))
    assert len(seen) == count or report.stopped
    assert [batch.index for batch in report.batches] == list(range(len(report.batches)))
    for batch in report.batches:
        assert batch.items == batch.last_item - batch.first_item + 1 <= batch_size
        assert batch.committed + batch.rejected + batch.skipped == batch.items
    assert report.committed + report.rejected + report.skipped == len(seen)
    out = {rejection.position for rejection in report.rejections}
    assert report.rejected == len(out)
    assert stored(library) == sorted((set(seen) - out) | there_already)
    with library.connect() as connection:
        written = connection.scalars(select(AUTHORS.c.id).where(AUTHORS.c.born == 1950))
        assert len(list(written)) == report.committed
