"""Who gets the turn, and when: threads that meet at one gate, without a database."""

import contextvars
import math
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from hardlite.call_sites import CallSite
from hardlite.errors import ReentrantWriteError
from hardlite.turns.gate import Gate, TurnTimeoutError
from hardlite.turns.holder import Holder
from hardlite.turns.turn import Turn
from tests.fixtures.arrivals import PATIENCE, Arrivals, listening
from tests.fixtures.clocks import SetClock


def do_nothing() -> None:
    """Let a reading of the clock pass."""


@pytest.fixture
def gate(clock: SetClock) -> Gate:
    return Gate("/data/app.db", clock=clock)


@pytest.fixture
def arrivals() -> Iterator[Arrivals]:
    with listening() as heard:
        yield heard


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(32) as pool:
        yield pool


@pytest.fixture
def held(gate: Gate) -> Turn:
    """A turn of another thread, which lives on until the test ends."""
    with ThreadPoolExecutor(1, thread_name_prefix="importer") as importer:
        return importer.submit(gate.take, 0).result(PATIENCE)


def test_a_free_gate_grants_the_turn_at_once(gate: Gate) -> None:
    turn = gate.take(timeout=0)

    assert (turn.waited, gate.waiting()) == (0.0, 0)


def test_nobody_holds_a_gate_whose_turn_was_released(gate: Gate) -> None:
    gate.take(timeout=0).release()

    assert gate.holder() is None


def test_turns_are_granted_in_the_order_in_which_writers_came(
    gate: Gate, held: Turn, arrivals: Arrivals, threads: ThreadPoolExecutor
) -> None:
    order: list[int] = []

    def write(number: int) -> None:
        turn = gate.take(math.inf, warn_wait=0)
        order.append(number)
        turn.release()

    writers = []
    for number in range(20):
        writers.append(threads.submit(write, number))
        arrivals.meet()
    assert gate.waiting() == 20
    held.release()
    for writer in writers:
        writer.result(PATIENCE)

    assert order == list(range(20))
    assert (gate.waiting(), gate.holder()) == (0, None)


def test_who_releases_and_asks_again_stands_behind_those_who_wait(
    gate: Gate, arrivals: Arrivals, threads: ThreadPoolExecutor
) -> None:
    first = gate.take(timeout=0)
    waiter = threads.submit(gate.take, PATIENCE, warn_wait=0)
    arrivals.meet()

    first.release()

    with pytest.raises(TurnTimeoutError):
        gate.take(timeout=0)
    waiter.result(PATIENCE).release()
    gate.take(timeout=0)


def test_a_turn_says_how_long_it_waited_and_how_long_it_is_held(
    gate: Gate, clock: SetClock, held: Turn, arrivals: Arrivals, threads: ThreadPoolExecutor
) -> None:
    waiter = threads.submit(gate.take, PATIENCE, warn_wait=0)
    arrivals.meet()
    clock.reading += 5
    held.release()
    turn = waiter.result(PATIENCE)
    clock.reading += 2

    assert (turn.waited, turn.held()) == (5.0, 2.0)


def test_a_timeout_names_the_holder_and_the_place_in_the_queue(
    gate: Gate, clock: SetClock, held: Turn, arrivals: Arrivals, threads: ThreadPoolExecutor
) -> None:
    ahead = []
    for _ in range(3):
        ahead.append(threads.submit(gate.take, PATIENCE, warn_wait=0))
        arrivals.meet()
    clock.reading += 4

    with pytest.raises(TurnTimeoutError) as caught:
        gate.take(timeout=0)

    error = caught.value
    assert error.ahead == 3
    assert error.holder is not None
    assert (error.holder.held, error.holder.site) == (4.0, held.site)
    release_in_turn([held], ahead)


def test_a_writer_that_gave_up_leaves_no_gap(
    gate: Gate, held: Turn, arrivals: Arrivals, threads: ThreadPoolExecutor
) -> None:
    """The second of three stops waiting.

    first      second           third
    waits      waits 0.2 s      waits
               gives up
    is next                     comes after first
    """
    first = threads.submit(gate.take, PATIENCE, warn_wait=0)
    arrivals.meet()
    second = threads.submit(gate.take, 0.2, warn_wait=0)
    arrivals.meet()
    third = threads.submit(gate.take, PATIENCE, warn_wait=0)
    arrivals.meet()
    error = second.exception(PATIENCE)

    assert isinstance(error, TurnTimeoutError)
    assert gate.waiting() == 2
    release_in_turn([held], [first, third])
    assert gate.holder() is None


def test_a_turn_handed_over_as_the_time_runs_out_is_kept(
    gate: Gate, clock: SetClock, held: Turn
) -> None:
    """The clock is read when the wait is over, to say who holds the turn; there it is released."""
    clock.on_reading(do_nothing, held.release)

    turn = gate.take(timeout=0)

    assert gate.holder() is not None
    turn.release()
    assert gate.holder() is None


def test_who_has_the_turn_and_asks_again_learns_both_places_at_once(gate: Gate) -> None:
    first = gate.take(timeout=0)

    with pytest.raises(ReentrantWriteError) as caught:
        gate.take(PATIENCE)

    assert first.site is not None
    assert f"taken at {first.site.file}:{first.site.line} in" in str(caught.value)
    asking = caught.traceback[0]
    assert f"second connection at {asking.path}:{asking.lineno + 1} in" in str(caught.value)
    assert gate.waiting() == 0


def test_a_refusal_to_wait_for_itself_leaves_the_turn_as_it_was(gate: Gate) -> None:
    turn = gate.take(timeout=0)
    with pytest.raises(ReentrantWriteError):
        gate.take(timeout=0)

    turn.release()

    gate.take(timeout=0)


def test_the_thread_that_used_a_turn_last_is_the_one_that_would_wait_for_itself(
    gate: Gate, threads: ThreadPoolExecutor
) -> None:
    turn = gate.take(timeout=0)

    def use_and_ask() -> None:
        turn.use()
        turn.use()
        gate.take(timeout=0)

    assert isinstance(threads.submit(use_and_ask).exception(PATIENCE), ReentrantWriteError)
    with pytest.raises(TurnTimeoutError):
        gate.take(timeout=0)


def test_a_thread_that_works_for_somebody_else_meanwhile_waits_its_turn(gate: Gate) -> None:
    """A pool's thread may take up another request while a third thread commits the first."""
    turn = gate.take(timeout=0)

    with pytest.raises(TurnTimeoutError):
        contextvars.Context().run(gate.take, 0)
    with pytest.raises(ReentrantWriteError):
        contextvars.copy_context().run(gate.take, 0)

    turn.release()


def test_releasing_twice_does_not_take_the_turn_from_the_next(
    gate: Gate, held: Turn, arrivals: Arrivals, threads: ThreadPoolExecutor
) -> None:
    waiter = threads.submit(gate.take, PATIENCE, warn_wait=0)
    arrivals.meet()

    held.release()
    turn = waiter.result(PATIENCE)
    held.release()

    assert gate._turn is turn
    with pytest.raises(TurnTimeoutError):
        gate.take(timeout=0)


def test_a_holder_is_named_by_its_thread(gate: Gate) -> None:
    gate.take(timeout=0)

    holder = gate.holder()

    assert holder is not None
    assert holder.thread == f"thread {threading.current_thread().name!r}"


def test_a_holder_whose_thread_has_ended_is_described_as_such(gate: Gate, held: Turn) -> None:
    holder = gate.holder()

    assert holder is not None
    assert holder.site == held.site
    assert holder.thread == "a thread that has ended"


@pytest.mark.parametrize(
    ("site", "text"),
    [
        (CallSite("app.py", 7, "save"), "thread 'a' of process 3 for 1.500 s, begun at app.py:7"),
        (None, "thread 'a' of process 3 for 1.500 s"),
    ],
)
def test_a_holder_reads_as_a_phrase(site: CallSite | None, text: str) -> None:
    assert str(Holder(pid=3, thread="thread 'a'", held=1.5, site=site)).startswith(text)


def test_a_wait_longer_than_allowed_warns_and_names_the_holder(
    gate: Gate, clock: SetClock, arrivals: Arrivals, threads: ThreadPoolExecutor
) -> None:
    turn = gate.take(timeout=0)
    clock.on_reading(do_nothing, lambda: clock.sleep(3))

    waiter = threads.submit(gate.take, PATIENCE, warn_wait=0)
    warning = arrivals.meet()

    assert warning.startswith(
        "waiting for a turn on /data/app.db since 3.0 s; it is held by thread"
    )
    assert repr(threading.current_thread().name) in warning
    assert str(turn.site) in warning
    release_in_turn([turn], [waiter])


def test_a_wait_that_is_over_in_time_warns_of_nothing(
    gate: Gate, clock: SetClock, held: Turn, caplog: pytest.LogCaptureFixture
) -> None:
    """The clock is read on the way into the gate; there the turn before is released."""
    clock.on_reading(held.release)

    gate.take(PATIENCE, warn_wait=0)

    assert caplog.records == []


def test_a_writer_may_give_up_after_its_warning(
    gate: Gate, held: Turn, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(TurnTimeoutError):
        gate.take(timeout=0.02, warn_wait=0.01)

    assert len(caplog.records) == 1
    held.release()
    assert gate.holder() is None


def release_in_turn(turns: list[Turn], writers: list[Future[Turn]]) -> None:
    """Release what is held, and what each writer is granted, one after the other."""
    for turn in turns:
        turn.release()
    for writer in writers:
        writer.result(PATIENCE).release()
