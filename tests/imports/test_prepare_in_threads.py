"""`prepare_workers`: items are prepared in threads, in order, and not too far ahead."""

import contextvars
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from hardlite import batched_unit_of_work
from hardlite.errors import ConfigurationError
from hardlite.imports.preparing import PreparedAhead
from hardlite.reports.report import BatchResult
from tests.fixtures.arrivals import PATIENCE
from tests.fixtures.entries import ENTRIES, entered, entries, make_entries
from tests.fixtures.lock_keepers import until
from tests.fixtures.programs import run_program

Item = dict[str, object]


@pytest.fixture
def engine(engine: Engine) -> Engine:
    make_entries(engine)
    return engine


def wait(event: threading.Event) -> None:
    assert event.wait(PATIENCE), "what this waits for does not come"


def test_the_order_of_the_items_stays_whoever_is_ready_first(engine: Engine) -> None:
    """The first item is ready only when the fourth is."""
    fourth = threading.Event()

    def prepare(item: Item) -> Item:
        if item["n"] == 0:
            wait(fourth)
        if item["n"] == 3:
            fourth.set()
        return item

    seen: list[BatchResult] = []
    report = batched_unit_of_work(
        engine, entries(10), ENTRIES, prepare=prepare, prepare_workers=4, batch_size=3,
        progress=seen.append,
    )  # fmt: skip

    assert report.ok
    assert [(batch.first_item, batch.items) for batch in seen] == [(0, 3), (3, 3), (6, 3), (9, 1)]
    assert entered(engine) == list(range(10))


def test_several_threads_prepare_at_once(engine: Engine) -> None:
    meeting = threading.Barrier(3, timeout=PATIENCE)

    def prepare(item: Item) -> Item:
        meeting.wait()
        return item

    assert batched_unit_of_work(engine, entries(6), ENTRIES, prepare=prepare, prepare_workers=3).ok


def test_items_are_prepared_while_a_batch_is_written(engine: Engine) -> None:
    """The function of the first batch waits for the first item of the second one."""
    prepared = {number: threading.Event() for number in range(4)}
    slow = threading.Event()

    def prepare(item: Item) -> Item:
        number = int(str(item["n"]))
        if number == 1:
            # The source is read on for as long as the item in front is not ready.
            wait(slow)
        prepared[number].set()
        return item

    def source() -> Iterator[Item]:
        yield from entries(4)
        slow.set()

    def work(_session: object, item: Item) -> None:
        if item["n"] == 0:
            wait(prepared[2])

    assert batched_unit_of_work(
        engine, source(), work, prepare=prepare, prepare_workers=1, batch_size=2
    ).ok


def test_no_more_items_are_under_way_than_thirty_two_for_each_thread() -> None:
    go_on = threading.Event()
    pulled: list[int] = []

    def source() -> Iterator[int]:
        for number in range(1000):
            pulled.append(number)
            if len(pulled) == 64:
                go_on.set()
            yield number

    def prepare(number: int) -> int:
        wait(go_on)
        return number

    ahead = PreparedAhead(source(), prepare, 2)
    taken = [outcome.prepared for outcome in ahead.outcomes(1)]
    ahead.close()

    assert (taken, len(pulled)) == ([0], 64)


def test_a_slow_source_holds_nothing_up_that_is_ready() -> None:
    """It is read on only while the item in front is being prepared."""
    ready = [threading.Event() for _ in range(100)]
    pulled: list[int] = []

    def source() -> Iterator[int]:
        for number in range(100):
            pulled.append(number)
            if number:
                wait(ready[number - 1])
            yield number

    def prepare(number: int) -> int:
        ready[number].set()
        return number

    ahead = PreparedAhead(source(), prepare, 1)
    taken = [outcome.prepared for outcome in ahead.outcomes(1)]
    ahead.close()

    assert taken == [0]
    assert len(pulled) <= 3


def test_there_are_as_many_threads_as_are_needed_and_no_more() -> None:
    seen: set[str] = set()

    def prepare(number: int) -> int:
        seen.add(threading.current_thread().name)
        return number

    ahead = PreparedAhead(iter(range(2)), prepare, 50)
    assert len(list(ahead.outcomes(2))) == 2
    ahead.close()

    assert seen <= {"hardlite-prepare-1", "hardlite-prepare-2"}


def test_the_source_is_read_in_the_callers_thread_alone(engine: Engine) -> None:
    readers: set[threading.Thread] = set()
    workers: set[threading.Thread] = set()

    def source() -> Iterator[Item]:
        for item in entries(200):
            readers.add(threading.current_thread())
            yield item

    def prepare(item: Item) -> Item:
        workers.add(threading.current_thread())
        return item

    batched_unit_of_work(
        engine, source(), ENTRIES, prepare=prepare, prepare_workers=3, batch_size=50
    )

    assert readers == {threading.current_thread()}
    assert threading.current_thread() not in workers


def test_prepare_sees_the_context_in_which_its_item_was_read(engine: Engine) -> None:
    tenant = contextvars.ContextVar("tenant", default="nobody")
    seen: dict[object, str] = {}

    def source() -> Iterator[Item]:
        for item in entries(6):
            tenant.set(f"tenant {item['n']}")
            yield item

    def prepare(item: Item) -> Item:
        seen[item["n"]] = tenant.get()
        return item

    def run() -> None:
        batched_unit_of_work(engine, source(), ENTRIES, prepare=prepare, prepare_workers=2)

    contextvars.copy_context().run(run)

    assert seen == {number: f"tenant {number}" for number in range(6)}


def test_an_item_that_cannot_be_prepared_is_rejected_alone(engine: Engine) -> None:
    def prepare(item: Item) -> Item:
        if int(str(item["n"])) % 3 == 1:
            raise LookupError(f"{item['n']} is bad")
        return item

    report = batched_unit_of_work(
        engine, entries(9), ENTRIES, prepare=prepare, prepare_workers=3, batch_size=4
    )

    assert entered(engine) == [0, 2, 3, 5, 6, 8]
    assert [(one.position, one.item, one.reason) for one in report.rejections] == [
        (number, {"n": number}, f"LookupError: {number} is bad") for number in (1, 4, 7)
    ]


def test_stop_ends_at_an_item_that_cannot_be_prepared(engine: Engine) -> None:
    def prepare(item: Item) -> Item:
        if item["n"] == 4:
            raise LookupError
        return item

    report = batched_unit_of_work(
        engine, entries(90), ENTRIES, prepare=prepare, prepare_workers=2, on_error="stop"
    )

    assert (report.stopped, report.committed) == (True, 4)
    assert [rejection.position for rejection in report.rejections] == [4]


@pytest.mark.parametrize("error", [ConnectionError("the feed broke"), KeyboardInterrupt()])
def test_what_the_source_raises_comes_when_it_is_its_turn(
    engine: Engine, error: BaseException
) -> None:
    def source() -> Iterator[Item]:
        yield from entries(5)
        raise error

    with pytest.raises(type(error)) as caught:
        batched_unit_of_work(
            engine, source(), ENTRIES, prepare=dict, prepare_workers=2, batch_size=2
        )

    assert caught.value is error
    assert (entered(engine) == [0, 1, 2, 3]) is isinstance(error, ConnectionError)
    del error.__notes__


def test_a_source_that_broke_stays_broken() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise ConnectionError

    ahead = PreparedAhead(source(), str, 1)

    assert [outcome.prepared for outcome in ahead.outcomes(1)] == ["1"]
    for _ in range(2):
        with pytest.raises(ConnectionError):
            next(ahead.outcomes(1))
    ahead.close()


def test_an_end_of_the_program_in_prepare_is_nobodys_rejection(engine: Engine) -> None:
    def prepare(item: Item) -> Item:
        if item["n"] == 4:
            raise SystemExit(3)
        return item

    with pytest.raises(SystemExit):
        batched_unit_of_work(
            engine, entries(9), ENTRIES, prepare=prepare, prepare_workers=2, batch_size=2
        )

    assert entered(engine) == [0, 1, 2, 3]


def test_nothing_is_begun_after_the_end() -> None:
    begun: list[int] = []
    started, end = threading.Event(), threading.Event()

    def prepare(number: int) -> int:
        begun.append(number)
        started.set()
        wait(end)
        return number

    def source() -> Iterator[int]:
        yield from range(5)
        wait(started)
        raise KeyboardInterrupt

    ahead = PreparedAhead(source(), prepare, 1)
    with pytest.raises(KeyboardInterrupt):
        next(ahead.outcomes(5))
    ahead.close()
    end.set()
    ended(1)

    assert begun == [0]


def ended(number: int) -> None:
    """Wait for a thread to be gone."""
    for thread in threading.enumerate():
        if thread.name == f"hardlite-prepare-{number}":
            thread.join(PATIENCE)
            assert not thread.is_alive()


def test_the_threads_end_with_the_import(engine: Engine) -> None:
    batched_unit_of_work(engine, entries(50), ENTRIES, prepare=dict, prepare_workers=3)

    for number in (1, 2, 3):
        ended(number)


def test_a_thread_keeps_no_item_while_it_waits() -> None:
    class Row(dict[str, int]):
        """An item that tells when it is gone."""

    made: list[weakref.ref[Row]] = []

    def source() -> Iterator[Row]:
        for number in range(3):
            row = Row(n=number)
            made.append(weakref.ref(row))
            yield row
            del row

    ahead = PreparedAhead(source(), lambda row: row, 1)
    for outcome in ahead.outcomes(4):
        del outcome

    until(lambda: all(row() is None for row in made))
    ahead.close()


PATIENT = """
    import os, signal, sys, threading
    from sqlalchemy import Column, Integer, MetaData, Table
    from hardlite import batched_unit_of_work, create_hardened_engine

    engine = create_hardened_engine(f"sqlite:///{sys.argv[1]}")
    table = Table("t", MetaData(), Column("n", Integer))
    table.create(engine)

    def prepare(item):
        # A network that is gone, and Ctrl-C by someone who has lost patience.
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait()

    try:
        batched_unit_of_work(engine, [{"n": 1}], table, prepare=prepare, prepare_workers=2)
    except KeyboardInterrupt as interrupt:
        print("interrupted;", interrupt.__notes__[0])
    engine.dispose()
"""


def test_ctrl_c_ends_a_program_whose_threads_hang(tmp_path: Path) -> None:
    """It is the main thread that is interrupted, while it waits; and none is joined at the end."""
    told = run_program(tmp_path, PATIENT, tmp_path / "app.db")

    assert told.startswith("interrupted; hardlite: the import was interrupted; the first 0 batches")


@pytest.mark.parametrize("workers", [-1, 1.5, True, "2", None])
def test_a_number_of_threads_that_makes_no_sense_is_refused(
    engine: Engine, workers: object
) -> None:
    with pytest.raises(ConfigurationError, match="prepare_workers= cannot be"):
        batched_unit_of_work(engine, entries(1), ENTRIES, prepare=dict, prepare_workers=workers)


def test_threads_without_anything_to_do_are_refused(engine: Engine) -> None:
    with pytest.raises(ConfigurationError, match="nothing to do without prepare="):
        batched_unit_of_work(engine, entries(1), ENTRIES, prepare_workers=2)
