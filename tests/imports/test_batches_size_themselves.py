"""`batch_size="auto"`: as many items as have time, measured as the import goes."""

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.orm import Session

from hardlite import batched_unit_of_work
from hardlite.imports.batch_size import AutoSize, FixedSize, size_of_batches
from hardlite.imports.batches import batched_unit_of_work as imported
from hardlite.reports.report import BatchResult
from tests.fixtures.clocks import SetClock
from tests.fixtures.entries import ENTRIES, add_entry, entered, entries, make_entries


def grown(size: AutoSize, cost: float, batches: int) -> int:
    """The size after so many batches whose items take ``cost`` seconds each."""
    for _ in range(batches):
        size.learn(size.next(), size.next() * cost)
    return size.next()


def test_the_first_batch_is_one_item_since_nobody_knows_how_long_it_takes() -> None:
    assert AutoSize(0.25).next() == 1


def test_quick_items_let_batches_grow_step_by_step_up_to_a_limit() -> None:
    size = AutoSize(0.25)

    sizes = [grown(size, 1e-6, 1) for _ in range(9)]

    assert sizes == [4, 16, 64, 256, 1024, 4096, 16384, 20000, 20000]


@pytest.mark.parametrize("max_hold", [0.05, 0.25, 2.0])
@pytest.mark.parametrize("cost", [0.0001, 0.001, 0.01])
def test_a_batch_takes_half_of_the_time_it_has(max_hold: float, cost: float) -> None:
    held = grown(AutoSize(max_hold), cost, 12) * cost

    assert held <= max_hold / 2
    assert held > max_hold / 2 - cost


def test_what_a_turn_costs_beside_its_items_is_shared_by_them() -> None:
    """Ten milliseconds for a COMMIT, and next to nothing for an item."""
    size = AutoSize(0.25)

    for _ in range(10):
        size.learn(size.next(), 0.01 + size.next() * 1e-5)

    assert size.next() * 1e-5 + 0.01 > 0.1


def test_a_batch_that_took_too_long_makes_the_next_one_smaller_at_once() -> None:
    size = AutoSize(0.25)
    before = grown(size, 1e-4, 10)

    size.learn(before, 2.5)

    assert size.next() == pytest.approx(before * 0.125 / 2.5, abs=1)


def test_a_spike_is_remembered_for_eight_batches() -> None:
    size = AutoSize(0.25)
    size.learn(grown(size, 1e-4, 10), 2.5)
    after = size.next()

    sizes = [grown(size, 1e-4, 1) for _ in range(8)]

    assert sizes[:7] == [after] * 7
    assert sizes[7] == 4 * after


def test_a_spike_of_a_small_batch_says_nothing_about_large_ones() -> None:
    size = AutoSize(0.25)
    size.learn(size.next(), 0.03)

    assert grown(size, 1e-6, 8) == 20000


def test_items_that_are_too_slow_for_the_time_go_one_by_one() -> None:
    assert grown(AutoSize(0.25), 3.0, 3) == 1


def test_no_time_at_all_means_one_item_at_a_time() -> None:
    assert grown(AutoSize(0), 1e-6, 3) == 1


def test_a_clock_that_stands_still_does_no_harm() -> None:
    assert grown(AutoSize(0.25), 0.0, 20) == 20000


def test_batches_of_which_little_could_be_prepared_do_not_shrink() -> None:
    """What counts is how many items a batch takes; most of these are rejected before the turn."""
    size = AutoSize(0.25)
    grown(size, 1e-5, 5)

    for _ in range(5):
        size.learn(max(1, size.next() // 20), 0.001)

    assert size.next() > 100


def test_a_number_is_a_number() -> None:
    size = size_of_batches(7, 0.25)
    size.learn(7, 99.0)

    assert isinstance(size, FixedSize)
    assert size.next() == 7
    assert isinstance(size_of_batches("auto", 0.25), AutoSize)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """The clock by which imports measure."""
    import hardlite.imports.batches as module

    clock = SetClock()
    assert imported.__module__ == module.__name__
    monkeypatch.setattr(module, "system_clock", clock)
    return clock


def test_an_import_makes_batches_as_large_as_fit(engine: Engine, clock: SetClock) -> None:
    """Each item takes 10 ms, and half of a quarter of a second has room for twelve."""
    make_entries(engine)

    def work(session: Session, item: dict[str, object]) -> None:
        add_entry(session, item)
        clock.reading += 0.010

    report = batched_unit_of_work(engine, entries(60), work, batch_size="auto")

    assert [batch.items for batch in report.batches] == [1, 4, 12, 12, 12, 12, 7]
    assert max(batch.hold for batch in report.batches) < 0.25
    assert entered(engine) == list(range(60))


def test_a_trigger_that_makes_rows_expensive_makes_batches_small(
    engine: Engine, clock: SetClock
) -> None:
    make_entries(engine)

    def connected(connection: object, _record: object) -> None:
        def passes(number: int) -> None:
            clock.reading += 0.05 if 20 <= number < 40 else 0.001

        connection.create_function("passes", 1, passes)  # type: ignore[attr-defined]

    engine.dispose()
    event.listen(engine, "connect", connected)
    with engine.begin() as connection:
        connection.execute(
            text("CREATE TRIGGER slow AFTER INSERT ON entries BEGIN SELECT passes(new.n); END")
        )

    report = batched_unit_of_work(engine, entries(400), ENTRIES, batch_size="auto")

    sizes = {batch.first_item: batch.items for batch in report.batches}
    assert list(sizes.values())[:3] == [1, 4, 16]
    slow = [batch.items for batch in report.batches if 22 <= batch.first_item < 40]
    assert set(slow) <= {1, 2}
    assert max(sizes.values()) > 40, "and they grow again when it is over"


def test_batches_that_write_nothing_teach_nothing(engine: Engine) -> None:
    make_entries(engine)
    seen: list[int] = []

    def prepare(item: dict[str, object]) -> dict[str, object]:
        if int(str(item["n"])) < 21:
            raise LookupError
        return item

    def progress(batch: BatchResult) -> None:
        seen.append(batch.items)

    batched_unit_of_work(
        engine, entries(30), ENTRIES, prepare=prepare, batch_size="auto", progress=progress
    )

    assert seen[:22] == [1] * 22
