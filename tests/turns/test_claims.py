"""A process's claim to the turn: its thread, and what happens to a place nobody wants any more."""

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

import pytest

from hardlite.turns import claims
from hardlite.turns import gate as gate_module
from hardlite.turns.claims import Alone, ProcessClaim
from hardlite.turns.gate import Gate, TurnTimeoutError
from hardlite.turns.turn_files import TurnFiles
from tests.fixtures.arrivals import PATIENCE, Arrivals, listening
from tests.fixtures.lock_keepers import needs_proc, queued, until

pytestmark = needs_proc


@pytest.fixture
def database(db_path: Path) -> Path:
    db_path.touch()
    return db_path


@pytest.fixture
def claim(database: Path) -> ProcessClaim:
    return ProcessClaim(TurnFiles(str(database)))


@pytest.fixture
def gate(claim: ProcessClaim, database: Path) -> Gate:
    return Gate(str(database), claim=claim)


@pytest.fixture
def other(database: Path) -> TurnFiles:
    """Another process, which has the turn."""
    files = TurnFiles(str(database))
    assert files.try_claim()
    return files


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


@pytest.fixture
def arrivals() -> Iterator[Arrivals]:
    with listening() as heard:
        yield heard


@pytest.fixture
def soon_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the thread end as soon as nobody needs it."""
    monkeypatch.setattr(claims, "_IDLE", 0.01)


def waiting(database: Path) -> tuple[int, int]:
    """How many wait for the turn, and how many to be next."""
    return queued(Path(f"{database}-gate")), queued(Path(f"{database}-gateq"))


def test_a_turn_that_nobody_has_any_more_is_waited_for_a_moment_longer(
    claim: ProcessClaim, other: TurnFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other process gives it back as the time runs out, when it is looked up who has it."""
    monkeypatch.setattr(gate_module, "_ON_ITS_WAY", PATIENCE)
    gate = Gate("/data/app.db", claim=claim, elsewhere=other.release)

    gate.take(timeout=0).release()


def test_a_turn_that_comes_as_the_last_moment_is_over_is_kept(
    claim: ProcessClaim, other: TurnFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked up twice who has it, and comes when it has been looked up for the last time."""
    monkeypatch.setattr(gate_module, "_ON_ITS_WAY", 0)
    looks = iter(["the time is over", "so is the moment"])

    def nobody() -> None:
        if next(looks) == "so is the moment":
            other.release()
            until(lambda: gate.turn is not None)

    gate = Gate("/data/app.db", claim=claim, elsewhere=nobody)
    turn = gate.take(timeout=0)

    assert gate.turn is turn
    turn.release()


def test_a_free_turn_needs_no_thread(gate: Gate, claim: ProcessClaim) -> None:
    for _ in range(3):
        gate.take(timeout=0).release()

    assert claim._thread is None


def test_who_had_to_wait_lets_others_run_once_the_turn_is_given_back(
    gate: Gate,
    claim: ProcessClaim,
    other: TurnFiles,
    threads: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next in line may be on the same processor; where nobody waits, nobody is let run."""
    free: list[bool] = []
    monkeypatch.setattr(claims, "_let_others_run", lambda: free.append(other.try_claim()))
    writer = threads.submit(gate.take, PATIENCE)
    until(lambda: claim.sought)
    other.release()

    writer.result(PATIENCE).release()
    other.release()
    gate.take(timeout=0).release()

    assert free == [True]


@pytest.mark.usefixtures("soon_idle")
def test_the_thread_ends_when_nobody_waits_and_another_one_comes_when_somebody_does(
    gate: Gate, claim: ProcessClaim, other: TurnFiles, threads: ThreadPoolExecutor
) -> None:
    seen = []
    for _ in range(2):
        writer = threads.submit(gate.take, PATIENCE)
        until(lambda: claim._thread is not None)
        thread = claim._thread
        assert thread is not None
        assert thread.daemon
        other.release()
        writer.result(PATIENCE).release()
        thread.join(PATIENCE)
        assert not thread.is_alive()
        assert claim._thread is None
        seen.append(thread)
        assert other.try_claim()

    assert seen[0] is not seen[1]


@pytest.mark.usefixtures("soon_idle")
def test_an_order_that_comes_as_the_thread_is_about_to_end_is_carried_out(
    gate: Gate, claim: ProcessClaim, other: TurnFiles
) -> None:
    """The thread has waited long enough, and looks once more before it goes."""
    granted = threading.Event()
    orders = claim._orders

    class Late:
        """The order comes when the wait for it is over."""

        def get(self, *, timeout: float) -> Callable[[], None] | None:
            try:
                return orders.get(timeout=timeout)
            except Exception:
                if not granted.is_set() and orders.empty():
                    orders.put(granted.set)
                raise

        def empty(self) -> bool:
            return orders.empty()

    claim._orders = Late()  # type: ignore[assignment]
    other.release()
    thread = threading.Thread(target=claim._serve)
    thread.start()

    assert granted.wait(PATIENCE)
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert gate.holder() is None


def test_a_turn_that_comes_when_all_have_given_up_is_given_back_at_once(
    gate: Gate, other: TurnFiles, database: Path
) -> None:
    with pytest.raises(TurnTimeoutError):
        gate.take(timeout=0)
    until(lambda: waiting(database) == (1, 0))
    other.release()

    rival = TurnFiles(str(database))
    until(rival.try_claim)

    assert gate.holder() is None


def test_a_new_waiter_takes_over_the_place_of_those_who_gave_up(
    gate: Gate,
    other: TurnFiles,
    arrivals: Arrivals,
    threads: ThreadPoolExecutor,
    database: Path,
) -> None:
    """A process that has queued comes before one that came later, whichever thread asks.

    this process        rival
    waits, gives up
                        waits
    waits again
         -- the turn is free --
    gets it
                        gets it
    """
    order: list[str] = []
    rival = TurnFiles(str(database))

    def write() -> None:
        turn = gate.take(PATIENCE, warn_wait=0)
        order.append("this process")
        turn.release()

    def claim_for_rival() -> None:
        rival.claim()
        order.append("rival")

    with pytest.raises(TurnTimeoutError):
        gate.take(timeout=0)
    until(lambda: waiting(database) == (1, 0))
    late = threads.submit(claim_for_rival)
    until(lambda: waiting(database) == (1, 1))
    writer = threads.submit(write)
    arrivals.meet()
    other.release()
    writer.result(PATIENCE)
    late.result(PATIENCE)

    assert order == ["this process", "rival"]


@pytest.mark.usefixtures("soon_idle")
def test_an_order_that_an_interrupt_left_over_keeps_no_turn(
    gate: Gate, claim: ProcessClaim, other: TurnFiles
) -> None:
    """The same turn is asked for twice, and only once by somebody who gives it back."""
    for _ in range(2):
        claim.seek(gate._claimed)
    thread = claim._thread
    assert thread is not None
    other.release()
    thread.join(PATIENCE)

    assert not thread.is_alive()
    assert other.try_claim()


def test_where_no_thread_can_be_started_this_process_goes_without_the_others(
    gate: Gate, claim: ProcessClaim, other: TurnFiles, caplog: pytest.LogCaptureFixture
) -> None:
    """As when there are too many, or at the end of the interpreter; SQLite's lock is still there."""
    usual = threading.stack_size(2**46)
    try:
        turn = gate.take(timeout=0)
    finally:
        threading.stack_size(usual)

    assert "can't start new thread" in caplog.text
    assert not other.others_wait()
    with ThreadPoolExecutor(1) as pool:
        assert isinstance(pool.submit(gate.take, 0).exception(PATIENCE), TurnTimeoutError)
    turn.release()
    assert claim.held is False
    other.release()
    gate.take(timeout=0)
    assert claim.files.trouble is None


# Rest before a fork


def test_a_thread_with_nothing_to_do_ends_when_it_is_told_to(
    gate: Gate, claim: ProcessClaim, other: TurnFiles, threads: ThreadPoolExecutor
) -> None:
    writer = threads.submit(gate.take, PATIENCE)
    until(lambda: claim._thread is not None)
    other.release()
    writer.result(PATIENCE).release()
    thread = claim._thread
    assert thread is not None

    gate.rest()

    thread.join(PATIENCE)
    assert (thread.is_alive(), claim._thread) == (False, None)
    gate.rest()


def test_a_thread_that_waits_for_the_turn_goes_on_waiting(
    gate: Gate, claim: ProcessClaim, other: TurnFiles, threads: ThreadPoolExecutor
) -> None:
    writer = threads.submit(gate.take, PATIENCE)
    until(lambda: claim.sought)

    gate.rest()
    other.release()

    writer.result(PATIENCE).release()
    assert other.try_claim()


# What belongs to nobody else


def test_a_database_in_memory_is_claimed_from_nobody() -> None:
    claim = Alone()

    assert claim.try_now()
    claim.seek(lambda: pytest.fail("granted twice"))
    claim.drop()
    claim.rest()
    claim.forget()

    assert claim.held
    assert not claim.others_wait()


class Granting(Alone):
    """A claim that a test grants."""

    held = False
    granted: Callable[[], None]

    def try_now(self) -> bool:
        return False

    def seek(self, granted: Callable[[], None]) -> None:
        self.granted, self.sought = granted, True


def test_a_turn_whose_giver_was_interrupted_leaves_no_place_in_the_queue(
    threads: ThreadPoolExecutor,
) -> None:
    """It is granted already, and not yet out of the queue."""
    claim = Granting()
    gate = Gate("/data/app.db", claim=claim)

    def interrupt(frame: FrameType, event: str, called: object) -> None:
        is_grant = frame.f_code.co_name == "tell" and event == "c_return"
        if is_grant and getattr(called, "__name__", "") == "release":
            sys.setprofile(None)
            raise KeyboardInterrupt

    writer = threads.submit(lambda: gate.take(PATIENCE).release())
    until(lambda: claim.sought)
    until(lambda: not gate._lock.locked())
    sys.setprofile(interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            claim.granted()
    finally:
        sys.setprofile(None)
    writer.result(PATIENCE)

    assert (gate.waiting(), gate.holder()) == (0, None)
