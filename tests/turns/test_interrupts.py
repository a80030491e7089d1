"""What an interrupt, or the garbage collector, does to a turn wherever it strikes."""

import contextlib
import gc
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import FrameType

import pytest
from sqlalchemy import text

import hardlite
from hardlite.turns.gate import Gate, TurnTimeoutError
from hardlite.turns.turn import Turn
from tests.fixtures.arrivals import PATIENCE, listening
from tests.fixtures.databases import EngineFactory
from tests.fixtures.programs import run_program

PACKAGE = Path(hardlite.__file__).parent
# An interrupt in a pool's queue loses a connection, as with SQLAlchemy's own; it has no turn there.
PLACES = {str(file) for file in PACKAGE.rglob("*.py") if file.name != "fair_pool.py"}


class Interruption:
    """Ctrl-C at the n-th place in hardlite's code where CPython looks for one.

    CPython looks on entry to a function and when a call into C has returned; that is where a
    profile function is called too, and what it raises is raised there.
    """

    def __init__(self, place: int) -> None:
        self.left = place

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if event in {"call", "c_return"} and frame.f_code.co_filename in PLACES:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt


def interrupt_everywhere(action: Callable[[], object], check: Callable[[], object]) -> int:
    """Run ``action`` again and again, interrupted one place later each time; count the places.

    What ``check`` does comes after each run that was interrupted.
    """
    place = 0
    while True:
        place += 1
        # What the last interrupt left in its traceback would make the way to the next one longer.
        gc.collect()
        interruption = Interruption(place)
        sys.setprofile(interruption)
        try:
            with contextlib.suppress(KeyboardInterrupt):
                action()
        finally:
            sys.setprofile(None)
        if interruption.left > 0:
            return place
        check()


@pytest.fixture
def without_collector() -> Iterator[None]:
    """Let nothing be finalized but where a test says so."""
    gc.disable()
    # What is there already need not be looked at again and again.
    gc.freeze()
    yield
    gc.unfreeze()
    gc.enable()


@pytest.fixture
def gate() -> Gate:
    return Gate("/data/app.db")


def take_elsewhere(gate: Gate) -> Turn:
    """A turn of another thread, which has ended."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(gate.take, 0).result(PATIENCE)


@pytest.mark.usefixtures("without_collector")
def test_an_interrupt_on_the_way_through_a_free_gate_leaves_it_free(gate: Gate) -> None:
    def take() -> None:
        gate.take(timeout=0).release()

    def check() -> None:
        if gate._turn is not None:
            # Interrupted in its release, which its connection repeats when it is given back.
            gate._turn.release()
        take()

    assert interrupt_everywhere(take, check) > 10


@pytest.mark.usefixtures("without_collector")
def test_an_interrupt_in_the_wait_leaves_neither_a_place_nor_a_turn(gate: Gate) -> None:
    held = take_elsewhere(gate)

    def wait() -> None:
        with pytest.raises(TurnTimeoutError):
            gate.take(timeout=0.001, warn_wait=0)

    def check() -> None:
        assert gate.waiting() == 0

    assert interrupt_everywhere(wait, check) > 20
    held.release()
    assert gate.holder() is None


@pytest.mark.usefixtures("without_collector")
def test_an_interrupt_in_a_release_loses_no_turn_of_those_who_wait(gate: Gate) -> None:
    """Whoever is interrupted there releases again, as a connection does when it is given back."""
    turns: list[Turn] = []
    waiters: list[Future[None]] = []

    def hand_over() -> None:
        turns.append(take_elsewhere(gate))
        waiters.append(threads.submit(lambda: gate.take(PATIENCE, warn_wait=0).release()))
        arrivals.meet()
        turns[-1].release()

    def check() -> None:
        turns[-1].release()
        waiters[-1].result(PATIENCE)
        assert (gate.waiting(), gate.holder()) == (0, None)

    with listening() as arrivals, ThreadPoolExecutor(1) as threads:
        assert interrupt_everywhere(hand_over, check) > 10


@pytest.mark.usefixtures("without_collector")
def test_an_interrupted_write_leaves_the_turn_free_for_the_next(make_engine: EngineFactory) -> None:
    engine = make_engine(timeout=0)
    insert = text("INSERT INTO note VALUES ('a')")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE note (body TEXT)"))

    def write() -> None:
        with engine.begin() as connection:
            connection.execute(insert)

    assert interrupt_everywhere(write, check=write) > 20


def test_ctrl_c_while_waiting_gives_the_place_back(tmp_path: Path) -> None:
    run_program(
        tmp_path,
        """
        import logging, signal, threading
        from hardlite.turns.gate import Gate

        gate = Gate("app.db")
        caught, released = threading.Event(), threading.Event()
        taken, waiting = threading.Event(), threading.Event()

        def interrupt_once(*_):
            if not caught.is_set():
                caught.set()
                raise KeyboardInterrupt

        class Arrivals(logging.Handler):
            def emit(self, record):
                waiting.set()

        def hold():
            turn = gate.take(0)
            taken.set()
            assert waiting.wait(30)
            while not caught.wait(0.05):
                # Again, for CPython sees none that comes right before a thread falls asleep.
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            assert released.wait(30)
            turn.release()

        signal.signal(signal.SIGINT, interrupt_once)
        logging.getLogger("hardlite.gate").addHandler(Arrivals())
        holder = threading.Thread(target=hold)
        holder.start()
        assert taken.wait(30)
        try:
            gate.take(30, warn_wait=0)
        except KeyboardInterrupt:
            assert gate.waiting() == 0
        else:
            raise AssertionError("not interrupted")
        released.set()
        holder.join()
        gate.take(0)
        """,
    )


class Dropped:
    """Garbage that only the collector finds, and that has a turn, as a forgotten session does."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.cycle = self

    def __del__(self) -> None:
        self.turn.release()


@pytest.fixture
def collection_on_call() -> Iterator[Callable[[Gate], None]]:
    """Make the garbage collector run at the first call made inside a gate's lock."""

    def arrange(gate: Gate) -> None:
        def collect(_frame: FrameType, event: str, _: object) -> None:
            if event == "call" and gate._lock.locked():
                sys.setprofile(None)
                gc.collect()

        sys.setprofile(collect)

    yield arrange
    sys.setprofile(None)


@pytest.mark.usefixtures("without_collector")
def test_a_turn_released_by_the_collector_inside_the_lock_goes_to_who_is_there(
    gate: Gate, collection_on_call: Callable[[Gate], None]
) -> None:
    Dropped(take_elsewhere(gate))

    collection_on_call(gate)
    turn = gate.take(timeout=0)

    assert sys.getprofile() is None
    assert gate._turn is turn


@pytest.mark.usefixtures("without_collector")
def test_the_collector_may_release_the_turn_that_is_being_released(
    gate: Gate, collection_on_call: Callable[[Gate], None]
) -> None:
    turn = take_elsewhere(gate)
    Dropped(turn)

    collection_on_call(gate)
    turn.release()

    assert sys.getprofile() is None
    assert gate.holder() is None
    gate.take(timeout=0)


def test_a_release_waits_for_nobody_inside_the_lock(gate: Gate) -> None:
    """Who is inside is not kept waiting, and gets the turn.

    asking                        releasing
    inside the lock
                  -- inside -->
                                  releases and goes on
                 <-- released --
    gets the turn
    """
    turn = take_elsewhere(gate)
    inside, released = threading.Event(), threading.Event()

    def park(_frame: FrameType, event: str, _: object) -> None:
        if event == "call" and gate._lock.locked():
            sys.setprofile(None)
            inside.set()
            assert released.wait(PATIENCE)

    def ask() -> Turn:
        sys.setprofile(park)
        return gate.take(PATIENCE)

    with ThreadPoolExecutor(1) as threads:
        asking = threads.submit(ask)
        assert inside.wait(PATIENCE)
        turn.release()
        released.set()

        asked = asking.result(PATIENCE)

    assert gate._turn is asked
