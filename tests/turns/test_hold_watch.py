"""A turn that lasts too long is warned of while it lasts, with the place where its thread is."""

import logging
import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from hardlite.turns import hold_watch
from hardlite.turns.gate import Gate
from hardlite.turns.gate_registry import gate_for
from hardlite.turns.hold_watch import look_at_holds
from tests.fixtures.arrivals import PATIENCE
from tests.fixtures.clocks import SetClock
from tests.fixtures.databases import EngineFactory
from tests.fixtures.lock_keepers import until
from tests.fixtures.programs import run_program
from tests.fixtures.writers import INCREMENT, WriterFactory, count, make_counter


@pytest.fixture
def gate(clock: SetClock) -> Gate:
    return Gate("/data/app.db", clock=clock)


@pytest.fixture
def without_watch() -> Iterator[None]:
    """Let nobody look but the test; a thread of an earlier test has ended."""
    until(lambda: hold_watch._Watch.thread is None)
    yield
    until(lambda: hold_watch._Watch.thread is None)


def test_nobody_is_looked_at_where_nobody_has_a_turn(gate: Gate) -> None:
    assert not look_at_holds([gate])


def test_a_turn_that_has_not_lasted_long_is_looked_at_and_not_warned_of(
    gate: Gate, clock: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    turn = gate.take(timeout=0, warn_hold=2)
    clock.sleep(2)

    assert look_at_holds([gate])

    assert caplog.records == []
    turn.release()


def test_a_long_turn_is_warned_of_once_while_it_lasts(
    gate: Gate, clock: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    turn = gate.take(timeout=0, warn_hold=2, label="orders")
    for _ in range(3):
        clock.sleep(3)
        assert look_at_holds([gate])
    turn.release()
    assert not look_at_holds([gate])

    (record,) = caplog.records
    message = record.getMessage()
    assert message.startswith("a turn on /data/app.db is still held by thread 'MainThread'")
    assert "for 3.000 s" in message
    assert "working on 'orders'" in message
    assert f"begun at {__file__}:" in message


def test_every_gate_is_looked_at(clock: SetClock, caplog: pytest.LogCaptureFixture) -> None:
    gates = [Gate(name, clock=clock) for name in ("/data/a.db", "/data/b.db", "/data/c.db")]
    turns = [gate.take(timeout=0, warn_hold=2) for gate in gates[1:]]
    clock.sleep(3)

    assert look_at_holds(gates)

    assert [record.getMessage().split()[3] for record in caplog.records] == [
        "/data/b.db",
        "/data/c.db",
    ]
    for turn in turns:
        turn.release()


def receive(one: socket.socket) -> bytes:
    return one.recv(1)


def read_line(one: socket.socket) -> bytes:
    """Through a module of the standard library, as a client of HTTP does."""
    with one.makefile("rb") as file:
        return file.readline()


@pytest.mark.parametrize("work", [receive, read_line])
def test_a_thread_that_sits_in_network_code_is_shown_where_it_sits(
    gate: Gate, clock: SetClock, caplog: pytest.LogCaptureFixture, work: object
) -> None:
    """It waits for an answer.

    holder                watching
    has the turn
    waits for an answer
                          warns
    gets it
    """
    mine, others = socket.socketpair()
    mine.settimeout(PATIENCE)

    def ask() -> None:
        turn = gate.take(timeout=0, warn_hold=2)
        taken.set()
        assert callable(work)
        work(others)
        turn.release()

    taken = threading.Event()
    with mine, others, ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        assert taken.wait(PATIENCE)
        until(lambda: _sits_in(work.__name__))
        clock.sleep(3)
        look_at_holds([gate])
        mine.send(b"\n")
        asking.result(PATIENCE)

    message = caplog.records[0].getMessage()
    place = message.partition("; its thread is now at ")[2]
    if work is receive:
        assert place.startswith(f"{__file__}:")
        assert place.endswith("in receive"), "one place is told once"
    else:
        here, _, caller = place.partition(", called from ")
        assert here.startswith(f"{socket.__file__}:")
        assert caller.startswith(f"{__file__}:")
        assert caller.endswith("in read_line")


def _sits_in(function: str) -> bool:
    """Whether a thread other than this one is in a function, by what the watch sees."""
    import sys

    frames = [f for ident, f in sys._current_frames().items() if ident != threading.get_ident()]
    for frame in frames:
        at = frame
        while at is not None:
            if at.f_code.co_name == function and at.f_code.co_filename == __file__:
                return True
            at = at.f_back
    return False


def test_a_turn_of_a_thread_that_has_ended_has_no_place(
    gate: Gate, clock: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    with ThreadPoolExecutor(1) as pool:
        turn = pool.submit(gate.take, 0, warn_hold=2).result(PATIENCE)
    clock.sleep(3)

    look_at_holds([gate])

    message = caplog.records[0].getMessage()
    assert "is still held by a thread that has ended" in message
    assert "its thread is now at" not in message
    turn.release()


def test_a_thread_inside_a_library_alone_is_told_without_a_caller(
    gate: Gate, clock: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It has taken up nothing else since: no line of the program led there."""
    pool = ThreadPoolExecutor(1)
    turn = pool.submit(gate.take, 0, warn_hold=2).result(PATIENCE)
    clock.sleep(3)
    until(lambda: not _sits_in("take"))
    look_at_holds([gate])
    pool.shutdown()

    message = caplog.records[0].getMessage()
    assert "its thread is now at" in message
    assert "called from" not in message
    turn.release()


def test_a_turn_that_ends_while_it_is_looked_at_is_no_fault(
    gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    class EndsAtOnce(SetClock):
        """Each reading of the clock comes after the turn has ended."""

        def now(self) -> float:
            if turns:
                turns.pop().release()
                self.reading += 5
            return self.reading

    turns: list[object] = []
    gate = Gate("/data/app.db", clock=EndsAtOnce())
    turn = gate.take(timeout=0, warn_hold=2)
    turns.append(turn)

    assert look_at_holds([gate])

    assert "a thread that has just ended it" in caplog.records[0].getMessage()
    assert gate.holder() is None


# The thread that looks


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the thread look all the time, and end soon."""
    monkeypatch.setattr(hold_watch, "_PAUSE", 0.001)


class Holds(logging.Handler):
    """Hears the warnings of turns that last."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.told = threading.Event()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "a turn on" in record.getMessage():
            self.messages.append(record.getMessage())
            self.told.set()


@pytest.fixture
def holds() -> Iterator[Holds]:
    heard = Holds()
    logger = logging.getLogger("hardlite.connection")
    logger.addHandler(heard)
    yield heard
    logger.removeHandler(heard)


@pytest.fixture
def engine(make_engine: EngineFactory) -> Engine:
    """An engine with a counter, whose every turn is too long."""
    make_counter(make_engine())
    return make_engine(warn_hold=0)


@pytest.mark.usefixtures("quick")
def test_a_long_write_is_warned_of_while_it_lasts_and_not_again_at_its_end(
    engine: Engine, holds: Holds
) -> None:
    with engine.begin() as connection:
        connection.execute(INCREMENT)
        assert holds.told.wait(PATIENCE)

    (message,) = holds.messages
    assert "is still held by thread 'MainThread'" in message
    assert "working on 'UPDATE counter SET number = number + 1'" in message
    assert f"called from {__file__}:" in message


@pytest.mark.usefixtures("quick")
def test_a_turn_that_came_late_is_watched_too(
    engine: Engine, holds: Holds, new_writer: WriterFactory
) -> None:
    """While another process has the turn there is nobody to look at here.

    other process         this process
    has the turn
                          waits
                          the watching thread ends
    commits
                          has the turn
    """
    other, done = new_writer(), threading.Event()
    other.do("begin")

    def write() -> None:
        with engine.begin() as connection:
            connection.execute(INCREMENT)
            assert done.wait(PATIENCE)

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        until(lambda: gate_for(str(engine.url.database)).waiting() == 1)
        until(lambda: hold_watch._Watch.thread is None)
        other.do("commit")
        try:
            assert holds.told.wait(PATIENCE)
        finally:
            done.set()
        writing.result(PATIENCE)

    assert count(engine) == 2


@pytest.mark.usefixtures("without_watch", "quick")
def test_the_watching_thread_is_there_only_while_somebody_writes(
    make_engine: EngineFactory,
) -> None:
    engine = make_engine()
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        assert hold_watch._Watch.thread is None

    make_counter(engine)
    thread = hold_watch._Watch.thread
    assert thread is not None
    assert thread.daemon

    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert hold_watch._Watch.thread is None


@pytest.mark.usefixtures("without_watch", "quick")
def test_the_watching_thread_stays_while_a_turn_lasts(make_engine: EngineFactory) -> None:
    engine = make_engine(warn_hold=PATIENCE)
    make_counter(engine)
    looks = threading.Semaphore(0)

    def counting(gates: list[Gate]) -> bool:
        looks.release()
        return look(gates)

    look = hold_watch.look_at_holds
    with pytest.MonkeyPatch.context() as patch, engine.begin() as connection:
        connection.execute(INCREMENT)
        thread = hold_watch._Watch.thread
        patch.setattr(hold_watch, "look_at_holds", counting)
        for _ in range(3 * hold_watch._LOOKS):
            assert looks.acquire(timeout=PATIENCE)
        assert hold_watch._Watch.thread is thread


@pytest.mark.usefixtures("without_watch", "quick")
def test_a_turn_taken_as_the_watching_thread_ends_is_watched(
    monkeypatch: pytest.MonkeyPatch, clock: SetClock, holds: Holds, gate: Gate
) -> None:
    """Its writer saw a thread still, and started none.

    The thread has looked for the last time before the turn was taken.
    """
    monkeypatch.setattr(hold_watch, "_LOOKS", 1)
    seen = iter([[]])
    monkeypatch.setattr(hold_watch, "known_gates", lambda: next(seen, [gate]))
    turn = gate.take(timeout=0, warn_hold=2)
    clock.sleep(3)

    hold_watch.watch_holds()

    assert holds.told.wait(PATIENCE)
    turn.release()


@pytest.mark.usefixtures("without_watch")
def test_a_watching_thread_that_is_over_at_once_is_not_taken_for_one_that_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hold_watch, "_LOOKS", 0)

    for _ in range(20):
        hold_watch.watch_holds()
        until(lambda: hold_watch._Watch.thread is None)


@pytest.mark.usefixtures("without_watch")
def test_a_fork_does_not_wait_for_a_watching_thread_that_has_not_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    thread = threading.Thread(target=hold_watch._look_again)
    monkeypatch.setattr(hold_watch._Watch, "thread", thread)

    hold_watch._end()
    thread.start()
    thread.join(PATIENCE)

    # It is told to end before it looks.
    assert not thread.is_alive()
    hold_watch._go_on_in_parent()


def test_where_no_thread_can_be_started_a_write_goes_on_unwatched(
    make_engine: EngineFactory,
) -> None:
    engine = make_engine()
    make_counter(engine)
    until(lambda: hold_watch._Watch.thread is None)
    usual = threading.stack_size(2**46)
    try:
        with engine.begin() as connection:
            connection.execute(INCREMENT)
    finally:
        threading.stack_size(usual)

    assert hold_watch._Watch.thread is None
    assert count(engine) == 1


PREAMBLE = """
import logging, os, sys, threading
from sqlalchemy import text
from hardlite import create_hardened_engine
from hardlite.turns import gate_registry, hold_watch
from hardlite.turns.gate_registry import gate_for

hold_watch._PAUSE = 0.001
gate_registry.FORK_PATIENCE = 0.01
told = threading.Event()

class Holds(logging.Handler):
    def emit(self, record):
        if "is still held" in record.getMessage():
            told.set()

logging.getLogger("hardlite.connection").addHandler(Holds())
engine = create_hardened_engine(f"sqlite:///{sys.argv[1]}")
INCREMENT = text("UPDATE counter SET number = number + 1")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_watches_its_own_turns(
    make_engine: EngineFactory, tmp_path: Path, db_path: Path
) -> None:
    make_counter(make_engine())
    run_program(
        tmp_path,
        PREAMBLE
        + """
with engine.begin() as connection:
    connection.execute(INCREMENT)
assert hold_watch._Watch.thread is not None
pid = os.fork()
if pid == 0:
    assert hold_watch._Watch.thread is None
    with engine.begin() as connection:
        connection.execute(INCREMENT)
        gate_for(sys.argv[1]).turn.warn_hold = 0
        os._exit(0 if told.wait(30) else 1)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert not told.is_set()
""",
        db_path,
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_turn_held_over_a_fork_is_watched_on(
    make_engine: EngineFactory, tmp_path: Path, db_path: Path
) -> None:
    """The watching thread ends before the fork, because Python warns of forks with threads."""
    make_counter(make_engine())
    run_program(
        tmp_path,
        PREAMBLE
        + """
with engine.begin() as connection:
    connection.execute(INCREMENT)
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    gate_for(sys.argv[1]).turn.warn_hold = 0
    assert told.wait(30)
""",
        db_path,
    )
